"""Who defines what, who leads on to whom and where a chain ends, without running anything."""

import functools
import json
import sys
import types

import pytest

import callscope
from callscope import demo, errors, explain
from callscope.tools.cli import main


class Root:
    def __init__(self): ...

    def run(self):
        raise NotImplementedError

    def __call__(self, x):
        self.prepare()
        return self._dispatch(x)

    def prepare(self):
        self.handler = self.run

    def _dispatch(self, x):
        function = self.call
        return function(x)

    def call(self, x): ...


class Left(Root):
    def __init__(self):
        super().__init__()

    def call(self, x):
        if x:
            return super().call(x)
        return None


class Right(Root):
    def __init__(self):
        super(Right, self).__init__()  # noqa: UP008  # that is what is tested


class Both(Left, Right):
    def __init__(self):
        super().__init__()


class ByName(Left, Right):
    def __init__(self):
        Left.__init__(self)
        Right.__init__(self)


def chain(cls, method="__init__"):
    """Return the classes that define a method, whether each runs, and how it leads on."""
    [found] = explain(cls, [method]).methods
    return [
        (d.defining_class.rpartition(".")[2], d.runs, [(x.written, x.always) for x in d.leads])
        for d in found.definitions
    ]


def bare(names):
    return [n.rpartition(".")[2] for n in names]


class TestChains:
    def test_the_example(self, tmp_path, monkeypatch):
        """What overrides what, and what runs."""
        monkeypatch.chdir(tmp_path)
        assert (
            str(explain(demo.MyLayer))
            == f"""\
callscope.demo.MyLayer
  MRO: MyLayer > Layer > object

__init__
  MyLayer.__init__  super().__init__()  {demo.__file__}:13
  Layer.__init__    ends here           {demo.__file__}:7

__call__
  Layer.__call__  ends here  {demo.__file__}:8

call
  MyLayer.call  ends here   {demo.__file__}:14
  Layer.call    never runs  {demo.__file__}:9

Where it leads on the object:
  Layer.__call__ > MyLayer.call"""
        )

    def test_a_diamond(self):
        """`super()` leads to the next class of the MRO of the object, and not to the base."""
        assert chain(Both) == [
            ("Both", "always", [("super().__init__", True)]),
            ("Left", "always", [("super().__init__", True)]),
            ("Right", "always", [("super(Right, self).__init__", True)]),
            ("Root", "always", []),
        ]
        [found] = explain(Both, ["__init__"]).methods
        leads = [lead.to for d in found.definitions for lead in d.leads]
        assert ["Left", "Right", "Root"] == bare(leads)
        assert ("Root", (), ()) == (*bare([found.ends_in]), found.hidden, found.repeated)

    def test_a_diamond_called_by_name(self):
        """A class that is led to twice is told."""
        [found] = explain(ByName, ["__init__"]).methods
        assert chain(ByName)[0] == (
            "ByName",
            "always",
            [("Left.__init__", True), ("Right.__init__", True)],
        )
        assert ["Right"] == bare(found.repeated)
        assert "! Right.__init__ runs more than once: classes are called by name" in str(
            explain(ByName)
        )

    def test_a_chain_that_breaks(self):
        """The class where it does is named, and those that never run."""

        class Broken(Left):
            def __init__(self):
                self.x = 1

        [found] = explain(Broken, ["__init__"]).methods
        assert ["never", "never"] == [d.runs for d in found.definitions[1:]]
        assert ("Broken", ["Left", "Root"]) == (*bare([found.ends_in]), bare(found.hidden))
        assert "! the chain breaks in Broken: __init__ of Left, Root never runs" in str(
            explain(Broken)
        )

    def test_at_times(self):
        """A call that some way to a return does without."""
        assert chain(Left, "call") == [
            ("Left", "always", [("super().call", False)]),
            ("Root", "sometimes", []),
        ]
        assert "super().call() at times" in str(explain(Left))

    @pytest.mark.parametrize(
        ("body", "always"),
        [
            ("return super().f(x)", True),
            ("return super().f(*x, **x)", True),
            ("if x: raise ValueError\n super().f(x)", True),
            ("if x: super().f(x)\n else: super().f(0)", True),
            ("with x: return super().f(x)", True),
            ("try: super().f(x)\n except ValueError: pass", True),
            ("try: int(x)\n finally: super().f(x)", True),
            ("for i in x: super().f(i)", False),
            ("if not x: return\n super().f(x)", False),
            ("x and super().f(x)", False),
            ("try: int(x)\n except ValueError: super().f(x)", False),
            ("g = super().f\n return g(x)", True),
            ("return (lambda: super(C, self).f(x))()", False),
        ],
    )
    def test_whatever_happens_or_not(self, body, always):
        """Read off where the code may go."""
        text = "\n".join(f"  {line}" for line in f"def f(self, x):\n {body}".splitlines())
        program = f"class B:\n  def f(self, x): ...\nclass C(B):\n{text}\n"
        space = {"__name__": "program"}
        exec(program, space)
        assert [always] == sorted({made for _, made in chain(space["C"], "f")[0][2]})

    def test_without_source(self):
        """Bytecode is enough."""
        space = {}
        exec("class A:\n def f(s): ...\nclass B(A):\n def f(s): return super().f()", space)
        assert chain(space["B"], "f") == [
            ("B", "always", [("super().f", True)]),
            ("A", "always", []),
        ]

    def test_dotted_names_and_closures(self):
        """A class may be named by its module, or stand in a function around."""
        module = types.ModuleType("module")
        module.Base = Root
        local = Root

        class Dotted(Root):
            def __init__(self):
                module.Base.__init__(self)

        class Enclosed(Root):
            def __init__(self):
                local.__init__(self)

        assert chain(Enclosed)[0][2] == [("local.__init__", True)]
        assert chain(Dotted)[0][2] == [("module.Base.__init__", True)]
        assert ["always", "always"] == [runs for _, runs, _ in chain(Dotted)]

    def test_a_function_of_a_module_is_no_class(self):
        """``module.call(self)`` leads to no class."""
        module = types.ModuleType("module")

        class C(Root):
            def call(self, x):
                return module.call(self, x)

        assert chain(C, "call")[0] == ("C", "always", [])

    def test_a_class_outside_the_mro(self):
        """Some call other classes' methods on their objects."""

        class Other:
            def call(self, x): ...

        class C(Root):
            def call(self, x):
                return Other.call(self, x)

        assert chain(C, "call") == [
            ("C", "always", [("Other.call", True)]),
            ("Root", "never", []),
        ]

    def test_what_another_method_runs(self):
        """Overridden, and yet it runs."""

        class C(Root):
            def call(self, x): ...

            def again(self, x):
                return super().call(x)

        [found] = explain(C, ["call"]).methods
        assert ["C.again"] == [by.rpartition("<locals>.")[2] for by in found.definitions[1].run_by]
        assert () == found.hidden
        assert "run by C.again" in str(explain(C))

    def test_what_is_in_c(self):
        """What it leads on to cannot be read."""

        class C(dict, Root):
            def __init__(self):
                super().__init__()

        assert [("C", "always"), ("dict", "always"), ("Root", "unknown")] == [
            step[:2] for step in chain(C)
        ]
        assert "written in C" in str(explain(C))
        assert chain(dict, "update") == [("dict", "always", [])]

    def test_descriptors(self):
        """What is within is read, below decorators."""

        def decorator(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)

            return wrapper

        class A:
            size = property(lambda self: 1)

            @classmethod
            def make(cls): ...

            @staticmethod
            def fixed(): ...

            def call(self): ...

        class B(A):
            @property
            def size(self):
                return super().size

            @classmethod
            def make(cls):
                return super().make()

            @decorator
            def call(self):
                return super().call()

        found = explain(B, ["size", "make", "call", "fixed"]).methods
        assert [("size", 2), ("make", 2), ("call", 2), ("fixed", 1)] == [
            (c.method, sum(d.runs == "always" for d in c.definitions)) for c in found
        ]
        kinds = ["property", "classmethod", "function", "staticmethod"]
        assert kinds == [c.definitions[0].kind for c in found]

    def test_while_it_is_recorded(self, seed):
        """A shadow is never seen."""
        before = str(explain(seed.MyLayer))
        with callscope.record(seed.Layer):
            assert before == str(explain(seed.MyLayer))

    def test_how_objects_are_made(self):
        """A metaclass's `__call__`, and `__new__`, where somebody defines them."""

        class Meta(type):
            def __call__(cls, *args):
                return super().__call__(*args)

        class C(metaclass=Meta):
            def __new__(cls):
                return super().__new__(cls)

        explanation = explain(C)
        assert ["__call__", "__new__"] == [made.method for made in explanation.making]
        assert "__call__ of the metaclass\n" in str(explanation)
        assert () == explain(Root).making


class TestRoutes:
    def test_by_methods_of_its_own(self):
        """The shortest way, by whatever calls or looks up the next."""
        routes = [
            [(s.defining_class.rpartition(".")[2], s.method) for s in r.steps]
            for r in explain(Left).routes
        ]
        assert routes == [
            [("Root", "__call__"), ("Root", "_dispatch"), ("Left", "call"), ("Root", "call")]
        ]

    def test_by_names_that_a_class_lists(self):
        """As Django's views find ``get`` and ``post``."""

        class View:
            names = ("get", "post", "put")

            @classmethod
            def as_view(cls):
                def view(request):
                    self = cls()
                    return self.dispatch(request)

                return view

            def dispatch(self, request):
                if request in self.names:
                    return getattr(self, request)()
                return None

            def get(self): ...

            def post(self): ...

        routes = explain(View, ["dispatch", "get", "post"]).routes
        assert [["as_view", "dispatch", "get"], ["as_view", "dispatch", "post"]] == [
            [s.method for s in route.steps] for route in routes
        ]

    def test_recursion_ends(self):
        """Methods may lead back."""

        class C:
            def __call__(self):
                self.call()

            def call(self):
                self()

        assert [["__call__", "call"]] == [[s.method for s in r.steps] for r in explain(C).routes]


class TestFormats:
    def test_json(self):
        """`to_dict` is what `json.dumps` takes, and says all of it."""
        said = json.loads(json.dumps(explain(Both, ["__init__"]).to_dict()))
        assert said["class"] == f"{__name__}.Both"
        assert ["Both", "Left", "Right", "Root", "object"] == bare(said["mro"])
        [method] = said["methods"]
        first = method["definitions"][0]
        assert first["leads"] == [
            {
                "written": "super().__init__",
                "to": f"{__name__}.Left",
                "line": Both.__init__.__code__.co_firstlineno + 1,
                "always": True,
            }
        ]
        assert (first["file"], first["line"]) == (__file__, Both.__init__.__code__.co_firstlineno)

    def test_mermaid(self):
        """Classes, their methods, their bases, and notes on what never runs."""
        assert (
            explain(demo.MyLayer, ["call"]).mermaid()
            == """\
classDiagram
  direction BT
  class c0["MyLayer"]
  c0 : +call()
  class c1["Layer"]
  c1 : +call()
  c0 --|> c1
  note for c1 "never run: call()"
"""
        )

    def test_hostile_names(self):
        """Nothing in a name can break a line or a label."""
        cls = type('A"]\n\x1b[31m', (Root,), {})
        assert "\x1b" not in str(explain(cls)) + explain(cls).mermaid()
        assert 'class c0["A#34;#93;' in explain(cls).mermaid()

    def test_two_classes_of_one_name(self):
        """Are told apart."""
        other = type("Root", (Root,), {"__module__": "other", "call": lambda self, x: None})
        assert "other.Root.call" in str(explain(other))


class TestWhatIsAsked:
    def test_names_and_patterns(self):
        """As for `traced`: a wildcard does not reach dunder names, but for the two of ``"*"``."""
        assert ["call"] == [c.method for c in explain(Root, ["c*"]).methods]
        names = {c.method for c in explain(Root, ["*"]).methods}
        assert names == {"__init__", "__call__", "run", "call", "prepare", "_dispatch"}

    def test_nothing_there(self):
        """It says so, and lists what there is, beginning with what is named alike."""
        assert str(explain(Root, ["cal"])).splitlines()[-1] == (
            "No class of it defines any of the methods in question. It defines call, __call__,"
            " run, prepare, __init__, _dispatch."
        )

    @pytest.mark.parametrize("thing", [3, None, Root()])
    def test_no_class(self, thing):
        """Is an error that names it."""
        with pytest.raises(errors.TargetError, match="cls must be a class or the path of one, got"):
            explain(thing)

    def test_a_path(self):
        """Is taken, as `record` takes it; its module is imported."""
        assert explain("json.decoder:JSONDecoder").name == "json.decoder.JSONDecoder"
        with pytest.raises(errors.TargetNotFoundError, match="JSONDecodr"):
            explain("json.decoder:JSONDecodr")

    def test_no_names(self):
        """As for `record`."""
        with pytest.raises(errors.OptionError):
            explain(Root, [3])


class TestCommandLine:
    @pytest.fixture
    def run(self, tmp_path, capsys, monkeypatch):
        (tmp_path / "explained.py").write_text("class A:\n  def call(self): ...\n")
        (tmp_path / "failing.py").write_text("raise ValueError('no')\n")
        (tmp_path / "lacking.py").write_text("import no_such_backend\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.path", [*sys.path])

        def run_(*arguments):
            return main(["explain", *arguments]), capsys.readouterr()

        yield run_
        for name in ("explained", "failing", "lacking"):
            sys.modules.pop(name, None)

    def test_text(self, run):
        """A class of the directory one is in, with files as they are reached from there."""
        code, out = run("explained:A")
        assert (code, out.out) == (
            0,
            "explained.A\n  MRO: A > object\n\ncall\n  A.call  ends here  explained.py:2\n",
        )

    def test_a_path_with_dots(self, run):
        """The colon may be a dot."""
        assert run("explained.A") == run("explained:A")

    def test_formats(self, run):
        """JSON and Mermaid."""
        assert json.loads(run("explained:A", "--format", "json")[1].out)["class"] == "explained.A"
        assert run("explained:A", "--format", "mermaid", "-M", "c*")[1].out.startswith(
            "classDiagram"
        )

    @pytest.mark.parametrize(
        ("target", "said"),
        [
            ("explained:B", "has no class 'B'"),
            ("no_such_module:B", "There is no module 'no_such_module'"),
            ("no_such_module.a:B", "There is no module 'no_such_module'"),
            ("explaned:B", "There is no module 'explaned'. Did you mean 'explained'?"),
            ("failing:B", "Importing failing failed: ValueError: no. Fix it first."),
            ("lacking:B", "Importing lacking failed: No module named 'no_such_backend'. Install"),
            ("explained", "is not the path of a class"),
            ("explained.B", "has no class 'B'"),
        ],
    )
    def test_what_cannot_be_explained(self, run, target, said):
        """Is told in a line."""
        code, out = run(target)
        assert (code, said in out.err) == (2, True)

"""Declaring: what may be traced, said by the class itself or from outside."""

# ruff: noqa: ICN001, N802, N805  # the names in here are those of other programs

import abc
import collections
import contextlib
import datetime
import enum
import gc
import importlib
import itertools
import json
import operator
import shutil
import sys
import textwrap
import types
import warnings
import weakref

import pytest

import callscope
from callscope import Traced, TracedMeta, errors, instrument, record, traced, uninstrument

_numbers = itertools.count(1)


@pytest.fixture
def later(tmp_path, monkeypatch):
    """Return a function that writes a module, not yet imported, and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def write(source):
        name = f"callscope_later_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source).replace("THIS", name))
        importlib.invalidate_caches()
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture
def caught():
    """Return the list of the warnings issued so far, which then are no errors."""
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        yield issued


LAYER = """
    class Layer:
        def __init__(self, units):
            self.units = units

        def call(self, x):
            return x + self.units

    class Dense(Layer):
        def call(self, x):
            return super().call(x) * 2
"""


def use(module, dense=1):
    """Make a layer of a module written by `later`, and call it."""
    return importlib.import_module(module).Dense(dense).call(2)


LAYER_OUTLINE = """\
Layer.__init__(units=1) [Dense#1]
Dense.call(x=2) [Dense#1] -> 6
  Layer.call(x=2) [Dense#1] -> 3"""


def sites(handle):
    """Return the sites of a coverage by their bare names, and why each is not traced."""
    return {".".join(c.site.split(".")[-2:]): c.reason for c in handle.coverage()}


# `traced`


def test_traced_returns_the_very_same_class_unchanged():
    """The decorator returns its class, with the same objects in its dict."""

    class Base:
        def call(self):
            pass

    before = list(vars(Base).items())
    assert traced(Base) is Base
    assert traced(methods=("call",))(Base) is Base
    assert list(vars(Base).items()) == before
    uninstrument(Base)


def test_traced_bare_records_init_dunder_call_and_call_alone():
    """Without options, `__init__`, `__call__` and `call` of the whole hierarchy are traced."""

    @traced
    class Base:
        def __init__(self):
            self.other()

        def __call__(self):
            return self.call()

        def call(self):
            return self.other()

        def other(self):
            return 1

    class Sub(Base):
        def call(self):
            return 2

    with record() as trace:
        Sub()()
    assert trace.outline() == (
        "Base.__init__() [Sub#1]\nBase.__call__() [Sub#1] -> 2\n  Sub.call() [Sub#1] -> 2"
    )


def test_traced_with_empty_parentheses_is_the_same_as_bare():
    """`@traced()` declares with the default options."""

    @traced()
    class Base:
        def call(self):
            pass

    with record() as trace:
        Base().call()
    assert trace.outline() == "Base.call() [Base#1]"


def test_traced_takes_methods_capture_and_redact():
    """Each option of the decorator reaches the recording."""

    @traced(methods=("login",), redact=("number",))
    class Account:
        def login(self, user, number):
            pass

        def call(self):
            pass

    @traced(methods=("login",), capture="types")
    class Quiet:
        def login(self, user, number):
            pass

    with record() as trace:
        Account().login("ada", 1234)
        Account().call()
        Quiet().login("ada", 1234)
    assert trace.outline() == (
        "Account.login(user='ada', number=[redacted]) [Account#1]\n"
        "Quiet.login(user=str, number=int) [Quiet#2]"
    )


def test_the_less_revealing_of_class_and_recording_wins():
    """A class's own `capture` is an upper limit for what a recording captures, and the reverse."""

    @traced(capture="types")
    class Shy:
        def call(self, x):
            return x

    @traced(capture="values")
    class Open:
        def call(self, x):
            return x

    with record(capture="values") as values, record(capture="types") as types_:
        Shy().call(1)
        Open().call(1)
    assert values.outline() == "Shy.call(x=int) [Shy#1] -> int\nOpen.call(x=1) [Open#2] -> 1"
    assert types_.outline() == "Shy.call(x=int) [Shy#1] -> int\nOpen.call(x=int) [Open#2] -> int"


def test_declaring_again_takes_the_place_of_what_was_declared_before():
    """A class that is decorated twice is traced as the outermost decorator says."""

    @traced(methods=("second",))
    @traced(methods=("first",))
    class Base:
        def first(self):
            pass

        def second(self):
            pass

    with record() as trace:
        Base().first()
        Base().second()
    assert trace.outline() == "Base.second() [Base#1]"


def test_explicit_methods_of_a_recording_replace_those_of_the_declaration():
    """`record(methods=...)` wins over the declaration, also if it names the default methods."""

    @traced(methods=("fit",))
    class Model:
        def fit(self):
            pass

        def call(self):
            pass

    with record(methods=("__init__", "__call__", "call")) as trace:
        Model().fit()
        Model().call()
    assert trace.outline() == "Model.call() [Model#1]"


@pytest.mark.parametrize("how", ["decorator", "base class", "metaclass"])
def test_an_ad_hoc_recording_hides_what_the_class_itself_asks_to_hide(how):
    """`record(Account)` obeys the `redact` that the class's author declared."""
    if how == "decorator":

        @traced(redact=("number",))
        class Account:
            def call(self, number):
                pass

    elif how == "base class":

        class Account(Traced, redact=("number",)):
            def call(self, number):
                pass

    else:

        class Account(metaclass=TracedMeta, redact=("number",)):
            def call(self, number):
                pass

    with record(Account) as trace:
        Account().call(1234)
    assert trace.outline() == "Account.call(number=[redacted]) [Account#1]"


def test_an_ad_hoc_recording_captures_no_more_than_the_class_allows():
    """`record(Account)` obeys the `capture` that the class's author declared."""

    @traced(capture="types")
    class Account:
        def call(self, number):
            pass

    with record(Account) as trace:
        Account().call(1234)
    assert trace.outline() == "Account.call(number=int) [Account#1]"


# `Traced` and `TracedMeta`


def test_each_direct_subclass_of_traced_is_a_root():
    """`Traced` is to `TracedMeta` what `abc.ABC` is to `abc.ABCMeta`."""

    class First(Traced):
        def call(self):
            pass

    class Second(Traced, methods=("run",)):
        def run(self):
            pass

        def call(self):
            pass

    class Third(First):
        def call(self):
            super().call()

    with record() as trace:
        Second().run()
        Second().call()
        Third().call()
    assert trace.outline() == (
        "Second.run() [Second#1]\nThird.call() [Third#2]\n  First.call() [Third#2]"
    )


def test_a_class_of_the_metaclass_without_options_is_declared():
    """`metaclass=TracedMeta` alone declares a root, though the class names no bases."""

    class Base(metaclass=TracedMeta):
        def call(self, x):
            return x

    with record() as trace:
        Base().call(1)
    assert trace.outline() == "Base.call(x=1) [Base#1] -> 1"


def test_traced_itself_is_not_declared():
    """`Traced` declares its subclasses and not itself."""
    with pytest.raises(errors.NotDeclaredError):
        uninstrument(Traced)


def test_traced_adds_no_instance_dict():
    """A subclass of `Traced` may be slotted."""

    class Slim(Traced):
        __slots__ = ("x",)

    assert not hasattr(Slim(), "__dict__")


def test_class_keywords_never_reach_init_subclass():
    """The options stop at the metaclass; all other class keywords go on as ever."""
    seen = []

    class Base(Traced, methods=("call",), redact=("x",)):
        def __init_subclass__(cls, **kwargs):
            seen.append(kwargs)
            super().__init_subclass__()

        def call(self):
            pass

    class Sub(Base, capture="types", plugin="a"):
        pass

    assert seen == [{"plugin": "a"}]
    assert Sub.__mro__[1] is Base


def test_an_unknown_class_keyword_still_raises():
    """A keyword that nobody takes raises as it does without callscope."""
    with pytest.raises(TypeError, match="takes no keyword arguments"):

        class Base(Traced, method=("call",)):
            pass


def test_bad_class_keywords_raise_before_the_class_is_made():
    """An option that cannot be used is refused at the class statement."""
    with pytest.raises(errors.OptionError, match=r"capture must be .*, got 'all'"):

        class Base(Traced, capture="all"):
            pass


@pytest.mark.parametrize(
    "bases", [(TracedMeta, abc.ABCMeta), (abc.ABCMeta, TracedMeta)], ids=["before", "after"]
)
def test_combined_with_abcmeta(bases):
    """A metaclass made of `TracedMeta` and another does the work of both."""
    meta = type("Meta", bases, {})

    class Base(metaclass=meta, methods=("run",)):
        @abc.abstractmethod
        def run(self, x):
            return x

    class Sub(Base):
        def run(self, x):
            return super().run(x) + 1

    with record() as trace:
        Sub().run(1)
        with pytest.raises(TypeError, match="abstract"):
            Base()
    assert trace.outline() == "Sub.run(x=1) [Sub#1] -> 2\n  Base.run(x=1) [Sub#1] -> 1"


def test_combined_with_enum():
    """An enumeration can be a root, too."""

    class Meta(TracedMeta, enum.EnumMeta):
        pass

    class Color(enum.Enum, metaclass=Meta, methods=("paint",)):
        RED = 1

        def paint(self, wall):
            return wall

    with record() as trace:
        Color.RED.paint("north")
    assert trace.outline() == "Color.paint(wall='north') [Color#1] -> 'north'"
    assert [c.value for c in Color] == [1]


def test_a_metaclass_whose_init_does_not_call_super_hides_no_new_class():
    """New classes are traced although a metaclass keeps `TracedMeta.__init__` from running."""

    class Meta(TracedMeta):
        def __init__(cls, *args, **kwargs):
            pass

    class Base(metaclass=Meta):
        def call(self):
            pass

    with record() as trace:

        class Sub(Base):
            def call(self):
                super().call()

        Sub().call()
    assert trace.outline() == "Sub.call() [Sub#1]\n  Base.call() [Sub#1]"


def test_a_subclass_may_add_methods_of_its_own():
    """Options of a subclass are declared for it and what is below, besides the root's."""

    class Base(Traced):
        def call(self):
            pass

        def build(self):
            pass

    class Sub(Base, methods=("build",)):
        def call(self):
            pass

        def build(self):
            super().build()

    with record() as trace:
        Base().build()
        Sub().call()
        Sub().build()
    assert trace.outline() == "Sub.call() [Sub#1]\nSub.build() [Sub#2]"


@pytest.mark.parametrize(("capture", "shown"), [("types", "(x=int)"), ("none", "")])
def test_a_subclass_may_capture_less_than_its_root(capture, shown):
    """A subclass with a `capture` of its own shows no more than that."""

    class Base(Traced):
        def call(self, x):
            pass

    class Shy(Base, capture=capture):
        def call(self, x):
            pass

    with record() as trace:
        Base().call(1)
        Shy().call(1)
    assert trace.outline() == f"Base.call(x=1) [Base#1]\nShy.call{shown} [Shy#2]"


def test_a_subclass_may_hide_more_than_its_root():
    """A subclass with a `redact` of its own hides these names, too."""

    class Base(Traced):
        def call(self, number):
            pass

    class Shy(Base, redact=("number",)):
        def call(self, number):
            pass

    with record() as trace:
        Shy().call(1)
    assert trace.outline() == "Shy.call(number=[redacted]) [Shy#1]"


# `instrument` and `uninstrument`


def test_instrument_a_class():
    """A class that is not ours is declared with all its subclasses, until `remove`."""

    class Theirs:
        def call(self):
            pass

    handle = instrument(Theirs)
    with record() as first:
        Theirs().call()
    handle.remove()
    handle.remove()
    with record() as second:
        Theirs().call()
    assert first.outline() == "Theirs.call() [Theirs#1]"
    assert second.outline() == ""
    assert handle.name == f"{__name__}.{Theirs.__qualname__}"
    assert handle.problem == ""


def test_instrument_as_a_context_manager():
    """The declaration lasts as long as the block, and ends with an exception too."""

    class Theirs:
        def call(self):
            pass

    with record() as trace:
        with contextlib.suppress(ZeroDivisionError), instrument(Theirs) as handle:
            Theirs().call()
            raise ZeroDivisionError
        Theirs().call()
    assert trace.outline() == "Theirs.call() [Theirs#1]"
    assert handle.name.endswith("Theirs")


def test_instrument_while_a_recording_runs():
    """What is declared during a recording is traced from there on, and until it is taken back."""

    class Theirs:
        def call(self, x):
            pass

    with record() as trace:
        Theirs().call(1)
        handle = instrument(Theirs)
        Theirs().call(2)
        handle.remove()
        Theirs().call(3)
    assert trace.outline() == "Theirs.call(x=2) [Theirs#1]"


def test_removing_one_of_two_declarations_leaves_the_other():
    """Each handle takes back its own declaration only."""

    class Theirs:
        def call(self):
            pass

        def run(self):
            pass

    first, second = instrument(Theirs), instrument(Theirs, methods=("run",))
    first.remove()
    with record() as trace:
        Theirs().call()
        Theirs().run()
    second.remove()
    assert trace.outline() == "Theirs.run() [Theirs#1]"


def test_uninstrument_takes_back_every_declaration_of_a_class():
    """However it was declared, and also while a recording runs."""

    @traced
    class Base:
        def call(self):
            pass

    instrument(Base)
    instrument(Base, methods=("call",))
    with record() as trace:
        Base().call()
        uninstrument(Base)
        Base().call()
    assert trace.outline() == "Base.call() [Base#1]"
    with pytest.raises(errors.NotDeclaredError):
        uninstrument(Base)


def test_a_declaration_keeps_no_class_alive():
    """A declared class that nobody uses any more is forgotten."""

    class Theirs:
        def call(self):
            pass

    handle, alive = instrument(Theirs), weakref.ref(Theirs)
    del Theirs
    gc.collect()
    assert alive() is None
    assert handle.coverage() == []
    handle.remove()


# Targets named by path


def test_instrument_the_path_of_an_imported_class(later):
    """A path whose module is imported is applied at once."""
    module = later(LAYER)
    importlib.import_module(module)
    with instrument(f"{module}:Layer") as handle, record() as trace:
        use(module)
    assert handle.problem == ""
    assert trace.outline() == LAYER_OUTLINE


def test_a_path_may_have_a_dot_in_place_of_its_colon(later):
    """The longest part that is a module is the module, imported or not."""
    module = later(LAYER)
    with record(f"{module}.Layer") as trace:
        use(module)
    assert trace.outline() == LAYER_OUTLINE
    assert trace.header.targets == (f"{module}:Layer",)


def test_a_path_with_dots_may_lead_into_a_class(later):
    """What follows the module are names in it."""
    module = later("""
        class Outer:
            class Inner:
                def call(self): ...
        """)
    with record(f"{module}.Outer.Inner") as trace:
        importlib.import_module(module).Outer.Inner().call()
    assert trace.outline() == "Inner.call() [Inner#1]"


def test_a_package_may_have_a_class_named_as_its_module(tmp_path, later):
    """The class is meant where it is there to be seen, and else the path must have a colon."""
    package = later("")
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("from .Thing import Thing\n")
    (tmp_path / package / "Thing.py").write_text("class Thing:\n    def call(self): ...\n")
    with pytest.raises(errors.TargetError, match="is a module"):
        instrument(f"{package}.Thing")
    thing = importlib.import_module(package).Thing
    with record(f"{package}.Thing") as trace:
        thing().call()
    assert trace.outline() == "Thing.call() [Thing#1]"


def test_instrument_a_nested_class_by_its_path(later):
    """A dotted name after the colon is a class inside a class."""
    module = later("""
        class Outer:
            class Inner:
                def call(self):
                    pass
        """)
    inner = importlib.import_module(module).Outer.Inner
    with instrument(f"{module}:Outer.Inner"), record() as trace:
        inner().call()
    assert trace.outline() == "Inner.call() [Inner#1]"
    assert trace.calls[0].defining_class == f"{module}.Outer.Inner"


def test_a_path_is_applied_when_its_module_is_imported_before_a_recording(later):
    """Declaring by path imports nothing, and takes effect with the program's own import."""
    module = later(LAYER)
    with instrument(f"{module}:Layer") as handle:
        assert module not in sys.modules
        assert [c.reason for c in handle.coverage()] == [f"Module {module!r} was not imported."]
        importlib.import_module(module)
        assert handle.problem == ""
        with record() as trace:
            use(module)
    assert trace.outline() == LAYER_OUTLINE


@pytest.mark.parametrize("ad_hoc", [True, False], ids=["ad hoc", "instrument"])
def test_a_path_is_applied_when_its_module_is_imported_during_a_recording(later, ad_hoc):
    """The first call after the import is in the trace."""
    module = later(LAYER)
    path = f"{module}:Layer"
    if ad_hoc:
        with record(path) as trace:
            use(module)
    else:
        with instrument(path), record() as trace:
            use(module)
    assert trace.outline() == LAYER_OUTLINE


def test_an_ad_hoc_recording_of_a_path_ends_with_the_recording(later):
    """What is imported after the recording ended is neither woven nor declared."""
    module = later(LAYER)
    with record(f"{module}:Layer"):
        pass
    before = list(vars(importlib.import_module(module).Layer).items())
    with record() as trace:
        use(module)
    assert trace.outline() == ""
    assert list(vars(sys.modules[module].Layer).items()) == before


def test_a_target_that_is_missing_warns_nobody_once_its_recording_has_ended(later, caught):
    """No warning is left behind for an import that happens long after the recording."""
    module = later("x = 1")
    with record(f"{module}:Layer"):
        pass
    importlib.import_module(module)
    assert [str(w.message) for w in caught] == []


def test_a_removed_path_is_not_applied(later):
    """`remove` before the import takes the declaration back for good."""
    module = later(LAYER)
    instrument(f"{module}:Layer").remove()
    with record() as trace:
        use(module)
    assert trace.outline() == ""


def test_several_paths_into_one_module(later):
    """Each is applied, and together they give one event per call."""
    module = later(LAYER)
    with instrument(f"{module}:Layer"), instrument(f"{module}:Dense"), record() as trace:
        use(module)
    assert trace.outline() == LAYER_OUTLINE


def test_a_module_may_declare_its_own_class_by_path_before_it_is_defined(later):
    """A path into a module that is being imported is applied once that is done."""
    module = later("""
        import callscope
        handle = callscope.instrument("THIS:Layer")

        class Layer:
            def call(self):
                pass
        """)
    layer = importlib.import_module(module).Layer
    with record() as trace:
        layer().call()
    sys.modules[module].handle.remove()
    assert trace.outline() == "Layer.call() [Layer#1]"


def test_a_module_that_fails_to_import_first(later, tmp_path):
    """An import that raises is not disturbed, and a later one that works is followed."""
    module = later("raise OSError('no licence')")
    with instrument(f"{module}:Layer"):
        with pytest.raises(OSError, match="no licence"):
            importlib.import_module(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(LAYER))
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        importlib.invalidate_caches()
        with record() as trace:
            use(module)
    assert trace.outline() == LAYER_OUTLINE


MISSING = {
    "no such name": ("x = 1", "Layer", "Layer"),
    "no such nested name": ("class Layer:\n    pass", "Layer.Inner", "Layer.Inner"),
    "a misspelt name": ("class Layers:\n    def call(self): pass", "Layer", "Layers"),
    "a function": ("def Layer(): pass", "Layer", "function"),
    "an immutable class": ("Layer = dict", "Layer", "immutable"),
    "inside something that has no dict": ("Layer = 3", "Layer.Inner", "Layer.Inner"),
    "an attribute that raises": (
        "def __getattr__(name): raise RuntimeError('lazy import failed')",
        "Layer",
        "Layer",
    ),
}


@pytest.mark.parametrize(("source", "name", "named"), MISSING.values(), ids=MISSING)
def test_a_target_that_does_not_exist_warns_and_breaks_no_import(
    later, caught, source, name, named
):
    """The program's import goes on; a warning says what is wrong."""
    module = later(source)
    with instrument(f"{module}:{name}") as handle:
        imported = importlib.import_module(module)
    assert imported is sys.modules[module]
    assert [w.category for w in caught] == [errors.TargetWarning]
    assert named in str(caught[0].message)
    assert named in handle.problem
    assert [c.reason for c in handle.coverage()] == [handle.problem]


def test_the_methods_of_a_target_may_be_those_of_subclasses_to_come(later, caught):
    """A base class without any of the methods is imported first, as scikit-learn's is."""
    base = later("class Base: ...")
    module = later(f"""
        from {base} import Base

        class Model(Base):
            def call(self):
                pass
        """)
    with record(f"{base}:Base") as trace, instrument(f"{base}:Base") as handle:
        importlib.import_module(base)
        assert "call" in handle.problem
        assert [c.reason for c in handle.coverage()] == [handle.problem]
        importlib.import_module(module).Model().call()
        assert handle.problem == ""
        assert [c.site for c in handle.coverage()] == [f"{module}.Model.call"]
    assert trace.outline() == "Model.call() [Model#1]"
    assert not caught


def test_a_target_of_which_nothing_ever_has_the_methods(later, caught):
    """The end of the recording warns, and says what could have been named."""
    module = later("class Layer:\n    def run(self): pass")
    with record(f"{module}:Layer"):
        importlib.import_module(module)
        assert not caught
    assert [w.category for w in caught] == [errors.TargetWarning]
    assert "It defines run" in str(caught[0].message)


def test_a_missing_target_breaks_no_import_where_warnings_are_errors(later, capsys):
    """The warning then goes to stderr."""
    module = later("x = 1")
    with instrument(f"{module}:Layer"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert importlib.import_module(module).x == 1
    assert capsys.readouterr().err.startswith("callscope: Module ")


def test_the_import_of_a_target_sees_its_usual_module(later):
    """Waiting for a module changes nothing of what the module says of itself."""
    module = later("x = 1")
    with instrument(f"{module}:Layer"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        imported = importlib.import_module(module)
    assert imported.__spec__.name == module
    assert imported.__file__.endswith(f"{module}.py")
    assert importlib.reload(imported) is imported


# `coverage`


def test_coverage_names_every_site_and_why_it_is_not_traced():
    """No method that was asked for is skipped silently."""
    original = json.JSONEncoder.encode

    class Base:
        def plain(self):
            pass

        @classmethod
        def of_class(cls):
            pass

        @staticmethod
        def of_nobody():
            pass

        def generator(self):
            yield 1

        async def coroutine(self):
            pass

        async def async_generator(self):
            yield 1

        @property
        def computed(self):
            return 1

        length = len
        by_c = str.upper
        slot = str.__len__
        borrowed = original
        looked_up = property(operator.attrgetter("constant"))
        constant = 3
        Nested = dict

    class Sub(Base):
        def plain(self):
            pass

    handle = instrument(Base, methods=("*",))
    found = sites(handle)
    handle.remove()
    traced_sites = [site for site, reason in found.items() if not reason]
    assert traced_sites == [
        "Base.plain",
        "Base.of_class",
        "Base.of_nobody",
        "Base.generator",
        "Base.coroutine",
        "Base.async_generator",
        "Base.computed",
        "Base.by_c",
        "Base.borrowed",
        "Sub.plain",
    ]
    assert {site: reason for site, reason in found.items() if reason} == {
        "Base.slot": "it is implemented in C",
        "Base.looked_up": "it does not call a Python function",
    }


def test_coverage_is_the_same_while_a_recording_runs():
    """It speaks of what the class defines, and not of what callscope put there."""

    @traced
    class Theirs:
        __slots__ = ()

        def __init__(self):
            pass

        @property
        def call(self):
            return len

    with instrument(Theirs, methods=("__*__", "call")) as handle:
        before = sites(handle)
        with record():
            during = sites(handle)
    uninstrument(Theirs)
    assert during == before
    assert before == {
        "Theirs.__init__": "",
        "Theirs.call": "",
    }


def test_coverage_follows_new_subclasses():
    """It is worked out when it is asked for."""

    class Base:
        def call(self):
            pass

    with instrument(Base) as handle:
        before = list(sites(handle))

        class Sub(Base):
            def call(self):
                pass

        assert before == ["Base.call"]
        assert list(sites(handle)) == ["Base.call", "Sub.call"]


def test_coverage_lists_what_a_recording_records():
    """Each site that coverage calls traceable gives an event when it is called, and no other."""

    class Base:
        def plain(self):
            pass

        @staticmethod
        def of_nobody():
            pass

        def generator(self):
            yield 1

        many = list

    with instrument(Base, methods=("*",)) as handle, record() as trace:
        obj = Base()
        obj.plain(), obj.of_nobody(), [*obj.generator()], obj.many()
        traceable = [c.site for c in handle.coverage() if c.traceable]
    assert [f"{c.defining_class}.{c.method}" for c in trace.calls] == traceable


# `methods`


class Every:
    """One of each sort of name."""

    def __init__(self):
        pass

    def __call__(self):
        pass

    def __len__(self):
        return 1

    def call(self):
        pass

    def call_later(self):
        pass

    def _private(self):
        pass

    def __mangled(self):
        pass

    def Call(self):
        pass


PATTERNS = {
    ("call",): ["call"],
    ("call*",): ["call", "call_later"],
    ("*",): ["__init__", "__call__", "call", "call_later", "_private", "_Every__mangled", "Call"],
    ("*call*",): ["call", "call_later"],
    ("__*",): ["__init__", "__call__", "__len__"],
    ("__*__",): ["__init__", "__call__", "__len__"],
    ("__[il]*__",): ["__init__", "__len__"],
    ("_*",): ["_private", "_Every__mangled"],
    ("?all",): ["call", "Call"],
    ("call", "call"): ["call"],
    callscope.KERAS: ["__init__", "__call__", "call"],
    callscope.PYTORCH: ["__init__", "__call__"],
}


@pytest.mark.parametrize(("methods", "expected"), PATTERNS.items(), ids=map(" ".join, PATTERNS))
def test_methods_are_names_and_patterns(methods, expected):
    """Wildcards are case sensitive, and reach dunder names only if they begin with two underscores.

    ``"*"`` alone takes in ``__init__`` and ``__call__``.
    """
    with instrument(Every, methods=methods) as handle:
        assert [s.removeprefix("Every.") for s, why in sites(handle).items() if not why] == expected


@pytest.mark.parametrize("kind", [tuple, list, set, iter], ids=lambda kind: kind.__name__)
def test_methods_may_be_any_iterable_of_names(kind):
    """A list, a set or an iterator does as well as a tuple."""
    with instrument(Every, methods=kind(["call"])) as handle:
        assert list(sites(handle)) == ["Every.call"]


@pytest.mark.parametrize("preset", ["DJANGO_VIEWS", "KERAS", "PYTORCH", "SKLEARN"])
def test_presets_are_plain_tuples_of_names(preset):
    """A preset can be added to and passed on; all of them trace `__init__`."""
    names = getattr(callscope, preset)
    assert type(names) is tuple
    assert all(type(name) is str for name in names)
    assert len(set(names)) == len(names)
    assert "__init__" in names


# Bad input


class Nothing:
    """A class with none of the default methods."""

    def run(self):
        pass


class Pretender:
    """An object that claims to be a class."""

    @property
    def __class__(self):
        return type


def a_function():
    """Stand for a target that is no class."""


BAD_TARGETS = {
    "number": (3, errors.TargetError, TypeError, "int"),
    "None": (None, errors.TargetError, TypeError, "None"),
    "function": (a_function, errors.TargetError, TypeError, "'a_function' is a function"),
    "method": (Nothing.run, errors.TargetError, TypeError, "'Nothing.run' is a function"),
    "instance": (Nothing(), errors.TargetError, TypeError, "Nothing"),
    "module": (json, errors.TargetError, TypeError, "module"),
    "generic alias": (list[int], errors.TargetError, TypeError, "list"),
    "object that lies": (Pretender(), errors.TargetError, TypeError, "Pretender"),
    "dict": (dict, errors.ImmutableClassError, TypeError, "'dict' is immutable; trace a subclass"),
    "object": (object, errors.ImmutableClassError, TypeError, "'object' is immutable"),
    "datetime": (datetime.datetime, errors.ImmutableClassError, TypeError, "'datetime' is"),
    "OrderedDict": (collections.OrderedDict, errors.ImmutableClassError, TypeError, "OrderedDict"),
    "ModuleType": (types.ModuleType, errors.ImmutableClassError, TypeError, "'module' is"),
}
ENTRANCES = {"instrument": instrument, "traced": traced, "record": lambda t: record(t).__enter__()}
NO_ENTRANCE = {("traced", "None")}  # `traced(None)` cannot be told from `traced()`


@pytest.mark.parametrize("target", BAD_TARGETS)
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_what_is_no_traceable_class_is_refused(entrance, target):
    """The error names the thing, and a caller may catch the builtin `TypeError`."""
    if (entrance, target) in NO_ENTRANCE:
        pytest.skip("the same as no argument")
    value, kind, builtin, message = BAD_TARGETS[target]
    with pytest.raises(kind, match=message) as caught:
        ENTRANCES[entrance](value)
    assert isinstance(caught.value, builtin)
    assert isinstance(caught.value, callscope.CallscopeError)
    assert type(caught.value) is kind


BAD_PATHS = {
    "no colon, no module": ("nonexistent_pkg.a.B", errors.TargetModuleError, "'nonexistent_pkg'"),
    "no colon, a module": ("json.decoder", errors.TargetError, "'json.decoder' is a module"),
    "no colon, no class": ("json.Nope", errors.TargetNotFoundError, "'json' has no class 'Nope'"),
    "bare name": ("Layer", errors.TargetError, "'Layer' is not the path of a class"),
    "empty": ("", errors.TargetError, "'' is not the path of a class"),
    "no module": (":Layer", errors.TargetError, "':Layer'"),
    "no class": ("json:", errors.TargetError, "'json:'"),
    "two colons": ("json:A:B", errors.TargetError, "'json:A:B'"),
    "a space": ("json: JSONEncoder", errors.TargetError, "json: JSONEncoder"),
    "a file": ("json/encoder.py:JSONEncoder", errors.TargetError, "encoder.py"),
    "two dots": ("json..encoder:JSONEncoder", errors.TargetError, "json..encoder"),
    "relative": (".encoder:JSONEncoder", errors.TargetError, ".encoder"),
    "unknown module": ("nonexistent_pkg.a:B", errors.TargetModuleError, "'nonexistent_pkg'"),
    "unknown class": ("json:Nope", errors.TargetNotFoundError, "'json' has no class 'Nope'"),
    "misspelt module": ("jsn:B", errors.TargetModuleError, "Did you mean 'json'?"),
    "misspelt": ("json:JSONEncodr", errors.TargetNotFoundError, "Did you mean 'JSONEncoder'"),
    "unknown nested": ("json:JSONEncoder.Nope", errors.TargetNotFoundError, "JSONEncoder.Nope"),
    "in a number": ("sys:maxsize.Nope", errors.TargetNotFoundError, "maxsize.Nope"),
    "function": ("json:dumps", errors.TargetError, "'json:dumps' is a function"),
    "module": ("json:decoder", errors.TargetError, "'json:decoder' is a module"),
    "immutable": ("collections:OrderedDict", errors.ImmutableClassError, "OrderedDict"),
    "no methods": (f"{__name__}:Nothing", errors.NoMethodsError, "run"),
}
BUILTINS = {
    errors.TargetError: TypeError,
    errors.ImmutableClassError: TypeError,
    errors.TargetModuleError: ModuleNotFoundError,
    errors.TargetNotFoundError: LookupError,
    errors.NoMethodsError: ValueError,
}


@pytest.mark.parametrize(("path", "kind", "message"), BAD_PATHS.values(), ids=BAD_PATHS)
@pytest.mark.parametrize("entrance", ["instrument", "record"])
def test_bad_paths_are_refused(entrance, path, kind, message):
    """The error names the path or its wrong part, and has the builtin base one would catch."""
    with pytest.raises(kind) as caught:
        ENTRANCES[entrance](path)
    assert message in str(caught.value)
    assert type(caught.value) is kind
    assert isinstance(caught.value, BUILTINS[kind])


def test_a_class_with_none_of_the_methods_is_refused_with_those_it_has():
    """The message names the class, what was asked for, and what the class defines."""
    with pytest.raises(errors.NoMethodsError) as caught:
        instrument(Nothing, methods=("fit", "call"))
    assert str(caught.value) == (
        f"Neither '{__name__}.Nothing' nor a subclass of it defines any of fit, call."
        " It defines run: name them in methods=."
    )


def test_a_method_of_a_subclass_is_enough():
    """A root may define nothing itself, and inherited methods do not count as its own."""

    class Root(Nothing):
        pass

    with pytest.raises(errors.NoMethodsError):
        instrument(Root, methods=("run",))

    class Sub(Root):
        def run(self):
            pass

    with instrument(Root, methods=("run",)) as handle:
        assert list(sites(handle)) == ["Sub.run"]


BAD_OPTIONS = {
    "methods empty": ({"methods": ()}, "methods must be at least one name, got ()"),
    "methods a number": ({"methods": 3}, "got 3"),
    "methods bytes": ({"methods": b"call"}, "got b'call'"),
    "methods of numbers": ({"methods": (1, 2)}, "got (1, 2)"),
    "methods with an empty name": ({"methods": ("call", "")}, "got ('call', '')"),
    "methods of functions": ({"methods": (a_function,)}, "got (<function a_function"),
    "capture unknown": ({"capture": "all"}, "got 'all'"),
    "capture a bool": ({"capture": True}, "capture must be 'none', 'types' or 'values', got True"),
    "capture a list": ({"capture": ["values"]}, "got ['values']"),
    "capture upper case": ({"capture": "VALUES"}, "got 'VALUES'"),
    "redact of numbers": ({"redact": (1,)}, "got (1,)"),
    "redact None": ({"redact": None}, "got None"),
}
TAKE_OPTIONS = {
    "traced": lambda **options: traced(**options)(Every),
    "Traced": lambda **options: TracedMeta("Base", (Traced,), {}, **options),
    "instrument": lambda **options: instrument(Every, **options),
    "record": lambda **options: record(Every, **options),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
@pytest.mark.parametrize("entrance", TAKE_OPTIONS)
def test_bad_options_are_refused(entrance, options, message):
    """The error names the option, its value and the remedy, wherever it is given."""
    with pytest.raises(errors.OptionError) as caught:
        TAKE_OPTIONS[entrance](**options)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("entrance", ["instrument", "record"])
def test_a_string_is_one_name_or_pattern(entrance):
    """As it is wherever sites are named."""
    asked = {"methods": "call*", "redact": "number"}
    with TAKE_OPTIONS[entrance](**asked) as taken, record() as trace:
        Every().call()
    told = trace if entrance == "instrument" else taken
    assert told.outline() == "Every.call() [Every#1]"


def test_a_misspelt_option_is_a_type_error():
    """No option is silently taken for another."""
    with pytest.raises(TypeError, match="method"):
        instrument(Every, method=("call",))


@pytest.mark.parametrize("target", [3, "json:JSONEncoder", a_function], ids=["int", "path", "def"])
def test_uninstrument_of_what_is_no_class(target):
    """The error names the thing."""
    name = {3: "int", a_function: "a_function"}.get(target, target)
    with pytest.raises(errors.TargetError, match=name):
        uninstrument(target)


def test_uninstrument_of_what_was_never_declared():
    """The error names the class and what is declared instead."""

    class Base:
        def call(self):
            pass

    class Sub(Base):
        def call(self):
            pass

    with instrument(Base), pytest.raises(errors.NotDeclaredError) as caught:
        uninstrument(Sub)
    assert Sub.__qualname__ in str(caught.value)
    assert f"{__name__}.{Base.__qualname__}" in str(caught.value)
    assert isinstance(caught.value, LookupError)


def test_a_recording_with_one_bad_target_begins_not_at_all():
    """Nothing stays woven or declared after `record(good, bad)` was refused."""
    before = list(vars(Every).items())
    with pytest.raises(errors.TargetNotFoundError):
        record(Every, "json:Nope").__enter__()
    assert list(vars(Every).items()) == before
    with record() as trace:
        Every().call()
    assert trace.outline() == ""

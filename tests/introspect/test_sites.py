"""Where the method that ran is written, and what else a trace holds once of sites and classes."""

import functools
import json
import os
import types

import pytest

import callscope
from seed import make_seed


def line_of(function):
    return function.__code__.co_firstlineno


def recorded(cls, act, methods=("*",)):
    with callscope.record(cls, methods=methods) as trace:
        act()
    return [(call.method, call.file, call.line) for call in trace.calls]


def kept(path):
    """Return the lines of a file that are no event."""
    lines = map(json.loads, path.read_text().splitlines())
    return [line for line in lines if line["kind"] in ("site", "class")]


class TestWhereAMethodIsWritten:
    def test_a_plain_method(self, seed, seed_trace):
        """The file of the class, and the line its definition begins at."""
        methods = [seed.MyLayer.__init__, seed.Layer.__init__]
        methods += [seed.Layer.__call__, seed.MyLayer.call]
        file = make_seed.__code__.co_filename
        assert [(file, line_of(m)) for m in methods] == [(c.file, c.line) for c in seed_trace.calls]

    def test_a_decorated_method(self):
        """It is written where its author wrote it, and not where the decorator is."""

        def decorator(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)

            return wrapper

        def call(self): ...

        cls = type("C", (), {"call": decorator(decorator(call))})
        assert recorded(cls, lambda: cls().call()) == [("call", __file__, line_of(call))]

    def test_descriptors(self):
        """Each function within is where it is written itself."""

        def get(self): ...
        def put(self, value): ...
        def run(self, x=1): ...

        class C:
            size = property(get, put)
            part = functools.partialmethod(run, 2)
            fixed = staticmethod(run)
            made = classmethod(run)
            cached = functools.lru_cache(run)

        def act():
            c = C()
            c.size = c.size
            for method in (c.part, c.made, c.cached):
                method()
            c.fixed(1)

        assert recorded(C, act) == [
            ("size", __file__, line_of(get)),
            ("size.setter", __file__, line_of(put)),
            ("part", __file__, line_of(run)),
            ("made", __file__, line_of(run)),
            ("cached", __file__, line_of(run)),
            ("fixed", __file__, line_of(run)),
        ]

    def test_what_is_not_written_in_python(self):
        """Nothing is known of it."""

        class Asked:
            def __get__(self, instance, owner=None):
                return types.MethodType(self, instance)

            def __call__(self, instance): ...

        class C(list):
            length = list.__len__
            asked = Asked()
            counted = list.append

        def act():
            c = C()
            c.counted(1)
            c.asked()

        methods = ("length", "asked", "counted")
        assert [("counted", None, None), ("asked", None, None)] == recorded(C, act, methods)

    def test_code_that_wraps_itself(self):
        """A circle of `__wrapped__` ends."""

        def call(self): ...

        call.__wrapped__ = call
        cls = type("C", (), {"call": call})
        [(_, file, line)] = recorded(cls, lambda: cls().call())
        assert (file, line) == (__file__, line_of(call))


class TestFiles:
    def test_each_is_written_once_before_its_first_event(self, seed, tmp_path):
        """By the sink as by `save`; what is loaded again says the same."""
        streamed = tmp_path / "streamed.jsonl"
        with callscope.record(seed.Layer, to=streamed):
            for _ in range(3):
                seed.MyLayer(3)(4)
        saved = callscope.load(streamed).save(tmp_path / "saved.jsonl")
        file, here = make_seed.__code__.co_filename, {"kind": "site"}
        mine, base = seed.MyLayer, seed.Layer
        methods = [("MyLayer", mine.__init__), ("MyLayer", mine.call)]
        methods += [("Layer", base.__init__), ("Layer", base.__call__), ("Layer", base.call)]
        code = {"calls_next": False, "is_empty": True, "is_abstract": False, "passes_on": False}
        code |= {"sets": [], "consumes": []}
        codes = {
            ("MyLayer", "__init__"): code | {"calls_next": True, "is_empty": False},
            ("Layer", "__call__"): code | {"is_empty": False, "passes_on": True},
        }
        expected = [
            here
            | {"defining_class": f"app.{cls}", "method": method.__name__}
            | {"file": file, "line": line_of(method)}
            | {
                "code": None
                if method.__name__ == "call"
                else codes.get((cls, method.__name__), code)
            }
            for cls, method in methods
        ]
        expected.append(
            {
                "kind": "class",
                "runtime_class": "app.MyLayer",
                "mro": ["app.MyLayer", "app.Layer", "builtins.object"],
                "sites": [["__init__", "call"], ["__init__", "__call__", "call"], []],
                "template": ["call"],
                "hidden": [],
                "provided": [],
            }
        )
        for path in (streamed, saved):
            kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
            assert ["trace", *["site"] * 5, "class", "call"] == kinds[:8]
            assert expected == kept(path)

    def test_two_classes_of_one_name(self, tmp_path):
        """Each call is told of its own, however the two take turns."""
        first, second = make_seed(), make_seed()
        second.MyLayer.call = lambda self, m: None
        path = tmp_path / "t.jsonl"
        with (
            callscope.record(first.Layer) as live,
            callscope.record(first.Layer, second.Layer, to=path),
        ):
            a, b = first.MyLayer(1), second.MyLayer(2)
            for _ in range(2):
                a(1)
                b(2)
        lines = [c.line for c in callscope.load(path).find("MyLayer.call")]
        assert [line_of(first.MyLayer.call), line_of(second.MyLayer.call)] * 2 == lines
        assert len(live) == 6

    def test_a_file_from_before(self, seed_trace, tmp_path):
        """Without such lines, nothing is known."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(x for x in lines if '"site"' not in x and '"class"' not in x))
        loaded = callscope.load(path)
        assert loaded.outline() == seed_trace.outline()
        assert [(None, None)] * 4 == [(c.file, c.line) for c in loaded.calls]

    @pytest.mark.parametrize(
        ("line", "change", "why"),
        [
            (2, {"line": "x"}, "'line' is 'x'"),
            (2, {"method": None}, "'method' is None"),
            (2, {"code": {"calls_next": 1}}, "'calls_next' is 1"),
            (7, {"template": "x"}, "'template' is 'x'"),
            (7, {"sites": [[]]}, "not a list of methods for each class"),
            (7, {"sites": [["run"], [], []]}, "no line before it describes site"),
            (7, {"mro": "x"}, "'mro' is 'x'"),
        ],
    )
    def test_what_is_wrong_is_named_by_its_line(self, seed_trace, tmp_path, line, change, why):
        """As for events."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        lines = path.read_text().splitlines()
        lines[line - 1] = json.dumps(json.loads(lines[line - 1]) | change)
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(callscope.CallscopeError, match=f"line {line}: .*{why}"):
            callscope.load(path)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_writes_its_own(self, seed, tmp_path):
        """Its file lacks nothing that stands in the parent's."""
        path = tmp_path / "t.jsonl"
        with callscope.record(seed.Layer, to=path) as trace:
            seed.MyLayer(1)
            assert len(trace) == 2
            pid = os.fork()
            if not pid:
                seed.MyLayer(2)
                callscope.recording.lifecycle._end_all()
                os._exit(0)
            os.waitpid(pid, 0)
        child = tmp_path / f"t.{pid}.jsonl"
        assert kept(path) == kept(child)
        both = callscope.load(str(tmp_path / "*.jsonl"))
        assert [line_of(seed.MyLayer.__init__), line_of(seed.Layer.__init__)] * 2 == [
            c.line for c in both.calls
        ]

    def test_merged_traces_keep_what_is_known(self, seed, tmp_path):
        """A call brings it along."""
        for name in ("a.jsonl", "b.jsonl"):
            with callscope.record(seed.Layer, where=lambda call: True) as trace:
                seed.MyLayer(1)
            trace.save(tmp_path / name)
        whole = callscope.load(tmp_path / "*.jsonl")
        assert {make_seed.__code__.co_filename} == {c.file for c in whole.calls}
        assert whole.header.filtered

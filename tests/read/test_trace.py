"""Reading a trace: calls, roots, events, find, the printed tree, the summary, files."""

import contextlib
import functools
import gc
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence

import pytest

import callscope
from callscope import errors
from callscope.testing.outline import last_calls
from seed import SEED_OUTLINE


class TestCall:
    def test_the_fields_of_a_call(self, seed_trace):
        """Which method, of which class, on which object."""
        first, second = seed_trace.calls[:2]
        assert (second.method, second.site) == ("__init__", "Layer.__init__")
        assert (second.defining_class, second.runtime_class) == ("app.Layer", "app.MyLayer")
        assert (second.instance, second.mro_index, second.via_super) == (1, 1, True)
        assert (second.parent, second.depth, second.thread) == (first, 1, "MainThread")
        assert (second.arguments, second.result, second.error) == ({"x": 3}, None, None)
        assert (second.task, second.finished, second.call_id) == (None, True, 2)
        assert [second] == list(first.children)

    def test_times(self, seed, clock):
        """Durations include what was called; `self_ns` does not."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)
        outer, inner = trace.calls
        assert (outer.duration_ns, outer.self_ns) == (3_000, 2_000)
        assert (inner.duration_ns, inner.self_ns) == (1_000, 1_000)
        assert inner.start_ns - outer.start_ns == 1_000

    def test_a_call_is_read_only(self, seed_trace):
        """What happened cannot be changed."""
        with pytest.raises(AttributeError):
            seed_trace.calls[0].method = "other"

    def test_via_super_is_about_one_object(self, seed):
        """The same method on another object is no super call."""

        class Pair(seed.Layer):
            def call(self, z):
                seed.Layer.call(self, z)
                seed.Layer(0).call(z)

        with callscope.record(seed.Layer, methods=("call",)) as trace:
            Pair(1).call(2)
        assert [False, True, False] == [c.via_super for c in trace.calls]

    def test_mro_index_is_none_outside_the_mro(self, seed):
        """A method may be called on an object that has nothing to do with its class."""
        with callscope.record(seed.Layer) as trace:
            seed.Layer.call(Exception(), 1)
        assert trace.calls[0].mro_index is None
        assert trace.outline() == "Layer.call(z=1) [Exception#1]"


class TestTrace:
    def test_roots_and_length(self, seed_trace):
        """Roots are the calls nothing traced led to."""
        assert ["MyLayer.__init__", "Layer.__call__"] == [c.site for c in seed_trace.roots]
        assert len(seed_trace) == 4

    def test_events_come_in_order(self, seed_trace):
        """Each call's begin and end, nested."""
        shown = [f"{e.seq} {e.kind} {e.call.site}" for e in seed_trace.events()]
        assert shown == [
            "1 call MyLayer.__init__",
            "2 call Layer.__init__",
            "3 return Layer.__init__",
            "4 return MyLayer.__init__",
            "5 call Layer.__call__",
            "6 call MyLayer.call",
            "7 return MyLayer.call",
            "8 return Layer.__call__",
        ]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, [1, 2, 3, 4]),
            ({"site": "Layer.__init__"}, [2]),
            ({"site": "*.__init__"}, [1, 2]),
            ({"method": "call"}, [4]),
            ({"defining_class": "Layer"}, [2, 3]),
            ({"defining_class": "app.MyLayer"}, [1, 4]),
            ({"runtime_class": "app.*"}, [1, 2, 3, 4]),
            ({"instance": 2}, []),
            ({"where": lambda call: call.via_super}, [2]),
            ({"method": "__*__", "defining_class": "Layer"}, [2, 3]),
        ],
    )
    def test_find(self, seed_trace, query, found):
        """Calls are found by site, class, object or predicate; all must fit."""
        assert found == [c.call_id for c in seed_trace.find(**query)]

    def test_find_by_the_class_itself(self, seed, seed_trace):
        """A class may be given as it is."""
        assert [1, 4] == [c.call_id for c in seed_trace.find(defining_class=seed.MyLayer)]

    def test_find_by_a_class_in_place_of_a_site(self, seed, seed_trace):
        """A class stands for all sites that it defines."""
        assert [c.site for c in seed_trace.find(seed.MyLayer)] == [
            "MyLayer.__init__",
            "MyLayer.call",
        ]

    def test_find_asks_a_function_last(self, seed_trace):
        """It gets only the calls that match everything else."""
        calls = []
        assert seed_trace.find("MyLayer.*", within=seed_trace.calls[2], where=calls.append) == []
        assert calls == [seed_trace.calls[3]]

    def test_find_within_a_call_of_another_trace(self, seed, seed_trace):
        """Nothing is below it, though a call of the trace has the same number."""
        with callscope.record(seed.Layer) as other:
            seed.MyLayer(3)
        assert len(seed_trace.find(within=seed_trace.calls[0])) == 1
        assert seed_trace.find(within=other.calls[0]) == []

    def test_find_no_object(self, seed_trace):
        """Serial numbers begin at 1, so nothing has another."""
        assert seed_trace.find(instance=0) == []

    @pytest.mark.parametrize("loaded", [False, True], ids=["recorded", "loaded"])
    def test_find_tells_of_a_site_that_there_is_not(self, seed_trace, tmp_path, loaded):
        """A misspelt one is told, with what there is; one that merely did not run is not."""
        if loaded:
            seed_trace = callscope.load(seed_trace.save(tmp_path / "t.jsonl"))
        with pytest.warns(errors.SiteWarning) as caught:
            assert seed_trace.find("layer.call") == []
        assert str(caught[0].message) == (
            "No site matches 'layer.call'; there are Layer.call, MyLayer.call, Layer.__call__,"
            " Layer.__init__, MyLayer.__init__."
        )
        with pytest.warns(errors.SiteWarning, match="No site matches 'Trace'"):
            assert seed_trace.find(callscope.Trace) == []
        assert seed_trace.find("Layer.call") == []
        assert seed_trace.find("MyLayer.call", instance=2) == []

    def test_print_draws_the_tree_with_durations(self, seed, clock):
        """The same lines as a tree, and where the classes come from."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)(4)
        assert str(trace) == (
            "MyLayer.__init__(k=3) [MyLayer#1]      3.0 µs\n"
            "└─ Layer.__init__(x=3) [MyLayer#1]     1.0 µs\n"
            "Layer.__call__(y=4) [MyLayer#1]        3.0 µs\n"
            "└─ MyLayer.call(m=4) [MyLayer#1]       1.0 µs\n"
            "\n"
            "MyLayer, Layer: app"
        )

    def test_branches(self, seed):
        """Bars join siblings and end with the last of them."""

        def call(self, m):
            if m:
                self.call(m - 1)
                seed.Layer.call(self, m)

        seed.MyLayer.call = call
        with callscope.record(seed.Layer, methods=("call",), capture="none") as trace:
            seed.MyLayer(0).call(2)
        assert [line.partition(" [")[0] for line in str(trace).splitlines()[:5]] == [
            "MyLayer.call",
            "├─ MyLayer.call",
            "│  ├─ MyLayer.call",
            "│  └─ Layer.call",
            "└─ Layer.call",
        ]

    def test_ascii_where_the_terminal_has_nothing_else(self, seed, monkeypatch):
        """The tree can be printed in any encoding."""
        import io
        import sys

        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
        assert str(trace).isascii()
        assert "`- Layer.__init__" in str(trace)

    def test_a_long_tree_is_cut(self, seed):
        """A tree has a bounded number of calls and says how many more there are."""
        with callscope.record(seed.Layer) as trace:
            for k in range(1_500):
                seed.MyLayer(k)
        lines = trace.tree(fold=False).splitlines()
        assert "1,000 more calls" in lines[2_000]

    def test_an_empty_trace_says_so(self, seed):
        """Nothing recorded is told, and of what."""
        with callscope.record(seed.Layer) as trace:
            pass
        assert str(trace) == "No calls were recorded of app.Layer."
        assert trace.outline() == ""

    def test_an_empty_trace_says_what_could_be_recorded(self):
        """The methods that the classes do define, beginning with those named alike."""

        class Runnable:
            def invoke(self):
                pass

            def calling(self):
                pass

            def __init__(self):
                pass

        with callscope.record(Runnable) as trace:
            pass
        assert str(trace).endswith("Runnable. It defines calling, invoke: name them in methods=.")

    def test_an_empty_trace_of_nothing_says_so(self):
        """Where nothing is declared, that is why there is no call."""
        # In a process of its own: here, classes that another test has declared may still live.
        program = "import callscope\nwith callscope.record() as trace: pass\nprint(trace)"
        run = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )
        assert run.stdout == (
            "No calls were recorded of the declared classes. Nothing is declared: decorate a class"
            " with @traced, or name one: record(Layer).\n"
        )

    def test_classes_of_one_name_are_told_apart(self, seed):
        """Two classes that share a bare name are both shown with their modules."""
        other = type("Layer", (seed.Layer,), {"__module__": "other", "call": lambda self, z: None})
        with callscope.record(seed.Layer) as trace:
            other(1)(2)
        assert trace.outline() == (
            "app.Layer.__init__(x=1) [other.Layer#1]\n"
            "app.Layer.__call__(y=2) [other.Layer#1]\n"
            "  other.Layer.call(z=2) [other.Layer#1]"
        )

    def test_summary(self, seed, clock):
        """Calls, errors and times per site, those with most time of their own first."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)
            seed.MyLayer(3)
        summary = trace.summary(corrected=False)
        assert [(s.site, s.calls, s.errors, s.total_ns, s.self_ns) for s in summary.sites] == [
            ("MyLayer.__init__", 2, 0, 6_000, 4_000),
            ("Layer.__init__", 2, 0, 2_000, 2_000),
        ]
        assert summary.sites[0].mean_ns == 3_000
        assert str(summary).splitlines()[-1] == "4 calls"

    def test_a_very_deep_trace(self, seed):
        """No reading of a trace recurses."""

        class Deep(seed.Layer):
            def call(self, z):
                return z and self.call(z - 1)

        import sys

        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(20_000)
        try:
            with callscope.record(seed.Layer) as trace:
                Deep(0).call(5_000)
        finally:
            sys.setrecursionlimit(limit)
        assert len(trace.outline().splitlines()) == len(list(trace.events())) // 2 == 5_002


class TestSequence:
    """A trace is a sequence of its calls."""

    def test_it_is_read_as_a_sequence(self, seed_trace):
        """Iterated, indexed, sliced, reversed, counted and matched."""
        calls = seed_trace.calls
        first, *_, last = seed_trace
        assert isinstance(seed_trace, Sequence)
        assert [*seed_trace] == [*calls]
        assert [*reversed(seed_trace)] == [*calls][::-1]
        assert (seed_trace[0], seed_trace[-1]) == (first, last) == (calls[0], calls[3])
        assert tuple(seed_trace[1:3]) == (calls[1], calls[2])
        assert (first in seed_trace, "call" in seed_trace) == (True, False)
        assert (seed_trace.index(last), seed_trace.count(last)) == (3, 1)
        with pytest.raises(IndexError):
            seed_trace[4]
        with pytest.raises(ValueError, match="is not in these calls"):
            seed_trace.index(last, 0, 3)

    def test_it_is_false_while_it_is_empty(self, seed):
        """As a list is."""
        with callscope.record(seed.Layer) as trace:
            assert not trace
            seed.Layer(1)
            assert trace

    def test_two_traces_are_never_equal(self, seed_trace, tmp_path):
        """Though they hold the same: equality is identity, and a trace can be a key."""
        loaded = callscope.load(seed_trace.save(tmp_path / "t.jsonl"))
        assert seed_trace == seed_trace  # noqa: PLR0124
        assert (seed_trace == loaded, len({seed_trace, loaded})) == (False, 2)


def saved(suffix):
    return lambda trace, folder: trace.save(folder / f"t{suffix}")


READINGS = {
    "str": lambda trace, _: str(trace),
    "repr": lambda trace, _: repr(trace),
    "html": lambda trace, _: trace._repr_html_(),
    "outline": lambda trace, _: trace.outline(),
    "summary": lambda trace, _: trace.summary(),
    "findings": lambda trace, _: trace.findings(),
    "diff": lambda trace, _: callscope.diff(trace, OTHER),
    "find": lambda trace, _: trace.find(within=trace.roots[0]) if trace is OTHER else trace.find(),
    "events": lambda trace, _: [*trace.events()],
    "list": lambda trace, _: tuple(iter(trace)),
    "to_arrow": lambda trace, _: pytest.importorskip("pyarrow") and trace.to_arrow(),
    "parquet": lambda trace, folder: (
        pytest.importorskip("pyarrow") and trace.save(folder / "t.parquet")
    ),
    **{
        suffix: saved(suffix)
        for suffix in (
            ".jsonl",
            ".jsonl.gz",
            ".mmd",
            ".txt",
            ".json",
            ".pftrace",
            ".speedscope.json",
            ".html",
        )
    },
}


class Step:
    """What is recorded while it is read."""

    def call(self, deeper=0):
        if deeper:
            self.call(deeper - 1)


with callscope.record(Step) as OTHER:
    Step().call()


class TestSnapshot:
    """What happens while a trace is read is in the next reading, and in no part of this one."""

    @pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
    def test_what_one_call_returns_is_of_one_moment(self, read, tmp_path, monkeypatch):
        """The tape is asked once, though calls are made whenever it is."""
        asked = []
        with callscope.record(Step) as trace:
            ask = trace._read

            def read_more():
                Step().call(1)
                asked.append(1)
                return ask()

            monkeypatch.setattr(trace, "_read", read_more)
            read(trace, tmp_path)
        assert len(asked) == 1

    def test_no_call_is_said_to_be_missing(self, tmp_path):
        """Each text is whole while another thread makes calls."""
        has_begun = threading.Event()

        def work():
            for _ in range(1_000):
                Step().call(3)
                has_begun.set()

        thread = threading.Thread(target=work)
        # The limit has that thread read what it has written, while this one reads.
        with callscope.record(Step, max_calls=500) as trace:
            thread.start()
            has_begun.wait()
            texts = []
            while not texts or (thread.is_alive() and len(texts) < 10):
                texts.append(str(trace))
                trace.save(tmp_path / "t.mmd")
                trace.summary(), trace.findings(), trace.outline(), [*trace.events()]
            thread.join()
        assert [text for text in texts if "more calls; trace.save" in text] == []


class Chain:
    """Objects each of which leads to the next, in the ways that programs have."""

    def __init__(self, rest, error=None):
        if rest:
            # Not by calling the class: Python 3.12 limits how deep calls through C may be.
            self.next = object.__new__(Chain)
            self.next.__init__(rest - 1, error)
        elif error is not None:
            raise error

    def __call__(self, depth, error=None):
        return self.call(depth, error)

    def call(self, depth, error):
        if depth:
            return self.__call__(depth - 1, error)
        if error is not None:
            raise error
        return 1

    def along(self, first):
        self.noted(first)
        return self.next.along(first) if hasattr(self, "next") else None

    def noted(self, first):
        return None if first is self else first.seen()

    def seen(self):
        return 1


@functools.cache
def make_chain(depth):
    """Return a trace of calls so deep: objects made, one object, and many that call the first.

    Some of it ends in an error.
    """
    error = AttributeError("'Chain' object has no attribute 'x'")
    with callscope.record(Chain, methods=("__init__", "__call__", "*")) as trace:
        chain = Chain(depth)
        chain.along(chain)
        chain(depth // 2)
        with contextlib.suppress(AttributeError):
            Chain(depth, error)
        with contextlib.suppress(AttributeError):
            chain(depth // 2, error)
    return trace


def steps_of(act):
    """Return how many lines and calls an act runs, and what it returns."""
    count = 0

    def trace(frame, kind, argument):
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = act()
    finally:
        sys.settrace(before)
    return count, result


DEEP = {
    **READINGS,
    "find": lambda trace, _: trace.find(within=trace.roots[0]),
    "diff": lambda trace, _: str(callscope.diff(trace, trace)) + str(callscope.diff(OTHER, trace)),
    "calls": lambda trace, _: [(c.self_ns, c.depth, repr(c)) for c in trace],
    "window": lambda trace, _: last_calls(trace),
}


class TestDeep:
    """Reading takes time, and texts take room, for each call once and not for each of its parents."""

    @pytest.fixture(autouse=True)
    def room(self):
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(20_000)
        yield
        sys.setrecursionlimit(before)

    @pytest.mark.parametrize("read", DEEP.values(), ids=DEEP)
    def test_it_takes_twice_as_long_for_twice_the_depth(self, read, tmp_path):
        """For objects made by one another, recursion on one object, and calls back to the first."""
        steps, sizes = [], []
        for depth in (200, 400):
            trace = make_chain(depth)
            read(trace, tmp_path)  # some things are only done the first time
            count, result = steps_of(lambda trace=trace: read(trace, tmp_path))
            steps.append(count)
            sizes.append(len(result) if isinstance(result, str) else 1)
        assert steps[1] < 2.5 * steps[0] + 1_000
        assert sizes[1] < 2.5 * sizes[0]

    def test_beyond_a_depth_calls_are_not_indented(self):
        """Their depth is written instead."""
        with callscope.record(Step) as trace:
            Step().call(102)
        lines = trace.outline().splitlines()
        assert [line.strip(" ")[:12] for line in lines[99:103]] == [
            "Step.call(de",
            "Step.call(de",
            "(depth 101) ",
            "(depth 102) ",
        ]
        assert [len(line) - len(line.lstrip(" ")) for line in lines[99:]] == [198, 200, 200, 200]
        rows = trace.tree(fold=False).splitlines()
        assert [row.index("Step") for row in rows[99:103]] == [297, 300, 312, 312]
        assert [row.rindex("─ ") for row in rows[99:103]] == [295, 298, 298, 298]


class Wide:
    """What has a long text."""

    def call(self, text):
        return self


@pytest.mark.parametrize("length", [1, 60, 62, 63, 64, 65, 66, 67, 70, 150])
def test_a_duration_stands_clear_of_the_text(length):
    """By two spaces at least, however long the text is, so that no number runs into another."""
    with callscope.record(Wide) as trace:
        Wide().call("x" * length)
    line = str(trace).splitlines()[0]
    text = f"Wide.call(text='{'x' * length}') [Wide#1] -> Wide#1"
    assert (line[: len(text) + 2], line[-1]) == (f"{text}  ", "s")
    assert "  <span" in trace._repr_html_()


class TestFiles:
    def test_save_and_load(self, seed_trace, tmp_path):
        """A loaded trace reads like a live one."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        loaded = callscope.load(path)
        assert loaded.outline() == SEED_OUTLINE
        assert str(loaded) == str(seed_trace)
        assert [e.to_dict() for e in loaded.events()] == [e.to_dict() for e in seed_trace.events()]

    def test_text_values_stay_apart_from_strings(self, seed, tmp_path):
        """Summaries are shown without quotes, strings with them, also after loading."""
        with callscope.record(seed.Layer) as trace:
            seed.Layer([1]).call("[1]")
            seed.Layer(float("inf"))
        loaded = callscope.load(trace.save(tmp_path / "t.jsonl"))
        assert (
            loaded.outline()
            == trace.outline()
            == (
                "Layer.__init__(x=[1]) [Layer#1]\n"
                "Layer.call(z='[1]') [Layer#1]\n"
                "Layer.__init__(x=inf) [Layer#2]"
            )
        )

    def test_save_as_text(self, seed_trace, tmp_path):
        """A text file has the whole tree."""
        path = seed_trace.save(tmp_path / "t.txt")
        assert path.read_text(encoding="utf-8") == f"{seed_trace}\n"

    def test_an_unknown_suffix(self, seed_trace, tmp_path):
        """The error names the file and the suffixes there are."""
        with pytest.raises(errors.TraceFormatError, match=r"t\.xyz.*\.jsonl"):
            seed_trace.save(tmp_path / "t.xyz")

    def test_a_file_that_cannot_be_written(self, seed_trace, tmp_path):
        """The error names the file and says why."""
        with pytest.raises(errors.TraceFileError, match=r"missing.*No such file"):
            seed_trace.save(tmp_path / "missing" / "t.jsonl")

    def test_a_file_that_cannot_be_read(self, tmp_path):
        """The error names the file and says why."""
        with pytest.raises(errors.TraceFileError, match=r"none\.jsonl.*No such file"):
            callscope.load(tmp_path / "none.jsonl")

    def test_text_cannot_be_loaded(self, seed_trace, tmp_path):
        """A format without a reader says which has one."""
        with pytest.raises(errors.TraceFormatError, match=r"\.jsonl"):
            callscope.load(seed_trace.save(tmp_path / "t.txt"))

    def test_a_torn_last_line_is_tolerated(self, seed_trace, tmp_path):
        """The call whose line was torn off is missing."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:-2]) + lines[-2][:40])
        loaded = callscope.load(path)
        assert [c.site for c in loaded.calls] == [c.site for c in seed_trace.calls][:3]

    @pytest.mark.parametrize("cut", range(0, 2_000, 97))
    def test_a_file_cut_anywhere_is_read_or_refused_clearly(self, seed_trace, tmp_path, cut):
        """Cut within the header it is no trace; cut later it is the start of one."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        whole = path.read_bytes()
        path.write_bytes(whole[:cut])
        if cut < whole.index(b"\n"):
            with pytest.raises(errors.TraceFormatError):
                callscope.load(path)
        else:
            sites = [c.site for c in callscope.load(path).calls]
            assert [c.site for c in seed_trace.calls][: len(sites)] == sites

    @pytest.mark.parametrize(
        ("line", "change", "why"),
        [
            (1, {"kind": "call"}, "not the header"),
            (1, {"v": 99}, "schema version 99"),
            (1, {"pid": "x"}, "'pid' is 'x'"),
            (9, {"kind": "explode"}, "'explode' is not a kind"),
            (9, {"call_id": None}, "'call_id' is None"),
            (9, {"call_id": 1}, "begins a second time"),
            (9, {"parent_id": 77}, "call 77, has not begun"),
            (9, {"arguments": {"k": [1]}}, "not a scalar"),
            (9, {"thread": 3}, "'thread' is 3"),
            (10, {"kind": "return", "call_id": 88}, "not running"),
            (10, {"result": {}}, "not a scalar"),
            (10, {"error": "x"}, "'error' is 'x'"),
            (12, {"lost": "x"}, "'lost' is 'x'"),
        ],
    )
    def test_what_is_wrong_is_named_by_its_line(self, seed_trace, tmp_path, line, change, why):
        """A line that makes no sense is an error that says which and why."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        lines = path.read_text().splitlines()
        lines[line - 1] = json.dumps(json.loads(lines[line - 1]) | change)
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(errors.TraceFormatError) as raised:
            callscope.load(path)
        assert why in str(raised.value)
        assert f"line {line}" in str(raised.value) or "version" in why

    @pytest.mark.parametrize("content", [b"", b"{}\n", b"[1]\n", b"\xff\xfe\n", b"[" * 100_000])
    def test_a_file_that_is_no_trace(self, tmp_path, content):
        """Any other file is refused by name."""
        path = tmp_path / "foreign.jsonl"
        path.write_bytes(content)
        with pytest.raises(errors.TraceFormatError, match=r"foreign\.jsonl"):
            callscope.load(path)


@pytest.mark.parametrize("to", [None, "t.jsonl"])
def test_a_trace_keeps_nothing_alive(tmp_path, to):
    """Once it was read after the end: neither its recording, nor a sink, nor a class."""

    class Local:
        def call(self):
            return 1

    class Sink:
        def on_event(self, event): ...
        def flush(self): ...
        def close(self): ...

    sink = Sink()
    recording = callscope.record(Local, sinks=[sink], to=to and tmp_path / to)
    with recording as trace:
        Local().call()
    alive = [weakref.ref(each) for each in (recording, recording._reader, sink, Local)]
    del recording, sink, Local
    assert trace.summary().sites[0].calls == 1
    gc.collect()
    assert [ref() for ref in alive] == [None] * 4
    assert (len(trace), trace.lost) == (1, 0)
    assert trace.find("Local.call") == [*trace.calls]

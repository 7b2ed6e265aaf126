"""Chrome's Trace Event Format: every call is in the file, on a track that nests, to the nanosecond."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import threading
from array import array
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import callscope
from building import Node, hostile_node, make_trace, set_pids
from callscope import errors
from callscope.read.load import load_all
from callscope.read.trace import Trace
from callscope.tape.threads import TAPES
from callscope.trace import NO_ROW, UNFINISHED, Header, Recorded, Text, python_kernels
from picture import Picture
from seed import make_seed
from strategies import Running, programs

HOSTILE = (
    'quote"s',
    "ends in a backslash\\",
    "\\",
    '\\"',
    "two\nlines\ttab\x00nul\x1b[31m",
    "</script><!--",
    "\udc80 half \ud83d",
    "\U0001f600 whole é \u2028",
    "",
    "a,b]}{[",
)


def saved(trace, tmp_path):
    """Save a trace, and return the picture a viewer makes of the file."""
    picture = Picture(trace.save(tmp_path / "t.json"))
    picture.assert_nests()
    return picture


def shown(picture):
    """Return what stands on each track: depth, name and object."""
    tracks = {}
    for one in picture.calls:
        line = f"{'  ' * one.depth}{one.name} {one.args['object']}"
        tracks.setdefault(picture.names[one.track], []).append(line)
    return tracks


def assert_holds(picture, trace):
    """Check that the file has every call, when it was, and what led to it."""
    zero_ns = picture.content["otherData"]["start_ns"]
    assert len(picture.calls) == len(trace.calls)
    slices = Counter(
        (one.start_ns + zero_ns, one.duration_ns, one.name, one.args["object"])
        for one in picture.calls
    )
    assert slices == Counter(
        (
            call.start_ns,
            call.duration_ns,
            call.site,
            call.runtime_class.rpartition(".")[2]
            + ("" if call.instance is None else f"#{call.instance}"),
        )
        for call in trace.calls
    )
    ended = sum(call.duration_ns or 0 for call in trace.calls)
    assert sum(one.duration_ns or 0 for one in picture.calls) == ended


def assert_parents(picture, trace):
    """Check that each call is within what led to it, or has an arrow from there."""
    zero_ns = picture.content["otherData"]["start_ns"]
    by_start = {call.start_ns - zero_ns: call for call in trace.calls}
    assert len(by_start) == len(trace.calls)
    for one in picture.calls:
        parent = by_start[one.start_ns].parent
        led_by = one.led_by or [one.above]
        assert [None if x is None else by_start[x.start_ns] for x in led_by] == [parent]


class Work:
    """Methods of each kind."""

    def call(self, work):
        return work()

    def numbers(self, count):
        yield from range(count)

    def relay(self, count):
        yield from self.numbers(count)

    async def wait(self, work):
        await asyncio.sleep(0)
        result = work()
        if asyncio.iscoroutine(result):
            result = await result
        return result

    async def stream(self, count):
        for number in range(count):
            await asyncio.sleep(0)
            yield number


def recorded():
    return callscope.record(
        Work, methods=("call", "numbers", "relay", "wait", "stream"), capture="types"
    )


def by_a_coarse_clock(ticks):
    """Return a trace of calls within calls, by a clock that so many readings find unchanged."""
    count, real = itertools.count(10**6), TAPES.clock.cell_contents
    TAPES.set_clock(lambda: next(count) // ticks)
    try:
        with recorded() as trace:
            work = Work()
            for _ in range(3):
                work.call(lambda: [work.call(dict), work.call(lambda: work.call(dict))])
    finally:
        TAPES.set_clock(real)
    # What the clock says on the way to the recording's start is not that of the calls.
    return Trace(trace.header._replace(start_ns=0), trace._read)


class TestTracks:
    def test_one_thread(self, seed_trace, tmp_path):
        """Calls nest as they did, below the class that defines the method."""
        picture = saved(seed_trace, tmp_path)
        assert shown(picture) == {
            "MainThread": [
                "MyLayer.__init__ MyLayer#1",
                "  Layer.__init__ MyLayer#1",
                "Layer.__call__ MyLayer#1",
                "  MyLayer.call MyLayer#1",
            ]
        }
        assert_holds(picture, seed_trace)

    def test_what_is_said_of_a_call(self, seed, tmp_path):
        """Class, object, arguments, result and error."""

        class Failing(seed.Layer):
            def call(self, z, *args, **kwargs):
                if z:
                    raise KeyError("z")
                return 1.5

        Failing.__module__, Failing.__qualname__ = "app", "Failing"
        with callscope.record(seed.Layer, methods=("call",)) as trace:
            Failing(0).call(False, "text", 2**70, at=None, far=float("inf"))
            with contextlib.suppress(KeyError):
                Failing(0).call(True)
        good, bad = saved(trace, tmp_path).calls
        assert good.args == {
            "defining_class": "Failing",
            "object": "Failing#1",
            "arguments": {
                "z": False,
                "args[0]": "text",
                "args[1]": str(2**70),
                "at": None,
                "far": "inf",
            },
            "result": pytest.approx(1.5),
        }
        assert bad.args["error"] == {"type": "KeyError", "message": "'z'"}
        assert (good.category, bad.category) == (None, "error")

    def test_generators_by_turns(self, tmp_path):
        """Two that neither is within the other are on tracks of their own."""
        with recorded() as trace:
            work = Work()
            one, two = work.numbers(2), work.numbers(2)
            assert [next(one), next(two), *one, *two] == [0, 0, 1, 1]
        picture = saved(trace, tmp_path)
        assert shown(picture) == {
            "MainThread / 2": ["Work.numbers Work#1"],
            "MainThread": ["Work.numbers Work#1"],
        }
        assert_holds(picture, trace)

    def test_a_generator_that_only_its_caller_steps(self, tmp_path):
        """It is shown within the call that steps it, for nothing else is begun meanwhile."""
        with recorded() as trace:
            work = Work()
            work.call(lambda: list(work.relay(2)))
        picture = saved(trace, tmp_path)
        assert shown(picture) == {
            "MainThread": ["Work.call Work#1", "  Work.relay Work#1", "    Work.numbers Work#1"]
        }

    def test_a_generator_that_feeds_calls(self, tmp_path):
        """Those calls are not within it, and so it stands beside them, with an arrow to it."""
        with recorded() as trace:
            work = Work()
            work.call(lambda: [work.call(dict) for _ in work.numbers(2)])
        picture = saved(trace, tmp_path)
        assert shown(picture) == {
            "MainThread": ["Work.call Work#1", "  Work.call Work#1", "  Work.call Work#1"],
            "MainThread / 2": ["Work.numbers Work#1"],
        }
        assert_parents(picture, trace)

    def test_tasks(self, tmp_path):
        """Each has a track; arrows lead there from what made it; two of one name are two."""

        async def main():
            work = Work()
            tasks = [asyncio.create_task(work.wait(dict), name="same") for _ in range(2)]
            await asyncio.gather(*tasks)

        with recorded() as trace:
            Work().call(lambda: asyncio.run(main()))
        picture = saved(trace, tmp_path)
        assert shown(picture) == {
            "MainThread": ["Work.call Work#1"],
            "task same": ["Work.wait Work#2"],
            "task same / 2": ["Work.wait Work#2"],
        }
        assert_parents(picture, trace)
        assert_holds(picture, trace)

    def test_awaited_coroutines_nest(self, tmp_path):
        """And the innermost says when the task was suspended."""

        async def main():
            work = Work()
            await work.wait(lambda: work.wait(dict))

        with recorded() as trace:
            asyncio.run(main())
        outer, inner = trace.calls
        picture = saved(trace, tmp_path)
        assert [f"{'  ' * one.depth}{one.name}" for one in picture.slices] == [
            "Work.wait",
            "  suspended",
            "  Work.wait",
            "    suspended",
        ]
        assert len(outer.suspensions) == 2, "the second is that of the call within"
        assert picture.calls[1].args["waiting_ns"] == inner.waiting_ns
        waits = [one.duration_ns for one in picture.slices if not one.is_call]
        assert waits[1] == inner.waiting_ns

    def test_threads(self, tmp_path):
        """Threads of one name are told apart; arrows lead to what was handed to another."""
        work = Work()
        with recorded() as trace:
            for _ in range(2):
                thread = threading.Thread(target=work.call, args=(dict,), name="same")
                thread.start()
                thread.join()
            work.call(lambda: run_in_thread(callscope.carry(lambda: work.call(dict)), "other"))
        picture = saved(trace, tmp_path)
        assert shown(picture) == {
            "same": ["Work.call Work#1"],
            "same (2)": ["Work.call Work#1"],
            "MainThread": ["Work.call Work#1"],
            "other": ["Work.call Work#1"],
        }
        assert_parents(picture, trace)

    def test_a_generator_that_another_thread_steps(self, tmp_path):
        """It stays on the track of the thread that began it."""
        work = Work()
        with recorded() as trace:
            steps = work.relay(2)
            next(steps)
            run_in_thread(lambda: work.call(lambda: list(steps)), "other")
        picture = saved(trace, tmp_path)
        assert_holds(picture, trace)
        assert shown(picture)["other"] == ["Work.call Work#1"]

    def test_unfinished_calls(self, tmp_path):
        """They begin and have no end, within each other too."""
        work, traces = Work(), []
        with recorded() as trace:
            work.call(lambda: work.call(lambda: traces.append(copy_of(trace))))
        picture = saved(traces[0], tmp_path)
        assert [(one.depth, one.duration_ns) for one in picture.slices] == [(0, None), (1, None)]

    def test_an_unfinished_generator(self, tmp_path):
        """It is suspended to the end."""
        with recorded() as trace:
            steps = Work().numbers(2)
            next(steps)
        picture = saved(trace, tmp_path)
        assert [(one.name, one.duration_ns) for one in picture.slices] == [
            ("Work.numbers", None),
            ("suspended", None),
        ]
        steps.close()

    def test_processes(self, seed_trace, tmp_path):
        """Each has its own threads, and no thread has the number of a process."""
        other = make_seed()
        with callscope.record(other.Layer) as second:
            other.MyLayer(3)(4)
        set_pids(second, [1 + number % 2 for number in range(len(second))])
        files = [one.save(tmp_path / f"{n}.jsonl") for n, one in enumerate([seed_trace, second])]
        trace = load_all(files)
        picture = saved(trace, tmp_path)
        assert_holds(picture, trace)
        assert {pid for pid, _ in picture.names} == {1, 2, seed_trace.header.pid}
        assert all(tid == pid for pid, tid in picture.names), "main threads go by their process"

    def test_numbers_of_processes_that_no_system_has(self, seed_trace, tmp_path):
        """Another number takes their place."""
        set_pids(seed_trace, [(-5, 2**80)[number % 2] for number in range(len(seed_trace))])
        picture = saved(seed_trace, tmp_path)
        assert len({pid for pid, _ in picture.names}) == 2
        assert all(0 < pid < 2**32 for pid, _ in picture.names)


def run_in_thread(work, name):
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()


def copy_of(trace):
    """Return a trace of the calls so far, none of which has ended."""
    table = trace._data().table.snapshot(len(trace))
    table.end_ns = array("q", (UNFINISHED,)) * len(table)
    table.arguments = [None] * len(table)
    recorded = Recorded(table, 0, is_final=True)
    return Trace(trace.header, lambda: recorded)


class TestTimes:
    def test_the_clock_is_read_exactly(self, seed, clock, tmp_path):
        """Nanoseconds are counted from the start of the recording, which the file tells."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)(4)
        picture = saved(trace, tmp_path)
        other = picture.content["otherData"]
        assert [one.start_ns + other["start_ns"] for one in picture.calls] == [
            call.start_ns for call in trace.calls
        ]
        header = trace.header
        assert other["start_unix_ns"] - other["start_ns"] == header.start_unix_ns - header.start_ns

    def test_a_long_recording(self, seed_trace, tmp_path):
        """After a hundred days, a double still tells one nanosecond from the next."""
        begin = seed_trace.calls[0].start_ns
        table = seed_trace._data().table
        for row in range(len(table)):
            by_ns = row * 100 * 24 * 3600 * 10**9 // 3 + row
            table.start_ns[row] += by_ns
            table.end_ns[row] += by_ns
            table.parent[row] = NO_ROW
        path = seed_trace.save(tmp_path / "t.json")
        zero_ns = json.loads(path.read_text())["otherData"]["start_ns"]
        events = [e for e in json.loads(path.read_text())["traceEvents"] if e["ph"] in "XB"]
        assert [round(event["ts"] * 1000) + zero_ns for event in events] == [
            call.start_ns for call in seed_trace.calls
        ]
        assert zero_ns <= begin

    @pytest.mark.parametrize("ticks", [1, 2, 3, 5, 1000])
    def test_a_coarse_clock(self, ticks, tmp_path):
        """Calls that begin and end at one instant nest as they did."""
        trace = by_a_coarse_clock(ticks)
        picture = saved(trace, tmp_path)
        assert [one.depth for one in picture.calls] == [call.depth for call in trace.calls]
        assert_holds(picture, trace)


class TestText:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_text(self, text, tmp_path):
        """Whatever a program names or passes is text, in the file and in a browser."""
        header = Header(7, 1, 2, text, text, (text,))
        failed = hostile_node(text, error=(text, text))
        good = hostile_node(text, start=20, result=Text(text))
        trace = make_trace(failed, good, lost=1, header=header)
        path = trace.save(tmp_path / "t.json")
        content = Picture(path).content
        expected = text.encode("utf-8", "backslashreplace").decode()
        bad, fine = (e["args"] for e in content["traceEvents"] if e["ph"] == "X")
        assert bad["arguments"] == fine["arguments"] == {expected: expected}
        assert bad["error"] == {"type": expected, "message": expected}
        assert fine["result"] == expected
        assert content["otherData"]["targets"] == [expected]
        raw = path.read_bytes()
        # What Perfetto takes for an escaped quote, and escapes it cannot decode.
        assert b'\\\\"' not in raw.replace(b'\\\\\\"', b"")
        assert b"\\ud" not in raw.replace(b"\\\\ud", b"")

    def test_classes_of_one_name(self, tmp_path):
        """They are told apart by their modules; the others are listed with theirs."""
        one, other = make_seed(), make_seed()
        other.Layer.__module__ = "lib"
        with callscope.record(one.Layer, other.Layer) as trace:
            one.Layer(1)
            other.Layer(1)
            one.MyLayer(1)
        picture = saved(trace, tmp_path)
        assert [(c.name, c.args["defining_class"], c.args["object"]) for c in picture.calls] == [
            ("app.Layer.__init__", "app.Layer", "app.Layer#1"),
            ("lib.Layer.__init__", "lib.Layer", "lib.Layer#2"),
            ("MyLayer.__init__", "MyLayer", "MyLayer#3"),
            ("app.Layer.__init__", "app.Layer", "MyLayer#3"),
        ]
        assert picture.content["otherData"]["classes"]["MyLayer"] == "app.MyLayer"


class TestFiles:
    def test_an_empty_trace(self, tmp_path):
        """It is a file that names the process."""
        with callscope.record() as trace:
            pass
        assert saved(trace, tmp_path).slices == []

    def test_calls_that_were_not_kept(self, seed, tmp_path):
        """Their number is told in the picture."""
        with pytest.warns(errors.TraceTruncatedWarning):
            with callscope.record(seed.Layer, max_calls=1) as trace:
                seed.MyLayer(3)(4)
        content = saved(trace, tmp_path).content
        names = [event["name"] for event in content["traceEvents"] if event["ph"] == "i"]
        assert names == ["3 more calls were made and not kept"]
        assert content["otherData"]["lost"] == 3

    def test_a_chrome_file_cannot_be_loaded(self, seed_trace, tmp_path):
        """The error says what can."""
        path = seed_trace.save(tmp_path / "t.json")
        with pytest.raises(
            errors.TraceFormatError, match=r"cannot be loaded. Save the trace as '.jsonl'"
        ):
            callscope.load(path)

    def test_compressed(self, seed_trace, tmp_path):
        """Perfetto opens it as well."""
        import gzip

        plain = seed_trace.save(tmp_path / "t.json").read_bytes()
        assert gzip.decompress(seed_trace.save(tmp_path / "t.json.gz").read_bytes()) == plain


# --- calls of one thread ---------------------------------------------------------------------------

some = settings(max_examples=settings().max_examples // 2, deadline=None)

ODD = [2**63 - 1, 2**63, 1 - 2**63, -(2**63), None, True, 1.0, float("nan"), "text", Text("<a>")]
VALUES = st.integers() | st.sampled_from(ODD)


def assert_written_as_any_others(trace, folder):
    """Check that the fast way of writing calls gives the file that the general way gives.

    On the engine C, it gives it in Python, too.
    """
    fast = trace.save(folder / "fast.json").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("callscope.read.formats.chrome.plain.KERNELS", python_kernels)
        assert trace.save(folder / "python.json").read_bytes() == fast
        patch.setattr("callscope.read.formats.chrome.are_plain", lambda table: False)
        assert trace.save(folder / "general.json").read_bytes() == fast


@pytest.mark.parametrize("value", ODD)
def test_calls_of_one_argument(value, tmp_path):
    """Calls of one thread with one argument each are written as any others."""
    trace = make_trace(*(Node("Layer.call", arguments={"x": x}) for x in (1, value, 3)))
    assert_written_as_any_others(trace, tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"instance": None},
        {"arguments": {}},
        {"arguments": {"x": 1, "%d": 2}},
        {"result": 3},
        {"error": ("ValueError", "no")},
    ],
    ids=str,
)
def test_one_call_that_differs(options, tmp_path):
    """One call without an object, or with a result, is written as it is among others."""
    odd = Node("Layer.call", **{"arguments": {"x": 1}, **options})
    trace = make_trace(Node("Layer.call", odd, arguments={"x": 2}))
    assert_written_as_any_others(trace, tmp_path)


def nodes(below):
    """Return a strategy of calls that lead to some."""
    return st.builds(
        lambda site, children, options: Node(site, *children, **options),
        st.sampled_from(["Layer.call", "Odd%s{}.call"]),
        below,
        st.fixed_dictionaries(
            {
                "on": st.sampled_from([None, "Derived"]),
                "instance": st.sampled_from([None, 1, 2]),
                "arguments": st.dictionaries(st.sampled_from(["x", "%d"]), VALUES, max_size=2),
                "result": VALUES,
                "error": st.sampled_from([None, ("ValueError", "no")]),
            }
        ),
    )


one_thread = st.lists(
    st.recursive(nodes(st.just(())), lambda below: nodes(st.lists(below, max_size=3)))
)


@some
@given(one_thread)
def test_calls_of_one_thread(tmp_path_factory, roots):
    """Any calls that nest are written the same in both ways."""
    assert_written_as_any_others(make_trace(*roots), tmp_path_factory.mktemp("chrome"))


# --- random programs ----------------------------------------------------------------------------


@some
@given(program=programs())
def test_random_programs(program, tmp_path_factory):
    """All that a random hierarchy does is in the file."""
    running = Running(program)
    with callscope.record(*running.roots) as trace:
        running.run()
    picture = saved(trace, tmp_path_factory.mktemp("chrome"))
    assert_holds(picture, trace)


steps = st.lists(
    st.tuples(st.sampled_from(["begin", "relay", "step", "call", "close"]), st.integers(0, 4)),
    max_size=12,
)


def play(steps, kept=None):
    """Step some generators by turns, and call something in between; keep what is not at its end."""
    work, begun = Work(), [] if kept is None else kept
    for act, number in steps:
        if act in ("begin", "relay"):
            begun.append(work.numbers(number) if act == "begin" else work.relay(number))
        elif act == "call":
            some = begun[:number]
            work.call(lambda some=some: [next(one, None) for one in some])
        elif begun:
            one = begun[number % len(begun)]
            next(one, None) if act == "step" else one.close()


async def play_async(steps):
    """Do the same in a task that is suspended now and then."""
    work = Work()
    for act, number in steps:
        if act == "begin":
            await work.wait(lambda number=number: work.wait(lambda: play([("call", number)])))
        elif act == "relay":
            async for _ in work.stream(number):
                await work.wait(dict)
        elif act == "step":
            tasks = [asyncio.create_task(work.wait(dict), name="same") for _ in range(number)]
            await asyncio.gather(*tasks)
        else:
            play(steps)


def play_all(plans):
    """Do so in this thread, in others and in tasks; return what is left suspended."""
    kept = []
    for where, what in plans:
        if where == "here":
            play(what, kept)
        elif where == "thread":
            run_in_thread(functools.partial(play, what, kept), "same")
        else:

            async def main(what=what):
                await asyncio.gather(play_async(what), play_async(what[::-1]))

            asyncio.run(main())
    return kept


interleavings = st.lists(st.tuples(st.sampled_from(["here", "thread", "tasks"]), steps), max_size=4)


# A call that nothing traced led to came to stand within what happened to be suspended.
@example(plans=[("tasks", [("begin", 1), ("begin", 0), ("step", 0), ("step", 1), ("call", 0)])])
@some
@given(plans=interleavings)
def test_random_interleavings(plans, tmp_path_factory):
    """Whatever is suspended and resumed, in which thread and task, tracks nest."""
    with recorded() as trace:
        kept = play_all(plans)
    picture = saved(trace, tmp_path_factory.mktemp("chrome"))
    assert_holds(picture, trace)
    assert_parents(picture, trace)
    del kept

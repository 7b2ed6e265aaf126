"""speedscope: files fit its schema, and the weight of a call is how long it ran."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from building import Node, hostile_node, make_trace, set_pids
from callscope.trace import Header
from picture import refuse
from seed import make_seed
from strategies import Running, programs
from test_chrome import HOSTILE, Work, one_thread, play, play_async, recorded, run_in_thread
from test_chrome import steps as random_steps

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the test extra")

# As it is in speedscope 1.25.0, under the MIT licence that stands beside it.
FOLDER = Path(__file__).parent / "speedscope"
SCHEMA = json.loads((FOLDER / "file-format-schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def saved(trace, tmp_path):
    """Save a trace, check the file, and return its content."""
    path = trace.save(tmp_path / "t.speedscope.json")
    content = json.loads(path.read_bytes().decode("utf-8"), parse_constant=refuse)
    VALIDATOR.validate(content)
    for profile in content["profiles"]:
        assert_nests(profile)
    return content


def assert_nests(profile):
    """Check what speedscope requires: each end is that of what was begun last, and time goes on."""
    around, now = [], profile["startValue"]
    for event in profile["events"]:
        assert event["at"] >= now
        now = event["at"]
        if event["type"] == "O":
            around.append(event["frame"])
        else:
            assert around.pop() == event["frame"]
    assert around == []
    assert now <= profile["endValue"]


def stretches(content):
    """Return each stretch in which a site ran: its name and how long it was."""
    for profile in content["profiles"]:
        around = []
        for event in profile["events"]:
            if event["type"] == "O":
                around.append(event)
            else:
                begin = around.pop()
                name = content["shared"]["frames"][begin["frame"]]["name"]
                yield name, event["at"] - begin["at"]


def assert_weights(content, trace):
    """Check that each site has the time its calls ran, to the nanosecond."""
    weights, expected = Counter(), Counter()
    for name, duration_ns in stretches(content):
        weights[name] += duration_ns
    end_ns = max((instant.ts_ns for instant in trace.events()), default=0)
    for call in trace.calls:
        expected[call.site] += running_ns(call, end_ns)
    assert weights == expected
    begun = sum(1 + sum(end is not None for _, end in call.suspensions) for call in trace.calls)
    assert sum(1 for _ in stretches(content)) == begun


def running_ns(call, end_ns):
    """Return how long a call ran up to the end of the recording."""
    if call.running_ns is not None:
        return call.running_ns
    asleep = [begin for begin, end in call.suspensions if end is None]
    return (asleep[0] if asleep else end_ns) - call.start_ns - call.waiting_ns


def names(content):
    return [profile["name"] for profile in content["profiles"]]


class TestProfiles:
    def test_the_seed_example(self, seed_trace, tmp_path):
        """Four calls of one thread, with the file and line of each site."""
        content = saved(seed_trace, tmp_path)
        assert names(content) == ["thread MainThread"]
        frames = content["shared"]["frames"]
        assert [frame["name"] for frame in frames] == [
            "MyLayer.__init__",
            "Layer.__init__",
            "Layer.__call__",
            "MyLayer.call",
        ]
        assert [(frame["file"], frame["line"]) for frame in frames] == [
            (call.file, call.line) for call in seed_trace.calls
        ]
        (profile,) = content["profiles"]
        order = [(event["type"], event["frame"]) for event in profile["events"]]
        assert order == [
            *[("O", 0), ("O", 1), ("C", 1), ("C", 0)],
            *[("O", 2), ("O", 3), ("C", 3), ("C", 2)],
        ]
        assert profile["unit"] == "nanoseconds"
        first = seed_trace.calls[0]
        assert profile["startValue"] == first.start_ns - seed_trace.header.start_ns
        assert_weights(content, seed_trace)

    def test_threads_and_tasks(self, tmp_path):
        """Each has a profile; what waits is not open meanwhile."""

        async def main():
            work = Work()
            await asyncio.gather(work.wait(dict), work.wait(lambda: work.wait(dict)))

        with recorded() as trace:
            Work().call(lambda: asyncio.run(main()))
            run_in_thread(lambda: Work().call(dict), "other")
        content = saved(trace, tmp_path)
        assert sorted(name.partition(" Task")[0] for name in names(content)) == [
            *["task", "task"],
            *["thread MainThread", "thread other"],
        ]
        assert_weights(content, trace)

    def test_what_overlaps(self, tmp_path):
        """A generator that another thread steps while its own is busy has a profile beside."""
        work = Work()
        with recorded() as trace:
            steps = work.numbers(2)
            next(steps)
            work.call(lambda: run_in_thread(lambda: list(steps), "other"))
            run_in_thread(lambda: work.call(dict), "other")
        content = saved(trace, tmp_path)
        assert_weights(content, trace)

    def test_processes(self, seed_trace, tmp_path):
        """Where there are several, profiles say which."""
        own = seed_trace.header.pid
        set_pids(seed_trace, [own, own, own, 5])
        assert names(saved(seed_trace, tmp_path)) == [
            f"process {own}, thread MainThread",
            "process 5, thread MainThread",
        ]

    def test_classes_of_one_name(self, tmp_path):
        """They are told apart by their modules."""
        one, other = make_seed(), make_seed()
        other.Layer.__module__ = "lib"
        with callscope.record(one.Layer, other.Layer) as trace:
            one.Layer(1)
            other.Layer(1)
        frames = saved(trace, tmp_path)["shared"]["frames"]
        assert [frame["name"] for frame in frames] == ["app.Layer.__init__", "lib.Layer.__init__"]

    def test_an_empty_trace(self, tmp_path):
        """It has a profile that says so, for speedscope takes no file without one."""
        with callscope.record() as trace:
            pass
        content = saved(trace, tmp_path)
        assert [(p["name"], p["events"]) for p in content["profiles"]] == [("no calls", [])]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_text(self, text, tmp_path):
        """Whatever a program names is text."""
        header = Header(7, 1, 2, text, text, (text,))
        trace = make_trace(hostile_node(text, error=(text, text)), header=header)
        content = saved(trace, tmp_path)
        expected = text.encode("utf-8", "backslashreplace").decode()
        assert names(content) == [f"task {expected}, thread {expected}"]


some = settings(max_examples=settings().max_examples // 2, deadline=None)


@some
@given(program=programs())
def test_random_programs(program, tmp_path_factory):
    """The weights of a random hierarchy's sites are right."""
    running = Running(program)
    with callscope.record(*running.roots) as trace:
        running.run()
    content = saved(trace, tmp_path_factory.mktemp("speedscope"))
    assert_weights(content, trace)


@some
@given(one_thread)
def test_calls_of_one_thread_are_written_as_any_others(tmp_path_factory, roots):
    """The fast way of taking calls that nest gives the file that the general way gives."""
    trace, folder = make_trace(*roots), tmp_path_factory.mktemp("speedscope")
    fast = saved(trace, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("callscope.read.formats.speedscope.is_plain", lambda table: False)
        assert saved(trace, folder) == fast


def test_calls_that_never_ended(tmp_path):
    """They are open up to the last instant of all."""
    inner = Node("Layer.inner", start=2, end="never")
    trace = make_trace(Node("Layer.call", inner, Node("Layer.last", start=3, end=9), end="never"))
    (profile,) = saved(trace, tmp_path)["profiles"]
    closed = [event["at"] for event in profile["events"] if event["type"] == "C"]
    assert closed == [9, 9, 9]


def test_calls_that_begin_together(tmp_path):
    """The longer encloses the shorter, whichever began first."""
    trace = make_trace(
        Node("Layer.call", Node("Layer.inner", start=1, end=2), start=1, end=5),
        Node("Layer.short", start=5, end=6),
        Node("Layer.long", start=5, end=8),
    )
    content = saved(trace, tmp_path)
    (profile,) = content["profiles"]
    names = [frame["name"].partition(".")[2] for frame in content["shared"]["frames"]]
    assert [(event["type"], names[event["frame"]], event["at"]) for event in profile["events"]] == [
        *[("O", "call", 1), ("O", "inner", 1), ("C", "inner", 2), ("C", "call", 5)],
        *[("O", "long", 5), ("O", "short", 5), ("C", "short", 6), ("C", "long", 8)],
    ]


@some
@given(
    plans=st.lists(
        st.tuples(st.sampled_from(["here", "thread", "tasks"]), random_steps), max_size=4
    )
)
def test_random_interleavings(plans, tmp_path_factory):
    """So they are whatever is suspended and resumed, in which thread and task."""
    with recorded() as trace:
        kept = []
        for where, what in plans:
            if where == "here":
                play(what, kept)
            elif where == "thread":
                run_in_thread(lambda what=what, kept=kept: play(what, kept), "same")
            else:

                async def main(what=what):
                    await asyncio.gather(play_async(what), play_async(what[::-1]))

                asyncio.run(main())
    content = saved(trace, tmp_path_factory.mktemp("speedscope"))
    assert_weights(content, trace)
    del kept

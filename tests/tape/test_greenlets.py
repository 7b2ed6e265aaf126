"""Greenlets: each call has its own result, parent and children, whoever runs in between."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope import Call, Trace, record

greenlets = pytest.importorskip("greenlet")
greenlet: Any = greenlets.greenlet
getcurrent: Callable[[], Any] = greenlets.getcurrent


class Work:
    """Does what it is given, in calls within calls."""

    def run(self, n: int, *deeds: Callable[[], object]) -> int:
        for deed in deeds:
            deed()
        return n

    def part(self, n: int, *deeds: Callable[[], object]) -> int:
        return self.run(n, *deeds)

    def items(self, n: int) -> Iterator[int]:
        for value in range(n):
            yield self.run(value)

    async def fetch(self, n: int, deed: Callable[[], object]) -> object:
        return await spawn(lambda: self.run(n, deed))


METHODS = ("run", "part", "items", "fetch")


def recording(**options: Any) -> Any:
    return record(Work, methods=METHODS, **options)


def lines(trace: Trace) -> list[tuple[object, ...]]:
    """Return what is to be right of each call, in the order in which they began."""
    return [
        (call.task, call.method, call.arguments["n"], call.result, above(call))
        for call in trace.calls
    ]


def above(call: Call) -> object:
    return call.parent and call.parent.arguments["n"]


async def spawn(function: Callable[[], object]) -> object:
    """Run a function in a greenlet that can wait for others, as `sqlalchemy.util.greenlet_spawn`.

    In it, `wait` hands an awaitable over to the coroutine that awaits this one.
    """
    context = greenlet(function, getcurrent())
    context.gr_context = getcurrent().gr_context
    result = context.switch()
    while not context.dead:
        result = context.switch(await result)
    return result


def wait(awaitable: Any) -> Any:
    return getcurrent().parent.switch(awaitable)


def test_two_greenlets_that_take_turns() -> None:
    """Each call has its own result and its own parts, side by side with the other's."""
    work, main = Work(), getcurrent()
    first = greenlet(lambda: work.run(1, main.switch, lambda: work.part(11)))
    second = greenlet(lambda: work.run(2, main.switch, lambda: work.part(12)))
    with recording() as trace:
        for each in (first, second, first, second):
            each.switch()
    assert lines(trace) == [
        ("greenlet", "run", 1, 1, None),
        ("greenlet (2)", "run", 2, 2, None),
        ("greenlet", "part", 11, 11, 1),
        ("greenlet", "run", 11, 11, 11),
        ("greenlet (2)", "part", 12, 12, 2),
        ("greenlet (2)", "run", 12, 12, 12),
    ]
    assert {call.thread for call in trace.calls} == {"MainThread"}
    assert all(call.finished for call in trace.calls)


def test_a_greenlet_hangs_below_what_its_parent_is_in() -> None:
    """That is the call that switches to it, where nobody else does."""
    work = Work()
    child = greenlet(lambda: work.run(2, lambda: work.run(3, getcurrent().parent.switch)))
    after = greenlet(lambda: [work.run(5), getcurrent().parent.switch(), work.run(7)])
    with recording() as trace:
        work.run(1, child.switch, lambda: work.run(4, after.switch))
        work.run(6, after.switch)
        child.switch()
    assert lines(trace) == [
        (None, "run", 1, 1, None),
        ("greenlet", "run", 2, 2, 1),
        ("greenlet", "run", 3, 3, 2),
        (None, "run", 4, 4, 1),
        ("greenlet (2)", "run", 5, 5, 4),
        (None, "run", 6, 6, None),
        ("greenlet (2)", "run", 7, 7, 6),
    ]


def test_greenlets_within_greenlets() -> None:
    """Each hangs below the call of the one that it was made in, however deep."""
    work = Work()

    def nest(depth: int) -> int:
        if not depth:
            return work.run(0)
        return work.run(depth, greenlet(lambda: nest(depth - 1)).switch)

    with recording() as trace:
        nest(50)
    assert [(call.arguments["n"], above(call)) for call in trace.calls] == [
        (depth, depth + 1 if depth < 50 else None) for depth in range(50, -1, -1)
    ]


def test_what_waits_for_asyncio_hangs_below_the_coroutine() -> None:
    """As SQLAlchemy's asyncio does it: many tasks, whose synchronous code waits in between."""
    work = Work()

    def pause() -> None:
        wait(asyncio.sleep(0))

    async def main() -> None:
        fetches = (work.fetch(n, lambda n=n: work.part(n + 10, pause)) for n in range(3))
        await asyncio.gather(*fetches)

    with recording() as trace:
        asyncio.run(main())
    found = {(call.method, n, above(call)) for call in trace.calls for n in [call.arguments["n"]]}
    assert found == {
        *(("fetch", n, None) for n in range(3)),
        *(("run", n, n) for n in range(3)),
        *(("part", n + 10, n) for n in range(3)),
        *(("run", n + 10, n + 10) for n in range(3)),
    }
    assert len(trace.calls) == 12
    assert [call.result for call in trace.calls] == [c.arguments["n"] for c in trace.calls]


def test_thousands_of_switches() -> None:
    """A hundred greenlets, each of which is switched to a hundred times in the middle of calls."""
    work, main = Work(), getcurrent()

    def body(n: int) -> Callable[[], None]:
        return lambda: [work.run(n, lambda: work.part(n, main.switch)) for _ in range(100)] and None

    every = [greenlet(body(n)) for n in range(100)]
    with recording() as trace:
        while every:
            for each in every:
                each.switch()
            every = [each for each in every if not each.dead]
    assert len(trace.calls) == 100 * 100 * 3
    tasks = {call.task for call in trace.calls}
    assert len(tasks) == 100
    for call in trace.calls:
        n = call.arguments["n"]
        assert (call.result, call.finished, above(call) in (n, None)) == (n, True, True)
        assert call.parent is None or call.parent.task == call.task
    assert [call.depth for call in trace.calls if call.task == "greenlet (7)"] == [0, 1, 2] * 100


def test_an_error_thrown_into_a_greenlet() -> None:
    """It ends the calls that it comes out of, and no others."""
    work, main = Work(), getcurrent()

    def catch() -> None:
        with pytest.raises(KeyError):
            work.run(2, main.switch)

    thrown = greenlet(lambda: work.run(1, catch, lambda: work.run(3)))
    other = greenlet(lambda: work.run(4, main.switch))
    with recording() as trace:
        thrown.switch()
        other.switch()
        thrown.throw(KeyError, "gone")
        other.switch()
    assert lines(trace) == [
        ("greenlet", "run", 1, 1, None),
        ("greenlet", "run", 2, None, 1),
        ("greenlet (2)", "run", 4, 4, None),
        ("greenlet", "run", 3, 3, 1),
    ]
    errors = [call.error and call.error.type for call in trace.calls]
    assert errors == [None, "KeyError", None, None]


def test_a_greenlet_that_nobody_refers_to_any_more() -> None:
    """It is killed where it waits: its calls end there, and what its `finally` calls is its own."""
    work, main = Work(), getcurrent()

    def body() -> None:
        try:
            work.run(1, main.switch)
        finally:
            work.run(2)

    with recording() as trace:
        killed = greenlet(body)
        killed.switch()
        work.run(3)
        ref = weakref.ref(killed)
        del killed
        gc.collect()
        work.run(4)
    assert ref() is None
    assert lines(trace) == [
        ("greenlet", "run", 1, None, None),
        (None, "run", 3, 3, None),
        ("greenlet", "run", 2, 2, None),
        (None, "run", 4, 4, None),
    ]
    assert next(call.error and call.error.type for call in trace.calls) == "greenlet.GreenletExit"


def test_a_recording_keeps_no_greenlet_alive() -> None:
    """However many have run, and whether they are over or not."""
    work, main = Work(), getcurrent()
    with recording() as trace:
        over = [greenlet(lambda: work.run(1)) for _ in range(100)]
        waiting = [greenlet(lambda: work.run(2, main.switch)) for _ in range(100)]
        refs = [*map(weakref.ref, over + waiting)]
        for each in over + waiting:
            each.switch()
        del each, over, waiting
        gc.collect()
        assert [ref() for ref in refs] == [None] * 200
        work.run(3)
    assert len(trace.calls) == 201
    assert all(call.finished for call in trace.calls)


def test_greenlets_that_were_in_calls_before() -> None:
    """What began before the recording is not in it, and takes nothing from what is."""
    work, main = Work(), getcurrent()
    with recording() as before:
        waiting = greenlet(lambda: work.run(1, lambda: work.run(2, main.switch), main.switch))
        waiting.switch()
        work.run(3)
    with recording() as trace:
        work.run(4, waiting.switch, lambda: work.run(5), waiting.switch)
        work.run(6)
    assert [(n, finished) for _, _, n, *_ in lines(before) for finished in [n == 3]] == [
        (call.arguments["n"], call.finished) for call in before.calls
    ]
    assert lines(trace) == [
        (None, "run", 4, 4, None),
        (None, "run", 5, 5, 4),
        (None, "run", 6, 6, None),
    ]


def test_a_generator_that_two_greenlets_step() -> None:
    """What runs within it hangs below it, whichever steps it."""
    work, main = Work(), getcurrent()

    def step(n: int) -> Callable[[], object]:
        return lambda: work.run(n, lambda: next(items), main.switch)

    with recording() as trace:
        items = work.items(2)
        first, second = greenlet(step(10)), greenlet(step(20))
        for each in (first, second, second, first):
            each.switch()
        items.close()
    assert [(call.method, call.arguments["n"], above(call)) for call in trace.calls] == [
        ("run", 10, None),
        ("items", 2, 10),
        ("run", 0, 2),
        ("run", 20, None),
        ("run", 1, 2),
    ]


def test_a_hub_in_each_of_several_threads() -> None:
    """Greenlets of many threads at once: each call goes by its own thread and greenlet."""

    def run_hub(number: int) -> None:
        work, main = Work(), getcurrent()
        every = [greenlet(lambda n=n: work.run(n, main.switch, main.switch)) for n in range(20)]
        for _ in range(3):
            for each in every:
                each.switch()
            work.part(number)

    threads = [threading.Thread(target=run_hub, args=[n], name=f"hub {n}") for n in range(8)]
    with recording() as trace:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for thread in threads:
        own = [call for call in trace.calls if call.thread == thread.name]
        assert [call.method for call in own if call.task is None] == ["part", "run"] * 3
        within = [call for call in own if call.task is not None]
        assert len({call.task for call in within}) == 20
        assert [call.result for call in within] == [*range(20)]
        assert {call.parent for call in within} == {None}


class Chatty:
    """A live sink that lets another greenlet run in the middle of being told."""

    live = True

    def __init__(self, switch: Callable[[], object]) -> None:
        self.switch = switch
        self.told: list[tuple[str, int]] = []

    def on_event(self, event: Any) -> None:
        self.told.append((event.kind, event.call.arguments["n"]))
        self.switch()

    def flush(self) -> None: ...

    def close(self) -> None: ...


def test_a_sink_that_switches() -> None:
    """What another greenlet calls while a sink is being told is recorded, and told of later."""
    work, main = Work(), getcurrent()
    other = greenlet(lambda: [work.run(n, main.switch) for n in range(10, 20)])
    sink = Chatty(lambda: getcurrent() is main and not other.dead and other.switch())
    with recording(sinks=[sink]) as trace:
        work.run(1, lambda: work.run(2))
        while not other.dead:
            other.switch()
    assert sorted((call.arguments["n"], call.result) for call in trace.calls) == [
        (n, n) for n in (1, 2, *range(10, 20))
    ]
    assert all(call.finished for call in trace.calls)
    assert sorted(sink.told) == sorted(
        (kind, call.arguments["n"]) for call in trace.calls for kind in ("call", "return")
    )


def test_the_programs_trace_function_stays() -> None:
    """A trace function of greenlet's is called as it is without callscope, and none is added."""
    work, main = Work(), getcurrent()
    events: list[tuple[str, bool]] = []

    def switch_often() -> None:
        each = greenlet(lambda: work.run(1, main.switch))
        each.switch()
        each.switch()

    def note(event: str, args: tuple[Any, Any]) -> None:
        events.append((event, args[1] is main))

    before = greenlets.settrace(note)
    try:
        switch_often()
        bare = events.copy()
        events.clear()
        with recording():
            assert greenlets.gettrace() is note
            switch_often()
        assert events == bare
    finally:
        assert greenlets.settrace(before) is note


def test_greenlets_have_lanes_of_their_own(tmp_path: Path) -> None:
    """In files, calls that overlap in one thread stand side by side, by the greenlets' names."""
    work, main = Work(), getcurrent()
    every = [greenlet(lambda n=n: work.run(n, main.switch)) for n in range(3)]
    every[1].name = "the second"
    with recording() as trace:
        for _ in range(2):
            for each in every:
                each.switch()
    assert [call.task for call in trace.calls] == ["greenlet", "the second", "greenlet (2)"]
    profiles = json.loads(trace.save(tmp_path / "t.speedscope.json").read_text())["profiles"]
    assert len(profiles) == 3


Program = list[tuple[int, int]]
"""In each step, one greenlet goes on with one deed."""


class Player:
    """A greenlet that does as it is told, and what it should be recorded to have done."""

    def __init__(self, number: int, hub: Any) -> None:
        self.number = number
        self.hub = hub
        self.work = Work()
        self.expected: list[list[object]] = []
        self.greenlet = greenlet(lambda: self.play(None))

    def play(self, parent: int | None) -> None:
        """Take deeds: 0 begins a call, 1 ends the innermost, 2 raises out of it, 3 does nothing."""
        while True:
            deed = self.hub.switch()
            if deed == 0:
                n = len(self.expected)
                self.expected.append([n, parent, "open"])
                try:
                    self.work.run(n, lambda n=n: self.play(n))
                except KeyError:
                    self.expected[n][2] = "KeyError"
                else:
                    self.expected[n][2] = n
            elif deed in (1, 2) and parent is not None:
                if deed == 2:
                    raise KeyError(parent)
                return


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=60),
)
def test_any_order_of_switches(program: Program) -> None:
    """Whichever greenlet goes on with whatever, the trace holds what each of them did."""
    hub = getcurrent()
    players = [Player(number, hub) for number in range(5)]
    for player in players:
        player.greenlet.switch()
    with recording() as trace:
        for number, deed in program:
            players[number].greenlet.switch(deed)
        for player in players:  # all calls end before the recording does
            for _ in player.expected:
                player.greenlet.switch(1)
    found: dict[object, list[list[object]]] = {}
    for call in trace.calls:
        assert call.finished
        outcome = call.error.type if call.error else call.result
        found.setdefault(call.instance, []).append([call.arguments["n"], above(call), outcome])
    expected = [player.expected for player in players if player.expected]
    assert sorted(found.values(), key=str) == sorted(expected, key=str)


# gevent, in processes of its own, for it patches the standard library


GEVENT = """
import sys
if "late" in sys.argv:
    import callscope
from gevent import monkey
monkey.patch_all()
import callscope, gevent, gevent.pool, threading, time

class Handler:
    def handle(self, n):
        self.part(n)
        time.sleep(0)
        try:
            self.part(n, ValueError(n))
        except ValueError:
            pass
        return n

    def part(self, n, error=None):
        gevent.sleep(0)
        if error:
            raise error
        return n

with callscope.record(Handler, methods=["handle", "part"], to=(sys.argv[2:] or [None])[0]) as trace:
    handler = Handler()
    gevent.joinall([gevent.spawn(handler.handle, n) for n in range(3)])
    gevent.pool.Pool(10).map(handler.handle, range(3, 100))
    thread = threading.Thread(target=handler.handle, args=[100], name="patched")
    thread.start()
    thread.join()
    gevent.get_hub().threadpool.apply(handler.handle, [101])
    killed = gevent.spawn(handler.handle, 102)
    gevent.sleep(0)
    killed.kill()
"""
GEVENT_CHECK = """
assert len(trace.calls) == 3 * 102 + 2, len(trace.calls)
roots = sorted(trace.roots, key=lambda call: call.arguments["n"])
for n, root in enumerate(roots[:102]):
    assert (root.method, root.arguments["n"], root.result) == ("handle", n, n)
    assert [(c.method, c.arguments["n"]) for c in root.children] == [("part", n)] * 2
    assert [(c.result, c.error and c.error.type) for c in root.children] == [
        (n, None), (None, "ValueError")]
    assert root.finished and all(call.finished for call in root.children)
assert roots[100].thread == "patched"
assert roots[102].error.type == "greenlet.GreenletExit"
assert all(root.task is not None for root in roots[:100])
print("right")
"""


@pytest.mark.parametrize("order", ["early", "late"])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_gevent(order: str, where: str, tmp_path: Path) -> None:
    """Patched before callscope is imported, and after: each call has its own parts below it."""
    pytest.importorskip("gevent")
    streamed = [str(tmp_path / "t.jsonl")] if where == "file" else []
    assert run(GEVENT + GEVENT_CHECK, order, *streamed) == "right"


def test_greenlet_imported_in_the_middle_of_a_recording() -> None:
    """From then on each has its own calls, and what was begun before ends as it would have."""
    program = """
import callscope, sys

class Work:
    def run(self, n, *deeds):
        for deed in deeds:
            deed()
        return n

work = Work()

def switch_often():
    from greenlet import getcurrent, greenlet
    main = getcurrent()
    every = [greenlet(lambda n=n: work.run(n, main.switch, main.switch)) for n in (10, 20)]
    for _ in range(3):
        for each in every:
            each.switch()
        work.run(0)

assert "greenlet" not in sys.modules
with callscope.record(Work, methods=["run"]) as trace:
    work.run(1, lambda: work.run(2, switch_often), lambda: work.run(3))
print([(c.arguments["n"], c.result, c.parent and c.parent.arguments["n"]) for c in trace.calls])
"""
    within = [(10, 10, 2), (20, 20, 2), (0, 0, 2), (0, 0, 2), (0, 0, 2)]
    assert run(program) == str([(1, 1, None), (2, 2, 1), *within, (3, 3, 1)])


def run(program: str, *arguments: str) -> str:
    """Run a program in a process of its own, and return what it printed."""
    env = {k: v for k, v in os.environ.items() if k == "CALLSCOPE_ENGINE" or "CALLSCOPE" not in k}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.strip()

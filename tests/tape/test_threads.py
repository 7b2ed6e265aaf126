"""Many threads at once: every call is there, once, below its own parent, in its own thread."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pytest

import callscope
from callscope import Trace, carry, record

THREADS = 8


class Base:
    """Hands over to a subclass's `call`."""

    def __init__(self, value: int) -> None:
        pass

    def __call__(self, value: int) -> None:
        self.call(value)

    def call(self, value: int) -> None:
        pass


class Derived(Base):
    """Overrides what the base calls."""

    def call(self, value: int) -> None:
        pass


class Further(Derived):
    """Is called through the same methods, and is another class."""


@pytest.fixture
def busy() -> Iterator[None]:
    """Let the interpreter change threads a hundred times as often as it does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 100)
    yield
    sys.setswitchinterval(interval)


def run_together(works: dict[str, Callable[[], object]]) -> None:
    """Run each function in a thread of its name, all from one instant on."""
    together = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        together.wait()
        work()

    threads = [threading.Thread(target=run, args=[work], name=name) for name, work in works.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_thread(trace: callscope.Trace) -> dict[str, list[callscope.Call]]:
    """Return the calls of each thread in their order."""
    threads: dict[str, list[callscope.Call]] = defaultdict(list)
    for call in trace.calls:
        threads[call.thread].append(call)
    return threads


def call_often(times: int, cls: type[Base] = Derived) -> Callable[[], None]:
    """Return a function that makes so many calls, each of which makes another, on one object."""

    def work() -> None:
        one = cls.__new__(cls)
        for value in range(times):
            one(value)

    return work


def assert_pairs(calls: list[callscope.Call], times: int) -> None:
    """Check that these are the calls of `call_often`, whole and in order."""
    outer, inner = calls[::2], calls[1::2]
    assert [call.arguments["value"] for call in outer] == [*range(times)]
    assert [call.arguments["value"] for call in inner] == [*range(times)]
    assert {call.site for call in outer} == {"Base.__call__"}
    assert {call.site for call in inner} == {"Derived.call"}
    assert [call.parent for call in inner] == outer
    assert {call.parent for call in outer} == {None}
    assert len({(call.runtime_class, call.instance) for call in calls}) == 1
    assert all(call.finished for call in calls)


@pytest.mark.slow
def test_no_call_of_eight_threads_is_lost(busy: None) -> None:
    """100,000 calls in each thread, half of them within another: all there, in place."""
    times = 50_000
    names = [f"whole {number}" for number in range(THREADS)]
    classes = dict(zip(names, [Derived, Further] * (THREADS // 2), strict=True))
    with callscope.record(Base, methods=["__call__", "call"]) as trace:
        run_together({name: call_often(times, cls) for name, cls in classes.items()})
    threads = by_thread(trace)
    assert trace.lost == 0
    assert {name: len(calls) for name, calls in threads.items()} == dict.fromkeys(names, 2 * times)
    for name, calls in threads.items():
        assert_pairs(calls, times)
        assert calls[0].runtime_class == f"{__name__}.{classes[name].__name__}"
    assert len({call.instance for call in trace.calls}) == THREADS


@pytest.mark.slow
def test_calls_of_all_threads_stand_in_the_order_they_began(busy: None) -> None:
    """As the list of calls says of itself, whichever thread they were made in."""
    names = [f"ordered {number}" for number in range(THREADS)]
    with callscope.record(Base) as trace:
        run_together({name: call_often(10_000) for name in names})
    starts = [call.start_ns for call in trace.calls]
    assert starts == sorted(starts)


def test_events_of_all_threads_stand_in_the_order_of_time(busy: None) -> None:
    """Those of one thread nest, and each event has its number."""
    names = [f"timed {number}" for number in range(THREADS)]
    with callscope.record(Base) as trace:
        run_together({name: call_often(1_000) for name in names})
    open_calls: dict[str, list[callscope.Call]] = defaultdict(list)
    last = 0
    for number, event in enumerate(trace.events(), 1):
        assert (event.seq, event.ts_ns) == (number, max(last, event.ts_ns))
        last = event.ts_ns
        stack = open_calls[event.call.thread]
        if event.kind == "call":
            assert event.call.parent == (stack[-1] if stack else None)
            stack.append(event.call)
        else:
            assert stack.pop() == event.call
    assert last > 0
    assert {name: stack for name, stack in open_calls.items() if stack} == {}


def test_short_lived_threads_are_told_apart(busy: None) -> None:
    """Hundreds of threads, many over before others begin: each one's calls go by its name."""
    names = [f"short {number}" for number in range(400)]
    with callscope.record(Base, methods=["__call__", "call"]) as trace:
        for first in range(0, len(names), 20):
            run_together({name: call_often(5) for name in names[first : first + 20]})
    threads = by_thread(trace)
    assert sorted(threads) == sorted(names)
    for calls in threads.values():
        assert_pairs(calls, 5)
    assert sorted({call.instance for call in trace.calls}) == [*range(1, 401)]


def test_threads_of_one_name_are_told_apart(busy: None) -> None:
    """As a pool names all its workers alike, a number tells whose calls are whose."""
    threads = [threading.Thread(target=call_often(5), name="alike") for _ in range(300)]
    with callscope.record(Base, methods=["__call__", "call"]) as trace:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = by_thread(trace)
    assert len(found) == 300
    assert all(name.startswith("alike") for name in found)
    for calls in found.values():
        assert_pairs(calls, 5)


def test_two_runs_of_threads_have_one_outline() -> None:
    """A thread goes by its own name in each recording, though others had that name before."""

    def outline() -> str:
        with callscope.record(Base) as trace:
            run_together({"repeated": call_often(2)})
            call_often(2)()
        return trace.outline()

    first = outline()
    assert "thread repeated\n" in first
    assert outline() == first


@pytest.mark.slow
def test_a_stream_holds_the_same_as_memory(busy: None, tmp_path: Path) -> None:
    """Written while eight threads run, it has the same calls as a recording in memory beside it."""
    times = 1_500
    names = [f"streamed {number}" for number in range(THREADS)]
    path = tmp_path / "threads.jsonl"
    methods = ["__call__", "call"]
    with callscope.record(Base, methods=methods) as kept:
        with callscope.record(Base, methods=methods, to=path) as streamed:
            run_together({name: call_often(times) for name in names})
    threads = by_thread(streamed)
    assert sorted(threads) == sorted(names)
    for calls in threads.values():
        assert_pairs(calls, times)
    assert streamed.outline() == kept.outline()
    attributes = "call_id", "thread", "instance", "start_ns", "duration_ns"
    assert [[getattr(call, name) for name in attributes] for call in streamed.calls] == [
        [getattr(call, name) for name in attributes] for call in kept.calls
    ]


@pytest.mark.slow
def test_a_streamed_object_keeps_its_number_to_its_end(busy: None, tmp_path: Path) -> None:
    """Also if what was read of it so far is written out in the middle of its short life."""

    def work() -> None:
        for value in range(10_000):
            Derived(value).call(value)

    with callscope.record(Base, methods=["__init__", "call"], to=tmp_path / "lives.jsonl") as trace:
        run_together({"lives 1": work, "lives 2": work})
    lives = Counter(call.instance for call in trace.calls)
    assert Counter(lives.values()) == {2: 20_000}


def test_a_trace_can_be_read_while_threads_run(busy: None) -> None:
    """A reading holds the first calls of each thread, and the last one is complete."""
    names = [f"read {number}" for number in range(4)]
    readings: list[dict[str, list[callscope.Call]]] = []

    def read() -> None:
        while len(trace.calls) < 2 * 4 * 3_000:
            readings.append(by_thread(trace))

    with callscope.record(Base) as trace:
        run_together({name: call_often(3_000) for name in names} | {"reader": read})
    whole = by_thread(trace)
    for calls in whole.values():
        assert_pairs(calls, 3_000)
    for reading in readings:
        assert reading == {name: whole[name][: len(calls)] for name, calls in reading.items()}


def test_max_calls_is_kept_to_in_all_threads(busy: None) -> None:
    """However many threads make calls at once, so many are kept and all others counted."""
    names = [f"many {number}" for number in range(THREADS)]
    cut = callscope.record(Base, max_calls=1_000)
    warning = pytest.warns(callscope.CallscopeWarning, match="15,000 calls")
    with callscope.record(Base) as whole, warning, cut as trace:
        run_together({name: call_often(1_000) for name in names})
    assert (len(trace.calls), trace.lost) == (1_000, 15_000)
    made = by_thread(whole)
    for thread, calls in by_thread(trace).items():
        first = made[thread][: len(calls)]
        assert [call.start_ns for call in calls] == [call.start_ns for call in first]


@pytest.mark.parametrize("other", ["values", "types"])
def test_a_recording_loses_nothing_to_another(
    busy: None, other: Literal["values", "types"]
) -> None:
    """One that begins and ends beside it, whatever it captures, takes no call away."""
    times = 20_000
    done = threading.Event()

    def record_often() -> None:
        while not done.is_set():
            with callscope.record(Base, methods=["__call__", "call"], capture=other):
                pass

    def work() -> None:
        call_often(times)()
        done.set()

    with callscope.record(Base, methods=["__call__", "call"]) as trace:
        run_together({f"loses nothing to {other}": work, f"records {other}": record_often})
    assert_pairs([*trace.calls], times)


def test_recordings_begin_and_end_while_threads_run(busy: None) -> None:
    """Classes are left as they were, and what one recording holds is whole."""
    before = [[*vars(cls).items()] for cls in (Base, Derived)]
    traces = []

    def record_often() -> None:
        for _ in range(60):
            with callscope.record(Base) as trace:
                Derived(0)(1)
            traces.append(trace)

    works = {f"running {number}": call_often(5_000) for number in range(3)}
    run_together(works | {"recording 1": record_often, "recording 2": record_often})
    assert [[*vars(cls).items()] for cls in (Base, Derived)] == before
    assert len(traces) == 120
    for trace in traces:
        own = [call.site for call in trace.calls if call.thread.startswith("recording")]
        assert Counter(own) >= Counter(["Base.__init__", "Base.__call__", "Derived.call"])
        for call in trace.calls:
            assert call.parent is None or call.parent.thread == call.thread


# What led to a call in another thread


class Job:
    """Hands work to threads, in every way there is."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool

    def work(self, n: int) -> int:
        return self.deeper(n)

    def deeper(self, n: int) -> int:
        return n

    async def to_thread(self) -> int:
        return await asyncio.to_thread(self.work, 1)

    async def callback(self) -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_soon(self.work, 2)
        loop.call_soon(done.set)
        await done.wait()

    def submit(self) -> int:
        return self.pool.submit(carry(self.work), 3).result()

    def each(self) -> list[int]:
        return [*self.pool.map(carry(self.work), [4, 5])]

    def start(self) -> None:
        thread = threading.Thread(target=carry(self.work), args=(6,), name="started")
        thread.start()
        thread.join()

    def plain(self) -> int:
        return self.pool.submit(self.work, 7).result()


def lineage(trace: Trace) -> list[str]:
    return [
        f"{call.method}({call.arguments['n']}) < {call.parent and call.parent.method}"
        for call in trace.calls
        if "n" in call.arguments
    ]


def test_work_in_another_thread_hangs_below_what_led_to_it() -> None:
    """`asyncio.to_thread` and callbacks by themselves, and pools and threads by `carry`."""
    methods = ("work", "deeper", "to_thread", "callback", "submit", "each", "start", "plain")
    with ThreadPoolExecutor(1) as pool, record(Job, methods=methods) as trace:
        job = Job(pool)
        asyncio.run(job.to_thread())
        asyncio.run(job.callback())
        job.submit()
        job.each()
        job.start()
        job.plain()
    assert lineage(trace) == [
        *("work(1) < to_thread", "deeper(1) < work"),
        *("work(2) < callback", "deeper(2) < work"),
        *("work(3) < submit", "deeper(3) < work"),
        *("work(4) < each", "deeper(4) < work", "work(5) < each", "deeper(5) < work"),
        *("work(6) < start", "deeper(6) < work"),
        *("work(7) < None", "deeper(7) < work"),
    ]
    threads = {call.thread for call in trace.calls if call.parent and call.parent.method == "start"}
    assert threads == {"started"}


def test_carry_passes_everything_on() -> None:
    """Arguments, results and errors; while nothing records, it is the function itself."""

    def work(*args: int, **kwargs: int) -> tuple[tuple[int, ...], dict[str, int]]:
        """Document it."""
        if not args:
            raise ValueError(kwargs)
        return args, kwargs

    assert carry(work) is work
    with record(Job, methods=("work",)):
        carried = carry(work)
        assert carried(1, x=2) == ((1,), {"x": 2})
        assert carried.__doc__ == "Document it."
        with pytest.raises(ValueError, match="'x': 3") as caught:
            carried(x=3)
    assert [entry.name for entry in caught.traceback][-1] == "work"
    assert carried(4) == ((4,), {})


def test_one_generator_that_two_tasks_step() -> None:
    """What runs within it hangs below it, whoever steps it."""

    class Shared:
        def items(self) -> Iterator[int]:
            for n in range(2):
                yield self.item(n)

        def item(self, n: int) -> int:
            return n

        async def step(self, items: Iterator[int]) -> int:
            return next(items)

    async def main() -> None:
        shared = Shared()
        items = shared.items()
        await asyncio.gather(shared.step(items), shared.step(items))

    with record(Shared, methods=("items", "item", "step")) as trace:
        asyncio.run(main())
    assert lineage(trace) == ["item(0) < items", "item(1) < items"]


@pytest.mark.parametrize("methods", [["*"], ["run", "ident"]])
def test_threads_as_targets(methods: list[str]) -> None:
    """They run as untraced, and are recorded in a thread of their own name."""
    done: list[int] = []
    with callscope.record(threading.Thread, methods=methods) as trace:
        thread = threading.Thread(target=done.append, args=[1], name="traced", daemon=True)
        thread.start()
        thread.join(60)
    assert done == [1]
    assert {call.thread for call in trace.find(method="run")} == {"traced"}
    assert all(call.finished for call in trace.calls)

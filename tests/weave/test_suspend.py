"""Coroutines, generators and async generators: what is recorded, and that nothing else changes."""

import asyncio
import gc
import threading
import types

import pytest

import callscope
from callscope import record


def make():  # noqa: C901  # one class with a method of each kind
    """Return a fresh class with a method of each kind."""

    class Work:
        def numbers(self, n):
            got = []
            for i in range(n):
                try:
                    got.append((yield i))
                except KeyError as error:
                    got.append(str(error))
            return got

        async def call(self, n):
            for _ in range(n):
                await asyncio.sleep(0)
            if n == 2:
                raise ValueError("two")
            return n

        async def __call__(self, n):
            done = await asyncio.gather(*map(self.call, range(n)), return_exceptions=True)
            return len(done)

        async def stream(self, n):
            for i in range(n):
                await asyncio.sleep(0)
                try:
                    got = yield i
                except KeyError as error:
                    got = str(error)
                if got:
                    yield got

    return Work


METHODS = ("numbers", "call", "__call__", "stream")


def recorded(cls):
    return record(cls, methods=METHODS)


def kinds(trace, site):
    """Return the kinds of the events of one site."""
    return [event.kind for event in trace.events() if event.call.site == site]


class TestGenerators:
    def test_a_call_lasts_from_the_first_step_to_the_end(self):
        """It is suspended at each yield and resumed with each step; its result is kept."""
        work = make()
        with recorded(work) as trace:
            assert list(work().numbers(2)) == [0, 1]
        assert trace.outline() == "Work.numbers(n=2) [Work#1] -> [None, None]"
        pairs = ["suspend", "resume"] * 2
        assert kinds(trace, "Work.numbers") == ["call", *pairs, "return"]

    def test_closing_ends_the_call(self):
        """What a closed generator does on its way out is done, and its call has ended."""
        work, log = make(), []

        def numbers(self, n):
            try:
                yield n
            finally:
                log.append("closed")

        work.numbers = numbers
        with recorded(work) as trace:
            steps = work().numbers(1)
            next(steps)
            steps.close()
        assert log == ["closed"]
        assert [call.finished for call in trace.calls] == [True]

    def test_calls_nest_where_they_run(self):
        """A step of an inner generator is within its own call, and not within its neighbour's."""
        work = make()

        def numbers(self, n):
            yield from work.inner(self, n)

        work.inner = work.numbers
        work.numbers = numbers
        with record(work, methods=("numbers", "inner")) as trace:
            one, other = work().numbers(2), work().numbers(2)
            assert [next(one), next(other), next(one), next(other)] == [0, 0, 1, 1]
            assert list(one) == list(other) == []
        assert [call.parent and call.parent.call_id for call in trace.calls] == [None, 1, None, 3]

    def test_another_thread_may_resume_it(self):
        """The call goes on there, and ends there."""
        work = make()
        with recorded(work) as trace:
            steps = work().numbers(2)
            next(steps)
            thread = threading.Thread(target=lambda: list(steps))
            thread.start()
            thread.join()
            assert list(work().numbers(1)) == [0]
        assert [call.finished for call in trace.calls] == [True, True]
        assert [call.parent for call in trace.calls] == [None, None]

    def test_one_that_began_before_the_recording_leaves_no_stray_end(self):
        """Its end is not taken for that of the call that resumed it."""
        work = make()
        with recorded(work):
            steps = work().numbers(2)
            next(steps)
            with record(work, methods=METHODS) as inner:
                list(steps)
                list(work().numbers(0))
        assert inner.outline() == "Work.numbers(n=0) [Work#1] -> []"

    def test_one_that_is_abandoned_is_kept_by_nothing(self):
        """It is closed when the program lets go of it, as without callscope."""
        work, log = make(), []

        def numbers(self, n):
            try:
                yield n
            finally:
                log.append("closed")

        work.numbers = numbers
        with recorded(work):
            next(work().numbers(1))
            assert log == ["closed"]


class Noted:
    """What is thrown in; says when it goes."""

    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log.append("gone")


@pytest.mark.parametrize("kind", ["generator", "coroutine", "async generator"])
def test_what_is_thrown_in_is_kept_by_nothing(kind):
    """It goes as soon as it is handled, without the collector; so does what was sent."""

    class Base:
        def generator(self):
            yield (yield 1)

        async def coroutine(self):
            await once()

        async def async_generator(self):
            yield (yield 1)

    @types.coroutine
    def once():
        yield

    def use(log):
        obj = Base()
        if kind == "generator":
            running = obj.generator()
        elif kind == "coroutine":
            running = obj.coroutine()
        else:
            outer = obj.async_generator()
            running = outer.__anext__()
            with pytest.raises(StopIteration):
                running.send(None)
            running = outer.athrow(LookupError(Noted(log)))
        try:
            running.send(None)
            running.throw(LookupError(Noted(log)))
        except LookupError:
            pass
        del running
        return log

    gc.disable()
    try:
        bare = [*use([])]
        with record(Base, methods=("*",)) as trace:
            woven = [*use([])]
    finally:
        gc.enable()
    assert woven == bare == ["gone"]
    assert trace.calls[0].error.type == "LookupError"


class TestCoroutines:
    def test_tasks_hang_below_what_made_them(self):
        """Concurrent calls each have their right parent, and the name of their task."""
        work = make()

        async def main():
            return await asyncio.gather(work()(3), work()(2))

        with recorded(work) as trace:
            assert asyncio.run(main()) == [3, 2]
        assert trace.outline() == (
            "Work.__call__(n=3) [Work#1] -> 3\n"
            "  Work.call(n=0) [Work#1] -> 0\n"
            "  Work.call(n=1) [Work#1] -> 1\n"
            "  Work.call(n=2) [Work#1] !! ValueError: two\n"
            "Work.__call__(n=2) [Work#2] -> 2\n"
            "  Work.call(n=0) [Work#2] -> 0\n"
            "  Work.call(n=1) [Work#2] -> 1"
        )
        tasks = [call.task for call in trace.calls]
        assert None not in tasks
        assert len(set(tasks)) == 7

    def test_a_direct_await_is_a_child(self):
        """A coroutine that another awaits runs within it, in the same task."""
        work = make()
        work.__call__ = lambda self, n: self.call(n)

        class Outer(work):
            async def __call__(self, n):
                return await self.call(n)

        with recorded(work) as trace:
            assert asyncio.run(Outer()(1)) == 1
        assert trace.outline().splitlines() == [
            "Outer.__call__(n=1) [Outer#1] -> 1",
            "  Work.call(n=1) [Outer#1] -> 1",
        ]
        assert len({call.task for call in trace.calls}) == 1

    def test_running_and_waiting_are_told_apart(self, clock):
        """The times a coroutine was suspended are known."""
        work = make()
        with recorded(work) as trace:
            asyncio.run(work().call(1))
        (call,) = trace.calls
        assert call.suspensions == ((call.start_ns + 1_000, call.start_ns + 2_000),)
        assert (call.waiting_ns, call.running_ns, call.duration_ns) == (1_000, 2_000, 3_000)

    def test_a_synchronous_call_within_a_task_knows_its_task(self):
        """It runs within the coroutine that calls it."""
        work = make()

        class Outer(work):
            def plain(self):
                return 1

            async def call(self, n):
                await asyncio.sleep(0)
                return self.plain()

        with record(work, methods=("call", "plain")) as trace:
            asyncio.run(Outer().call(0))
        assert [call.site for call in trace.calls] == ["Outer.call", "Outer.plain"]
        assert len({call.task for call in trace.calls}) == 1
        assert trace.calls[1].parent == trace.calls[0]

    def test_cancelling_goes_through(self):
        """A cancelled task ends its calls."""
        work, log = make(), []

        async def call(self, n):
            try:
                await asyncio.sleep(60)
            finally:
                log.append("cleaned up")

        work.call = call

        async def main():
            task = asyncio.create_task(work().call(1))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        with recorded(work) as trace:
            asyncio.run(main())
        assert log == ["cleaned up"]
        assert [call.error.type for call in trace.calls] == ["asyncio.exceptions.CancelledError"]


class TestAsyncGenerators:
    def test_it_streams_as_before(self):
        """What is sent and thrown goes through; the call is suspended in between."""

        async def drive(work):
            steps = work().stream(3)
            seen = [await anext(steps), await steps.asend("a"), await anext(steps)]
            seen += [await steps.athrow(KeyError("k")), [x async for x in steps]]
            return seen

        bare = asyncio.run(drive(make()))
        work = make()
        with recorded(work) as trace:
            assert asyncio.run(drive(work)) == bare == [0, "a", 1, "'k'", [2]]
        assert trace.outline() == "Work.stream(n=3) [Work#1]"

    def test_closing_it(self):
        """`aclose` ends the call, and the clean-up runs."""
        work, log = make(), []

        async def stream(self, n):
            try:
                yield n
            finally:
                await asyncio.sleep(0)
                log.append("closed")

        async def main():
            steps = work().stream(1)
            await anext(steps)
            await steps.aclose()

        work.stream = stream
        with recorded(work) as trace:
            asyncio.run(main())
        assert log == ["closed"]
        assert [call.finished for call in trace.calls] == [True]

    def test_a_kept_one_works_while_nothing_records(self):
        """A function that was kept from a recording streams as before."""
        work = make()
        with recorded(work) as trace:
            kept = work().stream

        async def main():
            return [x async for x in kept(3)]

        assert asyncio.run(main()) == [0, 1, 2]
        assert len(trace) == 0


def test_a_file_has_suspensions_and_tasks(tmp_path):
    """A streamed and a saved trace load with the same calls, tasks and suspensions."""
    work = make()
    with (
        recorded(work) as trace,
        record(work, methods=METHODS, to=tmp_path / "s.jsonl") as streamed,
    ):
        asyncio.run(work()(3))
        list(work().numbers(2))
    loaded = callscope.load(trace.save(tmp_path / "t.jsonl"))
    attributes = [
        [(call.site, call.task, call.suspensions, call.call_id) for call in t.calls]
        for t in (trace, streamed, loaded)
    ]
    assert attributes[0] == attributes[1] == attributes[2]
    assert loaded.outline() == trace.outline() == streamed.outline()


def test_memory_of_coroutines_that_ended_is_not_kept(tmp_path):
    """A streamed recording remembers none of them."""
    import tracemalloc

    work = make()

    async def main(times):
        for _ in range(times):
            await work().call(0)

    with record(work, methods=METHODS, to=tmp_path / "t.jsonl") as trace:
        asyncio.run(main(2_000))
        tracemalloc.start()
        asyncio.run(main(12_000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 2_000_000  # what is kept for a batch is half of it
    assert len(trace) == 14_000


def test_a_task_that_begins_after_its_maker_has_ended():
    """It still hangs below what made it."""
    work = make()

    async def call(self, n):
        self.task = asyncio.create_task(self.later())

    async def later(self):
        await asyncio.sleep(0)

    work.call, work.later = call, later

    async def main():
        obj = work()
        await obj.call(1)
        await obj.task

    with record(work, methods=("call", "later")) as trace:
        asyncio.run(main())
    assert trace.outline() == "Work.call(n=1) [Work#1]\n  Work.later() [Work#1]"


def test_a_trace_is_read_within_a_generator():
    """What is read in the middle of its body is put together with what follows."""
    lengths = []

    class Work:
        def steps(self):
            for number in range(3):
                self.step(number)
                self.step(-number)
                yield number

        def step(self, number):
            lengths.append(len(trace))

    with record(Work, methods=("steps", "step")) as trace:
        for _ in Work().steps():
            trace.outline()
    assert lengths == [2, 3, 4, 5, 6, 7]
    steps = trace.calls[0]
    assert [call.site for call in steps.children] == ["Work.step"] * 6
    assert len(steps.suspensions) == 3
    assert steps.finished

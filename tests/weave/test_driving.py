"""Coroutines and generators that run one another: who made what, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import signal
import sys
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from callscope import record
from interrupts import interrupted

VARIABLES = [contextvars.ContextVar[int](f"variable {i}") for i in range(70)]
METHODS = ("later", "steps", "plain")


class Plan(NamedTuple):
    """What one call does."""

    kind: str
    acts: tuple[Any, ...] = ()


def plans() -> st.SearchStrategy[Plan]:
    """Return plans of coroutines that await, start and step others, in between sets of variables."""
    simple = st.one_of(
        st.just("yield"),
        st.just("hold"),
        st.integers(0, len(VARIABLES) - 1).map(lambda index: (index,)),
        st.just(range(len(VARIABLES))),
        st.just(Plan("plain")),
    )
    kinds = st.sampled_from(["await", "task", "generator", "context", "by hand"])
    return st.recursive(
        st.builds(Plan, kinds, st.lists(simple, max_size=3).map(tuple)),
        lambda inner: st.builds(
            Plan, kinds, st.lists(st.one_of(simple, inner), max_size=5).map(tuple)
        ),
        max_leaves=12,
    )


@types.coroutine
def pause() -> Iterator[None]:
    yield


class Actor:
    """Does what plans say, and notes which call each was made by."""

    def __init__(self) -> None:
        self.makers: list[int | None] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.held: list[contextvars.Context] = []

    def number(self, maker: int | None) -> int:
        """Return the number of a new call."""
        self.makers.append(maker)
        return len(self.makers) - 1

    async def later(self, number: int, plan: Plan) -> None:
        for act in plan.acts:
            if act == "yield":
                await pause()
            elif isinstance(act, Plan) and act.kind == "await":
                await self.later(self.number(number), act)
            else:
                self.do(number, number, act)

    def steps(self, number: int, maker: int, plan: Plan) -> Iterator[None]:
        for act in plan.acts:
            if act == "yield":
                yield
            else:
                self.do(number, maker, act)

    def plain(self, number: int) -> None: ...

    def do(self, number: int, maker: int, act: Any) -> None:
        """Do something in a call; tasks hang below the coroutine it runs in."""
        if act == "hold":
            self.held.append(contextvars.copy_context())
        elif not isinstance(act, Plan):
            for index in act:
                VARIABLES[index].set(number)
        elif act.kind == "plain":
            self.plain(self.number(number))
        elif act.kind == "generator":
            for _ in self.steps(self.number(number), maker, act):
                self.plain(self.number(number))
        elif act.kind in ("context", "by hand"):
            context = contextvars.copy_context()
            run = context.run if act.kind == "context" else lambda function, *args: function(*args)
            coroutine = self.later(self.number(number), act)
            with suppress(StopIteration):
                while True:
                    run(coroutine.send, None)
                    self.plain(self.number(number))
        else:
            task = asyncio.create_task(self.later(self.number(maker), act))
            self.tasks.append(task)

    async def run(self, plan: Plan) -> None:
        """Run a plan, and all tasks that it leads to."""
        await self.later(self.number(None), plan)
        while self.tasks:
            await self.tasks.pop()


@given(plans())
@settings(deadline=None)
def test_each_call_hangs_below_what_made_it(plan: Plan) -> None:
    """Also those in other tasks and contexts, however many variables are set in these."""
    actor = Actor()
    with record(Actor, methods=METHODS) as trace:
        asyncio.run(actor.run(plan))
    found = {
        call.arguments["number"]: call.parent and call.parent.arguments["number"]
        for call in trace.calls
    }
    assert found == dict(enumerate(actor.makers))
    assert all(call.finished for call in trace.calls)


def test_tasks_made_one_after_another() -> None:
    """Each hangs below the call in which it was made, also where that has ended before it begins."""

    class Base:
        async def outer(self) -> list[asyncio.Task[None]]:
            tasks = [asyncio.create_task(self.task(0))]
            for number in 1, 3:
                tasks.append(await self.inner(number))
                tasks.append(asyncio.create_task(self.task(number + 1)))
            return tasks

        async def inner(self, number: int) -> asyncio.Task[None]:
            return asyncio.create_task(self.task(number))

        async def task(self, number: int) -> None: ...

    async def main() -> None:
        for _ in range(3):
            await asyncio.gather(*await Base().outer())

    with record(Base, methods=("*",)) as trace:
        asyncio.run(main())
    found = [call.parent.method for call in trace.calls if call.method == "task" and call.parent]
    assert found == ["outer", "inner", "outer", "inner", "outer"] * 3


def run_by_hand(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that is not suspended."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


@pytest.mark.parametrize("count", [0, 1, 7, len(VARIABLES)])
def test_contexts_that_go_ways_of_their_own(count: int) -> None:
    """Copied within a call, and changed then, one still says what led to it, and no other does."""

    class Base:
        async def call(self, variable: contextvars.ContextVar[int]) -> contextvars.Context:
            for each in VARIABLES[:count]:
                each.set(1)
            context = contextvars.copy_context()
            context.run(variable.set, 2)
            return context

        async def later(self) -> None: ...

    def use(variable: contextvars.ContextVar[int]) -> None:
        context = run_by_hand(Base().call(variable))
        for _ in range(2):
            run_by_hand(Base().later())
            context.run(run_by_hand, Base().later())

    with record(Base, methods=("*",)) as trace:
        for variable in VARIABLES:
            contextvars.Context().run(use, variable)
    parents = [call.parent and call.parent.method for call in trace.calls]
    assert parents == [None, None, "call", None, "call"] * len(VARIABLES)


class Nested:
    """A coroutine, a generator and an async generator, each of which runs another twice."""

    async def outer(self, number: int) -> None:
        await self.inner(number)
        await self.inner(number)

    async def inner(self, number: int) -> int:
        await pause()
        return number

    def steps(self, number: int) -> Iterator[int]:
        yield from self.below(number)
        yield from self.below(number)

    def below(self, number: int) -> Iterator[int]:
        yield number

    async def stream(self, number: int) -> AsyncIterator[int]:
        yield await self.inner(number)
        yield await self.inner(number)


async def collect(number: int) -> None:
    async for got in Nested().stream(number):
        assert got == number


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
@pytest.mark.parametrize("kind", ["coroutine", "generator", "async generator"])
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_no_interrupt_loses_an_end(kind: str) -> None:
    """Wherever it falls: each call that has begun ends, and what follows hangs where it belongs.

    With the tape in Python it may fall where the context variable is set, between two steps of an
    async generator, or where the tape of a greenlet is looked up.
    """
    if callscope.engine == "python" and (kind == "async generator" or "greenlet" in sys.modules):
        pytest.skip("see above")

    def work(number: int) -> None:
        if kind == "generator":
            assert [*Nested().steps(number)] == [number] * 2
            return
        coroutine = Nested().outer(number) if kind == "coroutine" else collect(number)
        try:
            assert [*coroutine.__await__()] == [None] * 2
        finally:
            coroutine.close()

    with record(Nested, methods=("*",)) as trace:
        contextvars.Context().run(interrupted, work, 2_000, 1e-4)
    assert [call for call in trace.calls if not call.finished] == []
    if kind == "generator" or callscope.engine == "c":
        innermost = "below" if kind == "generator" else "inner"
        assert all((call.parent is not None) == (call.method == innermost) for call in trace.calls)


def of_task(act: Callable[[], object]) -> list[str | None]:
    """Return the names of the tasks in which a coroutine runs, which begins with an act."""

    class Base:
        async def call(self) -> None:
            act()
            self.plain()
            await self.inner()
            await asyncio.sleep(0)
            await self.inner()

        async def inner(self) -> None: ...

        def plain(self) -> None:
            return [*self.steps()] and None

        def steps(self) -> Iterator[int]:
            yield 1

    async def main() -> None:
        await Base().call()

    with record(Base, methods=("call", "inner", "steps")) as trace:
        asyncio.run(main())
        Base().plain()
    return [call.task for call in trace.calls]


def test_names_of_tasks() -> None:
    """They are those at the time of the call; outside of tasks there is none."""
    first, *others, after = of_task(
        lambda: asyncio.current_task().set_name("new")  # type: ignore[union-attr]
    )
    assert first is not None
    assert first != "new"
    assert (others, after) == (["new"] * 3, None)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks begin eagerly from Python 3.12 on")
def test_names_of_eager_tasks() -> None:
    """What a task runs as it is created is in that task, and what follows in the one before."""

    class Base:
        async def call(self, n: int) -> None:
            self.note()
            if n:
                task = asyncio.create_task(self.call(n - 1))
                await self.inner()
                await task
                await self.inner()

        async def inner(self) -> None:
            self.note()

        def note(self) -> None:
            names.append(asyncio.current_task().get_name())  # type: ignore[union-attr]

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await asyncio.create_task(Base().call(2))

    names: list[str] = []
    with record(Base, methods=("call", "inner")) as trace:
        asyncio.run(main())
    assert [call.task for call in trace.calls] == names
    assert len({*names}) == 3


@pytest.mark.parametrize("kind", ["returns", "raises", "closed", "left"])
def test_nothing_is_kept_of_calls_that_have_ended(kind: str) -> None:  # noqa: C901  # its class
    """As many objects live after a thousand of them as after one."""

    class Base:
        async def later(self, value: object) -> object:
            await pause()
            return self.end(value)

        def steps(self, value: object) -> Iterator[object]:
            yield value
            self.end(value)

        def end(self, value: object) -> object:
            if kind == "raises":
                raise ValueError(value)
            return value

    def use() -> None:
        for running in Base().later(Base()), Base().steps(Base()):
            with suppress(StopIteration, ValueError):
                running.send(None)
                if kind == "closed":
                    running.close()
                elif kind != "left":
                    running.send(None)

    def living() -> int:
        gc.collect()
        return len(gc.get_objects())

    unreachable, alive = [], []
    for times in 1, 1, 1_000:
        with record(Base, methods=("later", "steps"), max_calls=1):
            living()
            gc.disable()
            for _ in range(times):
                use()
            unreachable.append(gc.collect())
            gc.enable()
        alive.append(living())
    assert unreachable[2] <= unreachable[1] + 5
    assert alive[2] <= alive[1] + 5


def test_a_generator_in_a_cycle_is_closed_by_the_collector() -> None:
    """As without callscope; its call ends then."""
    log: list[str] = []

    class Base:
        def steps(self, own: list[Any]) -> Iterator[list[Any]]:
            try:
                yield own
            finally:
                log.append("closed")

    with record(Base, methods=("steps",)) as trace:
        own: list[Any] = []
        own.append(Base().steps(own))
        next(own[0])
        del own
        gc.collect()
        assert log == ["closed"]
    assert [call.error and call.error.type for call in trace.calls] == ["GeneratorExit"]


def test_sent_and_thrown_to_a_profiled_coroutine() -> None:
    """A profile or trace function makes Python 3.11 step it in another way."""

    class Base:
        async def later(self, value: tuple[int, ...]) -> tuple[int, ...]:
            await pause()
            return value

    before = sys.getprofile()
    sys.setprofile(lambda *_: None)
    try:
        with record(Base, methods=("later",)) as trace:
            results = [asyncio.run(Base().later(value)) for value in ((1, 2), ())]
    finally:
        sys.setprofile(before)
    assert results == [(1, 2), ()]
    assert [call.error for call in trace.calls] == [None, None]

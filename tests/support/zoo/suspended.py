"""Generators and coroutines."""

import asyncio
import contextlib
import contextvars
import inspect
import sys
import threading
import types

from zoo.program import ADDS_FRAMES, Differs, Program, case, differs, only, unwitnessed


@case
def generators():
    class Case:
        def method(self, n):
            got = []
            for i in range(n):
                try:
                    got.append((yield i))
                except KeyError as error:
                    got.append(str(error))
            return got

        def fails(self):
            yield 1
            raise ValueError("in a generator")

        def stops(self):
            yield 1
            raise StopIteration(2)

    def drive():
        steps = Case().method(4)
        seen = [next(steps), steps.send("a"), steps.throw(KeyError("k")), steps.send("b")]
        try:
            steps.send("c")
        except StopIteration as stop:
            return seen, stop.value, [*steps]

    def thrown(error):
        steps = Case().method(3)
        next(steps)
        steps.throw(error)

    return Program(
        Case,
        lambda: [*Case().method(3)],
        drive,
        lambda: thrown(LookupError("thrown")),
        lambda: thrown(StopIteration(1)),
        lambda: [*Case().fails()],
        lambda: [*Case().stops()],
        unwitnessed(lambda: Case().method(1).send("too early")),
        lambda: Case().method(),
        lambda: next(Case().method(0)),
        unwitnessed(lambda: Case().method(1)),
        differs(Differs.THROW, lambda: Case().method(1).throw(KeyError("early"))),
    )


@case
def generators_that_close():
    log = []

    class Case:
        def method(self):
            try:
                yield 1
            finally:
                log.append(type(sys.exc_info()[1]).__name__)

        def ignores(self):
            try:
                yield 1
            finally:
                yield 2

        def fails(self):
            try:
                yield 1
            finally:
                raise ValueError("on the way out")

        def returns(self):
            try:
                yield 1
            except GeneratorExit:
                return 5

    def closed(method):
        steps = method()
        next(steps)
        return steps.close(), [*steps]

    def thrown_out():
        steps = Case().returns()
        next(steps)
        steps.throw(GeneratorExit("thrown"))

    def dropped():
        next(Case().method())
        return [*log]

    return Program(
        Case,
        lambda: closed(Case().method),
        unwitnessed(lambda: closed(Case().ignores)),
        lambda: closed(Case().fails),
        differs(Differs.THROW, lambda: closed(Case().returns))
        if sys.version_info >= (3, 13)
        else lambda: closed(Case().returns),
        differs(Differs.THROW, thrown_out),
        unwitnessed(lambda: Case().method().close()),
        dropped,
    )


@case
def generators_within_generators():
    class Case:
        def __init__(self, *children):
            self.children = children

        def walk(self):
            yield self
            for child in self.children:
                yield from child.walk()

        def outer(self):
            return (yield from self.inner())

        def inner(self):
            try:
                got = yield 1
            except KeyError:
                got = "caught"
            return got

    def drive(how):
        steps = Case().outer()
        next(steps)
        try:
            how(steps)
        except StopIteration as stop:
            return stop.value

    return Program(
        Case,
        lambda: len([*Case(Case(), Case(Case())).walk()]),
        lambda: drive(lambda steps: steps.send(5)),
        lambda: drive(lambda steps: steps.throw(KeyError)),
        lambda: drive(lambda steps: steps.throw(ValueError("v"))),
        lambda: [*zip(Case().inner(), Case().outer())],
    )


@case
def states_of_generators():
    class Case:
        def method(self, x):
            own = yield x
            yield inspect.getgeneratorstate(own)

        async def later(self):
            await asyncio.sleep(0)

        async def stream(self):
            yield 1

    def states():
        steps = Case().method(1)
        seen = [inspect.getgeneratorstate(steps), steps.gi_running, repr(steps), steps.__name__]
        seen += [next(steps), inspect.getgeneratorstate(steps), steps.send(steps)]
        steps.close()
        return (
            seen,
            inspect.getgeneratorstate(steps),
            inspect.isgenerator(steps),
            steps.__qualname__,
        )

    def coroutine():
        coro = Case().later()
        seen = [
            inspect.getcoroutinestate(coro),
            repr(coro),
            coro.__qualname__,
            inspect.isawaitable(coro),
        ]
        coro.close()
        return seen, inspect.getcoroutinestate(coro)

    def kept(make, *names):
        made = make()
        found = [repr(getattr(made, name)) for name in names]
        if hasattr(made, "close"):
            made.close()
        return found

    def stepped():
        steps = Case().method(1)
        next(steps)
        # A copy: Python 3.13.0 lets the frame's own locals outlive the generator, and then crashes.
        return dict(inspect.getgeneratorlocals(steps)), steps.gi_yieldfrom

    return Program(
        Case,
        unwitnessed(states),
        unwitnessed(coroutine),
        unwitnessed(lambda: kept(Case().later, "cr_await", "cr_origin", "cr_running")),
        unwitnessed(
            lambda: kept(Case().stream, "ag_await", "ag_running", "__name__", "__qualname__")
        ),
        differs(Differs.STEPS, stepped),
        differs(Differs.STEPS, lambda: kept(Case().later, "cr_code")),
        differs(Differs.STEPS, lambda: kept(Case().stream, "ag_frame")),
    )


@case
def coroutines():
    class Case:
        async def method(self, n):
            for _ in range(n):
                await asyncio.sleep(0)
            if n == 2:
                raise ValueError("two")
            return n

        async def gathers(self, n):
            return await asyncio.gather(*map(self.method, range(n)), return_exceptions=True)

        async def times_out(self):
            async with asyncio.timeout(0):
                await asyncio.sleep(60)

        async def groups(self):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.method(1))
                group.create_task(self.method(2))

        async def cancelled(self):
            task = asyncio.create_task(self.method(5))
            await asyncio.sleep(0)
            task.cancel("enough")
            await task

    class Sub(Case):
        async def method(self, n):
            return [await super().method(n)]

    return Program(
        Case,
        lambda: asyncio.run(Sub().method(1)),
        lambda: asyncio.run(Sub().gathers(4)),
        lambda: asyncio.run(Case().method(2)),
        lambda: asyncio.run(Case().times_out()),
        lambda: asyncio.run(Case().groups()),
        lambda: asyncio.run(Case().cancelled()),
        lambda: Case().method(),
    )


@case
def coroutines_by_hand():
    class Awaited:
        def __await__(self):
            got = yield "waiting"
            return got

    class Case:
        async def method(self):
            try:
                return await Awaited()
            except KeyError:
                return await Awaited()

    def drive(*how):
        coro, seen = Case().method(), []
        try:
            for step in how:
                seen.append(step(coro))
        except StopIteration as stop:
            seen.append(stop.value)
        finally:
            coro.close()
        return seen

    start = lambda coro: coro.send(None)
    return Program(
        Case,
        lambda: drive(start, lambda coro: coro.send(5)),
        lambda: drive(start, lambda coro: coro.throw(KeyError()), lambda coro: coro.send(6)),
        lambda: drive(start, lambda coro: coro.throw(ValueError("thrown"))),
        lambda: drive(start, lambda coro: coro.close(), start),
        unwitnessed(lambda: drive(lambda coro: coro.send(1))),
        lambda: drive(start, lambda coro: [*coro.__await__()]),
        lambda: [*Case().method()],
        differs(Differs.THROW, lambda: drive(lambda coro: coro.throw(KeyError("early")))),
    )


@case
def never_awaited():
    """The warning is the same, also with the place where the coroutine was made."""

    class Case:
        async def method(self):
            return 1

        def forgets(self):
            self.method()

    def tracked():
        """Python can be asked to say which frames made it; the shadow of `forgets` is one."""
        sys.set_coroutine_origin_tracking_depth(2)
        try:
            Case().forgets()
        finally:
            sys.set_coroutine_origin_tracking_depth(0)

    return Program(
        Case,
        lambda: Case().forgets(),
        differs(Differs.FRAME, tracked, where=ADDS_FRAMES),
        lambda: asyncio.run(Case().method()),
    )


@case
def generator_based_coroutines():
    class Case:
        @types.coroutine
        def method(self, x):
            got = yield
            return x, got

        async def awaits(self):
            return await self.method(1)

    def by_hand():
        steps = Case().method(2)
        next(steps)
        try:
            steps.send(3)
        except StopIteration as stop:
            return stop.value

    return Program(
        Case,
        lambda: asyncio.run(Case().awaits()),
        by_hand,
        unwitnessed(lambda: inspect.isawaitable(Case().method(1))),
        lambda: inspect.iscoroutinefunction(Case.method),
    )


@case
def async_generators():
    class Case:
        async def method(self, n):
            for i in range(n):
                await asyncio.sleep(0)
                try:
                    got = yield i
                except KeyError as error:
                    got = str(error)
                if got:
                    yield got

        async def fails(self):
            yield 1
            raise ValueError("in an async generator")

        async def stops(self):
            yield 1
            raise StopAsyncIteration

    async def drive():
        steps = Case().method(3)
        seen = [await anext(steps), await steps.asend("a"), await anext(steps)]
        return [*seen, await steps.athrow(KeyError("k")), [x async for x in steps]]

    async def collect(steps):
        return [x async for x in steps]

    async def thrown():
        steps = Case().method(2)
        await anext(steps)
        await steps.athrow(ValueError("thrown"))

    async def too_early():
        await Case().method(2).asend(1)

    return Program(
        Case,
        lambda: asyncio.run(drive()),
        lambda: asyncio.run(collect(Case().fails())),
        lambda: asyncio.run(collect(Case().stops())),
        lambda: asyncio.run(thrown()),
        unwitnessed(lambda: asyncio.run(too_early())),
        lambda: asyncio.run(anext(Case().method(0), None)) if sys.version_info >= (3, 12) else None,
        lambda: Case().method(),
        unwitnessed(lambda: Case().method(1)),
    )


@case
def async_generators_that_close():
    log = []

    class Case:
        async def method(self):
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                log.append(type(sys.exc_info()[1]).__name__)

        async def ignores(self):
            try:
                yield 1
            except GeneratorExit:
                yield 2

        async def fails(self):
            try:
                yield 1
            finally:
                raise ValueError("on the way out")

    async def closed(method):
        steps = method()
        await anext(steps)
        return await steps.aclose(), [x async for x in steps]

    def left_open():
        """Left for the event loop to close as it ends."""
        told, kept = [], []

        async def main():
            asyncio.get_running_loop().set_exception_handler(
                lambda _, about: told.append(about["message"])
            )
            kept.append(Case().method())
            return await anext(kept[0])

        return asyncio.run(main()), told, [*log]

    async def hooked():
        seen, (first, last) = [], sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(seen.append, last)
        try:
            found = [x async for x in Case().method()]
        finally:
            sys.set_asyncgen_hooks(first, last)
        return found, len(seen)

    async def dropped():
        async for _ in Case().method():
            break
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [*log]

    return Program(
        Case,
        lambda: asyncio.run(closed(Case().method)),
        lambda: asyncio.run(closed(Case().fails)),
        lambda: asyncio.run(hooked()),
        left_open,
        lambda: asyncio.run(dropped()),
        unwitnessed(lambda: closed(Case().ignores).send(None)),
    )


@case
def async_protocols():
    class Case:
        def __init__(self, n):
            self.n = n

        async def __aenter__(self):
            return self

        async def __aexit__(self, kind, error, tb):
            return kind is KeyError

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.n:
                raise StopAsyncIteration
            self.n -= 1
            return self.n

        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return self.n

        @contextlib.asynccontextmanager
        async def within(self):
            try:
                yield self.n
            finally:
                await asyncio.sleep(0)

    async def enter(error=None):
        async with Case(1) as case:
            if error:
                raise error
        return case.n

    async def within(error=None):
        async with Case(2).within() as found:
            if error:
                raise error
        return found

    async def iterate():
        return [x async for x in Case(3)], await Case(5)

    return Program(
        Case,
        lambda: asyncio.run(enter()),
        lambda: asyncio.run(enter(KeyError())),
        lambda: asyncio.run(enter(ValueError("v"))),
        lambda: asyncio.run(iterate()),
        lambda: asyncio.run(within()),
        lambda: asyncio.run(within(ValueError("v"))),
    )


@case
def context_variables():
    """What a method, a coroutine or a generator sets is seen where it was seen before."""
    variable = contextvars.ContextVar("variable", default=0)

    class Case:
        def plain(self):
            variable.set(variable.get() + 1)
            return len(contextvars.copy_context())

        def steps(self):
            variable.set(10)
            yield variable.get()
            yield variable.get()

        async def later(self, n):
            variable.set(n)
            await asyncio.sleep(0)
            variable.set(variable.get() + 1)

        async def counts(self):
            return len(contextvars.copy_context())

    async def main():
        await Case().later(5)
        await asyncio.create_task(Case().later(50))
        return variable.get()

    def stepped():
        steps = Case().steps()
        seen = [next(steps)]
        variable.set(20)
        return [*seen, next(steps), variable.get()]

    in_context = lambda act: lambda: contextvars.Context().run(act)
    return Program(
        Case,
        in_context(lambda: (Case().plain(), variable.get())),
        in_context(stepped),
        in_context(lambda: asyncio.run(main())),
        lambda: contextvars.Context().run(Case().plain),
        differs(Differs.CONTEXT, in_context(lambda: asyncio.run(Case().counts()))),
    )


@only(sys.version_info >= (3, 12))
def eager_tasks():
    class Case:
        async def method(self, n):
            if n:
                await asyncio.sleep(0)
            return n, asyncio.current_task() is not None

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        tasks = [asyncio.create_task(Case().method(n)) for n in range(2)]
        return [task.done() for task in tasks], await asyncio.gather(*tasks)

    return Program(Case, lambda: asyncio.run(main()))


@only(sys.version_info >= (3, 12))
def marked_as_coroutine_function():
    class Case:
        @inspect.markcoroutinefunction
        def method(self):
            return asyncio.sleep(0, 5)

    return Program(
        Case,
        lambda: inspect.iscoroutinefunction(Case.method),
        lambda: asyncio.run(await_(Case().method())),
    )


async def await_(awaitable):
    return await awaitable


@case
def threads():
    class Case(threading.local):
        def __init__(self, x=1):
            self.x = x

        def method(self, log):
            log.append((self.x, threading.current_thread().name))

    def use():
        log, case = [], Case(2)
        case.x = 5
        thread = threading.Thread(target=case.method, args=(log,), name="other")
        thread.start()
        thread.join()
        case.method(log)
        return [x for x, _ in log]

    return Program(Case, use)

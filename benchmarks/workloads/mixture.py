"""A workload of mixed hierarchies, which itself counts the calls that it makes.

Chains of ``super()`` through a diamond, errors, generators, coroutines, class methods, operators
that C code calls, recursion, arguments of all kinds, objects that take no weak reference: each body
first counts itself. What has no body running (wrong arguments, a generator that nobody starts) is
no call.
"""

# ruff: noqa: D101, D102  # a workload, and not an interface

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Final, Self

METHODS: Final = ("*", "__*__")
_DEPTH: Final = 20
_THREADS: Final = 4

_counters: dict[str, itertools.count[int]] = {}


def _counter(site: str) -> Callable[[], int]:
    # Adds one in a single step, whatever threads do.
    _counters[site] = itertools.count()
    return _counters[site].__next__


def made() -> dict[str, int]:
    """Return how many calls each site has had since the last time this was asked."""
    counted = {site: next(counter) for site, counter in _counters.items()}
    # What is counted now is one more than what was.
    previous = {site: _last.get(site, -1) for site in counted}
    _last.update(counted)
    return {site: count - previous[site] - 1 for site, count in counted.items()}


_last: dict[str, int] = {}


class Chain:
    def __init__(self, x: int, *, label: str = "chain") -> None:
        _chain_init()
        self.x, self.label = x, label

    def __call__(self, y: int) -> int:
        _chain_call()
        return self.call(y)

    def call(self, z: int) -> int:
        _chain_method()
        return z

    @classmethod
    def make(cls, x: int) -> Self:
        _chain_make()
        return cls(x)

    @staticmethod
    def plain(x: int) -> int:
        _chain_plain()
        return x

    @property
    def double(self) -> int:
        _chain_double()
        return 2 * self.x

    def deep(self, n: int) -> int:
        _chain_deep()
        return self.deep(n - 1) if n else 0


class Left(Chain):
    def __init__(self, x: int, **more: Any) -> None:
        _left_init()
        super().__init__(x, **more)

    def call(self, z: int) -> int:
        _left_method()
        return super().call(z)


class Right(Chain):
    def __init__(self, x: int, **more: Any) -> None:
        _right_init()
        super().__init__(x, **more)

    def call(self, z: int) -> int:
        _right_method()
        return super().call(z)


class Bottom(Left, Right):
    def __init__(self, x: int, *rest: int) -> None:
        _bottom_init()
        super().__init__(x, label=f"bottom {len(rest)}")

    def call(self, z: int = 0, *, more: int = 1) -> int:
        _bottom_method()
        return super().call(z + more)

    @classmethod
    def make(cls, x: int) -> Self:
        _bottom_make()
        return super().make(x)


class Value:
    __slots__ = ("number",)
    number: int

    def __new__(cls, number: int) -> Self:
        _value_new()
        made = super().__new__(cls)
        made.number = number
        return made

    def __lt__(self, other: Value) -> bool:
        _value_lt()
        return self.number < other.number

    def __eq__(self, other: object) -> bool:
        _value_eq()
        return isinstance(other, Value) and self.number == other.number

    def __hash__(self) -> int:
        _value_hash()
        return self.number & 1

    def __add__(self, other: Value) -> Value:
        _value_add()
        return Value(self.number + other.number)

    def key(self) -> int:
        _value_key()
        return -self.number


class Steps:
    def __init__(self) -> None:
        _steps_init()
        self.left = 3

    def __iter__(self) -> Steps:
        _steps_iter()
        return self

    def __next__(self) -> int:
        _steps_next()
        if not self.left:
            raise StopIteration
        self.left -= 1
        return self.left

    def __getitem__(self, key: str) -> int:
        _steps_item()
        raise KeyError(key)

    def generate(self, n: int) -> Generator[int, Any, str]:
        _steps_generate()
        for number in range(n):
            with suppress(LookupError):
                yield self.check(number)
        return "done"

    def delegate(self, n: int) -> Generator[int, Any, str]:
        _steps_delegate()
        return (yield from self.generate(n))

    def check(self, number: int) -> int:
        _steps_check()
        return number

    async def wait(self, n: int) -> int:
        _steps_wait()
        return await self.wait_longer(n) + 1

    async def wait_longer(self, n: int) -> int:
        _steps_longer()
        await asyncio.sleep(0)
        return self.check(n)

    async def stream(self, n: int) -> AsyncIterator[int]:
        _steps_stream()
        for number in range(n):
            yield await self.wait(number)


class SubSteps(Steps):
    def check(self, number: int) -> int:
        _sub_check()
        return super().check(number)


class Fails:
    def outer(self) -> str:
        _fails_outer()
        try:
            return self.middle()
        except ValueError as error:
            return str(error)

    def middle(self, *args: int, **kwargs: int) -> str:
        _fails_middle()
        try:
            return self.inner(*args, **kwargs)
        finally:
            self.outer_end()

    def inner(self, *args: int, **kwargs: int) -> str:
        _fails_inner()
        raise ValueError(args or kwargs)

    def outer_end(self) -> None:
        _fails_end()


_chain_init = _counter("Chain.__init__")
_chain_call = _counter("Chain.__call__")
_chain_method = _counter("Chain.call")
_chain_make = _counter("Chain.make")
_chain_plain = _counter("Chain.plain")
_chain_double = _counter("Chain.double")
_chain_deep = _counter("Chain.deep")
_left_init = _counter("Left.__init__")
_left_method = _counter("Left.call")
_right_init = _counter("Right.__init__")
_right_method = _counter("Right.call")
_bottom_init = _counter("Bottom.__init__")
_bottom_method = _counter("Bottom.call")
_bottom_make = _counter("Bottom.make")
_value_new = _counter("Value.__new__")
_value_lt = _counter("Value.__lt__")
_value_eq = _counter("Value.__eq__")
_value_hash = _counter("Value.__hash__")
_value_add = _counter("Value.__add__")
_value_key = _counter("Value.key")
_steps_init = _counter("Steps.__init__")
_steps_iter = _counter("Steps.__iter__")
_steps_next = _counter("Steps.__next__")
_steps_item = _counter("Steps.__getitem__")
_steps_generate = _counter("Steps.generate")
_steps_delegate = _counter("Steps.delegate")
_steps_check = _counter("Steps.check")
_steps_wait = _counter("Steps.wait")
_steps_longer = _counter("Steps.wait_longer")
_steps_stream = _counter("Steps.stream")
_sub_check = _counter("SubSteps.check")
_fails_outer = _counter("Fails.outer")
_fails_middle = _counter("Fails.middle")
_fails_inner = _counter("Fails.inner")
_fails_end = _counter("Fails.outer_end")

ROOTS: Final = (Chain, Value, Steps, Fails)
"""Of the hierarchies."""


def _chains() -> None:
    for make in (Bottom, Left, Right, Bottom.make):
        obj = make(3)
        obj(4)
        obj.call(z=5)
        obj.plain(obj.double)
    Bottom(1, 2, 3).call(more=2)
    Chain.call(Bottom(1), 2)
    Chain(0).deep(_DEPTH)
    with suppress(TypeError):
        Bottom()  # type: ignore[call-arg]


def _values() -> None:
    values = [*map(Value, (5, 3, 8, 1, 3))]
    sorted(values)
    min(values, key=Value.key)
    assert len({*values}) == len(values) - 1
    functools.reduce(Value.__add__, values)
    sum(values[1:], start=values[0])


def _steps() -> None:
    for cls in (Steps, SubSteps):
        assert [*cls()] == [2, 1, 0]
        obj = cls()
        assert [*obj.delegate(3)] == [0, 1, 2]
        half = obj.generate(3)
        next(half)
        half.throw(LookupError)
        half.close()
        obj.generate(1)  # never runs
        with suppress(KeyError):
            obj["key"]
        with suppress(StopIteration):
            coroutine = obj.wait(1)
            while True:
                coroutine.send(None)


def _failures() -> None:
    obj = Fails()
    obj.outer()
    for arguments in ((), (1,)):
        with suppress(ValueError):
            obj.middle(*arguments, key=1)


def _passes(times: int) -> None:
    for _ in range(times):
        _chains()
        _values()
        _steps()
        _failures()


async def _tasks() -> None:
    async def take() -> list[int]:
        return [number async for number in SubSteps().stream(3)]

    await asyncio.gather(*(take() for _ in range(5)))


def wave(times: int) -> None:
    """Run the workload so many times in each of some threads, which then end, and in tasks.

    Raises:
        ExceptionGroup: what a thread raised.
    """
    errors: list[Exception] = []

    def work() -> None:
        try:
            _passes(times)
            asyncio.run(_tasks())
        except Exception as error:
            errors.append(error)

    threads: Iterator[threading.Thread] = (threading.Thread(target=work) for _ in range(_THREADS))
    running = [*threads]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if errors:
        msg = "the workload failed"
        raise ExceptionGroup(msg, errors)

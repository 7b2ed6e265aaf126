"""Coroutines, in tasks that take turns."""

from __future__ import annotations

import asyncio
import atexit
from typing import Any, Final

from benchmarks.workloads.program import Program, find_sites

_METHODS: Final = ("__init__", "__call__", "call")
_CALL: Final = ("call",)
_RUNNER: Final = asyncio.Runner()
atexit.register(_RUNNER.close)


def make_tasks(tasks: int) -> Program:
    """Return the seed example with coroutines; each pass is made in so many tasks at once.

    `call` gives way once, so that calls of all tasks are under way at the same time, and each
    coroutine is resumed once.
    """

    class Layer:
        def __init__(self, x: int) -> None: ...

        async def __call__(self, y: int) -> None:
            await self.call(y)

        async def call(self, z: int) -> None: ...

    class MyLayer(Layer):
        def __init__(self, k: int) -> None:
            super().__init__(k)

        async def call(self, m: int) -> None:
            del m
            await asyncio.sleep(0)

    async def work(cls: type[Any], passes: int) -> None:
        for _ in range(passes):
            obj = cls(3)
            await obj(4)

    async def gather(passes: int) -> None:
        await asyncio.gather(*(work(MyLayer, passes) for _ in range(tasks)))

    def run(passes: int) -> None:
        _RUNNER.run(gather(passes))

    sites = find_sites(Layer, _METHODS, unspecialize=True)
    return Program(Layer, _METHODS, sites, run, 4 * tasks, 6 * tasks)


def make_await(_: int) -> Program:
    """Return a class with a coroutine that returns at once; a task awaits it once in each pass."""

    class Layer:
        async def call(self, x: int) -> int:
            return x

    obj = Layer()

    async def work(passes: int) -> None:
        for _ in range(passes):
            await obj.call(4)

    def run(passes: int) -> None:
        _RUNNER.run(work(passes))

    return Program(Layer, _CALL, find_sites(Layer, _CALL, unspecialize=True), run, 1, 1)

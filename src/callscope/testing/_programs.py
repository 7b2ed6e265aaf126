"""Programs that `check_sink` records: all kinds of calls, and values that break writers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, Final


class Base:
    """Class with methods of all kinds."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if args else kwargs

    def call_and_raise(self, error: BaseException) -> None:
        raise error

    def steps(self, number: int) -> Generator[int]:
        for step in range(number):
            self.call(step)
            yield step

    async def call_later(self, number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def call_all(self) -> list[int]:
        return await asyncio.gather(*(self.call_later(number) for number in range(3)))

    async def steps_later(self) -> AsyncIterator[int]:
        for step in range(3):
            await self.call_later(step)
            yield step

    @staticmethod
    def static_call(x: Any) -> Any:
        return x

    @classmethod
    def class_call(cls) -> str:
        return cls.__name__


class Layer:
    """The seed example of callscope."""

    def __init__(self, x: Any) -> None:
        del x

    def __call__(self, y: Any) -> Any:
        return self.call(y)

    def call(self, z: Any) -> Any:
        return z


class MyLayer(Layer):
    def __init__(self, k: Any) -> None:
        super().__init__(k)

    def call(self, m: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().call(m)


class HostileError(Exception):
    def __str__(self) -> str:
        return _HOSTILE[0]


_HOSTILE: Final = (
    "\ud800 \x1b[31m\0\r\n\u2028\u202e'\"\\</script>{%s}%d",
    "x" * 100_000,
    "",
    1 << 5_000,
    -(1 << 63) - 1,
    float("nan"),
    float("-inf"),
    5e-324,
    None,
    True,
    b"\xff",
    {"": "\udfff", "event": 1, "message": 2, "name": 3},
    object(),
)


def _nested() -> None:
    for number in range(3):
        MyLayer(number)(number)
    Base.static_call(1)
    Base.class_call()


def _errors() -> None:
    for error in (ValueError("bad"), KeyError(), HostileError(), SystemExit(3), GeneratorExit()):
        try:
            Base().call_and_raise(error)
        except BaseException as raised:
            if raised is not error:
                raise


def _suspensions() -> None:
    left_open = Base().steps(5)
    next(left_open)
    left_open.close()
    interleaved = Base().steps(3), Base().steps(3)
    for _ in zip(*interleaved, strict=True):
        pass
    asyncio.run(_run_tasks())


async def _run_tasks() -> None:
    await Base().call_all()
    async for _ in Base().steps_later():
        pass


def _threads() -> None:
    threads = [threading.Thread(target=_nested, name="twin") for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _hostile() -> None:
    for value in _HOSTILE:
        Base().call(value, kind=value, event=value)
    Base().call(**{"": 1, "self\n": 2, "\ud800": 3, "message": 4, "asctime": 5, "level": 6})


_unfinished: Final[list[Generator[int]]] = []


def _leave_unfinished() -> None:
    _unfinished[:] = [Base().steps(3)]
    next(_unfinished[0])


def _many() -> None:
    layer = Layer(0)
    for number in range(2_000):
        layer(number)


def nothing() -> None:
    pass


PROGRAMS: Final[dict[str, Callable[[], None]]] = {
    "no calls at all": nothing,
    "nested calls": _nested,
    "errors": _errors,
    "generators and coroutines": _suspensions,
    "threads": _threads,
    "hostile text and numbers": _hostile,
    "a call that never ends": _leave_unfinished,
    "thousands of calls": _many,
}
"""Programs by their names in messages."""

"""Methods of all kinds, called with values of all kinds."""

import asyncio
import math
import threading

import pytest

import callscope


class Everything:
    """Methods of all kinds, with arguments and results of all kinds."""

    def __init__(self, *args, **kwargs): ...
    @classmethod
    def made(cls, x):
        return cls(x)

    @staticmethod
    def plain(x):
        return x

    def fails(self, token):
        raise LookupError("\ud800 </script> \x1b[2J")

    def yields(self):
        yield 1
        yield 2

    async def waits(self):
        await asyncio.sleep(0)
        return object()


class Derived(Everything):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


METHODS = ("__init__", "made", "plain", "fails", "yields", "waits")


def exercise():
    """Call each method; return a generator that is left suspended."""
    obj = Derived.made(math.nan)
    for value in (None, True, 10**40, -1.5, math.inf, "\ud800", "x" * 10_000, b"", [1], obj):
        Everything.plain(value)
        Everything(value, **{"kind": value, "\n": 1})
    with pytest.raises(LookupError):
        obj.fails("secret")
    left = obj.yields()
    next(left)
    list(obj.yields())
    asyncio.run(obj.waits())
    thread = threading.Thread(target=obj.made, args=(1,), name="\x1b[31m")
    thread.start()
    thread.join()
    return left


def record(**options):
    """Begin a recording of these methods."""
    return callscope.record(Everything, methods=METHODS, **options)

"""Counting calls without reading them comes to the number of calls that reading finds."""

import asyncio
import threading

import pytest

import callscope
from callscope.recording.config import check_config
from callscope.recording.recording import Recording


def counted(root, program):
    """Run a program; return how many calls were counted, and the trace."""
    counting = Recording(check_config((root,), methods=("*", "__init__"))._replace(max_calls=0))
    with callscope.record(root, methods=("*", "__init__")) as trace:
        with counting as count:
            program()
        assert ([], counting.trace.lost) == (list(count.calls), count.lost)
    return count.lost, trace


class Root:
    def __init__(self, depth=0):
        if depth:
            type(self)(depth - 1)

    def fail(self):
        raise KeyError

    def method(self):
        return self.inner()

    def inner(self):
        return 1

    def numbers(self):
        self.inner()
        yield 1
        self.inner()
        yield 2

    async def wait(self):
        self.inner()
        await asyncio.sleep(0)
        self.inner()

    async def gather(self):
        await asyncio.gather(*(Root().wait() for _ in range(3)))


def nested():
    Root(3).method()


def raising():
    for _ in range(2):
        with pytest.raises(KeyError):
            Root().fail()
    Root().inner()


def generators():
    first, second = Root().numbers(), Root().numbers()
    for pair in zip(first, second, strict=True):
        Root().method()
        assert pair
    next(Root().numbers())


def tasks():
    asyncio.run(Root().gather())
    Root().inner()


def threads():
    workers = [threading.Thread(target=nested) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def many():
    """More than a thread writes before it hands over."""
    root = Root()
    for _ in range(20_000):
        root.method()


@pytest.mark.parametrize("program", [nested, raising, generators, tasks, threads, many])
def test_as_many_as_are_read(program):
    """Whatever kind of calls they are, and however they interleave."""
    count, trace = counted(Root, program)
    assert count == len(trace) > 0


def test_a_patch_below_and_above(seed):
    """A method that was patched and woven over again is one call, not two."""

    def program():
        original = seed.Layer.call

        def patch(self, z):
            return original(self, z)

        obj = seed.Layer(1)
        seed.Layer.call = patch
        callscope.rescan()
        obj(2)
        seed.Layer.call = original
        obj(3)

    count, trace = counted(seed.Layer, program)
    assert count == len(trace) == 5


def test_a_patched_generator():
    """It is one call too, though it was suspended before it came to what it is patched over."""

    class Numbers:
        def numbers(self):
            yield 1

    def program():
        original = Numbers.numbers

        def patch(self):
            yield 0
            yield from original(self)

        Numbers.numbers = patch
        callscope.rescan()
        assert list(Numbers().numbers()) == [0, 1]

    count, trace = counted(Numbers, program)
    assert count == len(trace) == 1


def test_from_the_middle():
    """What began before the counting did is not counted, though it ends within."""
    numbers = Root().numbers()
    with callscope.record(Root, methods=("*",)):
        next(numbers)
        counting = Recording(check_config((Root,), methods=("*",))._replace(max_calls=0))
        with counting as count:
            list(numbers)
            Root().method()
    assert count.lost == 4


def test_of_these_sites_alone():
    """What other recordings ask for is not counted."""
    counting = Recording(check_config((Root,), methods=("inner",))._replace(max_calls=0))
    with callscope.record(Root, methods=("*",)) as trace, counting as count:
        Root().method()
    assert (count.lost, len(trace)) == (1, 3)

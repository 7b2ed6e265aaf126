"""Decoding in C and in Python: the same records make the same table."""

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from callscope.tape.engine import TAPE
from callscope.trace.table import Table
from strategies import Running, programs

pytestmark = pytest.mark.skipif(TAPE.decode is None, reason="the tape in C is not in use")

COLUMNS = [name for name in Table.__slots__ if not name.startswith("_")]


def fields(trace):
    """Return all that the table of a trace holds, such that 1, 1.0 and True differ."""
    table = trace._data().table
    return {name: repr(getattr(table, name)) for name in COLUMNS if name != "origin"}


def in_python(trace):
    """Return the same of a trace that is decoded in Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TAPE, "decode", None)
        return fields(trace)


def test_read_within_a_call_of_another_recording():
    """The call is open on the tape, though this recording was not asked for it."""

    class Leaf:
        def call(self):
            return 1

    class Other:
        def call(self, trace):
            counts = []
            for _ in range(3):
                Leaf().call()
                counts.append(len(trace))
            return counts

    with callscope.record(Other, methods=("call",)), callscope.record(Leaf) as trace:
        assert Other().call(trace) == [1, 2, 3]
    assert [call.result for call in trace.calls] == [1, 1, 1]


def test_a_thread_that_has_ended_before_it_is_read():
    """Its plain calls and its generators are of one thread, and one within another."""

    class Layer:
        def call(self):
            return list(self.yields())

        def yields(self):
            yield self.leaf()

        def leaf(self): ...

    with callscope.record(Layer, methods="*") as trace:
        thread = threading.Thread(target=Layer().call, name="one")
        thread.start()
        thread.join()
    calls = [(call.method, call.thread, call.depth, call.finished) for call in trace.calls]
    assert calls == [("call", "one", 0, True), ("yields", "one", 1, True), ("leaf", "one", 2, True)]


def test_another_recording_unpacks_the_same_records(monkeypatch):
    """It may do so while they are decoded in C, up to the first that is not plain."""

    class Layer:
        def call(self, x):
            return x

        def yields(self):
            yield 1

    methods = ("call", "yields")
    one = callscope.record(Layer, methods=methods)
    with one as trace, callscope.record(Layer, methods=methods) as other:
        for x in range(5):
            Layer().call(x)
        assert list(Layer().yields()) == [1]
        Layer().call(5)
    decode, by_python = TAPE.decode, []

    def decode_both(*arguments):
        result = decode(*arguments)
        by_python.append(in_python(other))
        return result

    monkeypatch.setattr(TAPE, "decode", decode_both)
    assert fields(trace) == by_python[0]
    assert [call.method for call in trace.calls] == ["call"] * 5 + ["yields", "call"]


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(
    program=programs(),
    capture=st.sampled_from(["values", "types", "none"]),
    ticks=st.sets(st.integers(0, 30), max_size=4),
)
def test_random_programs(program, capture, ticks):
    """Two recordings of one run are read at the same moments, by one decoder each."""
    running = Running(program)
    passed = itertools.count()
    read = []

    def read_both():
        if next(passed) in ticks:
            read.append((fields(native), in_python(other)))

    one = callscope.record(*running.roots, capture=capture)
    with one as native, callscope.record(*running.roots, capture=capture) as other:
        running.on_fuel = read_both
        running.run()
    read.append((fields(native), in_python(other)))
    for in_c, by_python in read:
        assert in_c == by_python

"""Faults: sinks that raise, disks that are full, interrupts at any moment, exits of all kinds.

Nothing of it reaches the program but the one documented warning, and what was recorded before
is there.
"""

from __future__ import annotations

import contextlib
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import callscope

needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="interrupts are sent by a timer"
)


# --- interrupts ---------------------------------------------------------------------------------


class Nested:
    """Three methods, each of which calls the next; notes which of them ran to their end."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []

    def outer(self, number: int) -> None:
        self.middle(number)
        self.ran += (("outer", number),)

    def middle(self, number: int) -> None:
        try:
            self.inner(number)
        finally:
            self.inner(-number)
        self.ran += (("middle", number),)

    def inner(self, number: int) -> int:
        self.ran += (("inner", number),)
        return number


METHODS = ("outer", "middle", "inner")
PARENTS = {"outer": None, "middle": "outer", "inner": "middle"}


class Gather:
    """A sink that keeps events; it takes each at once, where no interrupt can fall."""

    def __init__(self, *, live: bool = True) -> None:
        self.live = live
        self.events: list[callscope.Event] = []
        self.on_event = self.events.append

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def interrupted(work: Callable[[int], object], times: int, longest: float) -> int:
    """Run work so many times, each interrupted at a random moment; return how often it was.

    Args:
        work: is given a number, from 1.
        times: how often it is run.
        longest: seconds after which it is interrupted at the latest.
    """
    chance = random.Random(1)
    caught = 0
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for number in range(1, times + 1):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, longest))
                try:
                    work(number)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                caught += 1
    finally:
        signal.signal(signal.SIGALRM, before)
    return caught


def assert_sound(calls: Any, ran: list[tuple[str, int]]) -> None:
    """Check that each call is there once and below its own parent, and none that ran is missing."""
    counts = Counter((call.method, call.arguments["number"]) for call in calls)
    assert [key for key, count in counts.items() if count > 1] == []
    assert [key for key in ran if key not in counts] == []
    for call in calls:
        parent = call.parent
        assert (parent and parent.method) == PARENTS[call.method]
        assert parent is None or parent.arguments["number"] == abs(call.arguments["number"])
        assert parent is None or call in parent.children
        assert call.finished
        assert call.error is not None or (call.method, call.arguments["number"]) in {*ran}


def told(events: Any) -> list[tuple[str, int]]:
    """Return what events say in short."""
    return [(event.kind, event.call.call_id) for event in events]


@needs_timer
@pytest.mark.parametrize("reads", [False, True], ids=["recorded", "read meanwhile"])
def test_a_trace_is_sound_after_interrupts(reads: bool) -> None:
    """Wherever they fall: also in the middle of reading the trace, which can be read again."""
    one = Nested()

    def work(number: int) -> None:
        one.outer(number)
        if reads and number % 7 == 0:
            len(trace)

    with callscope.record(Nested, methods=METHODS) as trace:
        caught = interrupted(work, 2_000, 1e-4)
    assert caught > 100
    assert_sound(trace.calls, one.ran)


@needs_timer
def test_sinks_and_streams_are_sound_after_interrupts(tmp_path: Any) -> None:
    """Each event comes once, in order, however often the interrupt falls where they are told."""
    one, sink = Nested(), Gather()
    path = tmp_path / "t.jsonl"
    kept = callscope.record(Nested, methods=METHODS)
    with kept as trace, callscope.record(Nested, methods=METHODS, sinks=[sink], to=path) as stream:
        caught = interrupted(one.outer, 1_500, 4e-4)
    assert caught > 100
    assert_sound(trace.calls, one.ran)
    assert_sound(stream.calls, one.ran)
    assert told(sink.events) == told(trace.events())
    assert stream.outline() == trace.outline()

"""The calls of `__call__` on an object, which may lead to a method without being its ancestor."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict

from callscope.read.findings.objects import Objects
from callscope.trace import UNFINISHED


class TemplateCalls:
    """The calls of `__call__` on some objects.

    Args:
        objects: all calls of a trace by object.
        numbers: numbers of the objects.
    """

    def __init__(self, objects: Objects, numbers: set[int]) -> None:
        self._objects = objects
        self._rows: dict[int, list[int]] = defaultdict(list)
        """By object, its calls of `__call__` in the order they began."""
        self._last_ends: dict[int, list[float]] = defaultdict(list)
        """For each of these calls, the latest end of all calls up to it."""
        self._first_without: dict[tuple[int, str], float] = {}
        end_ns = objects.table.end_ns
        for row in objects.template_rows if numbers else ():
            number = objects.numbers[row]
            if number in numbers:
                end = math.inf if end_ns[row] == UNFINISHED else end_ns[row]
                ends = self._last_ends[number]
                ends.append(max(end, *ends[-1:], 0))
                self._rows[number].append(row)

    def may_lead_to(self, row: int) -> bool:
        """Return whether one on the same object may have caused a call without being its ancestor.

        It may run in another thread, or have returned an object that makes the call later.
        """
        start_ns, number = self._objects.table.start_ns, self._objects.numbers[row]
        start = start_ns[row]
        before = bisect_right(self._rows[number], start, key=start_ns.__getitem__)
        if not before:
            return False
        is_running = self._last_ends[number][before - 1] >= start
        return (
            is_running or self._first_that_lacks(number, self._objects.callee(row).method) <= start
        )

    def _first_that_lacks(self, number: int, method: str) -> float:
        """Return the start of the first call that did not lead to the method; infinity if none."""
        first = self._first_without.get((number, method))
        if first is None:
            rows = (row for row in self._rows[number] if not self._objects.led(row, method))
            start_ns = self._objects.table.start_ns
            first = next((start_ns[row] for row in rows), math.inf)
            self._first_without[number, method] = first
        return first

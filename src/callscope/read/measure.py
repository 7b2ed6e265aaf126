"""Running times of calls, without the cost of recording them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from callscope.trace import NO_ROW, UNFINISHED, Cost, Table, Text
from callscope.trace.kernels import KERNELS
from callscope.trace.times import not_negative, rest_times, thread_numbers

_STEPS: Final = 64
"""Parts of a nanosecond in which costs are counted: sums are exact then, in any order."""
_WAITS, _STAYS = 1, 2


class RunningTimes(NamedTuple):
    """Times of the calls by row, in nanoseconds: zero if a call never ended, never negative."""

    running_ns: array[float]
    """Time in the call and those below it; if it never ended, in those below it."""
    self_ns: array[float]
    """Time in the call, without its children in the same thread."""
    unfinished: Sequence[int]
    """Rows of the calls that never ended."""


class Measure:
    """Running times of calls that come in one or more parts, without the cost of recording.

    Args:
        cost: cost of recording one call.
    """

    def __init__(self, cost: Cost) -> None:
        self._cost = Cost(*(round(ns * _STEPS) / _STEPS for ns in cost))
        self._rest: Sequence[int] = ()
        """See `rest_times`; of the first rows of the next part, as are the sums."""
        self._sums: Sequence[Sequence[float]] = ((), (), ())
        self.recording_ns: float = 0.0
        """Cost of recording all calls; not included in the other times."""

    def add(self, table: Table, parents: array[int], staying: Sequence[int] = ()) -> RunningTimes:
        """Return the times of the calls of a part, but for those that stay.

        Args:
            table: the calls; the first ones are those that stayed from the part before.
            parents: what `parents_in_thread` returns.
            staying: rows that are to be the first of the next part, as they will have more children.
        """
        durations, unfinished = _running(table)
        rest = rest_times(table, self._rest)
        counts, costs = self._costs(table)
        flags = array("b", bytes(len(table)))
        for row in table.suspensions:
            flags[row] = _WAITS
        for row in staying:
            flags[row] |= _STAYS
        running, *sums = (array("d", bytes(8 * len(table))) for _ in "1234")
        for column, values in zip(sums, self._sums, strict=True):
            column[: len(values)] = array("d", values)
        own, below, least = sums
        columns = (not_negative(rest), durations, parents, counts, flags)
        KERNELS.charge(own, running, below, least, *columns, costs, self._cost.inside_ns)
        self._rest = [*map(rest.__getitem__, staying)]
        self._sums = [[*map(column.__getitem__, staying)] for column in sums]
        return RunningTimes(running, own, unfinished)

    def _costs(self, table: Table) -> tuple[array[int], array[float]]:
        """Return the index of each call's cost, and the costs; add those of new calls up."""
        counts, first = array("i", bytes(4 * len(table))), len(self._rest)
        inside_ns, outside_ns, summary_ns = self._cost
        if summary_ns:
            KERNELS.count_type(counts, Text, table.arguments, table.outcome)
        numbers = range(max(counts, default=0) + 1)
        costs = array("d", (inside_ns + outside_ns + n * summary_ns for n in numbers))
        calls = array("q", bytes(8 * len(costs)))
        KERNELS.count_numbers(counts[first:], calls)
        self.recording_ns += sum(count * ns for count, ns in zip(calls, costs, strict=True))
        return counts, costs


def parents_in_thread(table: Table) -> array[int]:
    """Return the rows of the parents; `NO_ROW` also for a parent in another thread."""
    numbers = thread_numbers(table)
    if max(numbers, default=0) == 0:
        return table.parent
    threads = [numbers[strand] for strand in table.strand]
    pairs = zip(table.parent, threads, strict=True)
    return array("i", (NO_ROW if threads[parent] != own else parent for parent, own in pairs))


def _running(table: Table) -> tuple[array[int], list[int]]:
    """Return the times without suspensions, 0 for unfinished calls; and the rows of these."""
    durations = array("q", bytes(8 * len(table)))
    unfinished: list[int] = []
    if not KERNELS.durations(durations, table.start_ns, table.end_ns):
        unfinished += (row for row, end_ns in enumerate(table.end_ns) if end_ns == UNFINISHED)
    for row in table.suspensions.keys() - unfinished:
        durations[row] = max(0, durations[row] - table.waiting_ns(row))
    return durations, unfinished

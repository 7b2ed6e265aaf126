"""Running times of calls, without the cost of recording them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

from callscope.trace import NO_ROW, UNFINISHED, Cost, Table, Text
from callscope.trace.kernels import KERNELS
from callscope.trace.times import self_times, thread_numbers


class RunningTimes(NamedTuple):
    """Times of the calls by row, in nanoseconds: zero if a call never ended, never negative."""

    running_ns: array[float]
    """Time in the call and those below it; if it never ended, in those below it."""
    self_ns: array[float]
    """Time in the call, without its children in the same thread."""
    unfinished: Sequence[int]
    """Rows of the calls that never ended."""
    recording_ns: float
    """Cost of recording all calls; not included in the other times."""


def parents_in_thread(table: Table) -> array[int]:
    """Return the rows of the parents; `NO_ROW` also for a parent in another thread."""
    numbers = thread_numbers(table)
    if max(numbers, default=0) == 0:
        return table.parent
    threads = [numbers[strand] for strand in table.strand]
    pairs = zip(table.parent, threads, strict=True)
    return array("i", (NO_ROW if threads[parent] != own else parent for parent, own in pairs))


def measure(table: Table, parents: array[int], cost: Cost) -> RunningTimes:
    """Return the times of all calls, without the cost of recording.

    Args:
        table: the calls.
        parents: what `parents_in_thread` returns.
        cost: cost of recording one call.
    """
    durations, unfinished = _running(table)
    own, running = (array("d", bytes(8 * len(table))) for _ in range(2))
    waits = array("b", bytes(len(table)))
    for row in table.suspensions:
        waits[row] = 1
    counts = array("i", bytes(4 * len(table)))
    if cost.summary_ns:
        KERNELS.count_type(counts, Text, table.arguments, table.outcome)
    numbers = range(max(counts, default=0) + 1)
    costs = array("d", (cost.inside_ns + (cost.outside_ns + n * cost.summary_ns) for n in numbers))
    columns = (self_times(table), durations, parents, counts, waits)
    KERNELS.charge(own, running, *columns, costs, cost.inside_ns)
    calls = array("q", bytes(8 * len(costs)))
    KERNELS.count_numbers(counts, calls)
    return RunningTimes(running, own, unfinished, sum(map(mul, calls, costs)))


def _running(table: Table) -> tuple[array[int], list[int]]:
    """Return the times without suspensions, 0 for unfinished calls; and the rows of these."""
    durations = array("q", bytes(8 * len(table)))
    unfinished: list[int] = []
    if not KERNELS.durations(durations, table.start_ns, table.end_ns):
        unfinished += (row for row, end_ns in enumerate(table.end_ns) if end_ns == UNFINISHED)
    for row in table.suspensions.keys() - unfinished:
        durations[row] = max(0, durations[row] - table.waiting_ns(row))
    return durations, unfinished

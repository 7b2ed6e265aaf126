"""Running times of calls, without the cost of recording them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import NamedTuple

from callscope.trace import NO_ROW, UNFINISHED, Cost, Table, Text
from callscope.trace.times import self_times, thread_numbers


class RunningTimes(NamedTuple):
    """Times of the calls by row, in nanoseconds: zero if a call never ended, never negative."""

    running_ns: Sequence[float]
    """Time in the call and those below it; if it never ended, in those below it."""
    self_ns: Sequence[float]
    """Time in the call, without its children in the same thread."""
    unfinished: Sequence[int]
    """Rows of the calls that never ended."""
    recording_ns: float
    """Cost of recording all calls; not included in the other times."""


def parents_in_thread(table: Table) -> Sequence[int]:
    """Return the rows of the parents; `NO_ROW` also for a parent in another thread."""
    numbers = thread_numbers(table)
    if max(numbers, default=0) == 0:
        return table.parent
    threads = [numbers[strand] for strand in table.strand]
    return [
        parent if parent == NO_ROW or threads[parent] == thread else NO_ROW
        for parent, thread in zip(table.parent, threads, strict=True)
    ]


def measure(table: Table, parents: Sequence[int], cost: Cost) -> RunningTimes:
    """Return the times of all calls, without the cost of recording.

    Args:
        table: the calls.
        parents: what `parents_in_thread` returns.
        cost: cost of recording one call.
    """
    running, unfinished = _running(table)
    charges = _charges(table, cost)
    inside, suspensions = cost.inside_ns, table.suspensions
    own: list[float] = [*self_times(table)]
    below = [0.0] * len(own)  # cost of recording all calls below
    least = below.copy()  # running time of the children that were never suspended
    rows = range(len(own) - 1, -1, -1)
    # Children stand behind their parents, so the sums of a call are complete when it is reached.
    for row, parent, charge in zip(rows, reversed(parents), reversed(charges), strict=True):
        alone = own[row] - inside
        own[row] = alone = alone if alone > 0 else 0.0
        ran = running[row] - below[row] - inside
        # If less was subtracted below, as no time gets negative, no more is subtracted here.
        if ran < (enough := alone + least[row]):
            ran = enough
        running[row] = ran
        if parent != NO_ROW:
            own[parent] -= charge - inside
            below[parent] += charge + below[row]
            if row not in suspensions:
                least[parent] += ran
    return RunningTimes(running, own, unfinished, sum(charges))


def _running(table: Table) -> tuple[list[float], list[int]]:
    """Return the times without suspensions, 0 for unfinished calls; and the rows of these."""
    running: list[float] = [*map(sub, table.end_ns, table.start_ns)]
    unfinished: list[int] = []
    if UNFINISHED in table.end_ns:
        unfinished += (row for row, end_ns in enumerate(table.end_ns) if end_ns == UNFINISHED)
    for row in table.suspensions:
        running[row] -= table.waiting_ns(row)
    for row in unfinished:
        running[row] = 0
    return running, unfinished


def _charges(table: Table, cost: Cost) -> list[float]:
    """Return the cost of recording each call."""
    counts = _text_counts(table) if cost.summary_ns else [0] * len(table)
    charges = [
        cost.inside_ns + (cost.outside_ns + count * cost.summary_ns)
        for count in range(max(counts, default=0) + 1)
    ]
    return [*map(charges.__getitem__, counts)]


def _text_counts(table: Table) -> list[int]:
    """Return the number of summarized values of each call."""
    counts = [int(type(outcome) is Text) for outcome in table.outcome]
    for row, arguments in enumerate(table.arguments):
        if arguments:
            for value in arguments.values() if type(arguments) is dict else arguments:
                if type(value) is Text:
                    counts[row] += 1
    return counts

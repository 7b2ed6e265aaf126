"""Times of calls without their children."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Final

from callscope.trace.kernels import KERNELS
from callscope.trace.table import UNFINISHED, Table

_MAX: Final = (1 << 63) - 1
_begin = itemgetter(0)


def self_times(table: Table) -> array[int]:
    """Return `Call.self_ns` of each row; 0 for calls that never ended."""
    return not_negative(rest_times(table))


def rest_times(table: Table, before: Sequence[int] = ()) -> array[int] | list[int]:
    """Return the times without children, less than zero where these ran longer than their parent.

    Those of calls that never ended are 0.

    Args:
        table: the calls.
        before: results for the first rows, of which each is subtracted from its parent already.
    """
    durations, first = array("q", bytes(8 * len(table))), len(before)
    all_ended = KERNELS.durations(durations, table.start_ns, table.end_ns)
    rest = durations[:]
    durations[:first] = array("q", bytes(8 * first))
    KERNELS.subtract_children(rest, durations, table.parent)
    unfinished = [] if all_ended else _unfinished(table)
    is_simple = not table.suspensions and max(thread_numbers(table), default=0) == 0
    if is_simple and not unfinished and not first:
        return rest
    times = [*rest]
    for row, time in enumerate(before):
        times[row] += time - (table.end_ns[row] - table.start_ns[row])
    _correct(table, times, durations, first, unfinished if is_simple else range(first, len(table)))
    for row in unfinished:
        times[row] = 0
    return times


def not_negative(times: Sequence[int]) -> array[int]:
    """Return times of which none is below zero, or takes more than 64 bits."""
    if isinstance(times, array) and min(times, default=0) >= 0:
        return times
    return array("q", (min(max(0, time), _MAX) for time in times))


def _unfinished(table: Table) -> list[int]:
    """Return the rows of the calls that never ended, which are few."""
    rows: list[int] = []
    ends, size, row = table.end_ns, len(table), -1
    with suppress(ValueError):
        while True:
            row = ends.index(UNFINISHED, row + 1, size)
            rows.append(row)
    return rows


def self_ns(table: Table, row: int) -> int | None:
    """Return `Call.self_ns` of one row."""
    end_ns = table.end_ns[row]
    if end_ns == UNFINISHED:
        return None
    below_ns = sum(shared_ns(table, row, child) for child in table.children(row))
    return max(0, end_ns - table.start_ns[row] - table.waiting_ns(row) - below_ns)


def _correct(
    table: Table, times: list[int], durations: array[int], first: int, rows: Iterable[int]
) -> None:
    """Correct times from which whole durations of children, and no suspensions, are subtracted.

    Args:
        table: the calls.
        times: their times.
        durations: what is subtracted from their parents.
        first: number of rows that are correct but for their later children.
        rows: the children that may have shared less with their parents.
    """
    threads, suspensions = thread_numbers(table), table.suspensions
    strands, ends, parents = table.strand, table.end_ns, table.parent
    for row in rows:
        parent = parents[row]
        if (
            row >= first
            and parent >= 0
            and (
                ends[row] == UNFINISHED
                or threads[strands[row]] != threads[strands[parent]]
                or row in suspensions
                or parent in suspensions
            )
        ):
            times[parent] += durations[row] - shared_ns(table, parent, row)
    for row in suspensions:
        if row >= first:
            times[row] -= table.waiting_ns(row)


def thread_numbers(table: Table) -> list[int]:
    """Return, for each strand, the number of its thread; tasks of one thread share it."""
    numbers: dict[tuple[int, str], int] = {}
    return [
        numbers.setdefault((strand.pid, strand.thread), len(numbers)) for strand in table.strands
    ]


def shared_ns(table: Table, parent: int, child: int) -> int:
    """Return the time an ended call and a child both ran in one thread, in nanoseconds."""
    ours, theirs = (table.strands[table.strand[row]] for row in (parent, child))
    if ours[:2] != theirs[:2]:
        return 0
    end_ns = table.end_ns[child]
    if end_ns != UNFINISHED and not {parent, child} & table.suspensions.keys():
        return end_ns - table.start_ns[child]
    return _overlap_ns(running(table, parent), running(table, child, table.end_ns[parent]))


def running(table: Table, row: int, until_ns: int = UNFINISHED) -> list[tuple[int, int]]:
    """Return the intervals in which a call ran, up to `until_ns` if it never ended."""
    instants = table.suspensions.get(row, ())
    starts, ends = [table.start_ns[row], *instants[1::2]], [*instants[::2]]
    if len(ends) < len(starts):
        end_ns = table.end_ns[row]
        last = until_ns if end_ns == UNFINISHED else end_ns
        ends.append(starts[-1] if last == UNFINISHED else last)
    return [*zip(starts, ends, strict=True)]


def _overlap_ns(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> int:
    shared, first = 0, 0
    for start, end in theirs:
        first = max(first, bisect_right(ours, start, key=_begin) - 1)
        for index in range(first, len(ours)):
            if ours[index][0] >= end:
                break
            shared += max(0, min(end, ours[index][1]) - max(start, ours[index][0]))
    return shared

"""Summary of a trace that is read in parts, of which only totals are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from callscope.read.measure import parents_in_thread
from callscope.read.summary import Summary, Times, build_summary
from callscope.trace import NO_ROW, UNFINISHED, Callee, CallError, Table, TraceData
from callscope.trace.times import self_times

_MOST_DURATIONS: Final = 1 << 17
_PRECISION: Final = 12
"""Bits that are kept of each duration where there are too many distinct ones."""
_CHUNK: Final = 10


class _Total:
    """Totals of calls of one callee that count alike.

    Args:
        callee: the callee.
        is_outermost: whether no ancestor in the thread is of the same site, and of the same class.
    """

    def __init__(self, callee: Callee, is_outermost: tuple[bool, bool]) -> None:
        self.callee = callee
        self.is_outermost_of_site, self.is_outermost_of_class = is_outermost
        self.calls = self.errors = self.running_ns = self.self_ns = self.waiting_ns = 0
        self.durations: Counter[int] = Counter()
        self.instances = _Numbers()
        self.ran: list[int] = []
        """Running times of the last part."""
        self.called: set[int] = set()
        """Objects of the last part."""

    def add(self, table: Table, row: int) -> None:
        """Add a call, but for its time without those below it."""
        self.calls += 1
        if number := table.instance[row]:
            self.called.add(number)
        if type(table.outcome[row]) is CallError:
            self.errors += 1
        waiting_ns = table.waiting_ns(row) if table.suspensions else 0
        self.waiting_ns += waiting_ns
        if (end_ns := table.end_ns[row]) != UNFINISHED:
            self.ran.append(end_ns - table.start_ns[row] - waiting_ns)

    def settle(self) -> None:
        """Add up what the last part has added."""
        self.running_ns += sum(self.ran)
        self.durations.update(self.ran)
        self.ran.clear()
        if len(self.durations) > _MOST_DURATIONS:
            coarse: Counter[int] = Counter()
            for duration, count in self.durations.items():
                shift = max(0, duration.bit_length() - _PRECISION)
                coarse[duration >> shift << shift] += count
            self.durations = coarse
        self.instances.add(self.called)
        self.called.clear()


class _Numbers:
    """Set of numbers, many of which are neighbours."""

    def __init__(self) -> None:
        self._chunks: dict[int, int] = {}

    def add(self, numbers: Iterable[int]) -> None:
        """Add numbers."""
        chunks = self._chunks
        for number in numbers:
            chunk = number >> _CHUNK
            chunks[chunk] = chunks.get(chunk, 0) | 1 << (number & (1 << _CHUNK) - 1)

    def union(self, others: Iterable[_Numbers]) -> int:
        """Return how many numbers are in this set or in others."""
        chunks = dict(self._chunks)
        for other in others:
            for chunk, bits in other._chunks.items():
                chunks[chunk] = chunks.get(chunk, 0) | bits
        return sum(map(int.bit_count, chunks.values()))


class _Paths(dict[tuple[int, int], tuple[_Total, int]]):
    """Totals of a call by its kind and what its ancestors are, and what those of its children are.

    A kind is the index of a callee, or its complement for a call that never ended. Ancestors are
    bits: one for each site and one for each class.
    """

    def __init__(self) -> None:
        self.callees: list[Callee] = []
        self.totals: dict[tuple[int, bool, bool], _Total] = {}
        self._sites: dict[tuple[str, str], int] = {}
        self._classes: dict[str, int] = {}

    def __missing__(self, key: tuple[int, int]) -> tuple[_Total, int]:
        active, kind = key
        callee = self.callees[max(kind, ~kind)]
        site = 1 << 2 * self._sites.setdefault(callee.site, len(self._sites))
        cls = 2 << 2 * self._classes.setdefault(callee.runtime_class, len(self._classes))
        outermost = not active & site, not active & cls
        total = self.totals.setdefault((kind, *outermost), _Total(callee, outermost))
        path = self[key] = total, active | site | cls
        return path


def summarize_parts(trace: TraceData, parts: Iterable[tuple[Table, int]]) -> Summary:
    """Return the number of calls and the times per site and per class; nothing is subtracted.

    Args:
        trace: what is known of the whole trace; its calls do not count.
        parts: the calls, each part after the number of those it repeats; see `ParquetTrace.parts`.
    """
    paths, repeated, calls = _Paths(), dict[int, tuple[_Total, int]](), 0
    for table, first in parts:
        repeated = _add(paths, table, first, repeated)
        calls += len(table) - first
    totals = [*paths.totals.values()]
    return build_summary(trace, totals, _times, _count_instances, calls=calls, recording_ns=None)


def _add(
    paths: _Paths, table: Table, first: int, before: dict[int, tuple[_Total, int]]
) -> dict[int, tuple[_Total, int]]:
    """Add a part; return, by the numbers of its calls, what the next one needs of them.

    Args:
        paths: the totals.
        table: the calls.
        first: the first row that is not a repeated one.
        before: result for the part before.
    """
    paths.callees = table.callees
    own, parents = self_times(table), parents_in_thread(table)
    repeated = table.reordered(range(first))
    for row, self_ns in enumerate(self_times(repeated)):
        own[row] -= self_ns  # the rest is what the new calls take off
    places = [before[call_id] for call_id in table.call_id[:first]]
    for row in range(first, len(table)):
        parent, end_ns, kind = parents[row], table.end_ns[row], table.callee[row]
        above = 0 if parent == NO_ROW else places[parent][1]
        path = paths[above, ~kind if end_ns == UNFINISHED else kind]
        places.append(path)
        path[0].add(table, row)
        if end_ns != UNFINISHED and row not in table.suspensions:
            ran = end_ns - table.start_ns[row]
            while parent != NO_ROW and table.end_ns[parent] == UNFINISHED:
                places[parent][0].running_ns += ran
                parent = NO_ROW if parent in table.suspensions else parents[parent]
    for (total, _), self_ns in zip(places, own, strict=True):
        total.self_ns += self_ns
    for total in paths.totals.values():
        total.settle()
    return dict(zip(table.call_id, places, strict=True))


def _count_instances(totals: Sequence[_Total]) -> int:
    return _Numbers().union(total.instances for total in totals)


def _times(totals: Sequence[_Total], is_outermost: str) -> Times:
    durations: Counter[int] = Counter()
    for total in totals:
        durations.update(total.durations)
    count = durations.total()
    ran = sum(total.running_ns for total in totals if total.durations)
    p50_ns, p95_ns = _percentiles(durations, count)
    return Times(
        calls=sum(total.calls for total in totals),
        errors=sum(total.errors for total in totals),
        total_ns=sum(total.running_ns for total in totals if getattr(total, is_outermost)),
        self_ns=sum(total.self_ns for total in totals),
        mean_ns=ran / count if count else 0.0,
        p50_ns=p50_ns,
        p95_ns=p95_ns,
        waiting_ns=sum(total.waiting_ns for total in totals),
    )


def _percentiles(durations: Counter[int], count: int) -> Iterator[int]:
    """Yield the nearest-rank percentiles: 50 and 95."""
    ordered = sorted(durations)
    for percent in (50, 95):
        rest = -(-count * percent // 100)
        for duration in ordered:
            rest -= durations[duration]
            if rest <= 0:
                break
        else:
            duration = 0
        yield duration

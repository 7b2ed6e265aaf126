"""Rows of a folded tree."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from operator import sub

from callscope.read.folding.kinds import Kinds, number_subtrees, objects_of
from callscope.read.folding.sequences import Part, fold
from callscope.trace.table import NO_ROW, UNFINISHED, Table


class Row:
    """One row of a folded tree: a stay on an object, or several rows that repeat in turn.

    A stay is a call and, while the only call below is on the same object, that one, too. A row holds
    all stays that are alike and follow each other, also those below other calls that are alike.
    """

    __slots__ = ("parts", "stay", "times")

    def __init__(
        self, times: int, stay: Sequence[Sequence[int]] = (), parts: Sequence[Row] = ()
    ) -> None:
        self.times: int = times
        """Number of repeats below each call above."""
        self.stay: Sequence[Sequence[int]] = stay
        """Rows of the table: for each site of the stay, those of its calls, in order."""
        self.parts: Sequence[Row] = parts
        """The rows that repeat in turn; empty for a stay."""

    @property
    def repeats(self) -> int:
        """Number of repeats below all calls above."""
        return self.parts[0].repeats // self.parts[0].times if self.parts else len(self.stay[0])


class Folding:
    """Folded rows of a table.

    Args:
        table: the calls.
    """

    def __init__(self, table: Table) -> None:
        self.table: Table = table
        self.kinds: Kinds = Kinds(table)
        self.numbers: Sequence[int] = number_subtrees(table, self.kinds)
        """By row of the table, a number; equal for calls that are alike with all calls below."""
        self._last, self._previous = table.links()
        self._objects = objects_of(table)

    def rows(self, calls: Sequence[int]) -> list[Row]:
        """Return the rows of some calls that follow each other."""
        parts = fold(self._alike(calls))
        return [self._row(part, lambda places: [*map(calls.__getitem__, places)]) for part in parts]

    def below(self, row: Row) -> Sequence[Row]:
        """Return the rows directly below another."""
        return row.parts or self._rows_below(self._children(row.stay[-1]))

    def has_rows_below(self, row: Row) -> bool:
        """Return whether there are rows below another."""
        return bool(row.parts) or self._last[row.stay[-1][0]] != NO_ROW

    def durations(self, row: Row) -> list[int]:
        """Return the durations of the repeats of a row, in nanoseconds; not of unfinished ones."""
        return [duration for duration in self._durations(row) if duration is not None]

    def ties(self, call: int) -> tuple[bool, bool]:
        """Return whether a call is on the object, and in the strand, of the call above."""
        above, strands = self.table.parent[call], self.table.strand
        if above < 0:
            return False, False
        return self._objects[call] == self._objects[above], strands[call] == strands[above]

    def _durations(self, row: Row) -> Sequence[int | None]:
        if row.parts:
            columns = [_sums(self._durations(part), part.times) for part in row.parts]
            return _added(columns)
        calls = row.stay[0]
        ends = [*map(self.table.end_ns.__getitem__, calls)]
        durations = [*map(sub, ends, map(self.table.start_ns.__getitem__, calls))]
        if UNFINISHED not in ends:
            return durations
        return [None if end == UNFINISHED else d for end, d in zip(ends, durations, strict=True)]

    def _children(self, calls: Sequence[int]) -> list[list[int]]:
        """Return the first children of calls that are alike, their second children, and so on."""
        children = [[*map(self._last.__getitem__, calls)]]
        while children[-1][0] != NO_ROW:
            children.append([*map(self._previous.__getitem__, children[-1])])
        return children[-2::-1]

    def _alike(self, calls: Sequence[int]) -> Sequence[Hashable]:
        """Return for each call what is equal for those that are alike."""
        numbers = map(self.numbers.__getitem__, calls)
        if {*map(self.table.parent.__getitem__, calls)} == {NO_ROW}:
            return [*numbers]
        return [*zip(numbers, map(self.ties, calls), strict=True)]

    def _rows_below(self, siblings: Sequence[Sequence[int]]) -> list[Row]:
        """Return the rows of calls that follow each other below others that are alike.

        Args:
            siblings: for each place, the calls there, below each of the others.
        """

        def calls_at(places: Sequence[int]) -> Sequence[int]:
            columns = [siblings[place] for place in places]
            if len(columns) == 1:
                return columns[0]
            return [*chain.from_iterable(zip(*columns, strict=True))]

        parts = fold(self._alike([calls[0] for calls in siblings]))
        return [self._row(part, calls_at) for part in parts]

    def _row(self, part: Part, calls_at: Callable[[Sequence[int]], Sequence[int]]) -> Row:
        if part.parts:
            return Row(part.times, parts=[self._row(inner, calls_at) for inner in part.parts])
        calls = calls_at(part.places)
        stay = [calls]
        while self._goes_on(calls[0]):
            calls = [*map(self._last.__getitem__, calls)]
            stay.append(calls)
        return Row(part.times, stay)

    def _goes_on(self, call: int) -> bool:
        """Return whether the only call below another is on the same object, in the same strand."""
        inner = self._last[call]
        return inner != NO_ROW and self._previous[inner] == NO_ROW and all(self.ties(inner))


def _sums(durations: Sequence[int | None], count: int) -> Sequence[int | None]:
    """Return the sums of so many neighbouring durations each."""
    if count == 1:
        return durations
    starts = range(0, len(durations), count)
    return [_total(durations[start : start + count]) for start in starts]


def _added(columns: Sequence[Sequence[int | None]]) -> Sequence[int | None]:
    """Return the sums of durations that stand side by side."""
    if any(None in column for column in columns):
        return [_total(durations) for durations in zip(*columns, strict=True)]
    return [*map(sum, zip(*columns, strict=True))]


def _total(durations: Iterable[int | None]) -> int | None:
    """Return the sum of durations; None if one is unknown."""
    total = 0
    for duration in durations:
        if duration is None:
            return None
        total += duration
    return total

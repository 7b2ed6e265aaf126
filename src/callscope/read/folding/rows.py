"""Rows of a folded tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

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
        return self._fold([[call] for call in calls])

    def below(self, row: Row) -> Sequence[Row]:
        """Return the rows directly below another."""
        return row.parts or self._fold(self._children(row.stay[-1]))

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

    def _durations(self, row: Row) -> list[int | None]:
        if row.parts:
            columns = [_sums(self._durations(part), part.times) for part in row.parts]
            return [_total(durations) for durations in zip(*columns, strict=True)]
        starts, ends = self.table.start_ns, self.table.end_ns
        return [
            None if ends[call] == UNFINISHED else ends[call] - starts[call] for call in row.stay[0]
        ]

    def _children(self, calls: Sequence[int]) -> list[list[int]]:
        """Return the first children of calls that are alike, their second children, and so on."""
        children = [[*map(self._last.__getitem__, calls)]]
        while children[-1][0] != NO_ROW:
            children.append([*map(self._previous.__getitem__, children[-1])])
        return children[-2::-1]

    def _fold(self, siblings: Sequence[Sequence[int]]) -> list[Row]:
        """Return the rows of calls that follow each other below others that are alike.

        Args:
            siblings: for each place, the calls there, below each of the others.
        """
        alike = [(self.numbers[calls[0]], self.ties(calls[0])) for calls in siblings]
        return [self._row(part, siblings) for part in fold(alike)]

    def _row(self, part: Part, siblings: Sequence[Sequence[int]]) -> Row:
        if part.parts:
            return Row(part.times, parts=[self._row(inner, siblings) for inner in part.parts])
        columns = [siblings[place] for place in part.places]
        calls = (
            columns[0] if len(columns) == 1 else [*chain.from_iterable(zip(*columns, strict=True))]
        )
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


def _total(durations: Iterable[int | None]) -> int | None:
    """Return the sum of durations; None if one is unknown."""
    total = 0
    for duration in durations:
        if duration is None:
            return None
        total += duration
    return total

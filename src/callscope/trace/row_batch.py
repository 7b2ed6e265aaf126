"""`RowBatch`: what has happened to calls of one thread, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callscope.introspect.values import CallError
from callscope.trace.call import Call
from callscope.trace.event import Event, EventKind
from callscope.trace.table import Table


class RowBatch:
    """Calls that have begun one within another, and those that have ended.

    Args:
        table: the calls that have begun.
        rows: their rows.
        still_open: offsets in `rows` of the calls that have not ended. They may end later.
        ended: places (`Table.at`) of earlier calls that have ended, in this order.
        last_seq: number of the last event before.
    """

    __slots__ = ("_last_seq", "ended", "rows", "still_open", "table")

    def __init__(
        self,
        table: Table,
        rows: range,
        still_open: frozenset[int],
        ended: Sequence[int],
        last_seq: int,
    ) -> None:
        self.table: Table = table
        self.rows: range = rows
        self.still_open: frozenset[int] = still_open
        self.ended: Sequence[int] = ended
        self._last_seq = last_seq

    @property
    def last_seq(self) -> int:
        """Number of the last event."""
        return self._last_seq + 2 * len(self.rows) - len(self.still_open) + len(self.ended)

    def events(self) -> Iterator[Event]:
        """Yield the events in the order they happened."""
        for seq, (place, is_end) in enumerate(self._steps(), self._last_seq + 1):
            yield self._end(place, seq) if is_end else self._begin(place, seq)

    def ends(self) -> Iterator[Event]:
        """Yield the events of the earlier calls; all have the number of the last event."""
        for place in self.ended:
            yield self._end(place, self.last_seq)

    def _begin(self, row: int, seq: int) -> Event:
        return Event("call", seq, self.table.start_ns[row], Call(self.table, row))

    def _end(self, place: int, seq: int) -> Event:
        table, row = self.table.at(place)
        kind: EventKind = "raise" if isinstance(table.outcome[row], CallError) else "return"
        return Event(kind, seq, table.end_ns[row], Call(table, row))

    def _steps(self) -> Iterator[tuple[int, bool]]:
        """Yield the place of a call for each event, and whether it is its end."""
        first, parents = self.rows.start, self.table.parent
        above = [*reversed(self.ended)]
        for row in self.rows:
            while above and above[-1] != parents[row]:
                yield above.pop(), True
            yield row, False
            above.append(row)
        for place in reversed(above):
            if place < first or place - first not in self.still_open:
                yield place, True

"""`DecodeState`: state shared by the general and the fast decoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from callscope.tape.context_hooks import ContextHook, context_for
from callscope.tape.decode.event_receiver import EventReceiver
from callscope.tape.decode.filter import Filter
from callscope.tape.decode.limit import Limit
from callscope.tape.decode.open_call import OpenCall
from callscope.tape.decode.row_builder import RowBuilder
from callscope.trace import Call, Event, EventKind, RowBatch, Table, TableBuilder

_LEAST_TABLE: Final = 1_024
"""Least number of rows after which another table is begun."""


class Instant(NamedTuple):
    """A record of the tape, with its time and the function that applies it."""

    ts_ns: int
    act: Callable[[Instant], None]
    record: list[Any]


class DecodeState:
    """Calls and events of one recording, as far as its tapes are decoded.

    Args:
        call_filter: filter of the calls to keep.
        pid: number of the process that made them.
        keep: whether the calls are kept in memory.
        receiver: receiver of the events; without one, no event is made.
        context_hook: the receiver's hook in the threads of calls.
    """

    def __init__(
        self,
        call_filter: Filter,
        pid: int,
        *,
        keep: bool,
        receiver: EventReceiver | None,
        context_hook: ContextHook | None,
    ) -> None:
        self.call_filter: Filter = call_filter
        self.keeps: bool = keep
        self.receiver: EventReceiver | None = receiver
        self.context_hook: ContextHook | None = context_hook
        self.limit: Limit = Limit(call_filter)
        self.rows: RowBuilder = RowBuilder(call_filter.sites, pid)
        """Builder of the rows."""
        self.suspended: dict[Any, OpenCall] = {}
        """Suspended calls by token; another thread may resume them."""
        self.makers: WeakKeyDictionary[Any, Call | None] = WeakKeyDictionary()
        """Innermost kept call at the coroutine or mark of each token."""
        self.instants: deque[Instant] = deque()
        """Ordered instants to apply, the next one first."""
        self.events: deque[Event | RowBatch] = deque()
        """Events that the receiver has not taken yet."""
        self.last_seq: int = 0
        """Number of the last event."""
        self.tables: deque[Table] = deque([self.rows.table])
        """Tables of the calls that are kept; rows are added to the last."""
        self.last_id: int = 0
        """Number of the last call."""
        self.dropped: int = 0
        """Number of kept calls that were dropped to make room for others: the first ones."""

    def context(self, noted: Any) -> Any:
        """Return the receiver's part of the context on the tape."""
        return context_for(self.context_hook, noted)

    def leave_out(self, context: object) -> None:
        """Tell the receiver that the call of this context will have no event."""
        if self.receiver is not None and context is not None:
            self.receiver.leave_out(context)

    def event(
        self, kind: EventKind, ts_ns: int, call: Call | None, context: object = None
    ) -> tuple[tuple[Event, ...], int]:
        """Return the next event, if any, and the `last_seq` with it.

        There is none without a receiver or a call.
        """
        last_seq = self.last_seq
        if self.receiver is None or call is None:
            return (), last_seq
        return (Event(kind, last_seq + 1, ts_ns, call, context),), last_seq + 1

    def events_of(self, batch: RowBatch) -> tuple[tuple[Event | RowBatch, ...], int]:
        """Return what the receiver takes of a batch, and the `last_seq` with it."""
        if self.receiver is None:
            return (), self.last_seq
        events = (batch,) if self.receiver.takes_rows else tuple(batch.events())
        return events, batch.last_seq

    def parent(self, call: Call | None) -> Call | None:
        """Return a parent call; None if it has been dropped."""
        # The oldest calls are dropped, and they have the lowest numbers.
        is_dropped = call is not None and self.keeps and call.call_id <= self.dropped
        return None if is_dropped else call

    def make_room(self) -> None:
        """Drop the oldest calls beyond the limit, and begin another table if one has grown large.

        Where calls are dropped, or none is kept, there are several small tables, and the oldest are
        freed. Open calls stay in the table in which they began.
        """
        most = self.call_filter.max_calls if self.call_filter.on_full == "drop_oldest" else None
        if self.keeps and most is None:
            return
        if self.keeps and most is not None:
            self.dropped = max(self.dropped, self.last_id - most)
        if len(self.rows.table) >= max(_LEAST_TABLE, (most or 0) // 4):
            self.rows.begin_table()
        self._note_table()
        while len(self.tables) > 1 and (not self.keeps or self._is_dropped(self.tables[0])):
            self.tables.popleft()

    def _note_table(self) -> None:
        if self.tables[-1] is not self.rows.table:
            self.tables.append(self.rows.table)

    def _is_dropped(self, table: Table) -> bool:
        return table.call_id[-1] <= self.dropped

    def table(self) -> Table:
        """Return a table of all calls that are kept."""
        self._note_table()
        if not self.keeps:
            return Table(self.rows.table.origin)
        if not self.dropped and len(self.tables) == 1:
            return self.tables[0]
        builder = TableBuilder(self.rows.table.origin)
        for table in self.tables:
            builder.extend(table, max(0, self.dropped + 1 - table.call_id[0]) if len(table) else 0)
        return builder.table

"""`FastDecoder`: decodes a whole chunk of plain records; all others are left to `ThreadDecoder`.

Most records are plain: calls of functions that begin and end, one within another, in the only
thread. The result of a whole chunk is computed separately and then put in place in one step; see
`TapeReader`. So when the first event is delivered, its call already holds all that the chunk says
about it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

from callscope.tape.decode.open_call import OpenCall
from callscope.tape.decode.state import DecodeState
from callscope.tape.engine import TAPE
from callscope.tape.records import ERROR, RAISE, RESULT, UNKNOWN, UNKNOWN_ERROR, Layout
from callscope.tape.threads import Chunk
from callscope.trace import (
    NO_ROW,
    UNFINISHED,
    Arguments,
    Call,
    CallError,
    RowBatch,
    Value,
)

# Plain tuples are faster to make than named ones.
_Parent = tuple[int, int, int, int]
"""Innermost recorded call, for those below it: their value of `Table.parent`; depth, callee and
instance."""
_NO_PARENT: Final = (NO_ROW, -1, -1, -1)
_NOTHING: Final = (UNKNOWN, None, None, _NO_PARENT, None)
_Row = tuple[int, int, int, int, int, bool, Arguments]
"""Start, parent, depth, callee, instance, `via_super` and arguments of a call."""


class FastDecoder:
    """Decoder of a chunk of one thread.

    Calls that were already open get their ends at once. If decoding is interrupted, the next run
    sets the same ends.

    Args:
        state: where the calls are added.
        strand: index of the thread's strand.
        before: the calls that were already open.
        raised: the call whose error record is still to come.
        last_ns: time of the last record before the chunk.
    """

    def __init__(
        self,
        state: DecodeState,
        strand: int,
        before: Sequence[OpenCall],
        raised: Call | None,
        last_ns: int,
    ) -> None:
        self._state = state
        self._builder = state.rows
        self._table = state.rows.table
        self._first = len(self._table)
        self._strand = strand
        # The last place is for the calls that were already open, which say more.
        self._open: list[tuple[Layout, Any, int | None, _Parent, OpenCall | None]] = [
            (each.layout, each.identity, self._place(each.call), self._parent(each.parent), each)
            for each in before
        ]
        self._raised = self._place(raised)
        self.last_ns: int = last_ns
        """Time of the last decoded record."""
        self._rows: list[_Row] = []
        self._ends: list[int] = []
        self._outcomes: list[Value | CallError] = []
        self._ended: list[int] = []
        """Places of earlier calls that have ended, in this order."""
        self._calls: dict[int, Call] = {}
        self._supers: dict[tuple[int, int], bool] = {}

    def _place(self, call: Call | None) -> int | None:
        return None if call is None else self._table.place_of(call._table, call._row)

    def _parent(self, call: Call | None) -> _Parent:
        if call is None:
            return _NO_PARENT
        # Another table may number its callees differently.
        callee = self._builder.callee(call._callee)
        place = self._table.place_of(call._table, call._row)
        return place, call.depth, callee, call.instance or 0

    def _call(self, place: int) -> Call:
        """Return the call of a place, which may be in the chunk."""
        call = self._calls.get(place)
        if call is None:
            call = self._calls[place] = Call(*self._table.at(place))
        return call

    @property
    def count(self) -> int:
        """Number of requested calls that have begun."""
        return len(self._outcomes)

    @property
    def raised(self) -> Call | None:
        """The call whose error record is still to come."""
        return None if self._raised is None else self._call(self._raised)

    @property
    def open(self) -> list[OpenCall]:
        """The open calls, the innermost last."""
        return [
            before
            or OpenCall(
                layout,
                identity,
                None if place is None else self._call(place),
                None if parent[0] == NO_ROW else self._call(parent[0]),
            )
            for layout, identity, place, parent, before in self._open
        ]

    def batch(self) -> RowBatch:
        """Return what has happened, for the receiver of events."""
        places = [place for _, _, place, *_ in self._open]
        still_open = frozenset(
            place - self._first
            for place in (*places, self._raised)
            if place is not None and place >= self._first
        )
        rows = range(self._first, self._first + self.count)
        return RowBatch(self._table, rows, still_open, self._ended, self._state.last_seq)

    def put(self) -> array[int]:
        """Put the calls in the table, and return their numbers, with which they count.

        An interrupt may end it at any point, and it can be repeated.
        """
        table, first, count, ids = self._table, self._first, self.count, ()
        if count:
            ids, starts, ends, parents, depths, callees, instances, supers, arguments = (
                self._columns()
            )
            table.start_ns[first:] = array("q", starts)
            table.end_ns[first:] = array("q", ends)
            table.parent[first:] = array("i", parents)
            table.depth[first:] = array("i", depths)
            table.callee[first:] = array("i", callees)
            table.strand[first:] = array("i", (self._strand,)) * count
            table.instance[first:] = array("q", instances)
            table.via_super[first:] = array("b", supers)
            table.arguments[first:] = arguments
            table.outcome[first:] = self._outcomes
        return array("q", ids)

    def _columns(self) -> tuple[Any, ...]:
        first_id = self._state.last_id + 1
        ids = range(first_id, first_id + len(self._rows))
        starts, *others = zip(*self._rows, strict=True)
        return ids, starts, self._ends, *others

    def take(self, chunk: Chunk) -> list[Any] | None:
        """Decode records up to the first that is not plain.

        Returns:
            the records from there on; None if none was decoded.
        """
        records = chunk.records
        position, end = 0, len(records)
        while position < end:
            first = records[position]
            if type(first) is int:
                self._end(first, None)
                position += 1
            elif type(first) is Layout:
                after = position + first.size
                if not self._begin(first, records, position, after):
                    break
                position = after
            elif first is RESULT:
                self._end(records[position + 1], records[position + 2])
                position += 3
            elif first is RAISE:
                self._settle(self.last_ns)
                self._raised = self._open.pop()[2] if self._open else None
                position += 1
            elif first is ERROR:
                self.last_ns = records[position + 1]
                self._settle(self.last_ns, records[position + 2])
                position += 3
            else:
                break
        return records[position:] if position else None

    def _begin(self, layout: Layout, records: list[Any], position: int, after: int) -> bool:
        """Decode the begin record between two positions; return False if it is not plain."""
        above = self._open[-1] if self._open else _NOTHING
        has_maker = records[after - 2] is not None
        if has_maker or layout.is_suspendable or layout.notes or above[0].covers:
            return False
        start_ns = self.last_ns = records[after - 1]
        if self._raised is not None:
            self._settle(start_ns)
        identity, place, parent = records[position + 1], None, above[3]
        plan = self._builder.plan(layout, records[position + 2])
        if plan is not None:
            values = records[position + 3 : after - 2]
            callee, instance, arguments = self._builder.row(plan, layout, identity, values)
            over, depth, above_callee, above_instance = parent
            via_super = above_instance == instance and self._is_super(above_callee, callee)
            place = self._first + len(self._rows)
            depth += 1
            self._rows.append((start_ns, over, depth, callee, instance, via_super, arguments))
            self._ends.append(UNFINISHED)
            self._outcomes.append(None)
            parent = place, depth, callee, instance
        self._open.append((layout, identity, place, parent, None))
        return True

    def _is_super(self, above: int, callee: int) -> bool:
        is_super = self._supers.get((above, callee))
        if is_super is None:
            callees = self._table.callees
            is_super = self._supers[above, callee] = callees[above].leads_to(callees[callee])
        return is_super

    def _end(self, end_ns: int, captured: Any) -> None:
        """Close the innermost call; if there is none, it began before the recording did."""
        if self._raised is not None:
            self._settle(end_ns)
        self.last_ns = end_ns
        if self._open:
            layout, _, place, *_ = self._open.pop()
            if place is not None:
                result = None if captured is None else self._builder.result(layout, captured)
                self._set_end(place, end_ns, result)

    def _set_end(self, place: int, end_ns: int, outcome: Value | CallError) -> None:
        row = place - self._first
        if row >= 0:
            self._ends[row] = end_ns
            if outcome is not None:
                self._outcomes[row] = outcome
        else:
            table, row = self._table.at(place)
            table.outcome[row] = outcome
            table.end_ns[row] = end_ns
            self._ended.append(place)

    def _settle(self, end_ns: int, error: CallError = UNKNOWN_ERROR) -> None:
        """End a call that has raised."""
        place = self._raised
        if place is not None:
            self._set_end(place, end_ns, error)
            self._raised = None


class NativeDecoder(FastDecoder):
    """Decoder in C, of what the tape in C has written; see ctape/decoding.h."""

    last_ns: int
    _decoded: tuple[bytes, ...] | None = None
    """Columns of numbers."""
    _arguments: Sequence[Arguments] = ()

    def take(self, chunk: Chunk) -> list[Any] | None:
        """Decode records as `FastDecoder.take` does."""
        if not chunk.is_packed:
            return super().take(chunk)
        rows, callees = self._builder, self._table.callees
        count, self.last_ns, self._raised, opened, *decoded, ended = TAPE.decode(
            chunk.raw,
            self._first,
            self._state.last_id,
            [(*call, rows.flags(call[0])) for call in self._open],
            self._raised,
            self.last_ns,
            rows.native_plan,
            rows.arguments,
            rows.result,
            lambda above, callee: callees[above].leads_to(callees[callee]),
            rows.numbers,
            rows.numbers.serials,
        )
        self._open = opened
        self._decoded, self._arguments, self._outcomes = decoded
        for place, end_ns, outcome in ended:
            self._set_end(place, end_ns, outcome)
        # Not from `Chunk.records`: the count is of places of the tape.
        return TAPE.unpack(chunk.raw, count) if count else None

    def _columns(self) -> tuple[Any, ...]:
        if self._decoded is None:
            return super()._columns()
        return *self._decoded, self._arguments

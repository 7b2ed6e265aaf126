"""`FastDecoder`: decodes a whole chunk of plain records; all others are left to `ThreadDecoder`.

Most records are plain: calls of functions that begin and end, one within another, in the only
thread. The result of a whole chunk is computed separately and then put in place in one step; see
`TapeDecoder`. So when the first event is delivered, its call already holds all that the chunk says
about it.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from callscope.tape.decode.open_call import OpenCall
from callscope.tape.decode.row_builder import (
    ARGUMENTS_AS_THEY_ARE,
    IS_NOT_PLAIN,
    KEEPS_ARGUMENTS,
    LARGE,
    LEAST,
    RESULT_AS_IT_IS,
    UNCHANGED,
    Plan,
)
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
_Open = tuple[Layout, Any, int | None, _Parent, OpenCall | None, int]
"""Layout, identity, place and `_Parent` of an open call, for one that was already open what else is
known of it, and the flags of its layout."""
_NOTHING: Final[_Open] = (UNKNOWN, None, None, _NO_PARENT, None, 0)


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
        self._open: list[_Open] = [self._continued(each) for each in before]
        self._raised = self._place(raised)
        self.last_ns: int = last_ns
        """Time of the last decoded record."""
        self._rows: tuple[list[Any], ...] = ([], [], [], [], [], [], [])
        """Columns: starts, parents, depths, callees, instances, `via_super` and arguments."""
        self._ends: list[int] = []
        self._outcomes: list[Value | CallError] = []
        self._ended: list[int] = []
        """Places of earlier calls that have ended, in this order."""
        self._calls: dict[int, Call] = {}
        self._supers: dict[tuple[int, int], bool] = {}

    def _continued(self, call: OpenCall) -> _Open:
        place, parent = self._place(call.call), self._parent(call.parent)
        return call.layout, call.identity, place, parent, call, self._builder.flags(call.layout)

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
            for layout, identity, place, parent, before, *_ in self._open
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
        starts, *others = self._rows
        return range(first_id, first_id + len(starts)), starts, self._ends, *others

    def take(self, chunk: Chunk) -> list[Any] | None:  # noqa: C901, PLR0912, PLR0915
        """Decode records up to the first that is not plain.

        Returns:
            the records from there on; None if none was decoded.
        """
        # One function, for with one per kind of record, decoding takes 1.2 times as long.
        records = chunk.records
        position, end = 0, len(records)
        plans: defaultdict[Layout, dict[Any, tuple[int, int, Plan | None]]] = defaultdict(dict)
        builder, numbers, is_super = self._builder, self._builder.numbers, self._is_super
        opened, ends, outcomes, last_ns = self._open, self._ends, self._outcomes, self.last_ns
        first_place = self._first
        starts, parents, depths, callees, instances, supers, passed = self._rows
        while position < end:
            first = records[position]
            kind = type(first)
            if kind is Layout:
                runtime = records[position + 2]
                try:
                    flags, callee, plan = plans[first][runtime]
                except KeyError:
                    plans[first][runtime] = builder.fast_plan(first, runtime)
                    continue
                after = position + first.size
                above, above_identity, place, parent, _, _ = opened[-1] if opened else _NOTHING
                has_maker = records[after - 2] is not None
                if has_maker or flags & IS_NOT_PLAIN or above.covers:
                    break
                last_ns = records[after - 1]
                if self._raised is not None:
                    self._settle(last_ns)
                identity = records[position + 1]
                if plan is None:
                    place = None
                else:
                    over, depth, above_callee, above_instance = parent
                    if identity is above_identity and place is not None:
                        instance = above_instance
                    else:
                        instance = 0 if identity is None else numbers[identity]
                    arguments: Arguments = None
                    if flags & KEEPS_ARGUMENTS:
                        values = records[position + 3 : after - 2]
                        are_plain = flags & ARGUMENTS_AS_THEY_ARE
                        for value in values:
                            kind = type(value)
                            is_plain = kind in UNCHANGED or (kind is int and LEAST < value < LARGE)
                            are_plain = are_plain and is_plain
                        if are_plain:
                            arguments = tuple(values)
                        else:
                            converted = builder.arguments(plan, first, values, instance)
                            callee, instance, arguments = converted
                    via_super = above_instance == instance and is_super(above_callee, callee)
                    place = first_place + len(starts)
                    depth += 1
                    starts.append(last_ns)
                    parents.append(over)
                    depths.append(depth)
                    callees.append(callee)
                    instances.append(instance)
                    supers.append(via_super)
                    passed.append(arguments)
                    ends.append(UNFINISHED)
                    outcomes.append(None)
                    parent = place, depth, callee, instance
                opened.append((first, identity, place, parent, None, flags))
                position = after
            elif kind is int or first is RESULT:
                if kind is int:
                    last_ns, outcome = first, None
                    position += 1
                else:
                    last_ns, outcome = records[position + 1], records[position + 2]
                    position += 3
                if self._raised is not None:
                    self._settle(last_ns)
                if opened:  # if not, the call began before the recording did
                    layout, _, place, _, _, flags = opened.pop()
                    if place is None:
                        continue
                    if outcome is not None:
                        kind = type(outcome)
                        is_plain = kind in UNCHANGED or (kind is int and LEAST < outcome < LARGE)
                        if not (is_plain and flags & RESULT_AS_IT_IS):
                            outcome = builder.result(layout, outcome)
                    row = place - first_place
                    if row < 0:
                        self._set_end(place, last_ns, outcome)
                    else:
                        ends[row], outcomes[row] = last_ns, outcome
            elif first is RAISE:
                self._settle(last_ns)
                self._raised = opened.pop()[2] if opened else None
                position += 1
            elif first is ERROR:
                last_ns = records[position + 1]
                self._settle(last_ns, records[position + 2])
                position += 3
            else:
                break
        self.last_ns = last_ns
        return records[position:] if position else None

    def _is_super(self, above: int, callee: int) -> bool:
        is_super = self._supers.get((above, callee))
        if is_super is None:
            callees = self._table.callees
            is_super = self._supers[above, callee] = callees[above].leads_to(callees[callee])
        return is_super

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
            self._open,
            self._raised,
            self.last_ns,
            rows.fast_plan,
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

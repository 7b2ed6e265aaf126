"""Rows of the calls of one part of a stream: those that were open before it, and new ones."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import pyarrow as pa

from callscope.trace.arrow.columns import integers
from callscope.trace.arrow.schema import INT32, pc
from callscope.trace.call import Call
from callscope.trace.event import Event
from callscope.trace.row_batch import RowBatch
from callscope.trace.table import NO_ROW, UNFINISHED, Table
from callscope.trace.table_builder import TableBuilder
from callscope.trace.times import not_negative, rest_times

_Thread = tuple[int, str]
"""Process and name of a thread."""
_ENDS: Final = ("return", "raise")
_COPIED: Final = [
    "start_ns",
    "end_ns",
    "depth",
    "instance",
    "via_super",
    "arguments",
    "outcome",
    "call_id",
]
"""Columns of a table that hold no indices."""


class OpenCall(NamedTuple):
    """A call that had not ended when a part was written."""

    call: Call
    self_ns: int
    """Time without its children, until then."""
    since_ns: int
    """Time until when that is; if it is suspended, since when."""
    is_suspended: bool
    thread: _Thread


def touched(
    events: Iterable[Event | RowBatch], opened: Mapping[int, OpenCall]
) -> dict[int, OpenCall]:
    """Return the open calls that some events may change, in the order they began.

    These are those that have events, and those that run in a thread that has: there may be
    thousands of others, which wait.
    """
    numbers: set[int] = set()
    threads: set[_Thread] = set()
    for event in events:
        if isinstance(event, RowBatch):
            calls = [Call(*place) for place in map(event.table.at, event.ended)]
            numbers.update(call.call_id for call in calls)
            calls += [Call(event.table, event.rows.start)] if event.rows else []
        else:
            calls = [event.call]
            numbers.add(event.call.call_id)
        threads.update((call.pid, call.thread) for call in calls[-1:])
    return {
        number: opened[number]
        for number in sorted(
            number
            for number, call in opened.items()
            if number in numbers or (not call.is_suspended and call.thread in threads)
        )
    }


class OpenRows:
    """Rows of the calls that were open before a part, and of those that began since.

    Args:
        before: the open calls that the part may change, in the order they began.
    """

    def __init__(self, before: Mapping[int, OpenCall]) -> None:
        self._builder = TableBuilder()
        self.table: Table = self._builder.table
        self._before = [*before.values()]
        self.first_new: int = len(before)
        self._row_of: dict[int, int] = {}
        """Rows of the calls that were open at some time, by their numbers."""
        self._calls: dict[int, Call] = {}
        """The same calls by their rows."""
        self._last_ns: dict[_Thread, int] = {}
        """Time of the last event of each thread."""
        for row, (call, _, since_ns, is_suspended, _) in enumerate(self._before):
            self._append(call)
            self.table.start_ns[row] = since_ns
            if is_suspended:
                self.table.suspensions[row] = [since_ns]

    def has_ended(self, row: int) -> bool:
        """Return whether a call has ended."""
        return self.table.end_ns[row] != UNFINISHED

    def add(self, event: Event | RowBatch) -> None:
        """Add what has happened."""
        if isinstance(event, RowBatch):
            self._add_batch(event)
            return
        call, kind, ts_ns = event.call, event.kind, event.ts_ns
        self._last_ns[call.pid, call.thread] = ts_ns
        if kind == "call":
            self._append(call)
            return
        row = self._row_of[call.call_id]
        if kind in _ENDS:
            self.table.end_ns[row] = ts_ns
            self.table.outcome[row] = call._table.outcome[call._row]
            return
        times = self.table.suspensions.setdefault(row, [])
        if len(times) % 2 == (kind == "resume"):  # else it was not suspended
            times.append(ts_ns)

    def _append(self, call: Call) -> None:
        source, row = call._table, call._row
        new = self._builder.append(
            source.call_id[row],
            source.start_ns[row],
            NO_ROW,
            self._builder.callee(source.callees[source.callee[row]]),
            self._builder.strand(source.strands[source.strand[row]]),
            source.instance[row],
            source.via_super[row],
            source.arguments[row],
        )
        self.table.parent[new] = self._parent(source, source.parent[row])
        self.table.depth[new] = source.depth[row]
        self._note_open(new, call)

    def _note_open(self, row: int, call: Call) -> None:
        self._calls[row] = call
        self._row_of[call.call_id] = row

    def _parent(self, source: Table, place: int) -> int:
        """Return the row of a parent in another table."""
        if place == NO_ROW:
            return NO_ROW
        table, row = source.at(place)
        here = self._row_of.get(table.call_id[row])
        return self.table.place_of(table, row) if here is None else here

    def _add_batch(self, batch: RowBatch) -> None:
        table, source, rows = self.table, batch.table, batch.rows
        place = last_ns = 0
        for other, row in map(source.at, batch.ended):
            place = self._row_of[other.call_id[row]]
            table.end_ns[place] = last_ns = other.end_ns[row]
            table.outcome[place] = other.outcome[row]
        first = len(table)
        self._copy(source, rows)
        for offset in sorted(batch.still_open):
            place = first + offset
            table.end_ns[place], table.outcome[place] = UNFINISHED, None
            self._note_open(place, Call(source, rows.start + offset))
        if rows:
            place = first
            last_end_ns = pc.max(integers(table.end_ns, slice(first, None))).as_py()
            last_ns = max(last_ns, table.start_ns[-1], last_end_ns)
        if last_ns:
            self._last_ns[self._thread(place)] = last_ns

    def _copy(self, source: Table, rows: range) -> None:
        """Copy rows of another table."""
        table, builder, part = self.table, self._builder, slice(rows.start, rows.stop)
        parents, first = integers(source.parent, part), rows.start
        is_outside = pc.less(parents, first)
        outside = _mapped(
            pc.if_else(is_outside, parents, None),
            lambda place: self._parent(source, place),
        )
        inside = pc.add(parents, pa.scalar(len(table) - first, INT32))
        _extend(table.parent, pc.if_else(is_outside, outside, inside))
        callees = integers(source.callee, part)
        _extend(table.callee, _mapped(callees, lambda n: builder.callee(source.callees[n])))
        strands = integers(source.strand, part)
        _extend(table.strand, _mapped(strands, lambda n: builder.strand(source.strands[n])))
        for name in _COPIED:
            getattr(table, name).extend(getattr(source, name)[part])

    def _thread(self, row: int) -> _Thread:
        strand = self.table.strands[self.table.strand[row]]
        return strand.pid, strand.thread

    def settle(self) -> tuple[dict[int, OpenCall], array[int]]:
        """Return the calls that are open after the part, and times without children.

        Until then, an earlier call's row has the time since the part before.
        """
        table = self.table
        is_suspended = {row: len(times) % 2 == 1 for row, times in table.suspensions.items()}
        opened = [row for row in self._calls if not self.has_ended(row)]
        for row in opened:
            table.end_ns[row] = self._until_ns(row)
        times = rest_times(table)
        for row, before in enumerate(self._before):
            times[row] += before.self_ns
        after = {
            table.call_id[row]: OpenCall(
                self._calls[row],
                times[row],
                table.end_ns[row],
                is_suspended.get(row, False),
                self._thread(row),
            )
            for row in opened
        }
        for row in opened:
            table.end_ns[row] = UNFINISHED
        for row, (call, *_) in enumerate(self._before):
            table.start_ns[row] = call.start_ns
            table.suspensions.pop(row, None)
            if times_of := call._table.suspensions.get(call._row):
                table.suspensions[row] = times_of
        return after, not_negative(times)

    def _until_ns(self, row: int) -> int:
        """Return the time up to which an open call has run."""
        times = self.table.suspensions.get(row, [])
        if len(times) % 2:
            return times[-1]
        start_ns = times[-1] if times else self.table.start_ns[row]
        return max(start_ns, self._last_ns.get(self._thread(row), start_ns))


def _mapped(numbers: pa.Array, function: Callable[[int], int]) -> pa.Array:
    """Return the results of a function, which is called once for each distinct number."""
    encoded = numbers.dictionary_encode()
    return pa.array(map(function, encoded.dictionary.to_pylist()), INT32).take(encoded.indices)


def _extend(column: array[int], values: pa.Array) -> None:
    with memoryview(values.buffers()[1]) as buffer:
        column.frombytes(buffer[: len(values) * column.itemsize])

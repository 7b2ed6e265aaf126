"""`Call`: one run of a site, as a view of one row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from operator import eq
from typing import overload

from callscope.introspect.classes import bare_name
from callscope.introspect.values import CallError, Value
from callscope.trace.metadata import ClassMetadata, SiteMetadata
from callscope.trace.table import NO_ROW, UNFINISHED, Callee, Strand, Table
from callscope.trace.text import call_text, outcome_text
from callscope.trace.times import self_ns


class _View:
    """View of one row of a table."""

    __slots__ = ("_row", "_table")

    def __init__(self, table: Table, row: int) -> None:
        self._table = table
        self._row = row


class Call(_View):
    """One run of a site: which method, of which class, on which object, with which outcome.

    callscope makes the calls; they are read-only. Two are equal if they are the same call of the
    same trace.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Call):
            return NotImplemented
        ours, theirs = self._table, other._table
        if ours is theirs:
            return self._row == other._row
        return ours.origin is theirs.origin and ours.key(self._row) == theirs.key(other._row)

    def __hash__(self) -> int:
        return hash((id(self._table.origin), self._table.key(self._row)))

    @property
    def _callee(self) -> Callee:
        return self._table.callees[self._table.callee[self._row]]

    @property
    def _strand(self) -> Strand:
        return self._table.strands[self._table.strand[self._row]]

    @property
    def _arguments(self) -> Mapping[str, Value] | None:
        return self._table.arguments_of(self._row)

    @property
    def _site_metadata(self) -> SiteMetadata | None:
        return self._callee.site_metadata

    @property
    def _class_metadata(self) -> ClassMetadata | None:
        return self._callee.class_metadata

    @property
    def call_id(self) -> int:
        """Number of the call in its trace, from 1, in the order the calls began."""
        return self._table.call_id[self._row]

    @property
    def method(self) -> str:
        """Name of the method: ``"__call__"``."""
        return self._callee.method

    @property
    def defining_class(self) -> str:
        """Module-qualified name of the class whose `__dict__` holds the method that ran."""
        return self._callee.defining_class

    @property
    def runtime_class(self) -> str:
        """Module-qualified name of `type(self)`; for a classmethod, of the class it ran on."""
        return self._callee.runtime_class

    @property
    def site(self) -> str:
        """The defining class's bare name and the method: ``"Layer.__call__"``."""
        callee = self._callee
        return f"{bare_name(callee.defining_class)}.{callee.method}"

    @property
    def file(self) -> str | None:
        """Source file of the method, as its code object says; None if not known.

        Not known for a method in C and for a trace from before callscope stored it.
        """
        site = self._site_metadata
        return None if site is None else site.file

    @property
    def line(self) -> int | None:
        """First line of the method's definition in `file`, from 1; None if not known.

        If the method has decorators, the line of the first.
        """
        site = self._site_metadata
        return None if site is None else site.line

    @property
    def instance(self) -> int | None:
        """Serial number of the object in this trace, from 1; None where there is no object."""
        return self._table.instance[self._row] or None

    @property
    def mro_index(self) -> int | None:
        """Index of the defining class in the runtime class's MRO; None if it is not in it."""
        return self._callee.mro_index

    @property
    def via_super(self) -> bool:
        """True if an override of the same method, earlier in the MRO, led here on this object."""
        return bool(self._table.via_super[self._row])

    @property
    def arguments(self) -> Mapping[str, Value]:
        """Arguments by bound name, without `self` and without those left at their default.

        Values of `*args` are named ``args[0]``, ``args[1]``; those of `**kwargs` keep their names.
        Empty if the recording captured none.
        """
        return self._arguments or {}

    @property
    def result(self) -> Value:
        """Returned value; None if the method returned None, raised, or nothing was captured."""
        outcome = self._table.outcome[self._row]
        return None if isinstance(outcome, CallError) else outcome

    @property
    def error(self) -> CallError | None:
        """The exception that ended the call, or None."""
        return self._table.error_of(self._row)

    @property
    def start_ns(self) -> int:
        """Start of the call, in nanoseconds of `time.perf_counter_ns`."""
        return self._table.start_ns[self._row]

    @property
    def duration_ns(self) -> int | None:
        """Duration of the call, in nanoseconds; None if it never ended."""
        end_ns = self._table.end_ns[self._row]
        return None if end_ns == UNFINISHED else end_ns - self.start_ns

    @property
    def self_ns(self) -> int | None:
        """Duration of the call without its children, in nanoseconds; None if it never ended.

        A child's time in another thread, or while this call was suspended, is not subtracted.
        """
        return self_ns(self._table, self._row)

    @property
    def pid(self) -> int:
        """Number of the process the call ran in."""
        return self._strand.pid

    @property
    def thread(self) -> str:
        """Name of the thread the call ran in."""
        return self._strand.thread

    @property
    def task(self) -> str | None:
        """Name of the asyncio task the call ran in; None outside of one."""
        return self._strand.task

    @property
    def suspensions(self) -> Sequence[tuple[int, int | None]]:
        """Suspension and resumption times of a coroutine or a generator, in nanoseconds.

        The last resumption is None if the call was still suspended when the recording ended.
        """
        times = self._table.suspensions.get(self._row, ())
        return tuple(zip_longest(times[::2], times[1::2]))

    @property
    def waiting_ns(self) -> int:
        """Total time the call was suspended, in nanoseconds, up to its last resumption."""
        return self._table.waiting_ns(self._row)

    @property
    def running_ns(self) -> int | None:
        """Duration of the call without suspensions, in nanoseconds; None if it never ended."""
        duration_ns = self.duration_ns
        return None if duration_ns is None else duration_ns - self.waiting_ns

    @property
    def parent(self) -> Call | None:
        """The traced call that led to this one: the one running in the same thread; for a task, and
        for work started by `asyncio.to_thread` or `callscope.carry`, the one that started it.
        """
        parent = self._table.parent_of(self._row)
        return None if parent is None else Call(*parent)

    @property
    def children(self) -> Sequence[Call]:
        """The traced calls that began directly within this one, in order."""
        return Calls(self._table, self._table.children(self._row))

    @property
    def depth(self) -> int:
        """Number of parents above the call."""
        return self._table.depth[self._row]

    @property
    def finished(self) -> bool:
        """False for a call that had not ended when the recording did."""
        return self._table.end_ns[self._row] != UNFINISHED

    def __repr__(self) -> str:
        return f"<Call {self.call_id}: {call_text(self)}{outcome_text(self)}>"

    def _repr_html_(self) -> str:
        from callscope.trace.html import call_html

        return call_html(self)


class Calls(Sequence[Call]):
    """Some calls of a table; slices copy no call.

    Args:
        table: the table.
        rows: rows of the calls; by default all that the table has now.
    """

    __slots__ = ("_rows", "_table")

    def __init__(self, table: Table, rows: Sequence[int] | None = None) -> None:
        self._table = table
        self._rows: Sequence[int] = range(len(table)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Calls: ...
    def __getitem__(self, index: int | slice) -> Call | Calls:
        rows = self._rows[index]
        return Call(self._table, rows) if isinstance(rows, int) else Calls(self._table, rows)

    def __iter__(self) -> Iterator[Call]:
        for row in self._rows:
            yield Call(self._table, row)

    def __contains__(self, call: object) -> bool:
        return self._row_of(call) in self._rows

    def index(self, call: object, start: int = 0, stop: int | None = None) -> int:
        """Return the index of a call, as `list.index` does."""
        row = self._row_of(call)
        if row in self._rows:
            index = self._rows.index(row)
            if index in range(len(self))[start:stop]:
                return index
        msg = f"{call!r} is not in these calls"
        raise ValueError(msg)

    def count(self, call: object) -> int:
        """Return 1 for one of the calls, else 0."""
        return int(call in self)

    def _row_of(self, call: object) -> int:
        """Return the row of a call, which may be a view of another table; or `NO_ROW`."""
        return self._table.row(call._table, call._row) if isinstance(call, Call) else NO_ROW

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

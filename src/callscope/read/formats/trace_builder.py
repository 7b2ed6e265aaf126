"""Builder of calls from the lines of a trace, each with its parent, end and metadata."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from operator import add
from typing import Any, Final

from callscope.read.formats.json_text import INT64
from callscope.read.formats.metadata_versions import MetadataVersions
from callscope.trace import (
    NO_ROW,
    UNFINISHED,
    Arguments,
    Callee,
    CallError,
    ClassMetadata,
    Cost,
    Recorded,
    SiteMetadata,
    Table,
    TableBuilder,
    Text,
    Value,
)

TIMES: Final = 1 << 62
"""Bound of times, positive and negative; the difference of any two takes 64 bits."""
TOO_LONG: Final = "takes more than 63 bits"
NOT_RUNNING: Final = "its call is not running"
BEFORE_PARENT: Final = "it begins before its parent call"
_Key = tuple[str, str, str, int | None, tuple[str, ...] | None]
"""Method, defining class, runtime class, index in its MRO, and names of arguments."""
NO_OBJECT: Final = "'instance' is less than zero, and not the number of an object"
BACKWARDS: Final = "it happens before an earlier event of its call"


class WrongLineError(Exception):
    """A line that is invalid at its position; the message says why."""


class TraceBuilder:
    """The calls read so far, and the metadata of sites and classes."""

    def __init__(self) -> None:
        self._builder = TableBuilder()
        self.table: Table = self._builder.table
        """Calls in the order of their lines."""
        self.rows: dict[int, int] = {}
        """Rows of the calls by their numbers."""
        self.metadata: MetadataVersions = MetadataVersions()
        """Metadata for the calls that follow; that of earlier calls does not change."""
        self.lost: int = 0
        self.left_out: dict[str, int] = {}
        self._described = 0
        """Number of calls when the metadata last changed."""
        self._callees: dict[Any, int] = {}
        """Indices of callees, of calls since the metadata last changed."""

    def begin(
        self,
        ts_ns: int,
        pid: int,
        thread: str,
        task: str | None,
        call_id: int,
        parent_id: int | None,
        method: str,
        defining_class: str,
        runtime_class: str,
        instance: int | None,
        mro_index: int | None,
        via_super: bool,  # noqa: FBT001  # in the order of a line
        arguments: dict[str, Value] | None,
    ) -> None:
        """Add a call that has begun.

        Raises:
            WrongLineError: if it has begun before, or its parent has not begun or began later, or
                a number is not in the range of its column.
        """
        names = None if arguments is None else tuple(arguments)
        callee = self._callee((method, defining_class, runtime_class, mro_index, names))
        rows, parent = self.rows, NO_ROW
        values = None if arguments is None else tuple(arguments.values())
        if call_id in rows:
            msg = f"call {call_id} begins a second time"
            raise WrongLineError(msg)
        if parent_id is not None:
            parent = rows.get(parent_id, NO_ROW)
            if parent == NO_ROW:
                msg = f"its parent, call {parent_id}, has not begun"
                raise WrongLineError(msg)
            if ts_ns < self.table.start_ns[parent]:
                raise WrongLineError(BEFORE_PARENT)
        if instance is not None and instance < 0:
            raise WrongLineError(NO_OBJECT)
        try:
            strand = self._builder.strand((pid, thread, task))
            rows[call_id] = self._builder.append(
                call_id, ts_ns, parent, callee, strand, instance or 0, via_super, values
            )
        except OverflowError:
            name = "instance" if -INT64 <= call_id < INT64 else "call_id"
            msg = f"{name!r} takes more than 64 bits"
            raise WrongLineError(msg) from None

    def end(self, call_id: int, end_ns: int, outcome: Value | CallError) -> None:
        """Record the end of a call.

        Raises:
            WrongLineError: if it is not running, or the time goes backwards.
        """
        row = self._running(call_id, end_ns)
        self.table.end_ns[row] = end_ns
        self.table.outcome[row] = outcome

    def _callee(self, key: _Key) -> int:
        callee = self._callees.get(key)
        if callee is None:
            metadata = self.metadata.site(key[1], key[0]), self.metadata.cls(key[2])
            callee = self._callees[key] = self._builder.callee(Callee(*key, *metadata))
        return callee

    def extend(
        self,
        starts: Sequence[int],
        durations: Sequence[int],
        strands: Sequence[tuple[int, str, str | None]],
        call_ids: Sequence[int],
        parent_ids: Sequence[int | None],
        callees: Iterable[_Key],
        instances: Iterable[int | None],
        via_super: Iterable[bool],
        arguments: Iterable[Arguments],
        outcomes: Iterable[Value | CallError],
    ) -> bool:
        """Add calls that have begun and ended.

        Returns:
            False, with nothing added, if one of them may be wrong; `begin` says which.
        """
        first, table = len(self.table), self.table
        rows = dict(zip(call_ids, range(first, first + len(call_ids)), strict=True))
        if len(rows) < len(call_ids) or not self.rows.keys().isdisjoint(rows) or min(durations) < 0:
            return False
        parents = self._parents(starts, rows, parent_ids)
        if parents is None:
            return False
        try:
            numbers = array("q", call_ids)
            objects = array("q", [instance or 0 for instance in instances])
            ends = array("q", map(add, starts, durations))
        except OverflowError:
            return False
        if max(ends) >= TIMES or min(objects) < 0:
            return False
        keys = [*callees]
        for key in dict.fromkeys(keys):
            self._callee(key)
        indices = {strand: self._builder.strand(strand) for strand in dict.fromkeys(strands)}
        table.start_ns += array("q", starts)
        table.end_ns += ends
        table.parent += array("i", parents)
        table.depth += array("i", bytes(4 * len(parents)))
        table.set_depths(first)
        table.callee += array("i", map(self._callees.__getitem__, keys))
        table.strand += array("i", map(indices.__getitem__, strands))
        table.instance += objects
        table.via_super += array("b", via_super)
        table.arguments += arguments
        table.outcome += outcomes
        table.call_id += numbers
        self.rows.update(rows)
        return True

    def _parents(
        self, starts: Sequence[int], rows: dict[int, int], parent_ids: Sequence[int | None]
    ) -> list[int] | None:
        """Return the rows of the parents of new calls; None if one has not begun before its call.

        Args:
            starts: times at which the calls begin.
            rows: their rows, by number.
            parent_ids: numbers of their parents.
        """
        first, begins = len(self.table), self.table.start_ns
        known, unknown = self.rows, NO_ROW - 1
        parents = [
            NO_ROW if number is None else known.get(number, rows.get(number, unknown))
            for number in parent_ids
        ]
        are_before = all(unknown < parent < row for row, parent in enumerate(parents, first))
        if not are_before or any(
            start < (begins[parent] if parent < first else starts[parent - first])
            for start, parent in zip(starts, parents, strict=True)
            if parent != NO_ROW
        ):
            return None
        return parents

    def complete(
        self,
        call_id: int,
        duration_ns: int | None,
        outcome: Value | CallError,
        suspensions: Iterable[int] | None,
    ) -> None:
        """Record what the line of a call says of its suspensions and its end.

        Args:
            call_id: number of the call, which has begun.
            duration_ns: time from its begin to its end; None if it has not ended.
            outcome: its result or error.
            suspensions: times at which it was suspended and resumed, in turn.

        Raises:
            WrongLineError: if a time goes backwards, or takes more than 63 bits.
        """
        for index, ts_ns in enumerate(suspensions or ()):
            act = self.resume if index % 2 else self.suspend
            act(call_id, ts_ns)
        if duration_ns is not None:
            end_ns = self.table.start_ns[self.rows[call_id]] + duration_ns
            if end_ns >= TIMES:
                msg = f"its end {TOO_LONG}"
                raise WrongLineError(msg)
            self.end(call_id, end_ns, outcome)

    def suspend(self, call_id: int, ts_ns: int) -> None:
        """Record the suspension of a call; raises as `end`."""
        row = self._running(call_id, ts_ns)
        times = self.table.suspensions.setdefault(row, [])
        # A call that is suspended twice has never run in between.
        times += (ts_ns, ts_ns) if len(times) % 2 else (ts_ns,)

    def resume(self, call_id: int, ts_ns: int) -> None:
        """Record the resumption of a call; raises as `end`."""
        row = self._running(call_id, ts_ns)
        times = self.table.suspensions.get(row, [])
        if len(times) % 2:
            times.append(ts_ns)

    def _running(self, call_id: int, ts_ns: int) -> int:
        row = self.rows.get(call_id)
        table = self.table
        if row is None or table.end_ns[row] != UNFINISHED:
            raise WrongLineError(NOT_RUNNING)
        times = table.suspensions.get(row)
        if ts_ns < (times[-1] if times else table.start_ns[row]):
            raise WrongLineError(BACKWARDS)
        return row

    def end_all(self, lost: int, left_out: dict[str, int] | None) -> None:
        """Record the end of the trace."""
        self.lost = lost
        self.left_out = left_out or {}

    def recorded(self) -> Recorded:
        """Return everything read so far."""
        return Recorded(self.table, self.lost, self.left_out, is_final=True)

    def site(self, site: SiteMetadata) -> None:
        """Add the metadata of a site; it applies to the calls that follow."""
        self._renew()
        self.metadata.add(site)

    def cls(
        self,
        name: str,
        mro: Sequence[str],
        methods: Sequence[Sequence[str]],
        others: Iterable[Sequence[str]] = (),
    ) -> None:
        """Add the metadata of a class; it applies to the calls that follow.

        Args:
            name: name of the class.
            mro: names of the classes of its MRO.
            methods: for each of these, its own traced methods.
            others: the remaining fields of `ClassMetadata`, in order.

        Raises:
            WrongLineError: if it does not match the metadata of sites.
        """
        if len(methods) != len(mro):
            msg = "'sites' is not a list of methods for each class of 'mro'"
            raise WrongLineError(msg)
        sites = tuple(
            tuple(self._site_of(cls, method) for method in names)
            for cls, names in zip(mro, methods, strict=True)
        )
        self._renew()
        self.metadata.add(ClassMetadata(name, tuple(mro), sites, *map(tuple, others)))

    def _site_of(self, cls: str, method: str) -> SiteMetadata:
        site = self.metadata.site(cls, method)
        if site is None:
            msg = f"no line before it describes site {(cls, method)}"
            raise WrongLineError(msg)
        return site

    def _renew(self) -> None:
        self._callees.clear()
        if len(self.table) > self._described:
            self.metadata = MetadataVersions(self.metadata)
            self._described = len(self.table)


def to_cost(figures: Iterable[Any]) -> Cost:
    """Build a cost from its figures.

    Raises:
        WrongLineError: if one of them is not a number of nanoseconds.
    """
    read: list[float] = []
    for name, value in zip(Cost._fields, figures, strict=True):
        if type(value) not in (int, float) or not 0 <= value < INT64:
            msg = f"{name!r} is {value!r:.40} and not a number of nanoseconds"
            raise WrongLineError(msg)
        read.append(float(value))
    return Cost(*read)


def with_texts(values: dict[str, Value], texts: Collection[str]) -> dict[str, Value]:
    """Return values, with the texts of non-scalar values marked."""
    return {
        name: Text(value) if type(value) is str and name in texts else value
        for name, value in values.items()
    }

"""`Table`: the calls of a trace as columns, one row per call."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from callscope.introspect.values import CallError, Value
from callscope.trace.call import Call
from callscope.trace.metadata import ClassMetadata, SiteMetadata

UNFINISHED: Final = -(1 << 63)
"""Value of `Table.end_ns` for a call that has not ended."""
NO_ROW: Final = -1
"""Value of `Table.parent` for a call without a parent."""

Arguments: TypeAlias = None | tuple[Value, ...] | dict[str, Value]
"""Captured arguments of a call: None, values in the order of `Callee.argument_names`, or a dict."""


class Callee(NamedTuple):
    """What many calls share: the method that ran, the class of the object, names of arguments."""

    method: str
    defining_class: str
    runtime_class: str
    mro_index: int | None
    argument_names: tuple[str, ...] | None
    """Names of the captured arguments; None if none were captured, or each call has a dict."""
    site_metadata: SiteMetadata | None
    class_metadata: ClassMetadata | None

    @property
    def site(self) -> tuple[str, str]:
        """Defining class and method."""
        return self.defining_class, self.method


class Strand(NamedTuple):
    """Where a call ran: process, thread and task."""

    pid: int
    thread: str
    task: str | None


class Table:
    """Calls as columns: entry `row` of each column belongs to the same call.

    Rows are in the order the calls began, so a parent stands before its children. Columns of
    integers are `array.array`, which numpy and Arrow read without a copy. Only the first
    ``len(table)`` rows are valid.
    """

    __slots__ = (
        "_calls",
        "_last_child",
        "_previous",
        "arguments",
        "call_id",
        "callee",
        "callees",
        "depth",
        "end_ns",
        "instance",
        "outcome",
        "parent",
        "start_ns",
        "strand",
        "strands",
        "suspensions",
        "via_super",
    )

    def __init__(self) -> None:
        self.call_id: array[int] = array("q")
        """Numbers of the calls; unique."""
        self.start_ns: array[int] = array("q")
        self.end_ns: array[int] = array("q")
        """Ends; `UNFINISHED` for calls that never ended."""
        self.parent: array[int] = array("i")
        """Rows of the parents; `NO_ROW` for roots."""
        self.depth: array[int] = array("i")
        self.callee: array[int] = array("i")
        """Indices into `callees`."""
        self.strand: array[int] = array("i")
        """Indices into `strands`."""
        self.instance: array[int] = array("q")
        """Serial numbers of the objects, from 1; 0 where there is no object."""
        self.via_super: array[int] = array("b")
        """1 where an override earlier in the MRO led to the call, else 0."""
        self.arguments: list[Arguments] = []
        self.outcome: list[Value | CallError] = []
        """Results, or the exceptions that ended the calls."""
        self.suspensions: dict[int, list[int]] = {}
        """By row, the times at which a call was suspended, resumed, suspended..."""
        self.callees: list[Callee] = []
        self.strands: list[Strand] = []
        self._calls: Sequence[Call] = ()
        self._last_child: array[int] = array("i")
        self._previous: array[int] = array("i")

    @classmethod
    def from_calls(cls, calls: Sequence[Call]) -> Table:
        """Return a table of calls, which are in the order they began."""
        table = cls()
        rows: dict[int, int] = {}
        callees: dict[tuple[object, ...], int] = {}
        strands: dict[Strand, int] = {}
        for row, call in enumerate(calls):
            rows[id(call)] = row
            arguments: dict[str, Value] | None = call._arguments
            names = None if arguments is None else tuple(arguments)
            site, metadata = call._site_metadata, call._class_metadata
            callee = (call._method, call._defining_class, call._runtime_class, call._mro_index)
            key = (*callee, names, id(site), id(metadata))
            index = callees.get(key)
            if index is None:
                index = callees[key] = len(callees)
                table.callees.append(Callee(*callee, names, site, metadata))
            strand = Strand(call._pid, call._thread, call._task)
            place = strands.setdefault(strand, len(strands))
            if place == len(table.strands):
                table.strands.append(strand)
            parent = call._parent
            table.call_id.append(call._call_id)
            table.start_ns.append(call._start_ns)
            table.end_ns.append(UNFINISHED if call._end_ns is None else call._end_ns)
            table.parent.append(NO_ROW if parent is None else rows.get(id(parent), NO_ROW))
            table.depth.append(call._depth)
            table.callee.append(index)
            table.strand.append(place)
            table.instance.append(call._instance or 0)
            table.via_super.append(call._via_super)
            table.arguments.append(None if arguments is None else tuple(arguments.values()))
            table.outcome.append(call._result if call._error is None else call._error)
            if call._suspensions:
                table.suspensions[row] = [ts for span in call._suspensions for ts in span]
        table._calls = calls
        return table

    def __len__(self) -> int:
        return len(self.start_ns)

    def call(self, row: int) -> Call:
        """Return the call of a row."""
        return self._calls[row]

    def arguments_of(self, row: int) -> Mapping[str, Value] | None:
        """Return the captured arguments of a call by name; None if none were captured."""
        values = self.arguments[row]
        if values is None or isinstance(values, dict):
            return values
        names = self.callees[self.callee[row]].argument_names or ()
        return dict(zip(names, values, strict=True))

    def error_of(self, row: int) -> CallError | None:
        """Return the exception that ended a call, or None."""
        outcome = self.outcome[row]
        return outcome if type(outcome) is CallError else None

    def waiting_ns(self, row: int) -> int:
        """Return the time a call was suspended, up to its last resumption."""
        instants = self.suspensions.get(row)
        if instants is None:
            return 0
        return sum(instants[1::2]) - sum(instants[: len(instants) // 2 * 2 : 2])

    def links(self) -> tuple[array[int], array[int]]:
        """Return two columns: rows of the last children, and of the siblings before each call.

        Both are `NO_ROW` where there is none. Followed from a parent, they give its children, the
        last first. Roots have no siblings.
        """
        last, previous = self._last_child, self._previous
        first, size = len(previous), len(self)
        for column in (last, previous):
            column.extend(array("i", [NO_ROW]) * (size - first))
        for row, parent in enumerate(self.parent[first:size], first):
            if parent >= 0:
                previous[row] = last[parent]
                last[parent] = row
        return last, previous

    def children(self, row: int) -> list[int]:
        """Return the rows of the calls that began directly within a call, in order."""
        last, previous = self.links()
        rows: list[int] = []
        child = last[row]
        while child != NO_ROW:
            rows.append(child)
            child = previous[child]
        rows.reverse()
        return rows

    def roots(self) -> list[int]:
        """Return the rows of the calls without a parent, in order."""
        return [row for row, parent in enumerate(self.parent) if parent == NO_ROW]

    def preorder(self, rows: Sequence[int]) -> Iterator[int]:
        """Yield rows, each followed by all calls below it; no recursion, for deep trees."""
        last, previous = self.links()
        stack = [*reversed(rows)]
        while stack:
            row = stack.pop()
            yield row
            child = last[row]
            while child != NO_ROW:
                stack.append(child)
                child = previous[child]

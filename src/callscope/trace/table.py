"""`Table`: the calls of a trace as columns, one row per call."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from callscope.introspect.values import CallError, Value
from callscope.trace.kernels import KERNELS
from callscope.trace.metadata import ClassMetadata, SiteMetadata

UNFINISHED: Final = -(1 << 63)
"""Value of `Table.end_ns` for a call that has not ended."""
NO_ROW: Final = -1
"""Value of `Table.parent` for a call without a parent."""
_FIRST_OUTER: Final = -2

Arguments: TypeAlias = None | tuple[Value, ...] | dict[str, Value]
"""Captured arguments of a call: None, values in the order of `Callee.argument_names`, or a dict."""

_COLUMNS: Final = {
    "call_id": "q",
    "start_ns": "q",
    "end_ns": "q",
    "parent": "i",
    "depth": "i",
    "callee": "i",
    "strand": "i",
    "instance": "q",
    "via_super": "b",
}
"""Type codes of the columns of integers."""


class Callee(NamedTuple):
    """Shared part of many calls: the method that ran, the class of the object, argument names."""

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

    @property
    def key(self) -> tuple[object, ...]:
        """Hashable that only equal callees share; cheaper to hash than the callee."""
        return *self[:5], id(self.site_metadata), id(self.class_metadata)

    def leads_to(self, callee: Callee) -> bool:
        """Return whether another, below it on the same object, is the next of its MRO, or later."""
        return (
            self.method == callee.method
            and self.runtime_class == callee.runtime_class
            and self.mro_index is not None
            and callee.mro_index is not None
            and self.mro_index < callee.mro_index
        )


class Strand(NamedTuple):
    """Process, thread and task in which calls ran."""

    pid: int
    thread: str
    task: str | None


class Table:
    """Calls as columns: entry `row` of each column belongs to the same call.

    Rows are in the order the calls began, so a parent stands before its children. Columns of
    integers are `array.array`, which numpy and Arrow read without a copy.

    A table that still grows may have columns longer than `call_id`; what is beyond does not count.

    Args:
        origin: object that all tables of one recording share; by default a new one.
    """

    __slots__ = (
        *_COLUMNS,
        "_links",
        "_places",
        "arguments",
        "callees",
        "keys",
        "origin",
        "outcome",
        "outer",
        "strands",
        "suspensions",
    )

    call_id: array[int]
    """Numbers of the calls; unique."""
    start_ns: array[int]
    end_ns: array[int]
    """Ends; `UNFINISHED` for calls that never ended."""
    parent: array[int]
    """Rows of the parents; `NO_ROW` for roots."""
    depth: array[int]
    callee: array[int]
    """Indices into `callees`."""
    strand: array[int]
    """Indices into `strands`."""
    instance: array[int]
    """Serial numbers of the objects, from 1; 0 where there is no object."""
    via_super: array[int]
    """1 where an override earlier in the MRO led to the call, else 0."""

    def __init__(self, origin: object = None) -> None:
        for name, code in _COLUMNS.items():
            setattr(self, name, array(code))
        self.arguments: list[Arguments] = []
        self.outcome: list[Value | CallError] = []
        """Results, or the exceptions that ended the calls."""
        self.suspensions: dict[int, list[int]] = {}
        """By row, the times at which a call was suspended, resumed, suspended..."""
        self.callees: list[Callee] = []
        self.strands: list[Strand] = []
        self.outer: list[tuple[Table, int]] = []
        """Parents in earlier tables of a recording that does not keep all calls in one: table and
        row. In `parent`, -2 refers to the first, -3 to the second."""
        self.origin: object = object() if origin is None else origin
        self.keys: Sequence[int] | None = None
        """Numbers that identify the calls among all tables of the same origin; None: `call_id`."""
        self._places: dict[tuple[Table, int], int] = {}
        self._links: tuple[array[int], array[int]] = _none(0), _none(0)

    def __len__(self) -> int:
        return len(self.call_id)

    def key(self, row: int) -> int:
        """Return the number that identifies a call among all tables of the same origin."""
        return self.call_id[row] if self.keys is None else self.keys[row]

    def row(self, other: Table, row: int) -> int:
        """Return the row of a call of any table; `NO_ROW` if it is not here."""
        if other is self:
            return row
        if other.origin is not self.origin:
            return NO_ROW
        keys, key = self.call_id if self.keys is None else self.keys, other.key(row)
        return keys.index(key) if key in keys else NO_ROW

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

    def parent_of(self, row: int) -> tuple[Table, int] | None:
        """Return the table and the row of a call's parent; None for a root."""
        parent = self.parent[row]
        return None if parent == NO_ROW else self.at(parent)

    def parent_ids(self, rows: slice) -> array[int]:
        """Return the numbers of the parents of some calls; 0 for roots."""
        parents = self.parent[rows]
        numbers = array("q", bytes(8 * len(parents)))
        outer = array("q", [earlier.call_id[row] for earlier, row in self.outer])
        KERNELS.look_up(numbers, parents, self.call_id, outer)
        return numbers

    def at(self, place: int) -> tuple[Table, int]:
        """Return the table and the row that a value of `parent` refers to."""
        return (self, place) if place >= 0 else self.outer[_FIRST_OUTER - place]

    def place_of(self, table: Table, row: int) -> int:
        """Return the value of `parent` for children of a row of this or an earlier table."""
        if table is self:
            return row
        outer = (table, row)
        place = self._places.get(outer)
        if place is None:
            self.outer.append(outer)
            place = self._places[outer] = _FIRST_OUTER + 1 - len(self.outer)
        return place

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
        first, size = len(self._links[0]), len(self)
        if first < size:
            # Copies: another thread may read these, and an interrupt may end this at any point.
            last, previous = (column + _none(size - first) for column in self._links)
            KERNELS.link_rows(first, size, self.parent, last, previous)
            self._links = last, previous
        return self._links

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

    def roots(self, count: int | None = None) -> list[int]:
        """Return the rows of the calls without a parent, in order; of the first `count`, if given."""
        parents = self.parent[: len(self) if count is None else count]
        return [row for row, parent in enumerate(parents) if parent == NO_ROW]

    def with_parents(self, rows: Iterable[int]) -> set[int]:
        """Return rows and those of all calls above them."""
        chosen: set[int] = set()
        for row in rows:
            above = row
            while above != NO_ROW and above not in chosen:
                chosen.add(above)
                above = self.parent[above]
        return chosen

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

    def set_row(
        self,
        row: int,
        start_ns: int,
        parent: int,
        depth: int,
        callee: int,
        strand: int,
        instance: int,
        via_super: int,
        arguments: Arguments,
    ) -> None:
        """Set all columns of a call that has begun but `call_id`, whose length says what counts.

        An interrupt may end it at any point, and it can be repeated.
        """
        self.start_ns[row:] = array("q", (start_ns,))
        self.end_ns[row:] = array("q", (UNFINISHED,))
        self.parent[row:] = array("i", (parent,))
        self.depth[row:] = array("i", (depth,))
        self.callee[row:] = array("i", (callee,))
        self.strand[row:] = array("i", (strand,))
        self.instance[row:] = array("q", (instance,))
        self.via_super[row:] = array("b", (via_super,))
        self.arguments[row:] = (arguments,)
        self.outcome[row:] = (None,)

    def set_depths(self, first: int = 0) -> None:
        """Set the depths of all rows from `first` on, as follows from their parents."""
        depths = self.depth
        for row, parent in enumerate(self.parent[first:], first):
            depths[row] = 0 if parent == NO_ROW else depths[parent] + 1

    def shift(self, by_ns: int) -> None:
        """Move all calls to another clock."""
        if by_ns:
            self.start_ns = array("q", (ns + by_ns for ns in self.start_ns))
            ends = (ns if ns == UNFINISHED else ns + by_ns for ns in self.end_ns)
            self.end_ns = array("q", ends)
            for row, times in self.suspensions.items():
                self.suspensions[row] = [ns + by_ns for ns in times]

    def empty_copy(self) -> Table:
        """Return an empty table with the same callees and strands."""
        table = Table(self.origin)
        table.callees, table.strands = self.callees, self.strands
        return table

    def trim(self) -> None:
        """Drop what an interrupt has left in the columns beyond the last row."""
        count = len(self)
        if len(self.start_ns) > count:
            for name in (*_COLUMNS, "arguments", "outcome"):
                del getattr(self, name)[count:]

    def snapshot(self, count: int) -> Table:
        """Return a copy of the first rows, which does not change while this table grows."""
        return self._mapped(lambda column: column[:count])

    def reordered(self, order: Sequence[int]) -> Table:
        """Return a table of some rows, in another order; parents must stand before children.

        A call whose parent is not among them becomes a root. The calls keep their identity.
        """
        table = self._mapped(lambda column: [*map(column.__getitem__, order)])
        rows = dict(zip(order, range(len(order)), strict=True))
        table.keys = [*map(self.key, order)]
        table.parent = array("i", (rows.get(parent, NO_ROW) for parent in table.parent))
        table.suspensions = {
            rows[row]: instants for row, instants in self.suspensions.items() if row in rows
        }
        table.set_depths()
        return table

    def _mapped(self, change: Callable[[Any], Sequence[Any]]) -> Table:
        table = Table(self.origin)
        for name, code in _COLUMNS.items():
            setattr(table, name, array(code, change(getattr(self, name))))
        table.arguments = [*change(self.arguments)]
        table.outcome = [*change(self.outcome)]
        table.suspensions = {row: [*times] for row, times in self.suspensions.items()}
        table.callees, table.strands = [*self.callees], [*self.strands]
        table.outer = self.outer
        return table


def _none(count: int) -> array[int]:
    return array("i", (NO_ROW,)) * count


class Part(NamedTuple):
    """A part of the calls of a trace that is read in several."""

    table: Table
    first: int = 0
    """Row of the first new call; those before it stayed from the part before."""
    staying: Sequence[int] = ()
    """Rows of the calls that will have more calls below them; they begin the next part."""

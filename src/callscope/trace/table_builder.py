"""`TableBuilder`: builds a table row by row."""

from __future__ import annotations

from array import array

from callscope.trace.table import NO_ROW, UNFINISHED, Arguments, Callee, Strand, Table


class TableBuilder:
    """Builder of a table, which gives equal callees and strands one index.

    Args:
        origin: object that all tables of one recording share; by default a new one.
    """

    def __init__(self, origin: object = None) -> None:
        self.table: Table = Table(origin)
        self._callees: dict[tuple[object, ...], int] = {}
        self._strands: dict[tuple[int, str, str | None], int] = {}
        self._shifts: dict[int, int] = {}
        """Difference of the rows here and in tables that were appended."""

    def callee(self, callee: Callee) -> int:
        """Return the index of a callee."""
        key = callee.key
        index = self._callees.get(key)
        if index is None:
            # In this order: an interrupt in between leaves an entry that nothing refers to.
            self.table.callees.append(callee)
            index = self._callees[key] = len(self.table.callees) - 1
        return index

    def strand(self, strand: tuple[int, str, str | None]) -> int:
        """Return the index of a strand."""
        index = self._strands.get(strand)
        if index is None:
            self.table.strands.append(Strand(*strand))
            index = self._strands[strand] = len(self.table.strands) - 1
        return index

    def append(
        self,
        call_id: int,
        start_ns: int,
        parent: int,
        callee: int,
        strand: int,
        instance: int,
        via_super: int,
        arguments: Arguments,
    ) -> int:
        """Append a call that has begun, and return its row."""
        table = self.table
        row = len(table.call_id)
        table.start_ns.append(start_ns)
        table.end_ns.append(UNFINISHED)
        table.parent.append(parent)
        table.depth.append(0 if parent == NO_ROW else table.depth[parent] + 1)
        table.callee.append(callee)
        table.strand.append(strand)
        table.instance.append(instance)
        table.via_super.append(via_super)
        table.arguments.append(arguments)
        table.outcome.append(None)
        table.call_id.append(call_id)
        return row

    def extend(self, other: Table, first: int = 0) -> None:
        """Append the rows of another table, from `first` on.

        Children of calls that are left out are roots.
        """
        table = self.table
        by = self._shifts[id(other)] = len(table) - first
        callees = [*map(self.callee, other.callees)]
        strands = [*map(self.strand, other.strands)]
        rows = slice(first, len(other))
        parents = [p + by if p >= first else self._outer(other, p) for p in other.parent[rows]]
        table.parent += array("i", parents)
        table.depth += other.depth[rows]
        table.set_depths(len(table))
        table.callee += array("i", map(callees.__getitem__, other.callee[rows]))
        table.strand += array("i", map(strands.__getitem__, other.strand[rows]))
        table.start_ns += other.start_ns[rows]
        table.end_ns += other.end_ns[rows]
        table.instance += other.instance[rows]
        table.via_super += other.via_super[rows]
        table.arguments += other.arguments[rows]
        table.outcome += other.outcome[rows]
        for row, times in other.suspensions.items():
            if row >= first:
                table.suspensions[row + by] = times
        table.call_id += other.call_id[rows]

    def _outer(self, other: Table, parent: int) -> int:
        """Return the row of a parent that another table does not hold, or no longer."""
        if parent >= NO_ROW:
            return NO_ROW
        table, row = other.at(parent)
        return max(NO_ROW, row + self._shifts.get(id(table), -1 - row))

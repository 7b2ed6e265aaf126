"""The calls on the same object that led to a call."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final

from callscope.trace import NO_ROW, Table

_SHALLOW: Final = 50
"""Depth up to which a call's parents are searched; all calls are traversed for a deeper one."""


class Ancestors:
    """The innermost calls on the same object that led to each call.

    Args:
        table: all calls of a trace.
        numbers: number of each call's object.
    """

    def __init__(self, table: Table, numbers: Sequence[int]) -> None:
        self._table = table
        self._numbers = numbers
        self._methods = [callee.method for callee in table.callees]
        self._columns: dict[str, Sequence[int]] = {}
        """By method, or "" for any, what `nearest` returns for each row."""

    def nearest(self, row: int, method: str = "") -> int:
        """Return the innermost call on the same object that led to a call, or `NO_ROW`.

        Args:
            row: the call.
            method: the method that the innermost call must be of; any if empty.
        """
        table, numbers = self._table, self._numbers
        if table.depth[row] > _SHALLOW:
            return self._column(method)[row]
        number = numbers[row]
        above = table.parent[row]
        while above != NO_ROW and (
            numbers[above] != number or (method and self._method(above) != method)
        ):
            above = table.parent[above]
        return above

    def lineage(self, row: int, method: str) -> Iterator[int]:
        """Yield all calls of a method on the same object that led to a call, innermost first."""
        while (row := self.nearest(row, method)) != NO_ROW:
            yield row

    def _method(self, row: int) -> str:
        return self._methods[self._table.callee[row]]

    def _column(self, method: str) -> Sequence[int]:
        column = self._columns.get(method)
        if column is None:
            column = self._nearest_of(method) if method else self._nearest()
            self._columns[method] = column
        return column

    def _nearest(self) -> array[int]:
        """Return the nearest call on the same object for all rows, in one traversal.

        A call may have many ancestors, and each of these too.
        """
        table, numbers = self._table, self._numbers
        nearest = array("i", [NO_ROW]) * len(table)
        innermost: dict[int, int] = {}
        path = [NO_ROW]
        for row in table.preorder(table.roots()):
            parent = table.parent[row]
            while path[-1] != parent:
                left = path.pop()
                innermost[numbers[left]] = nearest[left]
            nearest[row] = innermost.get(numbers[row], NO_ROW)
            innermost[numbers[row]] = row
            path.append(row)
        return nearest

    def _nearest_of(self, method: str) -> array[int]:
        column = array("i")
        for row in self._column(""):
            is_end = row == NO_ROW or self._method(row) == method
            column.append(row if is_end else column[row])
        return column

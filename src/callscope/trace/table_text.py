"""Text of the calls of a table, by row."""

from __future__ import annotations

from collections.abc import Iterable

from callscope.trace.table import UNFINISHED, Table
from callscope.trace.text import (
    UNFINISHED_TEXT,
    Names,
    arguments_template,
    ended_text,
    numbered,
    site_text,
    value_text,
    whole_call,
)


def names_of(table: Table, rows: Iterable[int] | None = None) -> Names:
    """Return the names of all classes of some calls; by default of all."""
    callees = table.callee if rows is None else map(table.callee.__getitem__, rows)
    return Names.from_calls(map(table.callees.__getitem__, dict.fromkeys(callees)))


class TableText:
    """Text of the calls of a table, as `call_text` and `outcome_text` return for a call.

    Args:
        table: the calls.
        names: the names of their classes.
    """

    def __init__(self, table: Table, names: Names) -> None:
        self._table = table
        self._sites = [site_text(callee, names) for callee in table.callees]
        names_of_arguments = (callee.argument_names or () for callee in table.callees)
        self._arguments = [*map(arguments_template, names_of_arguments)]
        self._classes = [names.show(callee.runtime_class) for callee in table.callees]

    def line(self, row: int) -> str:
        """Return a call and its outcome."""
        return self.call(row) + self.outcome(row)

    def call(self, row: int) -> str:
        """Return a call in one line: ``Layer.__call__(y=4) [MyLayer#1]``."""
        return whole_call(self.site(row), self.arguments(row), self.object(row))

    def site(self, row: int) -> str:
        """Return the class and the method: ``Layer.__call__``."""
        return self._sites[self._table.callee[row]]

    def arguments(self, row: int) -> str:
        """Return the arguments in parentheses; empty if they were not captured."""
        values = self._table.arguments[row]
        if values is None:
            return ""
        if type(values) is dict:
            return arguments_template(values) % (*map(value_text, values.values()),)
        return self._arguments[self._table.callee[row]] % (*map(value_text, values),)

    def object(self, row: int) -> str:
        """Return the object a call ran on: ``MyLayer#1``, or only the class if there is none."""
        table = self._table
        return numbered(self._classes[table.callee[row]], table.instance[row])

    def outcome(self, row: int) -> str:
        """Return the outcome: `` -> result``, `` !! Type: message``, `` ...`` or empty."""
        table = self._table
        if table.end_ns[row] == UNFINISHED:
            return UNFINISHED_TEXT
        return ended_text(table.outcome[row])

"""Events of ordinary calls, written quickly."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, Final

from callscope.read.formats.chrome.parts import Parts
from callscope.read.formats.text_io import AT_ONCE
from callscope.trace import CallError, Table
from callscope.trace.kernels import KERNELS

_INSTANCE, _START, _DURATION, _RESULT, _ARGUMENTS = range(5)
"""Columns of a line; from the last on, one for each argument."""
_TIMES: Final = (b',"ts":', _START, b'e-3,"dur":', _DURATION, b"e-3}")


class PlainLines:
    """The lines of plain calls, many in each piece of text.

    This is the hot spot for a trace of a million calls.

    Args:
        table: the calls.
        first: the row of the first one to write.
        parts: builder of the fragments of the lines.
        track: JSON by which they refer to their track.
    """

    def __init__(self, table: Table, first: int, parts: Parts, track: str) -> None:
        self._table = table
        self._first = first
        self._parts = parts
        self._track = track
        callees = range(len(table.callees))
        self._templates = tuple(
            self._template(callee, has_arguments=has_arguments, has_result=has_result)
            for has_arguments in (True, False)
            for has_result in (False, True)
            for callee in callees
        )
        names = [callee.argument_names or () for callee in table.callees]
        self._with_arguments = {callee for callee in callees if names[callee]}
        value = parts.value_bytes
        self._columns: tuple[Any, ...] = (
            ("integer", table.instance, 0),
            ("integer", table.start_ns, parts.start_ns),
            ("difference", table.end_ns, table.start_ns),
            ("value", table.outcome, value),
            *(("argument", table.arguments, index, value) for index in range(max(map(len, names)))),
        )

    def _template(
        self, callee: int, *, has_arguments: bool, has_result: bool
    ) -> tuple[bytes | int, ...]:
        """Return what is written of calls that have an object and no error."""
        some = f',\n{{"ph":"X",{self._parts.head(callee, self._track).some}'
        pieces: list[bytes | int] = [some.encode(), _INSTANCE, b'"']
        if has_arguments:
            pieces.append(b',"arguments":{')
            for column, key in enumerate(self._parts.keys(callee), _ARGUMENTS):
                pieces += ((b"," if column > _ARGUMENTS else b"") + key.encode(), column)
            pieces.append(b"}")
        if has_result:
            pieces += (b',"result":', _RESULT)
        return *pieces, b"}", *_TIMES

    def __iter__(self) -> Iterator[bytes]:
        size = len(self._table)
        for begin in range(self._first, size, AT_ONCE):
            rows = slice(begin, min(begin + AT_ONCE, size))
            if self._are_similar(rows):
                shapes, more = self._table.callee[rows], ()
            else:
                shapes, more = self._shapes(rows)
            templates = self._templates + more
            yield KERNELS.rows_text(begin, shapes, templates, self._columns)

    def _are_similar(self, rows: slice) -> bool:
        """Return whether all calls have an object, arguments and no result."""
        table = self._table
        outcomes = table.outcome[rows]
        return (
            outcomes.count(None) == len(outcomes)
            and all(table.instance[rows])
            and self._with_arguments.issuperset(table.callee[rows])
            and {*map(type, table.arguments[rows])} == {tuple}
        )

    def _shapes(self, rows: slice) -> tuple[array[int], tuple[Any, ...]]:
        """Return the index of each call's template, and templates of single calls."""
        table, few = self._table, len(self._table.callees)
        shapes, more = array("i"), list[tuple[bytes | int, ...]]()
        columns = (table.callee, table.instance, table.arguments, table.outcome)
        for row, (callee, instance, passed, outcome) in enumerate(
            zip(*(column[rows] for column in columns), strict=True), rows.start
        ):
            if not instance or isinstance(passed, dict) or isinstance(outcome, CallError):
                call = self._parts.call_json(table, row, self._track)
                shapes.append(len(self._templates) + len(more))
                more.append((f',\n{{"ph":"X",{call}'.encode(), *_TIMES))
            else:
                shapes.append(callee + few * (2 * (not passed) + (outcome is not None)))
        return shapes, (*more,)

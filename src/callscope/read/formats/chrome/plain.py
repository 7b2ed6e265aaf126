"""Events of ordinary calls, written quickly."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import le
from typing import Any

from callscope.read.formats.chrome.parts import Parts
from callscope.read.formats.json_text import INT64
from callscope.read.formats.text_io import AT_ONCE
from callscope.trace import Table


def are_plain(table: Table) -> bool:
    """Return whether the calls of a table nest on one track without further work.

    They ran in one thread, ended, were never suspended and took some time.
    """
    count = len(table)
    if not count or table.suspensions:
        return False
    is_one_thread = table.strand[:count] == array("i", table.strand[:1]) * count
    return is_one_thread and not any(map(le, table.end_ns, table.start_ns))


class PlainLines:
    """The lines of plain calls, many in each piece of text.

    This is the hot spot for a trace of a million calls. Most calls have an object, one argument and
    no result. If all calls of a piece do, each line is one expression.

    Args:
        table: the calls.
        parts: builder of the fragments of the lines.
    """

    def __init__(self, table: Table, parts: Parts) -> None:
        self._table = table
        self._parts = parts
        track = parts.track(table.strands[table.strand[0]])
        heads = [parts.head(index, track) for index in range(len(table.callees))]
        self._some = [f',\n{{"ph":"X",{head.some}' for head in heads]
        self._nobody = [f',\n{{"ph":"X",{head.nobody}' for head in heads]
        self._only_key = [*map(parts.only_key, range(len(heads)))]
        self._with_one = {index for index, key in enumerate(self._only_key) if key}

    def __iter__(self) -> Iterator[str]:
        yield from self._parts.new_names()
        count = len(self._table)
        for begin in range(0, count, AT_ONCE):
            rows = slice(begin, min(begin + AT_ONCE, count))
            yield "".join(self._similar(rows) if self._are_similar(rows) else self._any(rows))

    def _are_similar(self, rows: slice) -> bool:
        """Return whether all calls have an object, one argument and no result."""
        table = self._table
        outcomes = table.outcome[rows]
        return (
            outcomes.count(None) == len(outcomes)
            and all(table.instance[rows])
            and self._with_one.issuperset(table.callee[rows])
            and {*map(type, table.arguments[rows])} == {tuple}
        )

    def _similar(self, rows: slice) -> list[str]:
        table, some, key, zero_ns = self._table, self._some, self._only_key, self._parts.start_ns
        arguments: Any = table.arguments[rows]
        values: Sequence[Any] = [*chain.from_iterable(arguments)]
        if not _are_integers(values):
            values = [*map(self._parts.value, values)]
        return [
            f"{some[callee]}{instance}{key[callee]}{value}"
            f'}}}},"ts":{start_ns - zero_ns}e-3,"dur":{end_ns - start_ns}e-3}}'
            for callee, instance, value, start_ns, end_ns in zip(
                table.callee[rows],
                table.instance[rows],
                values,
                table.start_ns[rows],
                table.end_ns[rows],
                strict=True,
            )
        ]

    def _any(self, rows: slice) -> list[str]:
        table, some, nobody = self._table, self._some, self._nobody
        zero_ns, ending = self._parts.start_ns, self._parts.ending
        return [
            (f'{some[callee]}{instance}"' if instance else nobody[callee])
            + ending(callee, arguments, outcome)
            + f',"ts":{start_ns - zero_ns}e-3,"dur":{end_ns - start_ns}e-3}}'
            for callee, instance, arguments, outcome, start_ns, end_ns in zip(
                table.callee[rows],
                table.instance[rows],
                table.arguments[rows],
                table.outcome[rows],
                table.start_ns[rows],
                table.end_ns[rows],
                strict=True,
            )
        ]


def _are_integers(values: Sequence[Any]) -> bool:
    """Return whether all values are integers that are written as they are."""
    return {*map(type, values)} == {int} and min(values) > -INT64 and max(values) < INT64

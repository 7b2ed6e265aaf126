"""Events of ordinary calls, written quickly."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, count, repeat
from operator import le, sub
from typing import Any, Final

from callscope.read.formats.chrome.parts import Parts, escaped
from callscope.read.formats.json_text import INT64
from callscope.read.formats.text_io import AT_ONCE
from callscope.trace import CallError, Table

_TIMES: Final = ',"ts":%de-3,"dur":%de-3}'


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
        self._track = track
        self._some = [f',\n{{"ph":"X",{head.some}' for head in heads]
        self._formats = [
            [f',\n{{"ph":"X",{one}{_TIMES}' for one in parts.formats(index, track)]
            for index in range(len(heads))
        ]
        self._only_key = [*map(parts.only_key, range(len(heads)))]
        self._with_one = {index for index, key in enumerate(self._only_key) if key}

    def __iter__(self) -> Iterator[str]:
        yield from self._parts.new_names()
        size = len(self._table)
        for begin in range(0, size, AT_ONCE):
            rows = slice(begin, min(begin + AT_ONCE, size))
            yield self._similar(rows) if self._are_similar(rows) else self._any(rows)

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

    def _similar(self, rows: slice) -> str:
        table, some, key, zero_ns = self._table, self._some, self._only_key, self._parts.start_ns
        arguments: Any = table.arguments[rows]
        values: Sequence[Any] = [*chain.from_iterable(arguments)]
        if not _are_integers(values):
            values = [*map(self._parts.value, values)]
        lines = [
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
        return "".join(lines)

    def _any(self, rows: slice) -> str:
        table, formats, zero_ns = self._table, self._formats, self._parts.start_ns
        arguments, outcomes = table.arguments[rows], table.outcome[rows]
        columns = zip(
            count(rows.start), table.callee[rows], table.instance[rows], arguments, outcomes
        )
        lines: list[str] = []
        values: list[tuple[Any, ...]] = []
        for row, callee, instance, passed, outcome in columns:
            if not instance or isinstance(passed, dict) or isinstance(outcome, CallError):
                call = escaped(self._parts.call_json(row, self._track))
                lines.append(f',\n{{"ph":"X",{call}{_TIMES}')
                values.append(())
                continue
            lines.append(formats[callee][2 * bool(passed) + (outcome is not None)])
            results = () if outcome is None else (outcome,)
            values.append((instance, *(passed or ()), *results))
        starts, ends = table.start_ns[rows], table.end_ns[rows]
        times = zip(map(sub, starts, repeat(zero_ns)), map(sub, ends, starts), strict=True)
        pairs = chain.from_iterable(zip(values, times, strict=True))
        tokens: Sequence[Any] = [*chain.from_iterable(pairs)]
        if not _are_integers(tokens):
            as_json, least, most = self._parts.value, -INT64, INT64
            tokens = [v if type(v) is int and least < v < most else as_json(v) for v in tokens]
        return "".join(lines) % tuple(tokens)


def _are_integers(values: Sequence[Any]) -> bool:
    """Return whether all values are integers that are written as they are."""
    return {*map(type, values)} == {int} and min(values) > -INT64 and max(values) < INT64

"""Kinds of calls: calls are alike if site, class and kinds of values are."""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import compress, count
from math import isfinite
from typing import Any, Final, NamedTuple

from callscope.introspect.values import CallError, Text, Value
from callscope.trace.kernels import KERNELS
from callscope.trace.table import UNFINISHED, Arguments, Table

_LITERAL: Final = re.compile(
    r"(?P<same>\w+\[[\d, ]*\]|'(?:[^'\\]|\\.)*'(?=:))"
    r"|(?P<object>(?<=\w)#\d+)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>(?<![\w.])-?(?:0x[0-9a-fA-F]+|\d[\d_]*(?:\.\d*)?(?:e[+-]?\d+)?))"
)
"""Parts of summaries: arrays and keys, which stay as they are, and literals."""
_PLACEHOLDERS: Final = {"object": "#", "string": "''", "number": "0"}
_REPEATED: Final = re.compile(r"(?<![\w.])(0|'')(?:, \1)+")
_MORE: Final = re.compile(r", \.\.\. 0 more")


class Kind(NamedTuple):
    """Equal for calls that are alike, apart from the calls below them."""

    site: int
    """Equal for the same method, on objects of one class, with arguments of the same names."""
    via_super: int
    arguments: Hashable
    outcome: Hashable
    is_unfinished: bool


def text_kind(text: str) -> str:
    """Return the kind of a summary: the text, in which literals and numbers of objects are equal.

    The dtype and the shape of an array belong to its kind.
    """
    kind = _LITERAL.sub(_literal_kind, text)
    return text if kind == text else _MORE.sub("", _REPEATED.sub(r"\1", kind))


def _literal_kind(match: re.Match[str]) -> str:
    return _PLACEHOLDERS.get(match.lastgroup or "", match[0])


class _TextKinds(dict[Value, str]):
    """Kinds of summaries, made when needed."""

    def __missing__(self, text: str) -> str:
        kind = self[text] = text_kind(text)
        return kind


class Kinds:
    """Kinds of calls, as numbers.

    Args:
        table: the calls.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._texts = _TextKinds()
        self._sites = _equal_numbers([callee[:5] for callee in table.callees])
        self.column: array[int] = array("i", bytes(4 * len(table)))
        """Numbers by row; equal for calls of one kind."""
        sites = array("i", map(self._sites.__getitem__, table.callee[: len(table)]))
        marks = array("i", table.via_super)
        columns = sites, marks, table.end_ns, table.arguments, table.outcome
        firsts = KERNELS.row_shapes(self.column, 0, *columns)
        are_coarse = [*map(self._is_coarse, firsts)]
        if any(are_coarse):
            self._refine(are_coarse)

    def _is_coarse(self, row: int) -> bool:
        """Return whether calls may be of several kinds, though their values are of the same types."""
        passed, outcome = self._table.arguments[row], self._table.outcome[row]
        return type(passed) is dict or not all(map(_is_plain, (*(passed or ()), outcome)))

    def _refine(self, are_coarse: Sequence[bool]) -> None:
        """Give numbers of their own to kinds of calls that have values of the same types."""
        numbers: defaultdict[Hashable, int] = defaultdict(count(len(are_coarse)).__next__)
        column, arguments, outcomes = self.column, self._table.arguments, self._table.outcome
        rows = compress(range(len(column)), map(are_coarse.__getitem__, column))
        for row in [*rows]:
            key = column[row], self._arguments_kind(arguments[row]), self._kind(outcomes[row])
            column[row] = numbers[key]

    def kind(self, row: int) -> Kind:
        """Return the kind of a call."""
        table = self._table
        return Kind(
            self._sites[table.callee[row]],
            table.via_super[row],
            self._arguments_kind(table.arguments[row]),
            self._kind(table.outcome[row]),
            table.end_ns[row] == UNFINISHED,
        )

    def _arguments_kind(self, values: Arguments) -> Hashable:
        if type(values) is dict:
            return (*values, *map(self._kind, values.values()))
        return None if values is None else (*map(self._kind, values),)

    def _kind(self, value: Any) -> Hashable:
        kind: type = type(value)
        if kind is Text:
            return self._texts[value]
        if kind is float:
            return kind if isfinite(value) else repr(value)
        if kind is CallError:
            return kind, value.type, self._texts[value.message]
        return kind


def _is_plain(value: Value | CallError) -> bool:
    """Return whether the kind of a value is its type."""
    if type(value) is float:
        return isfinite(value)
    return not isinstance(value, Text | CallError)


def _equal_numbers(items: Sequence[Hashable]) -> list[int]:
    """Return a number for each item; equal for equal items."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(item, len(known)) for item in items]


def number_subtrees(table: Table, kinds: Kinds) -> array[int]:
    """Return a number for each row; equal if all calls below it are of the same kinds, too.

    Subtrees are only equal if the same of their calls are on the object of the call above.
    """
    last, previous = table.links()
    size = len(table)
    numbers = array("i", bytes(4 * size))
    columns = last, previous, objects_of(table), table.strand
    KERNELS.number_subtrees(numbers, kinds.column, *columns)
    return numbers


def objects_of(table: Table) -> array[int]:
    """Return a number for the object of each call; that of its class if there is none."""
    if all(table.instance):
        return table.instance
    classes = _equal_numbers([callee.runtime_class for callee in table.callees])
    pairs = zip(table.instance, table.callee, strict=False)
    return array("q", [instance or ~classes[callee] for instance, callee in pairs])

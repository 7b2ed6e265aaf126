"""The calls of a trace, grouped by object for the detectors.

A detector judges callees first, and then looks only at the rows that can show a mistake.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import chain, compress
from types import NoneType
from typing import Final

from callscope.introspect.classes import bare_name
from callscope.read.findings.ancestors import Ancestors
from callscope.read.findings.constructions import (
    INIT,
    Construction,
    Patterns,
    is_from_beginning,
)
from callscope.trace import NO_ROW, UNFINISHED, Call, Callee, CallError, Table
from callscope.trace.kernels import KERNELS

CALL: Final = "__call__"
ANY: Final = "*"
"""Marker among the attributes that code sets: it also sets others, which it does not name."""

_MOST_NAMES: Final = 3

_NO_ATTRIBUTE: Final = re.compile(r" has no attribute '([^']*)'")


class Objects:
    """The calls of a trace by object.

    Args:
        table: all calls of a trace.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.numbers: array[int] = _numbers(table)
        """Number of each call's object, which is unique over all processes."""
        self.ancestors: Ancestors = Ancestors(table, self.numbers)

    def callee(self, row: int) -> Callee:
        """Return the callee of a call."""
        return self.table.callees[self.table.callee[row]]

    def has_returned(self, row: int) -> bool:
        """Return whether a call ended, and without an exception."""
        return self.table.end_ns[row] != UNFINISHED and self.table.error_of(row) is None

    def has_result(self, row: int) -> bool:
        """Return whether a call returned something other than None."""
        outcome = self.table.outcome[row]
        return outcome is not None and type(outcome) is not CallError

    @cached_property
    def _outcome_types(self) -> list[type]:
        return [*map(type, self.table.outcome)]

    @cached_property
    def returning(self) -> set[int]:
        """Indices of the callees of which any call returned something other than None."""
        types = {*self._outcome_types} - {NoneType, CallError}
        return {*compress(self.table.callee, map(types.__contains__, self._outcome_types))}

    def is_nested(self, row: int) -> bool:
        """Return whether the direct parent of a call is on the same object."""
        parent = self.table.parent[row]
        return parent != NO_ROW and self.numbers[parent] == self.numbers[row]

    def calls(self, rows: Sequence[int]) -> tuple[Call, ...]:
        """Return the calls of rows."""
        return tuple(Call(self.table, row) for row in rows)

    def rows(self, accepted: Sequence[object]) -> array[int]:
        """Return the rows of some callees, in order.

        Args:
            accepted: for each callee, a true value if it is one of these.
        """
        if not any(accepted):
            return array("i")
        rows = array("i", bytes(4 * len(self.table)))
        del rows[KERNELS.select_rows(rows, self.table.callee, array("b", map(bool, accepted))) :]
        return rows

    def outermost(self, accepted: Sequence[object]) -> list[int]:
        """Return those of `rows` whose direct parent is not on the same object."""
        parent, numbers = self.table.parent, self.numbers
        return [
            row
            for row in self.rows(accepted)
            if (above := parent[row]) == NO_ROW or numbers[above] != numbers[row]
        ]

    @cached_property
    def template_rows(self) -> array[int]:
        """Rows of the calls of `__call__`."""
        return self.rows([callee.method == CALL for callee in self.table.callees])

    def led(self, template: int, method: str) -> list[int]:
        """Return the outermost calls of a method that a `__call__` led to on its object.

        The last that began comes first.
        """
        table, number = self.table, self.numbers[template]
        rows, waiting = list[int](), table.children(template)
        while waiting:
            row = waiting.pop()
            if self.numbers[row] == number:
                if self.callee(row).method == method:
                    rows.append(row)
                else:
                    waiting += table.children(row)
        return rows

    @cached_property
    def failed(self) -> list[int]:
        """Rows of the calls that raised."""
        if CallError not in self._outcome_types:
            return []
        return [row for row, kind in enumerate(self._outcome_types) if kind is CallError]

    @cached_property
    def lacking(self) -> dict[int, dict[int, str]]:
        """By object, the calls that raised because it had no attribute, with the attribute's name."""
        lacking: dict[int, dict[int, str]] = {}
        for row in self.failed:
            name = _lacked(self.table.error_of(row))
            if name is not None and self.table.instance[row]:
                lacking.setdefault(self.numbers[row], {})[row] = name
        return lacking

    @cached_property
    def constructions(self) -> dict[int, list[Construction]]:
        """By object, its constructions; only of objects that may show a mistake."""
        constructions: dict[int, list[Construction]] = {}
        suspects = self._suspects()
        for row in self.rows(self._is_init) if suspects else ():
            number = self.numbers[row]
            if number not in suspects or not self.table.instance[row]:
                continue
            earlier = constructions.setdefault(number, [])
            if earlier and self.ancestors.nearest(row, INIT) != NO_ROW:
                earlier[-1].inits.append(row)
            else:
                metadata = self.callee(row).class_metadata
                assert metadata is not None
                earlier.append(Construction(number, metadata, [row]))
        return constructions

    @cached_property
    def recorded_constructions(self) -> list[Construction]:
        """Those of `constructions` that were recorded from their beginning, by object."""
        is_recorded = cache(lambda callee: is_from_beginning(self.table.callees[callee]))
        constructions = chain.from_iterable(self.constructions.values())
        return [c for c in constructions if is_recorded(self.table.callee[c.row])]

    @cached_property
    def _is_init(self) -> list[bool]:
        """For each callee, whether it constructs objects of a class that is known."""
        return [
            c.method == INIT and c.class_metadata is not None and c.mro_index is not None
            for c in self.table.callees
        ]

    def _suspects(self) -> set[int]:
        """Return the objects that were not constructed as objects usually are, or that failed."""
        table, numbers = self.table, self.numbers
        patterns, paths = Patterns(table.callees), array("i", bytes(4 * len(table)))
        KERNELS.follow_objects(
            paths, table.parent, table.callee, numbers, array("b", self._is_init), patterns.longer
        )
        suspects = {*self.lacking}
        suspects.update(numbers[row] for row in self.failed if self.callee(row).method == INIT)
        mistakes = {*filter(patterns.may_be_mistake, {*paths} - {-1})}
        if mistakes:
            suspects.update(compress(numbers, map(mistakes.__contains__, paths)))
        return suspects


def _numbers(table: Table) -> array[int]:
    if len({strand.pid for strand in table.strands}) <= 1:
        return table.instance
    pids = [strand.pid for strand in table.strands]
    numbers: dict[tuple[int, int], int] = {}
    keys = zip(table.instance, map(pids.__getitem__, table.strand), strict=False)
    return array("q", [numbers.setdefault(key, len(numbers)) for key in keys])


def _lacked(error: CallError | None) -> str | None:
    """Return the name of the missing attribute that is the reason of an exception, or None."""
    if error is None or error.type != "AttributeError":
        return None
    match = _NO_ATTRIBUTE.search(error.message)
    return None if match is None else match[1]


def site_name(callee: Callee) -> str:
    """Return the bare name of a callee's class, and its method."""
    return f"{bare_name(callee.defining_class)}.{callee.method}"


def names(items: Sequence[str], joint: str = "and") -> str:
    """Join a few names as in a sentence."""
    more = len(items) - _MOST_NAMES
    visible = [*items[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])]
    return f" {joint} ".join(filter(None, (", ".join(visible[:-1]), visible[-1])))

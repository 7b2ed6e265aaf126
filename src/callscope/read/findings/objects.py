"""The calls of a trace, grouped by object for the detectors.

A detector judges callees first, and then looks only at the rows that can show a mistake.
"""

from __future__ import annotations

import re
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
    Pattern,
    is_from_beginning,
)
from callscope.trace import NO_ROW, UNFINISHED, Call, Callee, CallError, Table

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
        self.numbers: Sequence[int] = _numbers(table)
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

    def returns(self, callee: int) -> bool:
        """Return whether any call of a callee returned something other than None."""
        outcomes = map(self.table.outcome.__getitem__, self.by_callee[callee])
        return not {NoneType, CallError}.issuperset(map(type, outcomes))

    def is_nested(self, row: int) -> bool:
        """Return whether the direct parent of a call is on the same object."""
        parent = self.table.parent[row]
        return parent != NO_ROW and self.numbers[parent] == self.numbers[row]

    def calls(self, rows: Sequence[int]) -> tuple[Call, ...]:
        """Return the calls of rows."""
        return tuple(Call(self.table, row) for row in rows)

    @cached_property
    def by_callee(self) -> list[list[int]]:
        """Rows of each callee's calls."""
        rows: list[list[int]] = [[] for _ in self.table.callees]
        for row, callee in zip(range(len(self.table)), self.table.callee, strict=False):
            rows[callee].append(row)
        return rows

    def rows(self, accepted: Sequence[object]) -> list[int]:
        """Return the rows of some callees, in order.

        Args:
            accepted: for each callee, a true value if it is one of these.
        """
        return sorted(chain.from_iterable(compress(self.by_callee, accepted)))

    def outermost(self, accepted: Sequence[object]) -> list[int]:
        """Return those of `rows` whose direct parent is not on the same object."""
        parent, numbers = self.table.parent, self.numbers
        return [
            row
            for row in self.rows(accepted)
            if (above := parent[row]) == NO_ROW or numbers[above] != numbers[row]
        ]

    @cached_property
    def template_rows(self) -> list[int]:
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
        if CallError not in {*map(type, self.table.outcome)}:
            return []
        kinds = map(type, self.table.outcome)
        rows = zip(range(len(self.table)), kinds, strict=False)
        return [row for row, kind in rows if kind is CallError]

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
        for row in self._inits if suspects else ():
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
    def _inits(self) -> list[int]:
        return self.rows(
            [
                c.method == INIT and c.class_metadata is not None and c.mro_index is not None
                for c in self.table.callees
            ]
        )

    def _suspects(self) -> set[int]:
        """Return the objects that were not constructed as objects usually are, or that failed."""
        numbers, callees, parents = self.numbers, self.table.callee, self.table.parent
        is_init = [callee.method == INIT for callee in self.table.callees]
        shortest, patterns = Pattern(self.table.callees), dict[int, Pattern]()
        for row in self._inits:
            number, callee, parent = numbers[row], callees[row], parents[row]
            if parent == NO_ROW or numbers[parent] != number or not is_init[callees[parent]]:
                callee = ~callee
            patterns[number] = patterns.get(number, shortest)[callee]
        suspects = {n for n, pattern in patterns.items() if pattern.may_be_mistake}
        suspects.update(self.lacking)
        suspects.update(numbers[row] for row in self.failed if is_init[callees[row]])
        return suspects


def _numbers(table: Table) -> Sequence[int]:
    pids = {strand.pid: place for place, strand in enumerate(table.strands)}
    if len(pids) <= 1:
        return table.instance
    places = [pids[strand.pid] for strand in table.strands]
    return [
        instance * len(places) + places[strand]
        for instance, strand in zip(table.instance, table.strand, strict=False)
    ]


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

"""Contents of calls as numbers: site, arguments and outcome, without the object they ran on."""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from itertools import chain, count, islice
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from callscope.introspect.values import CallError
from callscope.trace import Text, Value
from callscope.trace.table import UNFINISHED, Arguments, Table

Aspect: TypeAlias = Literal["arguments", "result", "error"]
Renumber: TypeAlias = Callable[[int], int]
"""A function that returns the number to compare for an instance number."""
Keys: TypeAlias = tuple[Hashable, Hashable, Hashable]
"""Arguments, result and error for comparison."""

_OBJECT: Final = re.compile(r"(.*[^#])#(\d+)", re.DOTALL)
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")


class Content(NamedTuple):
    """Captured values of a call."""

    arguments: Mapping[str, Value]
    result: Value
    error: CallError | None
    is_finished: bool

    @classmethod
    def of_row(cls, table: Table, row: int) -> Content:
        """Return the values of a call."""
        outcome: Any = table.outcome[row]
        error = table.error_of(row)
        is_finished = table.end_ns[row] != UNFINISHED
        result = outcome if error is None else None
        return cls(table.arguments_of(row) or {}, result, error, is_finished)

    def objects(self) -> dict[str | None, tuple[str, int]]:
        """Return the traced objects among the values, by argument; that of the result by None."""
        values = [*self.arguments.items(), (None, self.result)]
        objects = ((name, split_object(value)) for name, value in values)
        return {name: named for name, named in objects if named is not None}


class Contents:
    """Numbers of the contents of calls, common to two tables.

    Calls of one content have the same text, except for the object. The columns `sites`,
    `invocations` and `singles` tell in which respects two contents are equal.

    Args:
        ignored: aspects in which calls may differ.
        tables: both tables.
    """

    def __init__(self, ignored: Collection[str], tables: Iterable[Table]) -> None:
        self._ignored = ignored
        self._are_confusable = _are_confusable({kind for table in tables for kind in _types(table)})
        self._contents: defaultdict[Hashable, int] = defaultdict(count().__next__)
        self._numbers: defaultdict[Hashable, int] = defaultdict(count().__next__)
        self.sites: array[int] = array("i")
        """By content, a number; equal for calls of one site on objects of one class."""
        self.invocations: array[int] = array("i")
        """Equal if the arguments are the same, too."""
        self.singles: array[int] = array("i")
        """Equal if the outcomes are the same, too."""
        self.references: dict[int, dict[str | None, tuple[str, int]]] = {}
        """Traced objects among the values of contents; see `Content.objects`."""
        self.dependent: dict[int, Content] = {}
        """Contents whose comparison depends on the numbers of these objects."""

    def of_thread(self, name: str) -> int:
        """Return the content of a thread, or of a whole trace, whose name is empty."""
        number = self._contents[name]
        if number == len(self.sites):
            self._append(self._numbers[name], ())
        return number

    def of_rows(self, table: Table) -> array[int]:
        """Return the content of each row."""
        kinds = [
            self._numbers["kind", *callee[:3], callee.argument_names] for callee in table.callees
        ]
        keys = zip(
            map(kinds.__getitem__, islice(table.callee, len(table))),
            map(bool, table.instance),
            map(UNFINISHED.__ne__, table.end_ns),
            *(_exact_values(table) if self._are_confusable else _values(table)),
            strict=False,
        )
        column = array("i", map(self._contents.__getitem__, keys))
        for row, number in enumerate(column):
            if number == len(self.sites):
                self._add(table, row)
        return column

    def _add(self, table: Table, row: int) -> None:
        callee = table.callees[table.callee[row]]
        content = Content.of_row(table, row)
        objects = content.objects()
        if objects:
            self.references[len(self.sites)] = objects
            aspects = {"result" if name is None else "arguments" for name in objects}
            if not aspects.issubset(self._ignored):
                self.dependent[len(self.sites)] = content
        site = self._numbers[*callee.site, callee.runtime_class, table.instance[row] != 0]
        self._append(site, self.keys(content, lambda _: 0))

    def _append(self, site: int, keys: Sequence[Hashable]) -> None:
        self.sites.append(site)
        invocation, single = self._intern(site, keys)
        self.invocations.append(invocation)
        self.singles.append(single)

    def _intern(self, site: int, keys: Sequence[Hashable]) -> tuple[int, int]:
        invocation = self._numbers["invocation", site, keys[:1]]
        return invocation, self._numbers["single", invocation, keys[1:]]

    def keys(self, content: Content, renumber: Renumber) -> Keys:
        """Return arguments, result and error for comparison; None for those that are ignored."""
        arguments: Hashable = None
        if "arguments" not in self._ignored:
            values = content.arguments.items()
            arguments = tuple(sorted((name, comparable(value, renumber)) for name, value in values))
        result = None if "result" in self._ignored else comparable(content.result, renumber)
        error: Hashable = None
        if "error" not in self._ignored:
            exc = content.error
            error = (exc.type, _without_address(exc.message)) if exc else content.is_finished
        return arguments, result, error

    def renumbered(
        self, renumber: Renumber, contents: Iterable[int]
    ) -> tuple[array[int], array[int]]:
        """Return `invocations` and `singles` of some contents with regard to objects."""
        invocations, singles = self.invocations[:], self.singles[:]
        for number in self.dependent.keys() & contents:
            keys = self.keys(self.dependent[number], renumber)
            invocations[number], singles[number] = self._intern(self.sites[number], keys)
        return invocations, singles


def _values(table: Table) -> tuple[Iterable[Any], Iterable[object]]:
    """Return the captured arguments of all calls, as tuples, and their outcomes."""
    arguments: Iterable[Any] = table.arguments
    if any(callee.argument_names is None for callee in table.callees):
        arguments = map(_flat, arguments)
    return arguments, table.outcome


def _flat(arguments: Arguments) -> tuple[object, ...]:
    if isinstance(arguments, dict):
        return dict, *arguments, *arguments.values()
    return (None,) if arguments is None else arguments


def _types(table: Table) -> set[type]:
    """Return the types of all values."""
    arguments, outcomes = _values(table)
    return {*map(type, chain.from_iterable(arguments)), *map(type, outcomes)}


def _are_confusable(types: set[type]) -> bool:
    """Return whether values that differ may be equal, such as 1 and True."""
    return float in types or types >= {int, bool} or types >= {str, Text}


def _exact_values(table: Table) -> tuple[Iterable[Hashable], Iterable[Hashable]]:
    """Return arguments and outcomes as keys that are equal only if the values do not differ."""
    arguments, outcomes = _values(table)
    return (tuple(map(_exact, values)) for values in arguments), map(_exact, outcomes)


def _exact(value: object) -> Hashable:
    kind = type(value)
    return kind, repr(value) if kind is float else value


def split_object(value: Value) -> tuple[str, int] | None:
    """Return class and instance number of a traced object passed as a value: ``LSTMCell#2``."""
    match = _OBJECT.fullmatch(value) if type(value) is Text and "#" in value else None
    return None if match is None else (match[1], int(match[2]))


def comparable(value: Value, renumber: Renumber) -> tuple[str, str]:
    """Return a key that is equal for equal values, ignoring addresses."""
    named = split_object(value)
    if named is not None:
        return "object", f"{named[0]}#{renumber(named[1])}"
    if type(value) is Text:
        return "text", _without_address(value)
    return type(value).__name__, repr(value)


def _without_address(text: str) -> str:
    return _ADDRESS.sub("0x...", str(text)) if "0x" in text else str(text)

"""Begin events of calls, put together from parts that are built once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from callscope.read.formats.perfetto import fields
from callscope.read.formats.perfetto.interning import ERROR, SUSPENDED, Interned
from callscope.read.formats.perfetto.values import value_field
from callscope.read.formats.perfetto.wire import Cache, block, string, tag, utf8, varint
from callscope.trace import CallError, Table, Text, Value
from callscope.trace.table_text import names_of

_ANNOTATION: Final = tag(fields.ANNOTATION)
_STRING: Final = tag(fields.STRING)
_CACHED: Final = frozenset({int, str, Text})
"""Types of values that are the same in the file if they are equal."""


class Calls:
    """Begin events of the calls of one table, without what belongs to their tracks.

    Args:
        table: the calls.
        interned: receives the names.
    """

    def __init__(self, table: Table, interned: Interned) -> None:
        self._table = table
        self._interned = interned
        self._entries: dict[str, Cache] = {}
        self._entries_of: dict[int, list[Cache]] = {}
        self._arguments_key = interned.key("arguments")
        self._result_key = interned.key("result")
        self._error_keys = [*map(interned.key, ("error", "type", "message"))]
        self._waiting_key = interned.key("waiting_ns")
        self.suspended: str = interned.begin("suspended") + SUSPENDED
        """The begin event of a suspension."""
        self.heads: dict[int, Cache] = {}
        """By callee, starts of the events that end with the number of the object, by the number of
        its digits; 0 where there is no object."""
        self.integers: dict[int, Cache] = {}
        """Annotations of the arguments of callees that have one, by its value, an integer."""
        names = names_of(table)
        object_key = interned.key("object") + _STRING
        for index in sorted({*table.callee}):
            callee = table.callees[index]
            defining, runtime = names.show(callee.defining_class), names.show(callee.runtime_class)
            said = _annotation(interned.key("defining_class"), interned.text(defining))
            head = interned.begin(f"{defining}.{callee.method}") + said
            self.heads[index] = Cache(partial(_head, head, object_key, utf8(runtime)))
            self._entries_of[index] = [*map(self._entries_named, callee.argument_names or ())]
            if len(self._entries_of[index]) == 1:
                self.integers[index] = Cache(partial(self._integer, index))

    def _entries_named(self, name: str) -> Cache:
        """Return the entries of one name among arguments, by value."""
        entries = self._entries.get(name)
        if entries is None:
            key = self._interned.key(name)
            entries = self._entries[name] = Cache(partial(_entry, key))
        return entries

    def _integer(self, callee: int, value: int) -> str:
        return self._arguments(callee, (value,))

    def event(self, row: int) -> str:
        """Return the begin event of a call."""
        table = self._table
        callee, digits = table.callee[row], str(table.instance[row] or "")
        values = self.values(callee, table.arguments[row], table.outcome[row])
        return f"{self.heads[callee][len(digits)]}{digits}{values}{self._waits(row)}"

    def _waits(self, row: int) -> str:
        if row not in self._table.suspensions:
            return ""
        return _annotation(self._waiting_key, value_field(self._table.waiting_ns(row)))

    def values(
        self,
        callee: int,
        arguments: tuple[Value, ...] | dict[str, Value] | None,
        outcome: Value | CallError,
    ) -> str:
        """Return the annotations of the arguments and the outcome of a call."""
        text = self._arguments(callee, arguments) if arguments else ""
        if outcome is None:
            return text
        if not isinstance(outcome, CallError):
            return text + _annotation(self._result_key, value_field(outcome))
        error, *keys = self._error_keys
        return text + _annotation(error, "".join(map(_entry, keys, outcome))) + ERROR

    def _arguments(self, callee: int, arguments: tuple[Value, ...] | dict[str, Value]) -> str:
        entries: Iterable[str]
        if isinstance(arguments, dict):
            keys = (string(fields.ANNOTATION_NAME, name) for name in arguments)
            entries = map(_entry, keys, arguments.values())
        else:
            entries = [
                cache[value] if type(value) in _CACHED else cache.build(value)
                for cache, value in zip(self._entries_of[callee], arguments, strict=True)
            ]
        return _annotation(self._arguments_key, "".join(entries))


def _head(head: str, key: str, runtime: str, digits: int) -> str:
    """Return the start of an event up to the digits of its object's number."""
    name = f"{runtime}#" if digits else runtime
    value = f"{key}{varint(len(name) + digits)}{name}"
    return f"{head}{_ANNOTATION}{varint(len(value) + digits)}{value}"


def _entry(key: str, value: Value) -> str:
    return block(fields.ENTRY, key + value_field(value))


def _annotation(key: str, content: str) -> str:
    return block(fields.ANNOTATION, key + content)

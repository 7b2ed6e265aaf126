"""`CallLines`: the lines of whole calls in a JSON Lines trace, from the columns of a table."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final

from callscope.introspect.values import CallError, Text
from callscope.trace.event import finite
from callscope.trace.kernels import KERNELS
from callscope.trace.schema import (
    TEXT_RESULT,
    VIA_SUPER,
    TableText,
    arguments_text,
    key_json,
    metadata_lines,
    texts_text,
    value_json,
)
from callscope.trace.table import NO_ROW, UNFINISHED, Arguments, Callee, Table

if TYPE_CHECKING:
    from callscope.trace.metadata import MetadataCache

_AT_ONCE: Final = 2_048
"""Number of calls whose lines are made together."""
_START, _ID, _PARENT, _DEPTH, _INSTANCE, _SUPER, _DURATION, _OUTCOME, _ALL, _ARGUMENT = range(10)
"""Columns of a line; from the last on, one for each argument."""

_Template = tuple[bytes | int, ...]
_Kinds = tuple[type, ...] | type
"""Types of arguments; of what is not a tuple, its own type."""


class CallLines:
    """The lines of calls of a table, one for each, and of their metadata.

    Most of the lines of a table are alike but for numbers. So there is a template for each callee,
    strand, and combination of the types of values.

    Args:
        table: the calls. It may grow meanwhile: what is written is copied at once.
        cache: metadata already in the file; new metadata is added to it.
        rows: the rows to write, all by default.
        still_open: offsets in `rows` of calls that are written as not ended.
    """

    def __init__(
        self,
        table: Table,
        cache: MetadataCache,
        rows: range | None = None,
        still_open: Collection[int] = (),
    ) -> None:
        rows = range(len(table)) if rows is None else rows
        chosen = slice(rows.start, rows.stop)
        self._callees = table.callees
        self._cache = cache
        self._text = TableText(table)
        self._templates: list[_Template] = []
        self._indices: dict[Hashable, int] = {}
        self._callee = table.callee[chosen]
        self._strand = table.strand[chosen]
        self._arguments = table.arguments[chosen]
        self._outcome = table.outcome[chosen]
        self._end_ns = table.end_ns[chosen]
        for offset in still_open:
            self._end_ns[offset] = UNFINISHED
        self._suspensions = {
            row - rows.start: [*times] for row, times in table.suspensions.items() if row in rows
        }
        ids, parents = table.call_id, table.parent[chosen]
        parent_ids = [
            ids[p] if p >= 0 else 0 if p == NO_ROW else _outer_id(table, p) for p in parents
        ]
        most = max((len(callee.argument_names or ()) for callee in table.callees), default=0)
        start_ns = table.start_ns[chosen]
        self._columns: tuple[Any, ...] = (
            ("integer", start_ns, 0),
            ("integer", ids[chosen], 0),
            ("optional", array("q", parent_ids), 0),
            ("integer", table.depth[chosen], 0),
            ("optional", table.instance[chosen], 0),
            ("choice", table.via_super[chosen], (b"", VIA_SUPER.encode())),
            ("difference", self._end_ns, start_ns),
            ("value", self._outcome, _value_bytes),
            ("value", self._arguments, _arguments_bytes),
            *(("argument", self._arguments, index, _value_bytes) for index in range(most)),
        )

    def __iter__(self) -> Iterator[bytes]:
        size, described = len(self._callee), set[int]()
        step = 1 if _has_versions(self._callees) else _AT_ONCE
        for begin in range(0, size, step):
            rows = slice(begin, min(begin + step, size))
            for number in dict.fromkeys(self._callee[rows]):
                if step == 1 or number not in described:
                    described.add(number)
                    yield from map(str.encode, metadata_lines(self._callees[number], self._cache))
            shapes, more = self._shapes(rows)
            yield KERNELS.rows_text(begin, shapes, (*self._templates, *more), self._columns)

    def _shapes(self, rows: slice) -> tuple[array[int], list[_Template]]:
        """Return the index of each call's template, and the templates of single calls."""
        shapes, indices, more = array("i"), self._indices, list[_Template]()
        columns = self._callee, self._strand, self._arguments, self._outcome, self._end_ns
        for callee, strand, passed, outcome, end_ns in zip(
            *(column[rows] for column in columns), strict=True
        ):
            kinds = tuple(map(type, passed)) if type(passed) is tuple else type(passed)
            key = callee, strand, kinds, type(outcome), end_ns != UNFINISHED
            index = indices.get(key)
            shapes.append(self._index(key, passed, outcome) if index is None else index)
        for row in range(rows.start, rows.stop) if self._suspensions else ():
            if times := self._suspensions.get(row):
                *pieces, last = self._templates[shapes[row - rows.start]]
                shapes[row - rows.start] = -1 - len(more)
                stated = ",".join(map(str, times))
                more.append((*pieces, f',"suspensions":[{stated}]'.encode(), last))
        if more:
            first = len(self._templates)
            shapes = array("i", (index if index >= 0 else first - 1 - index for index in shapes))
        return shapes, more

    def _index(self, key: Any, passed: Arguments, outcome: Any) -> int:
        """Return the index of a template that may not be there yet."""
        callee, strand, kinds, result, has_ended = key
        exact = key
        if result is float or (type(passed) is tuple and float in kinds):
            # Infinity and NaN become texts.
            values = passed if type(passed) is tuple else ()
            kinds = tuple(type(finite(value)) for value in values) if values else kinds
            exact = "exact", callee, strand, kinds, type(finite(outcome)), has_ended
        index = self._indices.get(exact)
        if index is None:
            index = self._indices[exact] = len(self._templates)
            end = _end_pieces(exact[-2]) if has_ended else ()
            self._templates.append(self._template(callee, strand, kinds, end))
        return index

    def _template(self, callee: int, strand: int, kinds: _Kinds, end: _Template) -> _Template:
        before, after = self._text.callee(callee)
        return (
            *(b'{"kind":"call","ts_ns":', _START, self._text.strand(strand).encode()),
            *(b',"call_id":', _ID, b',"parent_id":', _PARENT, b',"depth":', _DEPTH),
            *(before.encode(), _INSTANCE, after.encode(), _SUPER),
            *_argument_pieces(self._callees[callee].argument_names or (), kinds),
            *end,
            b"}\n",
        )


def _outer_id(table: Table, place: int) -> int:
    outer, row = table.at(place)
    return outer.call_id[row]


def _has_versions(callees: list[Callee]) -> bool:
    """Return whether two sites or classes of one name differ in their metadata."""
    versions: dict[Hashable, object] = {}
    return any(
        versions.setdefault(key, metadata) is not metadata
        for callee in callees
        for key, metadata in (
            (callee.site, callee.site_metadata),
            (callee.runtime_class, callee.class_metadata),
        )
        if metadata is not None
    )


def _argument_pieces(names: tuple[str, ...], kinds: _Kinds) -> Iterator[bytes | int]:
    if not isinstance(kinds, tuple):
        if kinds is dict:
            yield _ALL
        return
    yield b',"arguments":{'
    for index, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        yield (("," if index else "") + key_json(name)).encode()
        yield b"null" if kind is type(None) else _ARGUMENT + index
    texts = [name for name, kind in zip(names, kinds, strict=True) if kind is Text]
    yield f"}}{texts_text(texts)}".encode()


def _end_pieces(result: type) -> _Template:
    if result is type(None):
        return b',"duration_ns":', _DURATION, b',"result":null'
    key = b',"error":' if issubclass(result, CallError) else b',"result":'
    mark = TEXT_RESULT.encode() if result is Text else b""
    return b',"duration_ns":', _DURATION, key, _OUTCOME, mark


def _value_bytes(value: Any) -> bytes:
    return value_json(value).encode()


def _arguments_bytes(arguments: Any) -> bytes:
    return arguments_text(arguments).encode()

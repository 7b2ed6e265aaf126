"""`CallLines`: the lines of whole calls in a JSON Lines trace, from the columns of a table."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final

from callscope.introspect.values import CallError, Text, Value
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
from callscope.trace.table import UNFINISHED, Callee, Table

if TYPE_CHECKING:
    from callscope.trace.metadata import MetadataCache

_AT_ONCE: Final = 512
"""Number of calls whose lines are made together: more would take new memory from the system."""
_START, _ID, _PARENT, _DEPTH, _INSTANCE, _SUPER, _DURATION = range(7)
_OUTCOME, _ALL, _ARGUMENT = range(7, 10)
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
        self._templates: dict[Hashable, _Template] = {}
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
        most = max((len(callee.argument_names or ()) for callee in table.callees), default=0)
        start_ns = table.start_ns[chosen]
        self._columns: tuple[Any, ...] = (
            ("integer", start_ns, 0),
            ("integer", table.call_id[chosen], 0),
            ("optional", table.parent_ids(chosen), 0),
            ("integer", table.depth[chosen], 0),
            ("optional", table.instance[chosen], 0),
            ("choice", table.via_super[chosen], (b"", VIA_SUPER.encode())),
            ("difference", self._end_ns, start_ns),
            ("json", self._outcome, -1, _value_bytes),
            ("value", self._arguments, _arguments_bytes),
            *(("json", self._arguments, index, _value_bytes) for index in range(most)),
        )

    def __iter__(self) -> Iterator[bytes]:
        size = len(self._callee)
        for begin in range(0, size, _AT_ONCE):
            yield from self._lines(range(begin, min(begin + _AT_ONCE, size)))

    def _lines(self, rows: range) -> Iterator[bytes]:
        shapes = array("i", bytes(4 * len(rows)))
        columns = self._callee, self._strand, self._end_ns, self._arguments, self._outcome
        firsts = KERNELS.row_shapes(shapes, rows.start, *columns)
        numbers = dict.fromkeys(map(self._callee.__getitem__, firsts))
        callees = [self._callees[number] for number in numbers]
        if len(rows) > 1 and _has_versions(callees):
            half = len(rows) // 2
            yield from self._lines(rows[:half])
            yield from self._lines(rows[half:])
            return
        for callee in callees:
            yield from map(str.encode, metadata_lines(callee, self._cache))
        templates = [*map(self._template_of, firsts)]
        self._add_suspensions(rows, shapes, templates)
        yield KERNELS.rows_text(rows.start, shapes, tuple(templates), self._columns)

    def _add_suspensions(self, rows: range, shapes: array[int], templates: list[_Template]) -> None:
        """Give each call that was suspended a template of its own."""
        for row in rows if self._suspensions else ():
            times = self._suspensions.get(row)
            if times:
                *pieces, last = templates[shapes[row - rows.start]]
                shapes[row - rows.start] = len(templates)
                stated = ",".join(map(str, times))
                templates.append((*pieces, f',"suspensions":[{stated}]'.encode(), last))

    def _template_of(self, row: int) -> _Template:
        """Return the template of a call."""
        passed, outcome = self._arguments[row], self._outcome[row]
        kinds: _Kinds = type(passed)
        if isinstance(passed, tuple):
            kinds = tuple(map(_kind, passed))
        end = () if self._end_ns[row] == UNFINISHED else _end_pieces(_kind(outcome))
        key = self._callee[row], self._strand[row], kinds, end
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = self._template(*key)
        return template

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


def _kind(value: Value | CallError) -> type:
    """Return the type as which a value is written: infinity and NaN become texts."""
    return type(value if isinstance(value, CallError) else finite(value))


def _has_versions(callees: list[Callee]) -> bool:
    """Return whether two sites or classes of one name differ in their metadata."""
    versions: dict[Hashable, object] = {}
    return any(
        versions.setdefault(key, metadata) != metadata
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

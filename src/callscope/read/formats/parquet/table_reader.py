"""Reader of Arrow rows into a table, by whole columns."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import pyarrow as pa

from callscope.read.formats.parquet.decoding import Distinct, WrongRowError
from callscope.read.formats.trace_builder import (
    BACKWARDS,
    BEFORE_PARENT,
    NO_OBJECT,
    TIMES,
    TOO_LONG,
    WrongLineError,
    with_texts,
)
from callscope.trace import (
    NO_ROW,
    UNFINISHED,
    Callee,
    CallError,
    ClassMetadata,
    SiteMetadata,
    Strand,
    Table,
    TableBuilder,
    Text,
    Value,
)
from callscope.trace.arrow.schema import INT32, INT64, NAME, SCHEMA, TEXT, TEXTS, pc

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_TYPES: Final = {"q": INT64, "i": INT32, "b": pa.int8()}
_AS_NAMES: Final = {TEXT: NAME, TEXTS: pa.list_(NAME)}
_AS_READ: Final = pa.schema(
    field.with_type(_AS_NAMES.get(field.type, field.type)) for field in SCHEMA
)
"""Schema of rows whose texts are dictionaries: equal texts take up no room."""
_LONGEST_NAME: Final = 1 << 16
"""A name may stand in any number of rows, and takes up room wherever it is shown."""
_CALLEE: Final = ("method", "defining_class", "runtime_class", "mro_index", "file", "line", "class")
_OUTCOME: Final = ("result", "result_is_text", "error_type", "error_message")


class TableReader:
    """A table that batches of rows are added to.

    Args:
        classes: metadata of the runtime classes, which the rows refer to.
    """

    def __init__(self, classes: Sequence[ClassMetadata]) -> None:
        self._builder = TableBuilder()
        self.table: Table = self._builder.table
        self._classes = classes
        self._callees: dict[tuple[Any, ...], int] = {}
        self._row_of: dict[int, int] = {}
        """Rows by call ids; empty as long as each id is the one before, plus one."""
        self._kept = 0
        """Number of the first rows, for which this need not hold."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch.

        Raises:
            WrongRowError: if one of them is invalid. The table must not be used any more.
            ArrowException: if a column is missing, or of another type than in the schema.
        """
        if not len(batch):
            return
        rows = pa.Table.from_batches([batch]).select(SCHEMA.names).cast(_AS_READ)
        columns = {name: rows[name].combine_chunks() for name in SCHEMA.names}
        table, first = self.table, len(self.table)
        parents = self._parents(columns, first)
        self._add_times(columns, parents, first)
        self._add_depths(columns["depth"], parents, first)
        self._add_callees(columns)
        outcomes = Distinct(columns["duration_ns"].is_null(), *(columns[name] for name in _OUTCOME))
        table.outcome += outcomes.place(outcomes.map(_decode_outcome))
        strands = Distinct(*(columns[name] for name in Strand._fields))
        _extend(table.strand, pa.array(strands.map(self._strand), INT32).take(strands.codes))
        _refuse(pc.less(columns["instance"], 0), lambda _: NO_OBJECT)
        _extend(table.instance, columns["instance"].fill_null(0))
        _extend(table.via_super, columns["via_super"])
        _extend(table.call_id, columns["call_id"])

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all calls but some, which become the first rows; parents must be among them."""
        self.table = self._builder.table = self.table.reordered(rows)
        self.table.keys = None
        self._row_of.clear()
        self._kept = len(rows)

    def _parents(self, columns: dict[str, pa.Array], first: int) -> pa.Array:
        """Return the rows of the parents."""
        call_ids, parent_ids = columns["call_id"], columns["parent_id"]
        kept = self._kept
        base = self.table.call_id[kept] if first > kept else call_ids[0].as_py()
        earlier = pa.array(self.table.call_id[:kept], INT64)
        is_plain = not self._row_of and _are_consecutive(call_ids, base + first - kept)
        if is_plain and base > max(self.table.call_id[:kept], default=base - 1):
            parents = pc.add_checked(pc.subtract_checked(parent_ids, base), kept)
            rows = pc.index_in(parent_ids, value_set=earlier)
            is_unknown = pc.and_(pc.less(parents, kept), pc.is_null(rows))
            is_wrong = pc.or_(is_unknown, pc.greater_equal(parent_ids, call_ids))
            _refuse(is_wrong, lambda row: _no_parent(parent_ids[row].as_py()))
            return pc.coalesce(rows, parents, pa.scalar(NO_ROW, INT64)).cast(INT32)
        return pa.array(self._look_up(call_ids.to_pylist(), parent_ids.to_pylist(), first), INT32)

    def _look_up(
        self, call_ids: Sequence[int], parent_ids: Sequence[int | None], first: int
    ) -> list[int]:
        row_of = self._row_of
        if not row_of:
            row_of.update(zip(self.table.call_id, range(first), strict=True))
        parents = []
        for row, (call_id, parent_id) in enumerate(zip(call_ids, parent_ids, strict=True)):
            if call_id in row_of:
                raise WrongRowError(row, f"call {call_id} begins a second time")
            parent = NO_ROW if parent_id is None else row_of.get(parent_id)
            if parent is None:
                raise WrongRowError(row, _no_parent(parent_id))
            parents.append(parent)
            row_of[call_id] = first + row
        return parents

    def _add_times(self, columns: dict[str, pa.Array], parents: pa.Array, first: int) -> None:
        table = self.table
        starts, durations = columns["start_ns"], columns["duration_ns"]
        _extend(table.start_ns, starts)
        _extend(table.parent, parents)
        _refuse(pc.less(starts, _take(table.start_ns, parents)), lambda _: BEFORE_PARENT)
        ends = pc.add(starts, durations)
        _refuse(pc.or_(pc.less(durations, 0), pc.less(ends, starts)), lambda _: BACKWARDS)
        for times in (starts, ends):
            is_long = pc.or_(pc.less(times, -TIMES), pc.greater_equal(times, TIMES))
            _refuse(is_long, lambda _: f"a time {TOO_LONG}")
        _extend(table.end_ns, ends.fill_null(UNFINISHED))
        instants = columns["instants"]
        is_suspended = pc.greater(pc.list_value_length(instants), 0)
        for row in pc.indices_nonzero(is_suspended.fill_null(False)).to_pylist():
            times = instants[row].as_py()
            whole = [
                starts[row].as_py(),
                *times,
                *([ends[row].as_py()] if ends[row].is_valid else []),
            ]
            if None in whole or whole != sorted(whole):
                raise WrongRowError(row, BACKWARDS)
            if whole[-1] >= TIMES:
                raise WrongRowError(row, f"a time {TOO_LONG}")
            table.suspensions[first + row] = times

    def _add_depths(self, depths: pa.Array, parents: pa.Array, first: int) -> None:
        """Add the depths that follow from the parents, whatever the file says."""
        column = self.table.depth
        _extend(column, depths)
        if not pc.all(pc.equal(depths, pc.add(_take(column, parents), 1).fill_null(0))).as_py():
            self.table.set_depths(first)

    def _add_callees(self, columns: dict[str, pa.Array]) -> None:
        arguments = Distinct(columns["arguments"], columns["argument_texts"])
        decoded = arguments.map(_decode_arguments)
        self.table.arguments += arguments.place([values for _, values in decoded])
        codes: dict[tuple[str, ...] | None, int] = {}
        names = pa.array([codes.setdefault(own, len(codes)) for own, _ in decoded], INT32)
        callees = Distinct(*(columns[name] for name in _CALLEE), names.take(arguments.codes))
        by_code = [*codes]
        names_of = [(*row[:-1], by_code[row[-1]]) for row in callees.rows]
        callees.rows = names_of
        indices = callees.map(self._callee)
        _extend(self.table.callee, pa.array(indices, INT32).take(callees.codes))

    def _callee(
        self,
        method: str,
        defining_class: str,
        runtime_class: str,
        mro_index: int | None,
        file: str | None,
        line: int | None,
        class_index: int | None,
        names: tuple[str, ...] | None,
    ) -> int:
        key = method, defining_class, runtime_class, mro_index, file, line, class_index, names
        if key not in self._callees:
            _need_names(method, defining_class, runtime_class)
            site = cls = None
            if file is not None:
                site = SiteMetadata(defining_class, method, file, line)
            if class_index is not None:
                cls = self._class(class_index)
                other = None if mro_index is None else cls.site(mro_index, method)
                if other is not None and (other.file, other.line) == (file, line):
                    site = other
            self._callees[key] = self._builder.callee(
                Callee(method, defining_class, runtime_class, mro_index, names, site, cls)
            )
        return self._callees[key]

    def _class(self, index: int) -> ClassMetadata:
        if not 0 <= index < len(self._classes):
            msg = f"{index} is not the index of a class"
            raise WrongLineError(msg)
        return self._classes[index]

    def _strand(self, pid: int, thread: str, task: str | None) -> int:
        _need_names(thread, task or "")
        return self._builder.strand((pid, thread, task))


def _extend(column: array[int], values: pa.Array) -> None:
    values = values.cast(_TYPES[column.typecode])
    start = values.offset * column.itemsize
    with memoryview(values.buffers()[1]) as buffer:
        column.frombytes(buffer[start : start + len(values) * column.itemsize])


def _take(column: array[int], rows: pa.Array) -> pa.Array:
    """Return the values of some rows; null for `NO_ROW`."""
    buffer = pa.py_buffer(column)  # while it is referred to, the column cannot grow
    values = pa.Array.from_buffers(_TYPES[column.typecode], len(column), [None, buffer])
    return values.take(pc.if_else(pc.less(rows, 0), pa.scalar(None, INT32), rows))


def _are_consecutive(numbers: pa.Array, first: int) -> bool:
    last = first + len(numbers) - 1
    steps = pc.subtract(numbers[1:], numbers[:-1])  # wraps around, unlike the ends
    ends = numbers[0].as_py(), numbers[-1].as_py()
    return ends == (first, last) and bool(pc.all(pc.equal(steps, 1)).as_py())


def _refuse(is_wrong: pa.Array, reason: Callable[[int], str]) -> None:
    row = pc.index(is_wrong, pa.scalar(True)).as_py()
    if row >= 0:
        raise WrongRowError(row, reason(row))


def _no_parent(parent_id: int | None) -> str:
    return f"its parent, call {parent_id}, has not begun"


def _need_names(*names: str | None) -> None:
    for name in names:
        if name is None or len(name) > _LONGEST_NAME:
            problem = "is missing" if name is None else f"has {len(name):,} characters"
            msg = f"the name of a method, a class, a thread or a task {problem}"
            raise WrongLineError(msg)


def _decode_arguments(
    text: str | None, texts: Sequence[str] | None
) -> tuple[tuple[str, ...] | None, tuple[Value, ...] | None]:
    """Return the names and the values of arguments."""
    arguments = None if text is None else json.loads(text)
    if arguments is None:
        return None, None
    if type(arguments) is not dict:
        msg = "arguments are not a JSON object"
        raise WrongLineError(msg)
    _need_scalars(arguments.values())
    if texts:
        arguments = with_texts(arguments, texts)
    return tuple(arguments), tuple(arguments.values())


def _decode_outcome(
    is_unfinished: bool,  # noqa: FBT001
    text: str | None,
    is_text: bool | None,  # noqa: FBT001
    error_type: str | None,
    error_message: str | None,
) -> Value | CallError:
    result: Value = None if text is None else json.loads(text)
    _need_scalars([result])
    if is_unfinished:
        return None
    if error_type is not None:
        return CallError(error_type, error_message or "")
    return Text(result) if is_text and type(result) is str else result


def _need_scalars(values: Iterable[object]) -> None:
    if not all(type(value) in _SCALARS for value in values):
        msg = "a captured value is not a scalar"
        raise WrongLineError(msg)

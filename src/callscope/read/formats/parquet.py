"""A trace as an Arrow table, one row per call, and in Parquet files; needs the extra ``parquet``.

Arguments and results are JSON, which pandas, polars and DuckDB can all query; an Arrow map has one
type for all values, and not all three read it. Data that belongs to no call is JSON in the metadata
of the table's schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from callscope.errors import MissingExtraError, TraceFormatError, encodable
from callscope.read.formats.jsonl import slow
from callscope.read.formats.trace_builder import (
    MetadataVersions,
    TraceBuilder,
    WrongLineError,
    with_texts,
)
from callscope.trace import (
    SCHEMA_VERSION,
    BuiltCall,
    Call,
    CallError,
    ClassMetadata,
    CodeMetadata,
    Cost,
    Header,
    Process,
    SiteMetadata,
    Text,
    TraceData,
)
from callscope.trace.event import finite

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA: Final = b"callscope"
_BATCH: Final = 10_000
"""Number of rows held as Python objects at a time."""
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


class Column(NamedTuple):
    """One column: its Arrow type and its values."""

    name: str
    type: str
    value: Callable[[Call], Any]


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _arguments(call: Call) -> str | None:
    if call._arguments is None:
        return None
    return _json({name: finite(value) for name, value in call._arguments.items()})


def _texts(call: Call) -> list[str]:
    arguments = (call._arguments or {}).items()
    return [encodable(name) for name, value in arguments if type(finite(value)) is Text]


_COLUMNS: Final = (
    Column("call_id", "int64", lambda call: call.call_id),
    Column("parent_id", "int64", lambda call: call.parent and call.parent.call_id),
    Column("depth", "int32", lambda call: call.depth),
    Column("site", "name", lambda call: encodable(call.site)),
    Column("method", "name", lambda call: encodable(call.method)),
    Column("defining_class", "name", lambda call: encodable(call.defining_class)),
    Column("runtime_class", "name", lambda call: encodable(call.runtime_class)),
    Column("instance", "int64", lambda call: call.instance),
    Column("mro_index", "int32", lambda call: call.mro_index),
    Column("via_super", "bool", lambda call: call.via_super),
    Column("arguments", "string", _arguments),
    Column("argument_texts", "strings", _texts),
    Column(
        "result", "string", lambda call: None if call.result is None else _json(finite(call.result))
    ),
    Column("result_is_text", "bool", lambda call: type(finite(call.result)) is Text),
    Column("error_type", "name", lambda call: call.error and encodable(call.error.type)),
    Column("error_message", "string", lambda call: call.error and encodable(call.error.message)),
    Column("start_ns", "int64", lambda call: call.start_ns),
    Column("duration_ns", "int64", lambda call: call.duration_ns),
    Column("self_ns", "int64", lambda call: call.self_ns),
    Column("waiting_ns", "int64", lambda call: call.waiting_ns),
    Column("pid", "int64", lambda call: call.pid),
    Column("thread", "name", lambda call: encodable(call.thread)),
    Column("task", "name", lambda call: call.task and encodable(call.task)),
    Column("file", "name", lambda call: call.file and encodable(call.file)),
    Column("line", "int32", lambda call: call.line),
    Column(
        "instants",
        "instants",
        lambda call: [ts for span in call.suspensions for ts in span if ts is not None],
    ),
)
_CLASS: Final = "class"
"""Column with the index of the runtime class in the metadata."""
_REQUIRED: Final = frozenset(
    {
        "call_id",
        "depth",
        "method",
        "defining_class",
        "runtime_class",
        "via_super",
        "start_ns",
        "pid",
        "thread",
    }
)


def to_arrow(trace: TraceData) -> pa.Table:
    """Return a trace as a table; see `Trace.to_arrow`."""
    arrow = _import("to_arrow()")
    calls = trace.calls
    classes: dict[ClassMetadata | None, int | None] = {None: None}
    numbers = [classes.setdefault(call._class_metadata, len(classes) - 1) for call in calls]
    about = {
        "v": SCHEMA_VERSION,
        "lost": trace.lost,
        "left_out": dict(trace.left_out),
        **trace.header._asdict(),
        "classes": [metadata for metadata in classes if metadata is not None],
    }
    schema = _schema(arrow).with_metadata({_METADATA: _json(about)})
    try:
        columns = [
            arrow.array(map(column.value, calls), schema.field(column.name).type)
            for column in _COLUMNS
        ]
        columns.append(arrow.array(numbers, schema.field(_CLASS).type))
        return arrow.Table.from_arrays(columns, schema=schema)
    except (OverflowError, arrow.ArrowException) as error:
        msg = f"The trace holds a value that Arrow cannot store: {error}. Save it as '.jsonl'."
        raise TraceFormatError(msg) from None


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Parquet."""
    _import("'.parquet'")
    from pyarrow import parquet

    parquet.write_table(to_arrow(trace), file, compression="zstd")


def read(file: BinaryIO, name: str) -> TraceData:
    """Read a trace from Parquet; `name` is the file's name in errors."""
    arrow = _import("'.parquet'")
    from pyarrow import parquet

    builder = TraceBuilder()
    try:
        packed = parquet.ParquetFile(file)
        about = json.loads((packed.schema_arrow.metadata or {})[_METADATA])
    except (arrow.ArrowException, OSError, KeyError, ValueError, RecursionError) as error:
        raise TraceFormatError(
            f"{name!r} is not a trace, or is damaged: {_reason(error)}. Name a '.parquet' file"
            " that callscope has written."
        ) from None
    try:
        header, classes = _about(about, builder, name)
        for row in _rows(packed, arrow):
            _take(builder, row, classes)
    except TraceFormatError:
        raise
    except (
        arrow.ArrowException,
        WrongLineError,
        OSError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise TraceFormatError(
            f"{name!r}, after row {len(builder.calls)}: {_reason(error)}. Restore the file."
        ) from None
    recorded = builder.recorded()
    return TraceData(header, recorded)


def _reason(error: Exception) -> str:
    return f"{str(error).partition(chr(10))[0]:.200}"


def _rows(packed: Any, arrow: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file in batches, as equal rows in it may expand to any size."""
    schema = _schema(arrow)
    for batch in packed.iter_batches(_BATCH, columns=schema.names):
        yield from arrow.Table.from_batches([batch]).select(schema.names).cast(schema).to_pylist()


def _import(what: str) -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError.for_feature(what, "parquet") from None
    return pa


def _schema(arrow: Any) -> Any:
    types = {
        "int32": arrow.int32(),
        "int64": arrow.int64(),
        "bool": arrow.bool_(),
        "string": arrow.string(),
        "strings": arrow.list_(arrow.string()),
        "instants": arrow.list_(arrow.int64()),
        # These have few distinct values, each shared by many calls.
        "name": arrow.dictionary(arrow.int32(), arrow.string()),
    }
    fields = [
        arrow.field(column.name, types[column.type], nullable=column.name not in _REQUIRED)
        for column in _COLUMNS
    ]
    return arrow.schema([*fields, arrow.field(_CLASS, arrow.int32())])


def _about(about: Any, builder: TraceBuilder, name: str) -> tuple[Header, list[ClassMetadata]]:
    """Return the metadata, checked like the equivalent lines of a `.jsonl` file."""
    cost = about.get("cost") and dict(zip(Cost._fields, about["cost"], strict=True))
    processes = [
        dict(zip(Process._fields, fields, strict=True)) for fields in about.get("processes") or ()
    ]
    line = {**about, "kind": "trace", "cost": cost, "processes": processes}
    header = slow.header(line, name)
    slow.take(builder, {**about, "kind": "end"})
    classes = [_class(fields, builder) for fields in about["classes"]]
    builder.metadata = MetadataVersions()  # the rows refer to their metadata themselves
    return header, classes


def _class(fields: list[Any], builder: TraceBuilder) -> ClassMetadata:
    about = dict(zip(ClassMetadata._fields, fields, strict=False))
    for site in (site for own in about["sites"] for site in own):
        line = dict(zip(SiteMetadata._fields, site, strict=True))
        code = line["code"] and dict(zip(CodeMetadata._fields, line["code"], strict=True))
        slow.take(builder, {**line, "kind": "site", "code": code})
    methods = [[site[1] for site in own] for own in about["sites"]]
    slow.take(builder, {**about, "kind": "class", "sites": methods})
    metadata = builder.metadata.cls(about["runtime_class"])
    assert metadata is not None
    return metadata


def _take(builder: TraceBuilder, row: dict[str, Any], classes: list[ClassMetadata]) -> None:
    arguments = None if row["arguments"] is None else json.loads(row["arguments"])
    result = None if row["result"] is None else json.loads(row["result"])
    if type(arguments) not in (dict, type(None)):
        msg = "arguments are not a JSON object"
        raise WrongLineError(msg)
    values = [result, *(arguments or {}).values()]
    if not all(type(value) in _SCALARS for value in values):
        msg = "a captured value is not a scalar"
        raise WrongLineError(msg)
    call = BuiltCall(
        row["method"],
        row["defining_class"],
        row["runtime_class"],
        row["instance"],
        row["mro_index"],
        arguments and with_texts(arguments, row["argument_texts"] or ()),
        row["start_ns"],
        row["thread"],
        None,
    )
    call._call_id = row["call_id"]
    call._via_super = row["via_super"]
    call._pid = row["pid"]
    call._task = row["task"]
    if row["file"] is not None:
        call._site_metadata = SiteMetadata(
            call.defining_class, call.method, row["file"], row["line"]
        )
    if row[_CLASS] is not None:
        call._class_metadata = metadata = classes[row[_CLASS]]
        index = call.mro_index
        site = None if index is None else metadata.site(index, call.method)
        if site is not None and (site.file, site.line) == (row["file"], row["line"]):
            call._site_metadata = site
    builder.begin(call, row["call_id"], row["parent_id"])
    for number, ts_ns in enumerate(row["instants"] or ()):
        (builder.resume if number % 2 else builder.suspend)(call.call_id, ts_ns)
    if row["duration_ns"] is not None:
        error = None
        if row["error_type"] is not None:
            error = CallError(row["error_type"], row["error_message"] or "")
        if row["result_is_text"] and type(result) is str:
            result = Text(result)
        builder.end(call.call_id, call.start_ns + row["duration_ns"], result, error)

"""A trace as a table of Arrow, one row per call, and in Parquet files; needs the extra ``parquet``.

Arguments and results are JSON, which pandas, polars and DuckDB can all look into; a map of Arrow
has one type for all values, and not every one of them reads it. What belongs to no call is JSON in
the metadata of the table's schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from callscope.errors import MissingExtraError, TraceFormatError
from callscope.formats.links import Links, WrongLineError, to_cost, with_texts
from callscope.trace import (
    SCHEMA_VERSION,
    Call,
    CallError,
    ClassFacts,
    CodeFacts,
    Header,
    MadeCall,
    Process,
    SiteFacts,
    Text,
    Trace,
)
from callscope.trace.event import finite

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA: Final = b"callscope"
_BATCH: Final = 10_000
"""Rows that are at hand as Python objects at a time."""
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


class Column(NamedTuple):
    """One column: its type, as Arrow writes it, and what stands in it."""

    name: str
    type: str
    of: Callable[[Call], Any]


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _arguments(call: Call) -> str | None:
    if call._arguments is None:
        return None
    return _json({name: finite(value) for name, value in call._arguments.items()})


def _texts(call: Call) -> list[str]:
    found = (call._arguments or {}).items()
    return [_text(name) or "" for name, value in found if type(finite(value)) is Text]


def _text(text: str | None) -> str | None:
    """Return a text without what UTF-8 has no form for."""
    if text is None or text.isascii():
        return text
    return text.encode(errors="backslashreplace").decode()


_COLUMNS: Final = (
    Column("call_id", "int64", lambda call: call.call_id),
    Column("parent_id", "int64", lambda call: call.parent and call.parent.call_id),
    Column("depth", "int32", lambda call: call.depth),
    Column("site", "name", lambda call: _text(call.site)),
    Column("method", "name", lambda call: _text(call.method)),
    Column("defining_class", "name", lambda call: _text(call.defining_class)),
    Column("runtime_class", "name", lambda call: _text(call.runtime_class)),
    Column("instance", "int64", lambda call: call.instance),
    Column("mro_index", "int32", lambda call: call.mro_index),
    Column("via_super", "bool", lambda call: call.via_super),
    Column("arguments", "string", _arguments),
    Column("argument_texts", "strings", _texts),
    Column(
        "result", "string", lambda call: None if call.result is None else _json(finite(call.result))
    ),
    Column("result_is_text", "bool", lambda call: type(finite(call.result)) is Text),
    Column("error_type", "name", lambda call: call.error and _text(call.error.type)),
    Column("error_message", "string", lambda call: call.error and _text(call.error.message)),
    Column("start_ns", "int64", lambda call: call.start_ns),
    Column("duration_ns", "int64", lambda call: call.duration_ns),
    Column("self_ns", "int64", lambda call: call.self_ns),
    Column("waiting_ns", "int64", lambda call: call.waiting_ns),
    Column("pid", "int64", lambda call: call.pid),
    Column("thread", "name", lambda call: _text(call.thread)),
    Column("task", "name", lambda call: _text(call.task)),
    Column("file", "name", lambda call: _text(call.file)),
    Column("line", "int32", lambda call: call.line),
    Column(
        "instants",
        "instants",
        lambda call: [ts for span in call.suspensions for ts in span if ts is not None],
    ),
)
_CLASS: Final = "class"
"""The number of what the metadata tell of the runtime class and its MRO."""
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


def to_arrow(trace: Trace) -> pa.Table:
    """Return a trace as a table; see `Trace.to_arrow`."""
    arrow = _import("to_arrow()")
    calls = trace.calls
    classes: dict[ClassFacts | None, int | None] = {None: None}
    numbers = [classes.setdefault(call._class_facts, len(classes) - 1) for call in calls]
    about = {
        "v": SCHEMA_VERSION,
        "lost": trace.lost,
        "left_out": dict(trace.left_out),
        **trace.header._replace(cost=trace.cost)._asdict(),
        "classes": [facts for facts in classes if facts is not None],
    }
    schema = _schema(arrow).with_metadata({_METADATA: _json(about)})
    try:
        columns = [
            arrow.array(map(column.of, calls), schema.field(column.name).type)
            for column in _COLUMNS
        ]
        columns.append(arrow.array(numbers, schema.field(_CLASS).type))
        return arrow.Table.from_arrays(columns, schema=schema)
    except (OverflowError, arrow.ArrowException) as error:
        msg = f"The trace holds what Arrow has no room for: {error}. Save it as '.jsonl'."
        raise TraceFormatError(msg) from None


def write(trace: Trace, file: BinaryIO) -> None:
    """Write a trace as Parquet."""
    _import("'.parquet'")
    from pyarrow import parquet

    parquet.write_table(to_arrow(trace), file, compression="zstd")


def read(file: BinaryIO, name: str) -> Trace:
    """Read a trace from Parquet; errors call the file by its name."""
    arrow = _import("'.parquet'")
    from pyarrow import parquet

    try:
        table = parquet.read_table(file)
        about = json.loads((table.schema.metadata or {})[_METADATA])
        table = table.select(_schema(arrow).names).cast(_schema(arrow))
    except (arrow.ArrowException, OSError, KeyError, ValueError, RecursionError) as error:
        why = str(error).partition("\n")[0]
        raise TraceFormatError(
            f"{name!r} is no trace, or is damaged: {why:.200}. Name a '.parquet' file that callscope"
            " has written."
        ) from None
    links = Links()
    try:
        header, classes = _about(about, links)
        for batch in table.to_batches(max_chunksize=_BATCH):
            for row in batch.to_pylist():
                _take(links, row, classes)
    except (
        WrongLineError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise TraceFormatError(
            f"{name!r}, behind row {len(links.calls)}: {error}. Restore the file."
        ) from None
    recorded = links.recorded()
    return Trace(header, lambda: recorded)


def _import(what: str) -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtraError.of(what, "parquet") from None
    return pa


def _schema(arrow: Any) -> Any:
    types = {
        "int32": arrow.int32(),
        "int64": arrow.int64(),
        "bool": arrow.bool_(),
        "string": arrow.string(),
        "strings": arrow.list_(arrow.string()),
        "instants": arrow.list_(arrow.int64()),
        # Of these there are few, each of many calls.
        "name": arrow.dictionary(arrow.int32(), arrow.string()),
    }
    fields = [
        arrow.field(column.name, types[column.type], nullable=column.name not in _REQUIRED)
        for column in _COLUMNS
    ]
    return arrow.schema([*fields, arrow.field(_CLASS, arrow.int32())])


def _about(about: dict[str, Any], links: Links) -> tuple[Header, list[ClassFacts]]:
    if about["v"] != SCHEMA_VERSION:
        msg = (
            f"it is of schema version {about['v']!r:.40}, and this callscope reads {SCHEMA_VERSION}"
        )
        raise WrongLineError(msg)
    # Files of earlier versions lack the fields that have a default.
    fields = {name: about[name] for name in Header._fields if name in about}
    fields["targets"] = tuple(map(str, fields["targets"]))
    fields["cost"] = None if fields.get("cost") is None else to_cost(fields["cost"])
    fields["processes"] = tuple(Process(*each) for each in fields.get("processes", ()))
    header = Header(**fields)
    links.end_all(about["lost"], about["left_out"])
    classes = [
        ClassFacts(
            str(name),
            tuple(map(str, mro)),
            tuple(tuple(map(_site, own)) for own in sites),
            *(tuple(map(str, names)) for names in said),
        )
        for name, mro, sites, *said in about["classes"]
    ]
    if not all(
        type(each) is int
        for each in (
            *(header.pid, header.start_ns, header.start_unix_ns),
            *(links.lost, *links.left_out.values()),
            *(process.pid for process in header.origins),
            *(process.rank for process in header.origins if process.rank is not None),
        )
    ) or not all(
        type(each) is str
        for process in header.origins
        for each in (process.host, process.command, process.run)
    ):
        msg = "what it says of itself is not of the right types"
        raise WrongLineError(msg)
    return header, classes


def _site(fields: list[Any]) -> SiteFacts:
    defining_class, method, file, line, code = fields
    if code is not None:
        calls_next, is_empty, is_abstract, passes_on, sets, consumes = code
        code = CodeFacts(calls_next, is_empty, is_abstract, passes_on, tuple(sets), tuple(consumes))
    return SiteFacts(defining_class, method, file, line, code)


def _take(links: Links, row: dict[str, Any], classes: list[ClassFacts]) -> None:
    arguments = None if row["arguments"] is None else json.loads(row["arguments"])
    result = None if row["result"] is None else json.loads(row["result"])
    if type(arguments) not in (dict, type(None)):
        msg = "arguments are no JSON object"
        raise WrongLineError(msg)
    values = [result, *(arguments or {}).values()]
    if not all(type(value) in _SCALARS for value in values):
        msg = "a captured value is no scalar"
        raise WrongLineError(msg)
    call = MadeCall(
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
        call._site_facts = SiteFacts(call.defining_class, call.method, row["file"], row["line"])
    if row[_CLASS] is not None:
        call._class_facts = facts = classes[row[_CLASS]]
        index = call.mro_index
        known = None if index is None else facts.site(index, call.method)
        if known is not None and (known.file, known.line) == (row["file"], row["line"]):
            call._site_facts = known
    links.begin(call, row["call_id"], row["parent_id"])
    for number, ts_ns in enumerate(row["instants"] or ()):
        (links.resume if number % 2 else links.suspend)(call.call_id, ts_ns)
    if row["duration_ns"] is not None:
        error = None
        if row["error_type"] is not None:
            error = CallError(row["error_type"], row["error_message"] or "")
        if row["result_is_text"] and type(result) is str:
            result = Text(result)
        links.end(call.call_id, call.start_ns + row["duration_ns"], result, error)

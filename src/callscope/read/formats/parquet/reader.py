"""Reader of a trace from Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from callscope.errors import TraceFormatError
from callscope.read.formats.jsonl import slow
from callscope.read.formats.parquet.schema import METADATA, SCHEMA
from callscope.read.formats.trace_builder import (
    MetadataVersions,
    TraceBuilder,
    WrongLineError,
    with_texts,
)
from callscope.trace import (
    BuiltCall,
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

_BATCH: Final = 10_000
"""Number of rows held as Python objects at a time."""
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def read(file: BinaryIO, name: str) -> TraceData:
    """Read a trace from Parquet; `name` is the file's name in errors."""
    builder = TraceBuilder()
    try:
        packed = parquet.ParquetFile(file)
        about = json.loads((packed.schema_arrow.metadata or {})[METADATA])
    except (pa.ArrowException, OSError, KeyError, ValueError, RecursionError) as error:
        raise TraceFormatError(
            f"{name!r} is not a trace, or is damaged: {_reason(error)}. Name a '.parquet' file"
            " that callscope has written."
        ) from None
    try:
        header, classes = _about(about, builder, name)
        for row in _rows(packed):
            _take(builder, row, classes)
    except TraceFormatError:
        raise
    except (
        pa.ArrowException,
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


def _rows(packed: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file in batches, as equal rows in it may expand to any size."""
    for batch in packed.iter_batches(_BATCH, columns=SCHEMA.names):
        yield from pa.Table.from_batches([batch]).select(SCHEMA.names).cast(SCHEMA).to_pylist()


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
    if row["class"] is not None:
        call._class_metadata = metadata = classes[row["class"]]
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

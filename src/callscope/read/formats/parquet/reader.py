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
    Callee,
    CallError,
    ClassMetadata,
    CodeMetadata,
    Cost,
    Header,
    Process,
    SiteMetadata,
    Strand,
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
            f"{name!r}, after row {len(builder.table)}: {_reason(error)}. Restore the file."
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
    site, cls = _metadata(row, classes)
    names = None if arguments is None else tuple(arguments)
    callee = Callee(
        row["method"],
        row["defining_class"],
        row["runtime_class"],
        row["mro_index"],
        names,
        site,
        cls,
    )
    call_id = row["call_id"]
    builder.begin_row(
        call_id,
        row["start_ns"],
        row["parent_id"],
        builder.callee(callee),
        builder.strand(Strand(row["pid"], row["thread"], row["task"])),
        row["instance"],
        row["via_super"],
        None
        if arguments is None
        else tuple(with_texts(arguments, row["argument_texts"] or ()).values()),
    )
    for number, ts_ns in enumerate(row["instants"] or ()):
        (builder.resume if number % 2 else builder.suspend)(call_id, ts_ns)
    if row["duration_ns"] is not None:
        outcome = result
        if row["error_type"] is not None:
            outcome = CallError(row["error_type"], row["error_message"] or "")
        elif row["result_is_text"] and type(result) is str:
            outcome = Text(result)
        builder.end(call_id, row["start_ns"] + row["duration_ns"], outcome)


def _metadata(
    row: dict[str, Any], classes: list[ClassMetadata]
) -> tuple[SiteMetadata | None, ClassMetadata | None]:
    site = metadata = None
    if row["file"] is not None:
        site = SiteMetadata(row["defining_class"], row["method"], row["file"], row["line"])
    if row["class"] is not None:
        metadata = classes[row["class"]]
        index = row["mro_index"]
        other = None if index is None else metadata.site(index, row["method"])
        if other is not None and (other.file, other.line) == (row["file"], row["line"]):
            site = other
    return site, metadata

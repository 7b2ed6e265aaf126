"""Reader of a trace from Parquet."""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from callscope.errors import TraceFormatError
from callscope.read.formats.jsonl import slow
from callscope.read.formats.parquet.decoding import WrongRowError
from callscope.read.formats.parquet.schema import METADATA, SCHEMA
from callscope.read.formats.parquet.table_reader import TEXTS_AS_NAMES, TableReader
from callscope.read.formats.trace_builder import (
    MetadataVersions,
    TraceBuilder,
    WrongLineError,
)
from callscope.trace import (
    ClassMetadata,
    CodeMetadata,
    Cost,
    Header,
    Process,
    Recorded,
    SiteMetadata,
    TraceData,
)

_BATCH: Final = 1 << 16
"""Number of rows decoded at a time."""


def read(file: BinaryIO, name: str) -> TraceData:
    """Read a trace from Parquet; `name` is the file's name in errors."""
    builder = TraceBuilder()
    try:
        packed = parquet.ParquetFile(file, read_dictionary=[*TEXTS_AS_NAMES])
        about = json.loads((packed.schema_arrow.metadata or {})[METADATA])
    except (pa.ArrowException, OSError, KeyError, ValueError, RecursionError) as error:
        raise TraceFormatError(
            f"{name!r} is not a trace, or is damaged: {_reason(error)}. Name a '.parquet' file"
            " that callscope has written."
        ) from None
    row = 0
    try:
        header, classes = _about(about, builder, name)
        reader = TableReader(classes)
        # Equal rows in a small file may expand to any size.
        for batch in packed.iter_batches(_BATCH, columns=SCHEMA.names, use_threads=False):
            reader.add(batch)
            row = len(reader.table)
    except TraceFormatError:
        raise
    except (
        pa.ArrowException,
        WrongLineError,
        WrongRowError,
        OSError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        row += error.row if isinstance(error, WrongRowError) else 0
        raise TraceFormatError(
            f"{name!r}, after row {row}: {_reason(error)}. Restore the file."
        ) from None
    return TraceData(header, Recorded(reader.table, builder.lost, builder.left_out, is_final=True))


def _reason(error: Exception) -> str:
    return f"{str(error).partition(chr(10))[0]:.200}"


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

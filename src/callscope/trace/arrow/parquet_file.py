"""Parquet files of calls: the data that belongs to no call, and how columns are encoded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from callscope.trace.arrow.schema import METADATA, ROW_GROUP, SCHEMA
from callscope.trace.event import SCHEMA_VERSION
from callscope.trace.header import Header
from callscope.trace.metadata import ClassMetadata

MAGIC: Final = b"PAR1"
"""First bytes of a Parquet file."""
_NUMBERS: Final = ("call_id", "parent_id", "instance", "start_ns", "duration_ns", "self_ns")
"""Columns of numbers that mostly differ from row to row, by little."""


def schema_of(
    header: Header,
    lost: int = 0,
    left_out: Mapping[str, int] = MappingProxyType({}),
    classes: Sequence[ClassMetadata | list[Any]] = (),
) -> pa.Schema:
    """Return the schema of a trace, of which the metadata holds what belongs to no call."""
    about = {
        "v": SCHEMA_VERSION,
        "lost": lost,
        "left_out": dict(left_out),
        **header._asdict(),
        "classes": classes,
    }
    return with_about(about)


def with_about(about: Mapping[str, Any]) -> pa.Schema:
    """Return the schema with a JSON object in its metadata."""
    return SCHEMA.with_metadata({METADATA: to_json(about)})


def to_json(about: Mapping[str, Any]) -> str:
    """Return compact JSON."""
    return json.dumps(about, separators=(",", ":"), allow_nan=False)


def read_about(path: Path) -> dict[str, Any]:
    """Return what a file of calls says in its schema's metadata; nothing if it is not one."""
    with suppress(pa.ArrowException, OSError, LookupError, TypeError, ValueError, RecursionError):
        with path.open("rb") as file:
            is_parquet = file.read(len(MAGIC)) == MAGIC
            file.seek(0)
            schema = parquet.read_schema(file) if is_parquet else pa.ipc.open_stream(file).schema
        about = json.loads(schema.metadata[METADATA])
        return about if isinstance(about, dict) else {}
    return {}


def open_writer(file: BinaryIO, schema: pa.Schema) -> parquet.ParquetWriter:
    """Return a writer to a file, each batch of which is a row group."""
    # Where it takes a bool, it takes a list of columns as well, which type checkers do not know.
    by_column: dict[str, Any] = {
        "use_dictionary": [name for name in SCHEMA.names if name not in _NUMBERS],
        "write_statistics": [*_NUMBERS],
        "column_encoding": dict.fromkeys(_NUMBERS, "DELTA_BINARY_PACKED"),
    }
    return parquet.ParquetWriter(
        file, schema, compression="zstd", write_batch_size=ROW_GROUP, **by_column
    )

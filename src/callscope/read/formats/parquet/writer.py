"""Writer of a trace as an Arrow table, and as Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from callscope.errors import TraceFormatError
from callscope.read.formats.parquet.columns import Columns
from callscope.read.formats.parquet.schema import METADATA, SCHEMA
from callscope.trace import SCHEMA_VERSION, ClassMetadata, Table, TraceData

_ROW_GROUP: Final = 1 << 16
"""Number of rows for which columns are made and written at a time."""
_NUMBERS: Final = ("call_id", "parent_id", "instance", "start_ns", "duration_ns", "self_ns")
"""Columns of numbers that mostly differ from row to row, by little."""


def to_arrow(trace: TraceData) -> pa.Table:
    """Return a trace as a table."""
    return pa.Table.from_batches(_batches(trace), _schema(trace))


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Parquet."""
    # Where it takes a bool, it takes a list of columns as well, which type checkers do not know.
    by_column: dict[str, Any] = {
        "use_dictionary": [name for name in SCHEMA.names if name not in _NUMBERS],
        "write_statistics": [*_NUMBERS],
        "column_encoding": dict.fromkeys(_NUMBERS, "DELTA_BINARY_PACKED"),
    }
    with parquet.ParquetWriter(
        file, _schema(trace), compression="zstd", write_batch_size=_ROW_GROUP, **by_column
    ) as writer:
        for batch in _batches(trace):
            writer.write_batch(batch)


def _schema(trace: TraceData) -> pa.Schema:
    about = {
        "v": SCHEMA_VERSION,
        "lost": trace.lost,
        "left_out": dict(trace.left_out),
        **trace.header._asdict(),
        "classes": _classes(_table(trace)),
    }
    text = json.dumps(about, separators=(",", ":"), allow_nan=False)
    return SCHEMA.with_metadata({METADATA: text})


def _classes(table: Table) -> list[ClassMetadata]:
    classes = dict.fromkeys(callee.class_metadata for callee in table.callees)
    return [metadata for metadata in classes if metadata is not None]


def _batches(trace: TraceData) -> Iterator[pa.RecordBatch]:
    try:
        table = _table(trace)
        columns = Columns(table, _classes(table))
        for start in range(0, len(table), _ROW_GROUP):
            yield columns.batch(slice(start, start + _ROW_GROUP))
    except (OverflowError, pa.ArrowException) as error:
        raise _unstorable(error) from None


def _table(trace: TraceData) -> Table:
    try:
        return trace.table
    except OverflowError as error:
        raise _unstorable(error) from None


def _unstorable(error: Exception) -> TraceFormatError:
    msg = f"The trace holds a value that Arrow cannot store: {error}. Save it as '.jsonl'."
    return TraceFormatError(msg)

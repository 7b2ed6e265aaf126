"""Writer of a trace as an Arrow table, and as Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa

from callscope.errors import TraceFormatError
from callscope.trace import Callee, ClassMetadata, Table, TraceData
from callscope.trace.arrow.columns import Columns
from callscope.trace.arrow.parquet_file import open_writer, schema_of
from callscope.trace.arrow.schema import ROW_GROUP
from callscope.trace.times import self_times


def to_arrow(trace: TraceData) -> pa.Table:
    """Return a trace as a table."""
    return pa.Table.from_batches(_batches(trace), _schema(trace))


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Parquet."""
    write_batches(_batches(trace), _schema(trace), file)


def write_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO) -> None:
    """Write rows of a schema as Parquet."""
    with open_writer(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _schema(trace: TraceData) -> pa.Schema:
    classes = [*_classes(_table(trace))]
    return schema_of(trace.header, trace.lost, trace.left_out, classes)


def _classes(table: Table) -> dict[ClassMetadata, int]:
    """Return the index of each class in the metadata."""
    indices: dict[ClassMetadata, int] = {}
    for cls in filter(None, map(_class_of, table.callees)):
        indices.setdefault(cls, len(indices))
    return indices


def _class_of(callee: Callee) -> ClassMetadata | None:
    """Return the metadata of a callee's class; None if it has fewer bases than the callee says."""
    cls, index = callee.class_metadata, callee.mro_index
    is_fitting = cls is not None and (index is None or index in range(len(cls.sites)))
    return cls if is_fitting else None


def _batches(trace: TraceData) -> Iterator[pa.RecordBatch]:
    try:
        table = _table(trace)
        indices = _classes(table)
        classes = [cls and indices[cls] for cls in map(_class_of, table.callees)]
        columns = Columns(table, classes, self_times(table))
        for start in range(0, len(table), ROW_GROUP):
            yield columns.batch(slice(start, start + ROW_GROUP))
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

"""A trace as an Arrow table, one row per call, and in Parquet files; needs the extra ``parquet``.

Arguments and results are JSON, which pandas, polars and DuckDB can all query; an Arrow map has one
type for all values, and not all three read it. Data that belongs to no call is JSON in the metadata
of the table's schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from callscope.errors import MissingExtraError
from callscope.trace import TraceData

if TYPE_CHECKING:
    import pyarrow as pa


def to_arrow(trace: TraceData) -> pa.Table:
    """Return a trace as a table; see `Trace.to_arrow`."""
    _need_pyarrow("to_arrow()")
    from callscope.read.formats.parquet import writer

    return writer.to_arrow(trace)


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Parquet."""
    _need_pyarrow("'.parquet'")
    from callscope.read.formats.parquet import writer

    writer.write(trace, file)


def read(file: BinaryIO, name: str) -> TraceData:
    """Read a trace from Parquet; `name` is the file's name in errors."""
    _need_pyarrow("'.parquet'")
    from callscope.read.formats.parquet import reader

    return reader.read(file, name)


def _need_pyarrow(what: str) -> None:
    try:
        import pyarrow as pa  # noqa: F401  # the modules that use it import it
    except ImportError:
        raise MissingExtraError.for_feature(what, "parquet") from None

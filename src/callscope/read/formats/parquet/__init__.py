"""A trace as an Arrow table, one row per call, and in Parquet files; needs the extra ``parquet``.

Arguments and results are JSON, which pandas, polars and DuckDB can all query; an Arrow map has one
type for all values, and not all three read it. Data that belongs to no call is JSON in the metadata
of the table's schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from callscope.errors import MissingExtraError
from callscope.trace import TraceData

if TYPE_CHECKING:
    import pyarrow as pa

    from callscope.read.formats.parquet.reader import ParquetTrace

_LARGE: Final = 10_000_000
"""Number of calls up to which a trace is read at once."""


def to_arrow(trace: TraceData) -> pa.Table:
    """Return a trace as a table; see `Trace.to_arrow`."""
    need_pyarrow("to_arrow()")
    from callscope.read.formats.parquet import writer

    return writer.to_arrow(trace)


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Parquet."""
    need_pyarrow("'.parquet'")
    from callscope.read.formats.parquet import writer

    writer.write(trace, file)


def write_parts(trace: ParquetTrace, file: BinaryIO) -> None:
    """Write a trace that does not fit in memory as Parquet."""
    from callscope.read.formats.parquet import writer

    writer.write_batches(trace.rows(), trace.schema, file)


def read(file: BinaryIO, name: str) -> TraceData:
    """Read a trace from Parquet; `name` is the file's name in errors."""
    need_pyarrow("'.parquet'")
    from callscope.read.formats.parquet import reader

    return reader.read(file, name)


def open_large(path: Path) -> ParquetTrace | None:
    """Return a trace of more than 10 million calls, which is read in parts; None for others."""
    need_pyarrow("'.parquet'")
    import pyarrow as pa

    from callscope.read.formats.parquet.reader import ParquetTrace

    trace = ParquetTrace(pa.OSFile(str(path)), str(path))
    return trace if len(trace) > _LARGE else None


def need_pyarrow(what: str) -> None:
    """Raise a `MissingExtraError` if pyarrow is not installed; `what` needs it."""
    try:
        import pyarrow as pa  # noqa: F401  # the modules that use it import it
    except ImportError:
        raise MissingExtraError.for_feature(what, "parquet") from None

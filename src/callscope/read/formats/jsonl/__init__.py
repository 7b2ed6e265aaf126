"""Complete JSON Lines files; `callscope.trace.schema` specifies the lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from callscope.read.formats.jsonl.reader import Reader
from callscope.trace import TraceData
from callscope.trace.call_lines import CallLines
from callscope.trace.schema import end_line, header_line

if TYPE_CHECKING:
    from callscope.read.formats.parquet.reader import ParquetTrace
    from callscope.trace.metadata import MetadataCache


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as JSON Lines."""
    file.write(header_line(trace.header).encode())
    file.writelines(CallLines(trace.table, {}))
    file.write(end_line(trace.lost, trace.left_out).encode())


def write_parts(trace: ParquetTrace, file: BinaryIO) -> None:
    """Write a trace that does not fit in memory as JSON Lines."""
    file.write(header_line(trace.header).encode())
    cache: MetadataCache = {}
    for table, first, _ in trace.parts():
        file.writelines(CallLines(table, cache, range(first, len(table))))
    file.write(end_line(trace.lost, trace.left_out).encode())


def read(file: BinaryIO, name: str) -> TraceData:
    """Read a trace from JSON Lines; `name` is the file's name in errors."""
    header, recorded = Reader(file, name).read()
    return TraceData(header, recorded)

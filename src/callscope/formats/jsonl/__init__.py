"""JSON Lines, whole: see `callscope.trace.schema` for what the lines are."""

from __future__ import annotations

from typing import BinaryIO

from callscope.formats.jsonl.reader import Reader
from callscope.formats.pieces import write_pieces
from callscope.trace import Trace
from callscope.trace.schema import end_line, event_lines, header_line


def write(trace: Trace, file: BinaryIO) -> None:
    """Write a trace as JSON Lines."""
    file.write(header_line(trace.header._replace(cost=trace.cost)).encode())
    write_pieces(event_lines(trace.events(), {}), file)
    file.write(end_line(trace.lost, trace.left_out).encode())


def read(file: BinaryIO, name: str) -> Trace:
    """Read a trace from JSON Lines; errors call the file by its name."""
    header, recorded = Reader(file, name).read()
    return Trace(header, lambda: recorded)

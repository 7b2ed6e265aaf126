"""JSON Lines, whole: see `callscope.trace.schema` for what the lines are."""

from __future__ import annotations

from itertools import islice
from typing import BinaryIO, Final

from callscope.formats.jsonl.reader import Reader
from callscope.trace import Trace
from callscope.trace.schema import end_line, event_lines, header_line

_AT_ONCE: Final = 1024
"""Lines: to encode each by itself takes longer than to put some together first."""


def write(trace: Trace, file: BinaryIO) -> None:
    """Write a trace as JSON Lines."""
    file.write(header_line(trace.header._replace(cost=trace.cost)).encode())
    lines = event_lines(trace.events(), {})
    while some := "".join(islice(lines, _AT_ONCE)):
        file.write(some.encode())
    file.write(end_line(trace.lost, trace.left_out).encode())


def read(file: BinaryIO, name: str) -> Trace:
    """Read a trace from JSON Lines; errors call the file by its name."""
    header, recorded = Reader(file, name).read()
    return Trace(header, lambda: recorded)

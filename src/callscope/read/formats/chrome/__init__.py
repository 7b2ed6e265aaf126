"""The Trace Event Format of Chrome, which Perfetto and ``chrome://tracing`` open.

Spec: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
Remarks on Perfetto hold for v52: see ``src/trace_processor/importers/json`` there.

Times are microseconds in this format. They are written as whole nanoseconds with an exponent,
``5518e-3``, counted from the beginning of the recording. Readers that store them as doubles then
keep nanosecond precision for the first hundred days.
"""

from __future__ import annotations

from typing import BinaryIO

from callscope.read.formats.chrome.parts import Parts
from callscope.read.formats.chrome.placed import PlacedLines
from callscope.read.formats.chrome.plain import PlainLines
from callscope.read.formats.text_io import write_pieces
from callscope.read.formats.timeline.items import are_plain
from callscope.trace import TraceData


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Trace Event JSON."""
    table = trace.table
    parts = Parts(trace.header, table)
    write_pieces(parts.opening(trace.lost, trace.left_out), file)
    if are_plain(table):
        file.writelines(PlainLines(table, parts))
    else:
        write_pieces(PlacedLines(table, parts), file)
    file.write(b"\n]}\n")

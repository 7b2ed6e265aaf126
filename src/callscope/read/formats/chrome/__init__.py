"""The Trace Event Format of Chrome, which Perfetto and ``chrome://tracing`` open.

Spec: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
Remarks on Perfetto hold for v52: see ``src/trace_processor/importers/json`` there.

Times are microseconds in this format. They are written as whole nanoseconds with an exponent,
``5518e-3``, counted from the beginning of the recording. Readers that store them as doubles then
keep nanosecond precision for the first hundred days.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from callscope.read.formats.chrome.parts import Parts
from callscope.read.formats.chrome.placed import PlacedLines
from callscope.read.formats.chrome.plain import PlainLines
from callscope.read.formats.text_io import write_pieces
from callscope.read.formats.timeline.items import are_plain, write_timeline
from callscope.trace import Part, TraceData

if TYPE_CHECKING:
    from callscope.read.formats.parquet.reader import ParquetTrace


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Trace Event JSON."""
    table = trace.table
    if are_plain(table):
        _write_plain(trace, [Part(table)], file)
        return
    fragments = Parts(trace.header, table)
    write_pieces(fragments.opening(trace.lost, trace.left_out), file)
    write_pieces(PlacedLines(table, fragments), file)
    file.write(b"\n]}\n")


def write_parts(trace: ParquetTrace, file: BinaryIO) -> None:
    """Write a trace that does not fit in memory; but all at once if its calls are not plain."""
    write_timeline(trace, file, write, _write_plain)


def _write_plain(trace: TraceData, parts: Iterable[Part], file: BinaryIO) -> None:
    """Write plain calls; of the trace itself, only the names are read."""
    table = trace.table
    fragments = Parts(trace.header, table)
    write_pieces(fragments.opening(trace.lost, trace.left_out), file)
    track = fragments.track(table.strands[table.strand[0]])
    write_pieces(fragments.new_names(), file)
    for part in parts:
        file.writelines(PlainLines(part.table, part.first, fragments, track))
    file.write(b"\n]}\n")

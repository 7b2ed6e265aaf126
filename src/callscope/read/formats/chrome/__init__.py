"""The Trace Event Format of Chrome, which Perfetto and ``chrome://tracing`` open.

Spec: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
Remarks on Perfetto hold for v52: see ``src/trace_processor/importers/json`` there.

Times are microseconds in this format. They are written as whole nanoseconds with an exponent,
``5518e-3``, counted from the beginning of the recording. Readers that store them as doubles then
keep nanosecond precision for the first hundred days.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, le
from typing import BinaryIO

from callscope.read.formats.chrome.parts import Parts
from callscope.read.formats.chrome.placed import PlacedLines
from callscope.read.formats.chrome.plain import plain_lines
from callscope.read.formats.text_io import AT_ONCE, write_pieces
from callscope.trace import Call, TraceData

_names = attrgetter("_pid", "_thread", "_task", "_defining_class", "_runtime_class")
_starts = attrgetter("_start_ns")
_ends = attrgetter("_end_ns")
_suspensions = attrgetter("_suspensions")


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Trace Event JSON."""
    calls = trace.calls
    rows = set(map(_names, calls))
    lanes = [*{row[:3] for row in rows}]
    parts = Parts(
        trace.header,
        start_ns=calls[0].start_ns if calls else trace.header.start_ns,
        pids={pid for pid, _, _ in lanes},
        classes={name for row in rows for name in row[3:]},
    )
    write_pieces(parts.opening(trace.lost, trace.left_out), file)
    starts = list(map(_starts, calls))
    ends = list(map(_ends, calls))
    if len(lanes) == 1 and None not in ends and _are_plain(calls, starts, ends):
        track = parts.track(lanes[0])
        write_pieces(parts.new_names(), file)
        for begin in range(0, len(calls), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            lines = plain_lines(calls[part], starts[part], ends[part], track, parts)
            file.write("".join(lines).encode())
    else:
        write_pieces(PlacedLines(calls, parts), file)
    file.write(b"\n]}\n")


def _are_plain(calls: Sequence[Call], starts: list[int], ends: list[int]) -> bool:
    """Return whether calls of one thread, all ended, nest without further work.

    Several passes in C are faster than one Python loop that checks everything.
    """
    return not any(map(_suspensions, calls)) and not any(map(le, ends, starts))

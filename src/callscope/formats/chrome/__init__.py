"""The Trace Event Format of Chrome, which Perfetto and ``chrome://tracing`` open.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU says what it is.
What is said of Perfetto here is so in v52: see ``src/trace_processor/importers/json`` there.

Times are microseconds in this format. They are written as whole nanoseconds and an exponent,
``5518e-3``, counted from the beginning of the recording: readers that hold them in doubles then
keep each nanosecond of the first hundred days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import BinaryIO, Final

from callscope.formats.chrome.parts import Parts
from callscope.formats.chrome.placed import PlacedLines
from callscope.formats.chrome.plain import plain_lines
from callscope.trace import Call, Trace

_CHUNK: Final = 2_048
"""How many lines are put together at once."""

_facts = attrgetter("_pid", "_thread", "_task", "_defining_class", "_runtime_class")


def write(trace: Trace, file: BinaryIO) -> None:
    """Write a trace as Trace Event JSON."""
    calls = trace.calls
    facts = set(map(_facts, calls))
    lanes = {fact[:3] for fact in facts}
    parts = Parts(
        trace.header,
        start_ns=calls[0].start_ns if calls else trace.header.start_ns,
        pids={pid for pid, _, _ in lanes},
        classes={name for fact in facts for name in fact[3:]},
    )
    _write(parts.opening(trace.lost), file)
    lane = next(iter(lanes)) if len(lanes) == 1 else None
    track, done = "", 0
    if lane is not None:
        track = parts.track(lane)
        _write(parts.new_names(), file)
        done = _write_plain(calls, track, parts, file)
    if done < len(calls):
        lines = PlacedLines(calls[done:], parts)
        if lane is not None:
            lines.tracks.adopt(calls[:done], lane, track)
        _write(lines, file)
    file.write(b"\n]}\n")


def _write_plain(calls: Sequence[Call], track: str, parts: Parts, file: BinaryIO) -> int:
    """Write the calls of one thread up to one that is out of the ordinary; return how many."""
    done = 0
    for begin in range(0, len(calls), _CHUNK):
        chunk = calls[begin : begin + _CHUNK]
        lines = plain_lines(chunk, track, parts)
        done += len(lines)
        file.write("".join(lines).encode())
        if len(lines) < len(chunk):
            break
    return done


def _write(lines: Iterable[str], file: BinaryIO) -> None:
    rest = iter(lines)
    while chunk := "".join(islice(rest, _CHUNK)):
        file.write(chunk.encode())

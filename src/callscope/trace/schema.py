"""The lines of a JSON Lines trace: a header, an event per line, and an end.

::

    {"v": 1, "kind": "trace", "pid": 1, "start_ns": 5, "start_unix_ns": 7, ...}
    {"v": 1, "kind": "call", "seq": 1, ...}
    {"v": 1, "kind": "return", "seq": 2, ...}
    {"v": 1, "kind": "end", "lost": 0}

A trace without its last line belongs to a program that was killed, or is still running.
"""

from __future__ import annotations

import json

from callscope.trace.event import SCHEMA_VERSION, Event, Header

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def header_line(header: Header) -> str:
    """Return the first line of a trace."""
    return _encode({"v": SCHEMA_VERSION, "kind": "trace", **header._asdict()}) + "\n"


def event_line(event: Event) -> str:
    """Return the line of an event."""
    return _encode(event.to_dict()) + "\n"


def end_line(lost: int) -> str:
    """Return the last line of a trace."""
    return _encode({"v": SCHEMA_VERSION, "kind": "end", "lost": lost}) + "\n"

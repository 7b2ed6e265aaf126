"""The lines of a JSON Lines trace: a header, an event per line, and an end.

::

    {"v": 1, "kind": "trace", "pid": 1, "start_ns": 5, "start_unix_ns": 7, ...}
    {"v": 1, "kind": "call", "seq": 1, ...}
    {"v": 1, "kind": "return", "seq": 2, ...}
    {"v": 1, "kind": "end", "lost": 0}

Where calls were left out on purpose, the end also has ``"left_out": {"app.Layer.call": 8}``.
A trace without its last line belongs to a program that was killed, or is still running.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from callscope.trace.event import SCHEMA_VERSION, Event, Header

_NONE: Final[Mapping[str, int]] = MappingProxyType({})
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def header_line(header: Header) -> str:
    """Return the first line of a trace."""
    line = {"v": SCHEMA_VERSION, "kind": "trace", **header._asdict()}
    if header.cost is None:
        del line["cost"]
    else:
        line["cost"] = header.cost._asdict()
    return _encode(line) + "\n"


def event_line(event: Event) -> str:
    """Return the line of an event."""
    return _encode(event.to_dict()) + "\n"


def end_line(lost: int, left_out: Mapping[str, int] = _NONE) -> str:
    """Return the last line of a trace."""
    more = {"left_out": dict(left_out)} if left_out else {}
    return _encode({"v": SCHEMA_VERSION, "kind": "end", "lost": lost, **more}) + "\n"

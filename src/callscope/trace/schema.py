"""The lines of a JSON Lines trace: a header, what is said once, an event per line, and an end.

::

    {"v": 1, "kind": "trace", "pid": 1, "start_ns": 5, "start_unix_ns": 7, ...}
    {"v": 1, "kind": "site", "defining_class": "app.Layer", "method": "call",
     "file": "/src/app.py", "line": 12,
     "code": {"calls_next": false, "is_empty": false, "is_abstract": false, "passes_on": false,
              "sets": [], "consumes": []}}
    {"v": 1, "kind": "class", "runtime_class": "app.MyLayer",
     "mro": ["app.MyLayer", "app.Layer", "builtins.object"],
     "sites": [["call"], ["__call__", "call"], []],
     "template": ["call"], "hidden": [], "provided": []}
    {"v": 1, "kind": "call", "seq": 1, ...}
    {"v": 1, "kind": "return", "seq": 2, ...}
    {"v": 1, "kind": "end", "lost": 0}

A site's line comes before its first event: where the method is written, and what its code says
(each is null where that is not known). A class's line comes before the first event of one of its
objects: the names of the classes of its MRO, and for each of them the methods of its own that the
recording could see; the lines of these sites come before it. What the other fields mean is said
in `callscope.trace.facts`; findings are made from them. They hold for the events that follow, until
a line of the same site or class takes their place: a program may make two classes of one name. Both
may have further keys, and a trace may have neither.

Where calls were left out on purpose, the end also has ``"left_out": {"app.Layer.call": 8}``.
A trace without its last line belongs to a program that was killed, or is still running.

What each line may hold is in ``event.schema.json`` beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from callscope.trace.event import SCHEMA_VERSION, Event, Header

if TYPE_CHECKING:
    from callscope.trace.call import Call
    from callscope.trace.facts import SiteFacts, Told

_FILE: Final = Path(__file__).with_name("event.schema.json")
_NONE: Final[Mapping[str, int]] = MappingProxyType({})
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that each line of a JSON Lines trace fits.

    An event that a sink is given fits it as well, as `Event.to_dict` returns it.
    """
    schema: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return schema


def header_line(header: Header) -> str:
    """Return the first line of a trace."""
    fields = header._asdict()
    if header.cost is None:
        del fields["cost"]
    else:
        fields["cost"] = header.cost._asdict()
    return _line("trace", fields)


def event_lines(events: Iterable[Event], told: Told) -> Iterator[str]:
    """Yield the lines of events, each after what is to be said of its site and class.

    Args:
        events: in the order of the file.
        told: what the file holds of sites and classes before them; what is said is added to it.
    """
    for event in events:
        if event.kind == "call":
            yield from _facts_lines(event.call, told)
        yield _encode(event.to_dict()) + "\n"


def _facts_lines(call: Call, told: Told) -> Iterator[str]:
    site, cls = call._site_facts, call._class_facts
    if site is not None:
        yield from _site_lines(site, told)
    if cls is not None and told.get((cls.runtime_class,)) != cls:
        for own in cls.sites:
            for site in own:
                yield from _site_lines(site, told)
        told[cls.runtime_class,] = cls
        methods = [[site.method for site in own] for own in cls.sites]
        yield _line("class", {**cls._asdict(), "sites": methods})


def _site_lines(site: SiteFacts, told: Told) -> Iterator[str]:
    key = site.defining_class, site.method
    if told.get(key) != site:
        told[key] = site
        code = None if site.code is None else site.code._asdict()
        yield _line("site", {**site._asdict(), "code": code})


def _line(kind: str, fields: dict[str, Any]) -> str:
    return _encode({"v": SCHEMA_VERSION, "kind": kind, **fields}) + "\n"


def end_line(lost: int, left_out: Mapping[str, int] = _NONE) -> str:
    """Return the last line of a trace."""
    more = {"left_out": dict(left_out)} if left_out else {}
    return _line("end", {"lost": lost, **more})

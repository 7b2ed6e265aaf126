"""What a viewer makes of a Trace Event file, by the rules of Perfetto's importer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any


def refuse(constant: str) -> None:
    """Take nothing that JSON has not, such as NaN."""
    raise AssertionError(constant)


def read(path: Path) -> dict[str, Any]:
    """Return the content of a file, with times as exact as they are written."""
    text = path.read_bytes().decode("utf-8")
    return json.loads(text, parse_constant=refuse, parse_float=Decimal)


@dataclass
class Slice:
    """A rectangle in the picture."""

    name: str
    category: str | None
    args: dict[str, Any]
    track: tuple[int, int]
    start_ns: int
    duration_ns: int | None
    """None if it has no end."""
    above: Slice | None
    led_by: list[Slice] = field(default_factory=list)
    """Where the arrows that end here begin."""

    @property
    def depth(self) -> int:
        return 0 if self.above is None else self.above.depth + 1

    @property
    def end_ns(self) -> float:
        return float("inf") if self.duration_ns is None else self.start_ns + self.duration_ns

    @property
    def is_call(self) -> bool:
        return self.category != "suspended"


class Picture:
    """The slices of a file, and the names of its tracks."""

    def __init__(self, path: Path) -> None:
        self.content = read(path)
        self.slices: list[Slice] = []
        self.names: dict[tuple[int, int], str] = {}
        self.open: dict[tuple[int, int], list[Slice]] = {}
        self._flows: dict[int, Slice] = {}
        for event in _in_order(self.content["traceEvents"]):
            self._take(event)

    @property
    def calls(self) -> list[Slice]:
        return [one for one in self.slices if one.is_call]

    def _take(self, event: dict[str, Any]) -> None:
        phase, track = event["ph"], (event["pid"], event["tid"])
        stack = self.open.setdefault(track, [])
        if phase == "M":
            if event["name"] == "thread_name":
                assert track not in self.names, "a track is named once"
                self.names[track] = event["args"]["name"]
        elif phase == "E":
            top = stack.pop()
            assert top.duration_ns is None, "an end belongs to what was begun"
            top.duration_ns = _ns(event["ts"]) - top.start_ns
        elif phase in "XB":
            self._begin(event, track, stack)
        elif phase == "s":
            assert event["id"] not in self._flows
            self._flows[event["id"]] = stack[-1]
        elif phase == "f":
            stack[-1].led_by.append(self._flows.pop(event["id"]))
        else:
            assert phase == "i", phase

    def _begin(self, event: dict[str, Any], track: tuple[int, int], stack: list[Slice]) -> None:
        start_ns = _ns(event["ts"])
        assert start_ns >= 0
        while stack and stack[-1].duration_ns is not None and stack[-1].end_ns <= start_ns:
            stack.pop()
        above = stack[-1] if stack else None
        duration_ns = _ns(event["dur"]) if event["ph"] == "X" else None
        cat, args = event.get("cat"), event.get("args", {})
        one = Slice(event["name"], cat, args, track, start_ns, duration_ns, above)
        assert track in self.names, "a track is named before something is on it"
        stack.append(one)
        self.slices.append(one)

    def assert_nests(self) -> None:
        """Check that what is shown within something is within it to its end."""
        for one in self.slices:
            if one.above is not None:
                assert one.above.start_ns <= one.start_ns
                assert one.end_ns <= one.above.end_ns


def _ns(microseconds: Decimal | int) -> int:
    ns = microseconds * 1_000
    assert ns == int(ns), "times are whole nanoseconds"
    return int(ns)


def _in_order(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the events as Perfetto takes them: at one instant, the longest first."""

    def key(event: dict[str, Any]) -> tuple[Any, ...]:
        if event["ph"] == "M":
            return (-1,)
        return event["ts"], event["ph"] != "X", -event.get("dur", 0)

    yield from sorted(events, key=key)

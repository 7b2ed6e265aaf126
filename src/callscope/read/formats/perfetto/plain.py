"""Packets of ordinary calls, written quickly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from callscope.read.formats.perfetto.calls import Calls
from callscope.read.formats.perfetto.packets import Packets
from callscope.read.formats.text_io import AT_ONCE
from callscope.trace import Part, Table


class PlainPackets:
    """The packets of plain calls, many in each piece of text.

    Args:
        parts: the calls.
        packets: builder of the packets.
        calls: builder of the events.
        track: field by which they refer to their track.
    """

    def __init__(self, parts: Iterable[Part], packets: Packets, calls: Calls, track: str) -> None:
        self._parts = parts
        self._packets = packets
        self._calls = calls
        self._ends = packets.ends(track)
        self._open: list[Any] = [math.inf]
        """Ends of the open calls, the outermost first; never empty."""
        self._now_ns: int = packets.start_ns

    def __iter__(self) -> Iterator[str]:
        for table, first, _ in self._parts:
            size = len(table)
            for begin in range(first, size, AT_ONCE):
                rows = slice(begin, min(begin + AT_ONCE, size))
                yield self._begun(table, rows, self._values(table, rows))
        yield "".join(self._last_ends())

    def _values(self, table: Table, rows: slice) -> list[str]:
        """Return the annotations of the values of calls."""
        calls = self._calls
        callees, outcomes = table.callee[rows], table.outcome[rows]
        arguments: Any = table.arguments[rows]
        if self._are_similar(callees, arguments, outcomes):
            columns = zip(callees, chain.from_iterable(arguments), strict=True)
            return [calls.integers[callee][value] for callee, value in columns]
        return [*map(calls.values, callees, arguments, outcomes)]

    def _are_similar(self, callees: Any, arguments: list[Any], outcomes: list[Any]) -> bool:
        """Return whether all calls have one argument, an integer, and no result."""
        return (
            outcomes.count(None) == len(outcomes)
            and self._calls.integers.keys() >= {*callees}
            and {*map(type, arguments)} == {tuple}
            and {*map(type, chain.from_iterable(arguments))} == {int}
        )

    def _begun(self, table: Table, rows: slice, values: list[str]) -> str:
        """Return the packets of the beginnings of calls, and of the ends before these."""
        heads, starts = self._calls.heads, self._packets.starts
        open_, ends, now_ns = self._open, self._ends, self._now_ns
        texts: list[str] = []
        add, push, pop = texts.append, open_.append, open_.pop
        instances = table.instance[rows]
        numbers = map(str, instances if all(instances) else (n or "" for n in instances))
        columns = table.callee[rows], numbers, table.start_ns[rows], table.end_ns[rows], values
        next_end_ns = open_[-1]
        for callee, digits, start_ns, end_ns, value in zip(*columns, strict=True):
            while next_end_ns <= start_ns:
                add(ends[next_end_ns - now_ns])
                now_ns = next_end_ns
                pop()
                next_end_ns = open_[-1]
            event = f"{heads[callee][len(digits)]}{digits}{value}"
            add(f"{starts[len(event)][start_ns - now_ns]}{event}")
            push(end_ns)
            next_end_ns, now_ns = end_ns, start_ns
        self._now_ns = now_ns
        return "".join(texts)

    def _last_ends(self) -> Iterator[str]:
        for end_ns in reversed(self._open[1:]):
            yield self._ends[end_ns - self._now_ns]
            self._now_ns = end_ns

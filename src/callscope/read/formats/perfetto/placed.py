"""Packets of arbitrary calls: in several threads and tasks, suspended, unfinished or empty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, TypeAlias

from callscope.read.formats.perfetto import fields
from callscope.read.formats.perfetto.calls import Calls
from callscope.read.formats.perfetto.packets import Packets
from callscope.read.formats.perfetto.wire import Cache, fixed
from callscope.read.formats.timeline.items import Item, Track, items_of
from callscope.read.formats.timeline.tracks import Tracks
from callscope.trace import Table

_Event: TypeAlias = tuple[Any, Track, Item | None]
"""Time and track of the begin of an item, or of the end of the innermost."""


class PlacedPackets:
    """The packets of calls, each placed on a track.

    Packets at one instant are read in the order of the file.

    Args:
        table: the calls.
        packets: builder of the packets.
        calls: builder of the events.
    """

    def __init__(self, table: Table, packets: Packets, calls: Calls) -> None:
        self._table = table
        self._packets = packets
        self._calls = calls
        self._events: list[_Event] = []
        self._flows: defaultdict[int, str] = defaultdict(str)
        """Fields of the arrows that leave or reach calls, by row."""
        self._tracks = Tracks(table, packets.track, self._end)
        for item in items_of(table):
            self._place(item)
        self._tracks.close_all()
        self._events.sort(key=itemgetter(0))

    def _place(self, item: Item) -> None:
        place = self._tracks.place(item)
        if place is None:
            return
        self._events.append((item.start_ns, place.track, item))
        if place.led_by is not None:
            call_id = self._table.call_id[item.row]
            self._flows[place.led_by.row] += fixed(fields.FLOW_ID, call_id)
            self._flows[item.row] += fixed(fields.TERMINATING_FLOW_ID, call_id)

    def _end(self, item: Item, track: Track) -> None:
        self._events.append((item.end_ns, track, None))

    def __iter__(self) -> Iterator[str]:
        now_ns = self._packets.start_ns
        ends: dict[str, Cache] = {}
        for time_ns, track, item in self._events:
            passed_ns = time_ns - now_ns
            now_ns = time_ns
            if item is None:
                if track.text not in ends:
                    ends[track.text] = self._packets.ends(track.text)
                yield ends[track.text][passed_ns]
            else:
                yield self._packets.packet(passed_ns, f"{self._event(item)}{track.text}")

    def _event(self, item: Item) -> str:
        if not item.is_call:
            return self._calls.suspended
        return self._calls.event(item.row) + self._flows.get(item.row, "")

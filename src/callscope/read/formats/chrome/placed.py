"""Events of arbitrary calls: in several threads and tasks, suspended, unfinished or empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from callscope.read.formats.chrome.parts import Parts
from callscope.read.formats.timeline.items import NEVER, Item, Track, items_of
from callscope.read.formats.timeline.tracks import Tracks
from callscope.trace import Table

_SUSPENDED: Final = '"name":"suspended","cat":"suspended","cname":"grey"'
_FLOW: Final = '"name":"led to","cat":"flow"'


class PlacedLines:
    """The lines of calls, each placed on a track.

    A call is one event with its duration (``X``) or, if it has not ended, one with its beginning
    (``B``). But Perfetto sorts events that begin at the same instant by duration, longest first,
    which on a coarse clock may be wrong. If times are equal or durations zero, all calls have a
    begin and an end event (``B`` and ``E``), which Perfetto reads in file order.

    Args:
        table: the calls to write.
        parts: builder of the fragments of the lines.
    """

    def __init__(self, table: Table, parts: Parts) -> None:
        self._table = table
        self._parts = parts
        self._items = items_of(table)
        self._in_two = _are_tied(self._items)
        self._lines: list[str] = []
        self._tracks = Tracks(table, parts.track, self._end)

    def __iter__(self) -> Iterator[str]:
        for item in self._items:
            self._add(item)
            yield from self._lines
            self._lines.clear()
        self._tracks.close_all()
        yield from self._lines

    def _add(self, item: Item) -> None:
        place = self._tracks.place(item)
        self._lines += self._parts.new_names()
        if place is None:
            return
        self._begin(item, place.track)
        if place.led_by is not None:
            self._flow(place.led_by, item)

    def _begin(self, item: Item, track: Track) -> None:
        if item.is_call:
            start = self._parts.call_json(self._table, item.row, track.text)
        else:
            start = f"{track.text},{_SUSPENDED}"
        start = f"{start},{self._ts(item.start_ns)}"
        if self._in_two or item.end_ns == NEVER:
            self._lines.append(f',\n{{"ph":"B",{start}}}')
        else:
            self._lines.append(f',\n{{"ph":"X",{start},"dur":{item.end_ns - item.start_ns}e-3}}')

    def _end(self, item: Item, track: Track) -> None:
        if self._in_two:
            self._lines.append(f',\n{{"ph":"E",{track.text},{self._ts(item.end_ns)}}}')

    def _flow(self, source: Item, target: Item) -> None:
        """Draw an arrow. It joins the starts of the calls, where Perfetto looks up their events."""
        assert source.track is not None
        assert target.track is not None
        flow = f'"id":{self._table.call_id[target.row]},{_FLOW}'
        begin = f"{source.track.text},{self._ts(source.start_ns)}"
        end = f"{target.track.text},{self._ts(target.start_ns)}"
        self._lines.append(f',\n{{"ph":"s",{flow},{begin}}}')
        self._lines.append(f',\n{{"ph":"f","bp":"e",{flow},{end}}}')

    def _ts(self, ts_ns: float) -> str:
        return f'"ts":{ts_ns - self._parts.start_ns}e-3'


def _are_tied(items: Sequence[Item]) -> bool:
    """Return whether times leave the order of some items undefined."""
    starts = {item.start_ns for item in items}
    return len(starts) < len(items) or any(item.end_ns <= item.start_ns for item in items)

"""Assignment of calls to tracks, so that the items of a track nest.

The calls of one thread nest in one another, and so do the coroutines that one task awaits. Other
suspended calls do not: a generator may continue after the call that began it, and two may
alternate. Such a call is shown within its parent if no unrelated call would then appear within it,
else on a further track of its thread or task.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from callscope.read.formats.timeline.items import NEVER, Item, Track
from callscope.trace import NO_ROW, UNFINISHED, Strand, Table


class Place(NamedTuple):
    """The place of an item."""

    track: Track
    led_by: Item | None
    """The parent call, if the timeline does not show it by nesting."""


class Tracks:
    """Assignment of items to tracks, in the order they begin.

    Args:
        table: the calls to place.
        new_track: creates a track of a strand, and returns the text by which its events refer to
            it; the second argument is the number of tracks of that strand, including this one.
        on_end: called for each item that ends, before a later item is placed.
    """

    def __init__(
        self,
        table: Table,
        new_track: Callable[[Strand, int], str],
        on_end: Callable[[Item, Track], object],
    ) -> None:
        self._table = table
        self._new_track = new_track
        self._on_end = on_end
        self._first: dict[Strand, Track] = {}
        self._further: dict[Strand, list[tuple[float, int, Track]]] = {}
        """Heap per strand: end of occupancy, number and track of each further track."""
        self._items: dict[int, Item] = {}
        """The placed calls by row."""
        self._undisturbed = _undisturbed(table)

    def place(self, item: Item) -> Place | None:
        """Choose a track; return None for a suspension that a nested one already shows."""
        if not item.is_call:
            around = self._items[item.row]
            track = self._within(item, around)
            place = None if track is None else Place(track, None)
        else:
            led_by = self._items.get(self._table.parent[item.row])
            track = None if led_by is None else self._within(item, led_by)
            place = Place(self._free(item, led_by), led_by) if track is None else Place(track, None)
            item.track = place.track
            self._items[item.row] = item
        if place is not None:
            place.track.open.append(item)
        return place

    def _within(self, item: Item, around: Item) -> Track | None:
        """Return the track of `around` if the item nests in it there."""
        track = around.track
        if track is None or self._strand(item) != self._strand(around):
            return None
        self._close(track, item.start_ns, around)
        nests = track.open and track.open[-1] is around and item.end_ns <= around.end_ns
        return track if nests and self._stays(item) else None

    def _strand(self, item: Item) -> Strand:
        return self._table.strands[self._table.strand[item.row]]

    def _stays(self, item: Item) -> bool:
        """Return whether only descendants of an item begin within it, in its strand."""
        return not (item.is_call and self._waits(item)) or item.row in self._undisturbed

    def _waits(self, item: Item) -> bool:
        return item.row in self._table.suspensions

    def _free(self, item: Item, led_by: Item | None) -> Track:
        """Return a track with nothing open, or one with an unrelated open call to nest in.

        The latter is only chosen for an item with an arrow, which then shows its parent.
        """
        strand = self._strand(item)
        first = self._first.get(strand)
        if first is None:
            first = self._first[strand] = Track(self._new_track(strand, 1))
        self._close(first, item.start_ns)
        if self._stays(item):
            by_chance = led_by is not None and not self._waits(item) and _nests(item, first)
            if not first.open or by_chance:
                return first
        elif strand.task is not None and not first.open:
            return first
        further = self._further.setdefault(strand, [])
        number = len(further) + 2
        if further and further[0][0] <= item.start_ns:
            _, number, track = heapq.heappop(further)
            self._close(track, item.start_ns)
        else:
            track = Track(self._new_track(strand, number))
        heapq.heappush(further, (item.end_ns, number, track))
        return track

    def _close(self, track: Track, now_ns: float, but: Item | None = None) -> None:
        """End the items that have ended by now, except `but` and the items around it."""
        while track.open and track.open[-1].end_ns <= now_ns and track.open[-1] is not but:
            self._on_end(track.open.pop(), track)

    def close_all(self) -> None:
        """End all items that have an end."""
        tracks = [*self._first.values()]
        tracks += (track for further in self._further.values() for _, _, track in further)
        for track in tracks:
            while track.open and track.open[-1].end_ns < NEVER:
                self._on_end(track.open.pop(), track)


def _nests(item: Item, track: Track) -> bool:
    return bool(track.open) and track.open[-1].is_call and item.end_ns <= track.open[-1].end_ns


def _undisturbed(table: Table) -> set[int]:
    """Return the suspended calls during which no call with the same parent begins."""
    undisturbed: set[int] = set()
    next_ns: dict[object, int] = {}
    for row in reversed(range(len(table) if table.suspensions else 0)):
        strand = table.strands[table.strand[row]]
        parent = table.parent[row]
        is_within = parent != NO_ROW and table.strands[table.strand[parent]] == strand
        key: object = parent if is_within else strand
        if row in table.suspensions:
            end_ns = NEVER if table.end_ns[row] == UNFINISHED else table.end_ns[row]
            if next_ns.get(key, NEVER) >= end_ns:
                undisturbed.add(row)
        next_ns[key] = table.start_ns[row]
    return undisturbed

"""Packets of one sequence, in order of time; each says the time since the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from callscope.read.formats.perfetto import fields
from callscope.read.formats.perfetto.interning import LOST, Interned
from callscope.read.formats.perfetto.wire import Cache, block, number, string, tag, varint
from callscope.read.formats.timeline.numbers import Numbers
from callscope.trace import Header, Strand, Table
from callscope.trace.text import missing

_MAX_PID: Final = 0x7FFF_FFFF
"""Largest process number that a descriptor stores, in 32 bits."""
_FIRST_PROCESS: Final = 1 << 32
"""Difference between a pid and the number of its track; tracks of threads are numbered from 1."""
_DEFAULT_TRACK: Final = 1
_SEQUENCE: Final = number(fields.SEQUENCE_ID, 1)
_NEEDS_STATE: Final = _SEQUENCE + number(fields.SEQUENCE_FLAGS, fields.NEEDS_STATE)
_SMALL: Final = 256
_END: Final = number(fields.TYPE, fields.END)


class _Starts(dict[int, Cache]):
    """Starts of packets; those of small events, which recur often, are cached."""

    def __missing__(self, size: int) -> Cache:
        starts = Cache(partial(_start, size))
        if size <= _SMALL:
            self[size] = starts
        return starts


def _start(size: int, passed_ns: int) -> str:
    time = number(fields.TIMESTAMP, passed_ns)
    start = f"{time}{_NEEDS_STATE}{tag(fields.TRACK_EVENT)}{varint(size)}"
    return f"{tag(fields.PACKET)}{varint(len(start) + size)}{start}"


class Packets:
    """Builder of packets.

    Args:
        header: the header of the trace.
        table: its calls.
    """

    def __init__(self, header: Header, table: Table) -> None:
        self._header = header
        self._numbers = Numbers(header, table, _MAX_PID, self._describe_process)
        self._descriptors: list[str] = []
        self.start_ns: int = min([header.start_ns, *table.start_ns[:1]])
        """Zero point of all times."""
        self.starts: Mapping[int, Cache] = _Starts()
        """Starts of packets, up to the event: by the size of the event, then by the time passed."""

    def track(self, strand: Strand, number_of_strand: int = 1) -> str:
        """Create a track, and return the field by which its events refer to it."""
        pid, tid, name, rank = self._numbers.new_thread(strand, number_of_strand)
        thread = number(fields.PID, pid) + number(fields.TID, tid)
        thread += number(fields.SORT_INDEX, rank) + string(fields.THREAD_NAME, name)
        self._describe(rank, block(fields.THREAD, thread))
        return "" if rank == _DEFAULT_TRACK else number(fields.TRACK_UUID, rank)

    def _describe_process(self, pid: int, name: str) -> None:
        process = number(fields.PID, pid) + string(fields.PROCESS_NAME, name)
        self._describe(_FIRST_PROCESS + pid, block(fields.PROCESS, process))

    def _describe(self, uuid: int, what: str) -> None:
        track = block(fields.TRACK_DESCRIPTOR, number(fields.UUID, uuid) + what)
        self._descriptors.append(_packet(_SEQUENCE + track))

    def opening(self, interned: Interned, lost: int, left_out: Mapping[str, int]) -> Iterator[str]:
        """Yield all packets before the first event of a call."""
        pid = self._numbers.process(self._header.pid)
        yield self._state(interned)
        yield from self._descriptors
        track = number(fields.TRACK_UUID, _FIRST_PROCESS + pid)
        for name in missing(lost, left_out):
            event = number(fields.TYPE, fields.INSTANT) + string(fields.NAME, name)
            yield self.packet(0, event + LOST + track)

    def _state(self, interned: Interned) -> str:
        """Return the packet with what the others need, such as names and clocks."""
        own = _clock(fields.OWN_CLOCK, 0) + number(fields.IS_INCREMENTAL, 1)
        start_unix_ns = self._header.start_unix_ns - self._header.start_ns + self.start_ns
        clocks = [own, _clock(fields.BOOTTIME, 0), _clock(fields.REALTIME, start_unix_ns)]
        snapshot = "".join(block(fields.CLOCK, clock) for clock in clocks)
        track = block(fields.TRACK_EVENT_DEFAULTS, number(fields.TRACK_UUID, _DEFAULT_TRACK))
        defaults = number(fields.DEFAULT_CLOCK, fields.OWN_CLOCK) + track
        return _packet(
            _SEQUENCE
            + number(fields.SEQUENCE_FLAGS, fields.STATE_CLEARED)
            + block(fields.DEFAULTS, defaults)
            + block(fields.CLOCK_SNAPSHOT, snapshot)
            + block(fields.INTERNED_DATA, interned.data())
        )

    def packet(self, passed_ns: int, event: str) -> str:
        """Return the packet of an event; `passed_ns` is the time since the packet before."""
        return f"{self.starts[len(event)][passed_ns]}{event}"

    def ends(self, track: str) -> Cache:
        """Return the packets of the ends of slices on a track, by the time passed."""
        return Cache(lambda passed_ns: self.packet(passed_ns, _END + track))


def _clock(clock: int, time: int) -> str:
    return number(fields.CLOCK_ID, clock) + number(fields.CLOCK_TIME, time)


def _packet(content: str) -> str:
    return block(fields.PACKET, content)

"""What Perfetto makes of a file of its own format, by the rules of its protobuf importer."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from picture import Slice

Message: TypeAlias = dict[int, list[Any]]


def message(content: bytes) -> Message:
    """Return the values of a message by field; what has a length is bytes."""
    fields: Message = {}
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        kind = key & 7
        if kind == 0:
            value, position = _varint(content, position)
        elif kind == 1:
            value, position = content[position : position + 8], position + 8
        else:
            assert kind == 2
            size, position = _varint(content, position)
            value, position = content[position : position + size], position + size
            assert len(value) == size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        position, value, shift = position + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, position


class Packets:
    """The slices of a file, and the names of its tracks."""

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        packets = message(gzip.decompress(raw) if path.suffix == ".gz" else raw)
        assert set(packets) == {1}
        self.slices: list[Slice] = []
        self.names: dict[tuple[int, int], str] = {}
        self.processes: dict[int, str] = {}
        self.notes: list[tuple[int, str]] = []
        """Process and text of what has no duration."""
        self._tracks: dict[int, Any] = {}
        self._open: dict[int, list[Slice]] = {}
        self._flows: dict[bytes, Slice] = {}
        self._now = 0
        first, *others = map(message, packets[1])
        self._begin_sequence(first)
        for packet in others:
            self._take(packet)
        assert not self._flows, "each arrow has an end"

    def _begin_sequence(self, packet: Message) -> None:
        assert (packet[10], packet[13]) == ([1], [1])
        defaults = message(packet[59][0])
        [self._default_track] = message(defaults[11][0])[11]
        clocks = [message(clock) for clock in message(packet[6][0])[1]]
        assert clocks[0] == {1: defaults[58], 2: [0], 3: [1]}, "times are differences"
        self.clocks = {clock[1][0]: clock[2][0] for clock in clocks}
        data = message(packet[12][0])
        self._categories, self._names, self._keys, self._texts = (
            {one[1][0]: one[2][0].decode() for one in map(message, data.get(field, []))}
            for field in (1, 2, 3, 29)
        )

    def _take(self, packet: Message) -> None:
        assert packet[10] == [1]
        if 60 in packet:
            assert set(packet) == {10, 60}
            self._describe(message(packet[60][0]))
            return
        assert packet[13] == [2]
        self._now += packet[8][0]
        event = message(packet[11][0])
        [kind], [track] = event[9], event.get(11, [self._default_track])
        where = self._tracks[track]
        if kind == 1:
            self._begin(event, where, self._open.setdefault(track, []))
        elif kind == 2:
            top = self._open[track].pop()
            top.duration_ns = self._now - top.start_ns
        else:
            assert kind == 3
            assert self._categories[event[3][0]] == "lost"
            self.notes.append((where, event[23][0].decode()))

    def _describe(self, track: Message) -> None:
        [uuid] = track[1]
        assert uuid not in self._tracks
        if 3 in track:
            process = message(track[3][0])
            self._tracks[uuid] = process[1][0]
            self.processes[process[1][0]] = process[6][0].decode()
        else:
            thread = message(track[4][0])
            self._tracks[uuid] = key = thread[1][0], thread[2][0]
            assert key not in self.names, "a track is named once"
            assert key[0] in self.processes, "its process is named before"
            self.names[key] = thread[5][0].decode()

    def _begin(self, event: Message, track: tuple[int, int], stack: list[Slice]) -> None:
        category = self._categories[event[3][0]] if 3 in event else None
        args = dict(self._annotations(event.get(4, [])))
        above = stack[-1] if stack else None
        name = self._names[event[10][0]]
        one = Slice(name, category, args, track, self._now, None, above)
        for flow in event.get(48, []):
            one.led_by.append(self._flows.pop(flow))
        for flow in event.get(47, []):
            assert flow not in self._flows
            self._flows[flow] = one
        stack.append(one)
        self.slices.append(one)

    def _annotations(self, annotations: list[bytes]) -> Iterator[tuple[str, Any]]:
        for one in map(message, annotations):
            name = self._keys[one[1][0]] if 1 in one else one[10][0].decode()
            yield name, self._value(one)

    def _value(self, one: Message) -> Any:
        if 11 in one:
            return dict(self._annotations(one[11]))
        [(field, [value])] = [item for item in one.items() if item[0] not in (1, 10)]
        if field == 2:
            return bool(value)
        if field == 4:
            return value - (value >> 63 << 64)
        if field == 5:
            return struct.unpack("<d", value)[0]
        return self._texts[value] if field == 17 else value.decode()

"""Stream of JSON lines: a header, then each call."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from callscope.sinks.file_sink import FileSink
from callscope.trace import Event, Header, RowBatch
from callscope.trace.call_lines import CallLines
from callscope.trace.metadata import MetadataCache
from callscope.trace.schema import end_line, event_lines, header_line

if TYPE_CHECKING:
    from os import PathLike

_COMPRESSION: Final = 6


class JSONLines(FileSink[MetadataCache]):
    """Sink that writes to a file, readable by `callscope.load` any time, even after a kill.

    A file whose name ends in ``.gz`` is compressed. Each batch is compressed separately, so a
    truncated batch does not damage the others.

    A forked child process writes to its own file beside it, once it has something to write:
    ``trace.<pid>.jsonl`` beside ``trace.jsonl``. If a second recording is given the same file
    while the first writes to it, in this process or another, it takes
    ``trace.<host>.<pid>.jsonl``, with a `ProcessWarning`.

    Args:
        path: the file; an existing one is replaced. ``{pid}``, ``{host}`` and ``{rank}`` in it are
            filled in. The rank is the one set by torchrun, mpirun or srun, or else 0.

    Raises:
        OptionError: if braces hold another name.
        TraceFileError: if the file cannot be opened for writing.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__(path)
        self._is_gzip = self.path.suffix.lower() == ".gz"

    def _first_state(self) -> MetadataCache:
        return {}

    def _begin(self, header: Header) -> bytes:
        return self._packed(header_line(header).encode())

    def _encode(
        self, events: Sequence[Event | RowBatch], state: MetadataCache
    ) -> tuple[bytes, MetadataCache]:
        cache = {**state}
        return self._packed(b"".join(_lines(events, cache))), cache

    def _end(self, lost: int) -> bytes:
        return self._packed(end_line(lost, self.left_out).encode())

    def _packed(self, lines: bytes) -> bytes:
        # No compressor is kept: an interrupt could lose its output.
        return gzip.compress(lines, _COMPRESSION, mtime=0) if lines and self._is_gzip else lines


def _lines(events: Iterable[Event | RowBatch], cache: MetadataCache) -> Iterator[bytes]:
    """Yield the lines of events and of rows."""
    single: list[Event] = []
    for event in events:
        if isinstance(event, Event):
            single.append(event)
            continue
        yield from map(str.encode, event_lines(single, cache))
        yield from CallLines(event.table, cache, event.rows, event.still_open)
        single = [*event.ends()]
    yield from map(str.encode, event_lines(single, cache))

"""Stream of JSON lines: a header, then each event."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callscope.errors import TraceFileError
from callscope.introspect.claim import claim, own_path, release
from callscope.introspect.origin import fill
from callscope.trace import Event, Header, RowBatch
from callscope.trace.call_lines import CallLines
from callscope.trace.schema import end_line, event_lines, header_line

if TYPE_CHECKING:
    from os import PathLike

    from callscope.trace.metadata import MetadataCache

_COMPRESSION: Final = 6


class JSONLines:
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

    lossless: Final = True
    """True: no call is left out, though the program may wait for the disk."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._template = os.fspath(path)
        # The program may change its working directory.
        self._folder = Path() if Path(path).is_absolute() else Path.cwd()
        self.path: Path = self._folder / fill(self._template)
        """The file that this process writes to."""
        self._pid = os.getpid()
        self.left_out: Mapping[str, int] = {}
        """Number of calls left out on purpose, by site; written in the last line."""
        self._is_gzip = self.path.suffix.lower() == ".gz"
        # The buffer is here and not in the file object, whose buffer a fork would copy.
        self._events: list[Event | RowBatch] = []
        self._metadata_cache: MetadataCache = {}
        self._pending = b""
        self._written = 0
        self._file: FileIO | None = self._open()
        self.on_rows: Callable[[RowBatch], None] = self._events.append
        """Takes many calls, in place of their events. It runs in C, so no interrupt falls in it."""
        if type(self).on_event is JSONLines.on_event:
            self.on_event = self._events.append  # type: ignore[method-assign]  # in C as well

    def __repr__(self) -> str:
        return f"JSONLines({str(self.path)!r})"

    def _open(self) -> FileIO:
        try:
            self.path, file = claim(self.path)
        except (OSError, ValueError) as error:
            raise TraceFileError.cannot_write(self.path, error) from None
        return file

    def on_start(self, header: Header, /) -> None:
        """Write the header line; from then on the file is a valid trace."""
        self._pending += self._packed(header_line(header).encode())
        self._write()

    def on_fork(self, header: Header, /) -> None:
        """Leave the file to the parent and begin a new one."""
        if self._pid == os.getpid():
            return  # the file is already its own
        self._pid = os.getpid()
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path = self._folder / own_path(self._template)
        self._events.clear()
        self._metadata_cache = {}
        self._pending, self._written = self._packed(header_line(header).encode()), 0

    def on_event(self, event: Event, /) -> None:
        """Take one event."""
        self._events.append(event)

    def on_end(self, lost: int, /) -> None:
        """Write the last line, with the number of calls not kept."""
        if not self.is_bare:
            self._encode()
            self._pending += self._packed(end_line(lost, self.left_out).encode())

    @property
    def is_bare(self) -> bool:
        """True if nothing is written yet: in a child process, or with a full disk."""
        return not self._written and not self._events

    def flush(self) -> None:
        """Write the buffered events to the operating system.

        An interrupt may stop this anywhere; the next call continues from there.
        """
        if not self.is_bare:
            self._encode()
            self._write()

    def _encode(self) -> None:
        count = len(self._events)
        cache = {**self._metadata_cache}
        lines = self._packed(b"".join(_lines(self._events[:count], cache)))
        # One step: CPython handles no signals between these.
        self._pending += lines
        self._metadata_cache = cache
        del self._events[:count]

    def _packed(self, lines: bytes) -> bytes:
        # No compressor is kept: an interrupt could lose its output.
        return gzip.compress(lines, _COMPRESSION, mtime=0) if lines and self._is_gzip else lines

    def _write(self) -> None:
        if self._file is None:
            self._file = self._open()
        while self._pending:
            if self._file.seekable():
                self._file.seek(self._written)  # an interrupt may have prevented the count
            count = self._file.write(self._pending)
            # One step.
            self._pending = self._pending[count:]
            self._written += count

    def close(self) -> None:
        """Flush and close the file."""
        try:
            self.flush()
        finally:
            self._events.clear()
            if self._file is not None:
                release(self._file)


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

"""One JSON object per line: a header, then each event."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callscope.errors import TraceFileError
from callscope.introspect.claim import claim, own_path, release
from callscope.introspect.origin import fill
from callscope.trace import Event, Header
from callscope.trace.schema import end_line, event_lines, header_line

if TYPE_CHECKING:
    from os import PathLike

    from callscope.trace.metadata import Told

_COMPRESSION: Final = 6


class JSONLines:
    """Writes events to a file, readable by `callscope.load` at any time, also after a kill.

    If its name ends in ``.gz``, it is compressed: each batch by itself, so that one which was torn
    takes no other with it.

    A child process that the program forks writes to a file of its own beside it, once it has
    something to write: ``trace.<pid>.jsonl`` beside ``trace.jsonl``. A second recording that is
    given the same file while the first writes to it, in this process or another, takes
    ``trace.<host>.<pid>.jsonl``, with a `ProcessWarning`.

    Args:
        path: the file; one that exists is replaced. ``{pid}``, ``{host}`` and ``{rank}`` in it are
            filled in; the rank is that given by torchrun, mpirun or srun, or else 0.

    Raises:
        OptionError: if another name stands in braces.
        TraceFileError: if the file cannot be opened for writing.
    """

    lossless: Final = True
    """No call is left out, though the program may have to wait for the disk."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._template = os.fspath(path)
        # The program may go to another folder.
        self._folder = Path() if Path(path).is_absolute() else Path.cwd()
        self.path: Path = self._folder / fill(self._template)
        """The file that this process writes to."""
        self._pid = os.getpid()
        self.left_out: Mapping[str, int] = {}
        """Number of calls that were left out on purpose, by site; the last line says it."""
        self._is_gzip = self.path.suffix.lower() == ".gz"
        # All is held back in here and not by the file, whose buffer a fork would duplicate.
        self._events: list[Event] = []
        self._told: Told = {}
        self._pending = b""
        self._written = 0
        self._file: FileIO | None = self._open()
        self.on_event: Callable[[Event], None] = self._events.append
        """Takes one event, which becomes one line. It is C: no interrupt falls in it."""

    def __repr__(self) -> str:
        return f"JSONLines({str(self.path)!r})"

    def _open(self) -> FileIO:
        try:
            self.path, file = claim(self.path)
        except (OSError, ValueError) as error:
            raise TraceFileError.cannot_write(self.path, error) from None
        return file

    def on_start(self, header: Header, /) -> None:
        """Write the header line; the file is a trace from its first moment on."""
        self._pending += self._packed(header_line(header))
        self._write()

    def on_fork(self, header: Header, /) -> None:
        """Leave the file to the parent, and begin one of one's own."""
        if self._pid == os.getpid():
            return  # it is of this process already
        self._pid = os.getpid()
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path = self._folder / own_path(self._template)
        self._events.clear()
        self._told = {}
        self._pending, self._written = self._packed(header_line(header)), 0

    def on_end(self, lost: int, /) -> None:
        """Write the last line, which says how many calls were not kept."""
        if not self.is_bare:
            self._encode()
            self._pending += self._packed(end_line(lost, self.left_out))

    @property
    def is_bare(self) -> bool:
        """Whether nothing is written, as yet: by a child process, or for the disk is full."""
        return not self._written and not self._events

    def flush(self) -> None:
        """Hand what was written to the operating system.

        An interrupt may end this anywhere, and the next time it goes on from there.
        """
        if not self.is_bare:
            self._encode()
            self._write()

    def _encode(self) -> None:
        count = len(self._events)
        told = {**self._told}
        lines = self._packed("".join(event_lines(self._events[:count], told)))
        # One step: between these, CPython looks for no signals.
        self._pending += lines
        self._told = told
        del self._events[:count]

    def _packed(self, text: str) -> bytes:
        lines = text.encode()
        # No compressor is kept, for an interrupt could fall between it and what it gave.
        return gzip.compress(lines, _COMPRESSION, mtime=0) if lines and self._is_gzip else lines

    def _write(self) -> None:
        if self._file is None:
            self._file = self._open()
        while self._pending:
            if self._file.seekable():
                self._file.seek(self._written)  # an interrupt may have kept us from counting
            count = self._file.write(self._pending)
            # One step.
            self._pending = self._pending[count:]
            self._written += count

    def close(self) -> None:
        """Flush, and close the file."""
        try:
            self.flush()
        finally:
            self._events.clear()
            if self._file is not None:
                release(self._file)

"""Base of the sinks that stream to a file; each batch of events is written at once."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from callscope.errors import TraceFileError
from callscope.introspect.claim import claim, own_path, release
from callscope.introspect.origin import fill
from callscope.trace import Event, Header, RowBatch

if TYPE_CHECKING:
    from os import PathLike

_State = TypeVar("_State")


class FileSink(Generic[_State]):
    """Sink that writes to a file.

    What is written depends on a state, which each batch replaces: an interrupt may stop a batch
    anywhere, and it is encoded again.

    Args:
        path: the file; an existing one is replaced. ``{pid}``, ``{host}`` and ``{rank}`` in it are
            filled in.

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
        """Number of calls left out on purpose, by site; written at the end."""
        # The buffer is here and not in the file object, whose buffer a fork would copy.
        self._events: list[Event | RowBatch] = []
        self._state = self._first_state()
        self._pending = b""
        self._written = 0
        self._file: FileIO | None = self._open()
        self.on_rows: Callable[[RowBatch], None] = self._events.append
        """Takes many calls, in place of their events. It runs in C, so no interrupt falls in it."""
        if type(self).on_event is FileSink.on_event:
            self.on_event = self._events.append  # type: ignore[method-assign]  # in C as well

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @abstractmethod
    def _first_state(self) -> _State:
        """Return the state of a file without events."""

    @abstractmethod
    def _begin(self, header: Header) -> bytes:
        """Return the begin of the file."""

    @abstractmethod
    def _encode(self, events: Sequence[Event | RowBatch], state: _State) -> tuple[bytes, _State]:
        """Return what is written for some events, and the next state."""

    @abstractmethod
    def _end(self, lost: int) -> bytes:
        """Return the end of the file."""

    def _open(self) -> FileIO:
        try:
            self.path, file = self._claim()
        except (OSError, ValueError) as error:
            raise TraceFileError.cannot_write(self.path, error) from None
        return file

    def _claim(self) -> tuple[Path, FileIO]:
        """Return the path of this recording's file, and what is written to."""
        return claim(self.path)

    def on_start(self, header: Header, /) -> None:
        """Write the header; from then on the file is a valid trace."""
        self._pending += self._begin(header)
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
        self._state = self._first_state()
        self._pending, self._written = self._begin(header), 0

    def on_event(self, event: Event, /) -> None:
        """Take one event."""
        self._events.append(event)

    def on_end(self, lost: int, /) -> None:
        """Write the end of the file, with the number of calls not kept."""
        if not self.is_bare:
            self._encode_events()
            self._pending += self._end(lost)

    @property
    def is_bare(self) -> bool:
        """True if nothing is written yet: in a child process, or with a full disk."""
        return not self._written and not self._events

    def flush(self) -> None:
        """Write the buffered events to the operating system.

        An interrupt may stop this anywhere; the next call continues from there.
        """
        if not self.is_bare:
            self._encode_events()
            self._write()

    def _encode_events(self) -> None:
        count = len(self._events)
        encoded, state = self._encode(self._events[:count], self._state)
        # One step: CPython handles no signals between these.
        self._pending += encoded
        self._state = state
        del self._events[:count]

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

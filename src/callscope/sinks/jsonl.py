"""One JSON object per line: a header, then each event."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from callscope.errors import TraceFileError
from callscope.trace.event import Event, Header
from callscope.trace.schema import end_line, event_line, header_line

if TYPE_CHECKING:
    from os import PathLike


class JSONLines:
    """Writes events to a file, readable by `callscope.load` at any time, also after a kill.

    A child process that the program forks writes to a file of its own beside it, once it has
    something to write: ``trace.<pid>.jsonl`` beside ``trace.jsonl``.

    Args:
        path: the file; one that exists is replaced.

    Raises:
        TraceFileError: if the file cannot be opened for writing.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        """The file that this process writes to."""
        self._named = self.path
        # Lines are held back in here and not by the file, whose buffer a fork would duplicate.
        self._lines: list[str] = []
        self._file: FileIO | None = self._open()

    def _open(self) -> FileIO:
        try:
            return FileIO(self.path, "w")
        except OSError as error:
            raise TraceFileError.cannot_write(self.path, error) from None

    def on_start(self, header: Header, /) -> None:
        """Write the header line."""
        self._lines.append(header_line(header))

    def on_fork(self, header: Header, /) -> None:
        """Leave the file to the parent, and begin one of one's own."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path = beside(self._named)
        self._lines = [header_line(header)]

    def on_event(self, event: Event, /) -> None:
        """Write one event as one line."""
        self._lines.append(event_line(event))

    def on_end(self, lost: int, /) -> None:
        """Write the last line, which says how many calls were not kept."""
        if not self.is_bare:
            self._lines.append(end_line(lost))

    @property
    def is_bare(self) -> bool:
        """Whether this is a child process that has not written anything."""
        return self._file is None and len(self._lines) < 2  # noqa: PLR2004  # a header and an event

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        if self.is_bare:
            return
        if self._file is None:
            self._file = self._open()
        data = memoryview("".join(self._lines).encode())
        self._lines.clear()
        while data:
            data = data[self._file.write(data) :]

    def close(self) -> None:
        """Flush, and close the file."""
        try:
            self.flush()
        finally:
            if self._file is not None:
                self._file.close()


def beside(path: Path) -> Path:
    """Return the path of this process's own file beside the one that was named."""
    return path.with_name(f"{path.stem}.{os.getpid()}{path.suffix}")

"""One JSON object per line: a header, then each event."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from callscope.errors import TraceFileError
from callscope.trace.event import Event, Header
from callscope.trace.schema import end_line, event_line, header_line

if TYPE_CHECKING:
    from os import PathLike


class JSONLines:
    """Writes events to a file, readable by `callscope.load` at any time, also after a kill.

    Args:
        path: the file; one that exists is replaced.

    Raises:
        TraceFileError: if the file cannot be opened for writing.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file: TextIO = self.path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise TraceFileError.cannot_write(self.path, error) from None

    def on_start(self, header: Header, /) -> None:
        """Write the header line."""
        self._file.write(header_line(header))

    def on_event(self, event: Event, /) -> None:
        """Write one event as one line."""
        self._file.write(event_line(event))

    def on_end(self, lost: int, /) -> None:
        """Write the last line, which says how many calls were not kept."""
        self._file.write(end_line(lost))

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

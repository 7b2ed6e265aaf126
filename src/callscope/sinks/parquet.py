"""Parquet file of calls, made at the end from a journal that is written while the program runs.

A Parquet file cannot be read without its end, and a call is one row of it, which is complete only
when the call has ended. The journal is a stream in Arrow's IPC format.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Final

from callscope.introspect.atomic import replacing
from callscope.introspect.claim import JOURNAL, belongs_to_run, claim, release
from callscope.sinks.file_sink import FileSink
from callscope.trace import Event, Header, RowBatch
from callscope.trace.arrow import stream
from callscope.trace.arrow.journal import convert
from callscope.trace.arrow.parquet_file import read_about, schema_of
from callscope.trace.arrow.stream import NOTHING, Written

_BUFFER: Final = 1 << 20


class Parquet(FileSink[Written]):
    """Sink that writes a Parquet file when the recording ends.

    Until then the calls are in a journal beside it, ``trace.parquet.arrows``, which is also what a
    killed process leaves; `callscope.load` finds it. Forked processes and other recordings have
    files of their own, as with `JSONLines`.

    Args:
        path: the file; an existing one is removed at once. ``{pid}``, ``{host}`` and ``{rank}`` in
            it are filled in.

    Raises:
        OptionError: if braces hold another name.
        TraceFileError: if a file cannot be written.
    """

    _has_ended = False

    def _first_state(self) -> Written:
        return NOTHING

    @property
    def _journal(self) -> Path:
        return self.path.with_name(self.path.name + JOURNAL)

    def _claim(self) -> tuple[Path, FileIO]:
        journal, file = claim(self._journal, _is_of_run)
        path = _target(journal)
        try:
            Path(os.path.realpath(path)).unlink(missing_ok=True)
        except OSError:
            journal.unlink()
            release(file)
            raise
        return path, file

    def _begin(self, header: Header) -> bytes:
        return stream.begin(schema_of(header))

    def _encode(self, events: Sequence[Event | RowBatch], state: Written) -> tuple[bytes, Written]:
        return stream.encode(events, state)

    def _end(self, lost: int) -> bytes:
        rest, _ = stream.encode((), self._state, is_last=True)
        return rest + stream.end(lost, self.left_out)

    def on_end(self, lost: int, /) -> None:
        """Write the end of the journal."""
        super().on_end(lost)
        self._has_ended = True

    def close(self) -> None:
        """Flush, make the file of the journal, and remove the journal."""
        try:
            self.flush()
            if self._file is not None and not self._file.closed:
                self._finish(self._file)
        except Exception:
            super().close()
            raise
        super().close()  # not after an interrupt: then this is called again

    def _finish(self, file: FileIO) -> None:
        if self._has_ended and self._journal.exists():
            with (
                replacing(self.path) as raw,
                io.BufferedWriter(raw, _BUFFER) as target,
                self._journal.open("rb") as source,
            ):
                convert(source, target)
        if os.name == "nt":  # where an open file cannot be removed
            release(file)
        self._journal.unlink(missing_ok=True)


def _is_of_run(journal: Path) -> bool:
    """Return whether another process of this run has written a journal, or its Parquet file."""
    if belongs_to_run(read_about(_target(journal))):
        if not journal.stat().st_size:
            journal.unlink()  # it was made to be claimed
        return True
    return belongs_to_run(read_about(journal))


def _target(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(JOURNAL))

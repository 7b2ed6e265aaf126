"""Reader of JSON Lines: many lines at a time, or line by line where the fast decoder fails."""

from __future__ import annotations

import importlib
from typing import Any, BinaryIO, Final

from callscope.errors import TraceFormatError
from callscope.introspect.gc_paused import no_collection
from callscope.read.formats.jsonl.slow import header, is_json, parse, take
from callscope.read.formats.trace_builder import TraceBuilder, WrongLineError
from callscope.trace import Header, Recorded

_PIECE: Final = 1 << 18
_MOST_BLANK: Final = 1_000
"""Most blank lines in a trace; guards against decompression bombs."""
_GZIP_MAGIC: Final = b"\x1f\x8b"


class Reader:
    """Reader of one file, which reports errors by line number.

    Args:
        file: the file to read.
        name: its name in errors.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._line = 0
        """Number of lines read so far; while a line is read, its number."""
        self._blank = 0
        self._builder = TraceBuilder()
        self._fast = _fast()

    def read(self) -> tuple[Header, Recorded]:
        """Read the whole file.

        Raises:
            TraceFormatError: if it is not a trace, or is damaged.
        """
        try:
            with no_collection():
                trace_header = self._header()
                while lines := self._file.readlines(_PIECE):
                    self._take(lines)
        except WrongLineError as error:
            raise self._wrong(str(error)) from None
        return trace_header, self._builder.recorded()

    def _header(self) -> Header:
        self._line = 1
        line = self._file.readline()
        if line.startswith(_GZIP_MAGIC):
            msg = f"{self._name!r} is compressed. Give it a name that ends in '.jsonl.gz'."
            raise TraceFormatError(msg)
        if not line.strip():
            msg = "it is empty"
            raise WrongLineError(msg)
        return header(parse(line), self._name)

    def _take(self, lines: list[bytes]) -> None:
        if self._fast is not None and self._take_fast(lines):
            return
        for line in lines:
            self._line += 1
            if not line.strip():
                self._take_blank()
            # Only the last line can be incomplete: the program was killed as it wrote.
            elif line.endswith(b"\n") or is_json(line):
                take(self._builder, parse(line))

    def _take_blank(self) -> None:
        self._blank += 1
        if self._blank > _MOST_BLANK:
            msg = f"it is empty, as are {_MOST_BLANK:,} lines before it"
            raise WrongLineError(msg)

    def _take_fast(self, lines: list[bytes]) -> bool:
        """Decode many lines at once; return False if that is not possible."""
        events = self._fast.decode(b"".join(lines))
        if events is None or len(events) != len(lines):
            return False
        if self._fast.link_whole(self._builder, events):
            self._line += len(events)
            return True
        rest = iter(events)
        try:
            self._fast.link(self._builder, rest)
        finally:
            self._line += len(events) - rest.__length_hint__()
        return True

    def _wrong(self, why: str) -> TraceFormatError:
        where = f"{self._name!r}, line {self._line}"
        if self._line <= 1:
            return TraceFormatError(
                f"{where}: {why}, so this is not a trace. Name a '.jsonl' file that callscope wrote."
            )
        return TraceFormatError(
            f"{where}: {why}. Restore the file, or cut it off before this line."
        )


def _fast() -> Any:
    """Return the decoder of many lines at once, if the extra ``fast`` is installed."""
    try:
        return importlib.import_module("callscope.read.formats.jsonl.fast")
    except ImportError:
        return None

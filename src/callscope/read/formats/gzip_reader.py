"""Reads gzip files, also those that a killed program left without an end."""

from __future__ import annotations

import io
import zlib
from typing import Any, Final

from callscope.errors import TraceFormatError

_CHUNK: Final = 1 << 18
_LONGEST: Final = 1 << 24
"""Bytes of a line beyond which it is none of ours: little packs what could fill any memory."""
_GZIP: Final = 31
"""What `zlib` calls a stream with gzip's own head and checksum."""


class Unzipped(io.RawIOBase):
    """The text of a gzip file, piece by piece, however far it expands.

    `gzip` raises `EOFError` where a file is cut; here it ends.

    Args:
        file: what is read.
        name: what errors call it.
    """

    def __init__(self, file: io.RawIOBase, name: str) -> None:
        self._file = file
        self._name = name
        self._stream: Any = zlib.decompressobj(_GZIP)
        self._members = 0
        self._rest = b""
        self._length = 0
        """Bytes since the last line's end."""

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the next piece goes; return 0 at the end.

        Raises:
            TraceFormatError: if the file is no gzip file, or is damaged.
        """
        while True:
            if self._stream.eof:
                self._rest = self._stream.unused_data.lstrip(b"\0")
                self._stream = zlib.decompressobj(_GZIP)
                self._members += 1
            packed = self._rest or self._file.read(_CHUNK)
            if not packed:
                return 0
            try:
                text = self._stream.decompress(packed, len(buffer))
            except zlib.error as error:
                raise TraceFormatError(self._wrong(str(error))) from None
            self._rest = self._stream.unconsumed_tail
            if text:
                self._check_length(text)
                buffer[: len(text)] = text
                return len(text)

    def _check_length(self, text: bytes) -> None:
        end = text.rfind(b"\n")
        self._length = len(text) - end - 1 if end >= 0 else self._length + len(text)
        if self._length > _LONGEST:
            raise TraceFormatError(
                f"{self._name!r} has a line of more than {_LONGEST:,} bytes, so it is no trace. Name"
                " a '.jsonl.gz' file that callscope has written."
            )

    def _wrong(self, why: str) -> str:
        if not self._members and "header" in why:
            return (
                f"{self._name!r} is not compressed, or not by gzip, so it is no trace. Name a"
                " '.jsonl.gz' file that callscope has written."
            )
        return f"{self._name!r} is damaged: {why}. Restore the file."

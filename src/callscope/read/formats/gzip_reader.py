"""Reader of gzip files, including those truncated by a killed program."""

from __future__ import annotations

import io
import zlib
from typing import Any, Final

from callscope.errors import TraceFormatError

_CHUNK: Final = 1 << 18
_LONGEST: Final = 1 << 24
"""Longest accepted line in bytes; guards against decompression bombs."""
_GZIP: Final = 31
"""`zlib`'s `wbits` for a stream with a gzip header and checksum."""


class Unzipped(io.RawIOBase):
    """The content of a gzip file, chunk by chunk, however far it expands.

    Where a file is truncated, `gzip` raises `EOFError`; this reader ends.

    Args:
        file: the compressed file.
        name: its name in errors.
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
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer from the next chunk; return the number of bytes, 0 at the end.

        Raises:
            TraceFormatError: if the file is not a gzip file, or is damaged.
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

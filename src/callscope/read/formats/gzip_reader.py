"""Reader of gzip files, including those truncated by a killed program."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any, Final

from callscope.errors import TraceFormatError

_LONGEST: Final = 1 << 24
"""Longest accepted line in bytes; guards against decompression bombs."""


class GzipReader(gzip.GzipFile):
    """A gzip file that ends where it is truncated, with errors that name it.

    Args:
        file: the compressed file.
        path: its name in errors.
    """

    def __init__(self, file: io.FileIO, path: str) -> None:
        super().__init__("", "rb", fileobj=file)
        self._path = path
        self._length = 0
        """Bytes since the last line's end."""

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer from the next chunk; return the number of bytes, 0 at the end.

        Raises:
            TraceFormatError: if the file is not a gzip file, or is damaged.
        """
        try:
            text = self.read1(len(buffer))
        except EOFError:
            return 0  # a killed program leaves a truncated file
        except (gzip.BadGzipFile, zlib.error) as error:
            raise TraceFormatError(self._wrong(error)) from None
        self._check_length(text)
        buffer[: len(text)] = text
        return len(text)

    def _check_length(self, text: bytes) -> None:
        end = text.rfind(b"\n")
        self._length = len(text) - end - 1 if end >= 0 else self._length + len(text)
        if self._length > _LONGEST:
            raise TraceFormatError(
                f"{self._path!r} has a line of more than {_LONGEST:,} bytes, so it is not a trace."
                " Name a '.jsonl.gz' file that callscope has written."
            )

    def _wrong(self, error: Exception) -> str:
        if isinstance(error, gzip.BadGzipFile) and not self.tell():
            return (
                f"{self._path!r} is not compressed, or not by gzip, so it is not a trace."
                " Name a '.jsonl.gz' file that callscope has written."
            )
        return f"{self._path!r} is damaged: {error}. Restore the file."

"""Text of any length, written as it is produced."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import BinaryIO, Final

AT_ONCE: Final = 2_048
"""Number of pieces joined per write, which is faster than writing each alone."""


def write_pieces(pieces: Iterable[str], file: BinaryIO, encoding: str = "utf-8") -> None:
    """Write pieces of text, none of which is empty."""
    rest = iter(pieces)
    while some := "".join(islice(rest, AT_ONCE)):
        file.write(some.encode(encoding))

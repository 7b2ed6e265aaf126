"""Reader of one block of a recording that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callscope.tape.decode.filter import Filter
from callscope.tape.decode.reader import TapeReader
from callscope.tape.threads import TAPES

if TYPE_CHECKING:
    from callscope.trace import Recorded


class Window:
    """Reader of one block of a recording; in a forked child, of the rest of the block.

    Args:
        call_filter: the calls to keep.
    """

    def __init__(self, call_filter: Filter) -> None:
        self._call_filter = call_filter
        self._is_closed = False
        self.open()

    def open(self) -> None:
        """Begin to read the tapes."""
        self.reader: TapeReader = TapeReader(self._call_filter)
        TAPES.attach(self.reader)

    def read(self) -> Recorded:
        """Return the calls so far."""
        is_final = self._is_closed  # first: another thread may close it meanwhile
        TAPES.drain()
        return self.reader.recorded()._replace(is_final=is_final)

    def close(self) -> None:
        """Stop reading."""
        TAPES.detach(self.reader)
        self._is_closed = True

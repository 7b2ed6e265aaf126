"""`EventReceiver`: takes events from a reader of tapes."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from callscope.trace import Event, RowBatch


class EventReceiver(Protocol):
    """Receiver of a recording's events while it runs; raises nothing but interrupts."""

    is_live: bool
    """True if each event is delivered before more is read, with the call as it is at that time."""

    takes_rows: bool
    """True if it takes batches of rows in place of their events."""

    def deliver(self, events: deque[Event | RowBatch], /) -> None:
        """Take events from the left, each once it is delivered.

        A sink may cause a nested delivery, which takes the rest.
        """

    def leave_out(self, context: object) -> None:
        """Note that the call of this context will have no event."""

    def flush(self) -> None:
        """Note the end of a batch."""

"""`EventQueue`: receives events from a reader of tapes."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from callscope.trace import Event


class EventQueue(Protocol):
    """Queue of a recording's events while it runs; raises nothing but interrupts."""

    events: deque[Event]
    """Events to deliver; the reader of the tape appends to it."""
    delivered: int
    """Number of events delivered and removed from `events`."""

    is_live: bool
    """True if each event is delivered before more is read, with the call as it is at that time."""

    def deliver(self) -> None:
        """Deliver the pending events."""

    def leave_out(self, entered: object) -> None:
        """Note that the call of this context will have no event."""

    def flush(self) -> None:
        """Note the end of a batch."""

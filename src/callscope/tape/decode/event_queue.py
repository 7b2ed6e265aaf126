"""What a reader of tapes tells of what it reads."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from callscope.trace import Event


class EventQueue(Protocol):
    """What follows a recording while it runs; raises nothing but interrupts."""

    events: deque[Event]
    """What it is to be told of; whoever reads the tape appends to it."""
    delivered: int
    """Number of events that it was told of, and that are no more among them."""

    is_live: bool
    """Whether it is told of each event before more is read: of calls as they are at that time."""

    def deliver(self) -> None:
        """Tell of the events, as far as that was not done."""

    def leave_out(self, entered: object) -> None:
        """Note that there is no event of the call that this was made for."""

    def flush(self) -> None:
        """Note the end of a batch."""

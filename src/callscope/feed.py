"""Feeds the sinks of a recording: live, or in batches by a thread of their own."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import Final

from callscope.errors import SinkWarning, is_interrupt, shown, warn
from callscope.tape.threads import TAPES
from callscope.trace import Event, Header, Sink

_BATCH_SECONDS: Final = 0.1
# How long a fork waits for the thread, which may itself wait for the lock of the thread that forks.
_MOST_SECONDS: Final = 1.0


# Calls within calls that a sink may need: with less left, it is not to blame for a RecursionError.
_ROOM: Final = 200


def is_live(sink: Sink) -> bool:
    """Tell whether a sink wants each event as it happens; it says so by an attribute `live`."""
    return bool(getattr(sink, "live", False))


class _Outlet:
    """One sink, and whether it is on: one that raises is closed and called no more."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.on_event = sink.on_event
        self.is_live = is_live(sink)
        self.is_on = True

    def call(self, method: str, *arguments: object) -> None:
        """Call a method of the sink, if it has one and is on."""
        try:
            function = getattr(self._sink, method, None)
            if self.is_on and function is not None:
                function(*arguments)
        except RecursionError as error:
            if _has_room(_ROOM):
                self.fail(error)
        except BaseException as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Close the sink for good; raise the error again if it is an interrupt of the user's."""
        if is_interrupt(error):
            raise error
        self.is_on = False
        # It may hold a file, or a connection.
        with suppress(BaseException):
            self._sink.close()
        warn(
            f"Sink {shown(self._sink)} raised {shown(error)} and is switched off. The program"
            " and the recording go on without it.",
            SinkWarning,
        )


class Feed:
    """The sinks of one recording. One that raises is switched off; the rest go on."""

    def __init__(self, sinks: list[Sink], header: Header) -> None:
        self.events: deque[Event] = deque()
        """What the sinks are to be told of."""
        self.delivered = 0
        """Number of events that they were told of."""
        self._next = 0
        """Which sink is the next to be told of the first event."""
        self._outlets = tuple(map(_Outlet, sinks))
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._call("on_start", header)

    def start(self) -> None:
        """Begin to collect what was written, from time to time."""
        if all(outlet.is_live for outlet in self._outlets):
            return
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._feed, args=(self._stopping,), name="callscope-sinks", daemon=True
        )
        self._thread.start()

    @staticmethod
    def _feed(stopping: threading.Event) -> None:
        while not stopping.wait(_BATCH_SECONDS):
            TAPES.drain()

    def pause(self, timeout: float | None = _MOST_SECONDS) -> None:
        """Stop collecting: a process that has threads is warned of when it forks."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def go_on(self) -> None:
        """Collect again, after a pause."""
        if self._thread is not None:
            self.start()

    def start_anew(self, header: Header) -> None:
        """Go on in a child process that has just been forked."""
        self.events.clear()
        self.delivered = self._next = 0
        self._call("on_fork", header)
        self.go_on()

    def deliver(self) -> None:
        """Pass the events on, each once to each sink, as far as that was not done."""
        while self.events:
            if self._next < len(self._outlets):
                outlet = self._outlets[self._next]
                event = self.events[0]
                try:
                    # No interrupt falls between these two.
                    self._next += 1
                    if outlet.is_on:
                        outlet.on_event(event)
                except RecursionError as error:
                    self._next -= 1  # told again when there is room
                    if not _has_room(_ROOM):
                        return
                    self._next += 1
                    outlet.fail(error)
                except BaseException as error:
                    outlet.fail(error)
            else:
                # One step; what a sink does may have led here, and done all of it.
                del self.events[0]
                self._next = 0
                self.delivered += 1

    def flush(self) -> None:
        """Pass on that a batch has ended."""
        self._call("flush")

    def end(self, lost: int) -> None:
        """Close all sinks."""
        self.pause(None)
        self._call("on_end", lost)
        self._call("close")
        for outlet in self._outlets:
            outlet.is_on = False

    def _call(self, method: str, *arguments: object) -> None:
        for outlet in self._outlets:
            outlet.call(method, *arguments)


def _has_room(depth: int) -> bool:
    """Tell whether so many calls within calls can be made before the limit of recursion."""
    try:
        return depth == 0 or _has_room(depth - 1)
    except RecursionError:
        return False

"""Feeds the sinks of a recording: each at once, or in batches by a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from callscope.recording.sink_workers import MOST_WAITING, SinkState, SinkWorker, has_room
from callscope.trace import Event, Header, Sink

_BEGINS: Final = ("call", "suspend")
_ENDS: Final = ("return", "raise")


class Dispatcher:
    """The sinks of one recording. One that raises is switched off; the rest go on.

    Whoever reads the tape appends to `events`, and calls `deliver`: sinks that are live, or take
    all, are told of them then and there. For each other sink they are put in line, and a thread of
    its own tells it. The line has an end: where it is reached, calls are left out and counted.

    Args:
        sinks: of the user's.
        exit_first: sees to it that recordings end before all else that runs at exit by now.
    """

    def __init__(self, sinks: list[Sink], exit_first: Callable[[], None] = lambda: None) -> None:
        self.events: deque[Event] = deque()
        """What the sinks are to be told of."""
        self.delivered: int = 0
        """Number of events that they were told of, or that stand in line for them."""
        self._next = 0
        """Which sink is the next to be told of the first event."""
        self._outlets = tuple(map(SinkState, sinks))
        self.is_live: bool = any(outlet.is_live for outlet in self._outlets)
        """Whether a sink is told of each call as it is at that time."""
        self._workers = [SinkWorker(o, exit_first) for o in self._outlets if not o.is_direct]
        if not self._workers and not all(outlet.is_live for outlet in self._outlets):
            self._workers = [SinkWorker(None, exit_first)]

    def open(self, header: Header) -> None:
        """Tell the sinks of the recording."""
        self._call(self._outlets, "on_start", header)

    def start(self) -> None:
        """Begin to read what was written, from time to time."""
        for worker in self._workers:
            if not worker.start() and worker.outlet is not None:
                worker.outlet.is_direct = True
                while worker.outlet.waiting:
                    worker.outlet.tell()

    def pause(self) -> None:
        """Stop reading: a process that has threads is warned of when it forks."""
        for worker in self._workers:
            worker.pause()

    def go_on(self) -> None:
        """Read again, after a pause."""
        self.start()

    def start_anew(self, header: Header) -> None:
        """Go on in a child process that has just been forked."""
        self.events.clear()
        self.delivered = self._next = 0
        for outlet in self._outlets:
            outlet.start_anew()
        self._call(self._outlets, "on_fork", header)
        for worker in self._workers:
            worker.start_anew()
        self.start()

    def deliver(self) -> None:
        """Pass the events on, each once to each sink, as far as that was not done."""
        while self.events:
            if self._next == len(self._outlets):
                # One step; what a sink does may have led here, and done all of it.
                del self.events[0]
                self._next = 0
                self.delivered += 1
                continue
            outlet = self._outlets[self._next]
            if not outlet.is_direct:
                self._put_in_line(outlet, self.events[0])
            elif not self._tell(outlet, self.events[0]):
                return

    def _tell(self, outlet: SinkState, event: Event) -> bool:
        """Tell a sink; return False if there is no room for that, and it is to be told again."""
        try:
            # No interrupt falls between these two.
            self._next += 1
            if outlet.is_on:
                outlet.on_event(event)
        except RecursionError as error:
            self._next -= 1  # told again when there is room
            if not has_room():
                return False
            self._next += 1
            outlet.fail(error)
        except BaseException as error:
            outlet.fail(error)
        return True

    def _put_in_line(self, outlet: SinkState, event: Event) -> None:
        call_id, kind = event.call.call_id, event.kind
        since = outlet.left_out.get(call_id)
        if since is None:
            # What it knows to have begun also ends for it, whether there is room or not.
            takes = kind not in _BEGINS or len(outlet.waiting) < MOST_WAITING
        else:
            takes = since == "suspend" and kind in _ENDS
        if not takes and kind == "call":
            outlet.leave_out(event.context)
        # One step.
        self._next += 1
        if takes and outlet.is_on:
            outlet.waiting += (event,)
        if since is None and not takes:
            outlet.left_out[call_id] = kind
            outlet.lost += 1
        elif kind in _ENDS or (since == "suspend" and kind == "resume"):
            outlet.left_out.pop(call_id, None)

    def leave_out(self, entered: object) -> None:
        """Tell the sinks that what one of them began for a call is never heard of again."""
        for outlet in self._outlets:
            outlet.leave_out(entered)

    def flush(self) -> None:
        """Pass on that a batch has ended."""
        self._call([outlet for outlet in self._outlets if outlet.is_direct], "flush")

    def end(self, lost: int) -> None:
        """Close all sinks; a second time does what was not done yet."""
        for worker in self._workers:
            worker.begin_end(lost)
        for outlet in self._outlets:
            if outlet.is_direct and outlet.is_on:
                outlet.end(lost)
        for worker in self._workers:
            worker.end()

    @staticmethod
    def _call(outlets: Iterable[SinkState], method: str, *arguments: object) -> None:
        for outlet in outlets:
            outlet.call(method, *arguments)

"""Dispatcher of events to sinks, inline or in batches from background threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from callscope.recording.sink_workers import MOST_WAITING, SinkState, SinkWorker, has_room
from callscope.trace import Event, Header, RowBatch, Sink

_BEGINS: Final = ("call", "suspend")
_ENDS: Final = ("return", "raise")


class Dispatcher:
    """Dispatcher of a recording's events to its sinks; a sink that raises is switched off.

    The reader of the tape calls `deliver`. Live and lossless sinks receive the events at once. Each
    other sink has a queue and a background thread that delivers from it. The queue is bounded: when
    it is full, calls are left out and counted.

    Args:
        sinks: the user's sinks.
        exit_first: makes recordings end before the exit handlers registered so far.
    """

    def __init__(self, sinks: list[Sink], exit_first: Callable[[], None] = lambda: None) -> None:
        self._next = 0
        """Index of the next sink that takes the first event."""
        self._outlets = tuple(map(SinkState, sinks))
        self.is_live: bool = any(outlet.is_live for outlet in self._outlets)
        """True if a sink receives each call as it is at that time."""
        self.takes_rows: bool = all(outlet.takes_rows for outlet in self._outlets)
        """True if each sink takes batches of rows."""
        self._workers = [SinkWorker(o, exit_first) for o in self._outlets if not o.is_direct]
        if not self._workers and not all(outlet.is_live for outlet in self._outlets):
            self._workers = [SinkWorker(None, exit_first)]

    def open(self, header: Header) -> None:
        """Announce the recording to the sinks."""
        self._call(self._outlets, "on_start", header)

    def start(self) -> None:
        """Start the background threads."""
        for worker in self._workers:
            if not worker.start() and worker.outlet is not None:
                worker.outlet.is_direct = True
                while worker.outlet.waiting:
                    worker.outlet.tell()

    def pause(self) -> None:
        """Stop the threads: Python warns when a process with threads forks."""
        for worker in self._workers:
            worker.pause()

    def go_on(self) -> None:
        """Start the threads again."""
        self.start()

    def start_anew(self, header: Header) -> None:
        """Reset in a child process that has just been forked."""
        self._next = 0
        for outlet in self._outlets:
            outlet.start_anew()
        self._call(self._outlets, "on_fork", header)
        for worker in self._workers:
            worker.start_anew()
        self.start()

    def deliver(self, events: deque[Event | RowBatch], /) -> None:
        """Deliver the events, each once to each sink, and remove them."""
        while events:
            if self._next == len(self._outlets):
                # One step; a sink may have called this and delivered everything.
                del events[0]
                self._next = 0
                continue
            outlet, event = self._outlets[self._next], events[0]
            if not outlet.is_direct and isinstance(event, Event):
                self._put_in_line(outlet, event)
            elif not self._tell(outlet, event):
                return

    def _tell(self, outlet: SinkState, event: Event | RowBatch) -> bool:
        """Call a sink; return False if the stack has no room and it must be retried."""
        try:
            # No interrupt can fall between these two.
            self._next += 1
            if outlet.is_on:
                outlet.on_event(event)
        except RecursionError as error:
            self._next -= 1  # retried when there is room
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
            # A call that the sink saw begin also ends for it, even with a full queue.
            takes = kind not in _BEGINS or len(outlet.waiting) < MOST_WAITING
        else:
            takes = since == "suspend" and kind in _ENDS
        if not takes and kind == "call":
            outlet.leave_out(event.context)
        # One step: no interrupt.
        self._next += 1
        if takes and outlet.is_on:
            outlet.waiting += (event,)
        if since is None and not takes:
            outlet.left_out[call_id] = kind
            outlet.lost += 1
        elif kind in _ENDS or (since == "suspend" and kind == "resume"):
            outlet.left_out.pop(call_id, None)

    def leave_out(self, context: object) -> None:
        """Tell the sinks that no event follows for what one of them began for a call."""
        for outlet in self._outlets:
            outlet.leave_out(context)

    def flush(self) -> None:
        """Flush the direct sinks after a batch."""
        self._call([outlet for outlet in self._outlets if outlet.is_direct], "flush")

    def end(self, lost: int) -> None:
        """Close all sinks; a second call does the steps that remain."""
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

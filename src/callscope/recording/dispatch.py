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
        self._sinks = tuple(map(SinkState, sinks))
        self.is_live: bool = any(sink.is_live for sink in self._sinks)
        """True if a sink receives each call as it is at that time."""
        self.takes_rows: bool = all(sink.takes_rows for sink in self._sinks)
        """True if each sink takes batches of rows."""
        self._workers = [SinkWorker(sink, exit_first) for sink in self._sinks if not sink.is_direct]
        if not self._workers and not all(sink.is_live for sink in self._sinks):
            self._workers = [SinkWorker(None, exit_first)]

    def open(self, header: Header) -> None:
        """Announce the recording to the sinks."""
        self._call(self._sinks, "on_start", header)

    def start(self) -> None:
        """Start the background threads."""
        for worker in self._workers:
            if not worker.start() and worker.sink is not None:
                worker.sink.is_direct = True
                while worker.sink.waiting:
                    worker.sink.tell()

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
        for sink in self._sinks:
            sink.start_anew()
        self._call(self._sinks, "on_fork", header)
        for worker in self._workers:
            worker.start_anew()
        self.start()

    def deliver(self, events: deque[Event | RowBatch], /) -> None:
        """Deliver the events, each once to each sink, and remove them."""
        while events:
            if self._next == len(self._sinks):
                # One step; a sink may have called this and delivered everything.
                del events[0]
                self._next = 0
                continue
            sink, event = self._sinks[self._next], events[0]
            if not sink.is_direct and isinstance(event, Event):
                self._put_in_line(sink, event)
            elif not self._tell(sink, event):
                return

    def _tell(self, sink: SinkState, event: Event | RowBatch) -> bool:
        """Call a sink; return False if the stack has no room and it must be retried."""
        try:
            # No interrupt can fall between these two.
            self._next += 1
            if sink.is_on:
                sink.on_event(event)
        except RecursionError as error:
            self._next -= 1  # retried when there is room
            if not has_room():
                return False
            self._next += 1
            sink.fail(error)
        except BaseException as error:
            sink.fail(error)
        return True

    def _put_in_line(self, sink: SinkState, event: Event) -> None:
        call_id, kind = event.call.call_id, event.kind
        since = sink.left_out.get(call_id)
        if since is None:
            # A call that the sink saw begin also ends for it, even with a full queue.
            takes = kind not in _BEGINS or len(sink.waiting) < MOST_WAITING
        else:
            takes = since == "suspend" and kind in _ENDS
        if not takes and kind == "call":
            sink.leave_out(event.context)
        # One step: no interrupt.
        self._next += 1
        if takes and sink.is_on:
            sink.waiting += (event,)
        if since is None and not takes:
            sink.left_out[call_id] = kind
            sink.lost += 1
        elif kind in _ENDS or (since == "suspend" and kind == "resume"):
            sink.left_out.pop(call_id, None)

    def leave_out(self, context: object) -> None:
        """Tell the sinks that no event follows for what one of them began for a call."""
        for sink in self._sinks:
            sink.leave_out(context)

    def flush(self) -> None:
        """Flush the direct sinks after a batch."""
        self._call([sink for sink in self._sinks if sink.is_direct], "flush")

    def end(self, lost: int) -> None:
        """Close all sinks; a second call does the steps that remain."""
        for worker in self._workers:
            worker.begin_end(lost)
        for sink in self._sinks:
            if sink.is_direct and sink.is_on:
                sink.end(lost)
        for worker in self._workers:
            worker.end()

    @staticmethod
    def _call(sinks: Iterable[SinkState], method: str, *arguments: object) -> None:
        for sink in sinks:
            sink.call(method, *arguments)

"""Feeds the sinks of a recording: live, or in batches by a thread of their own."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

from callscope.errors import SinkWarning, warn
from callscope.tape.threads import TAPES
from callscope.trace import Event, Header, Sink

_BATCH_SECONDS: Final = 0.1
# How long a fork waits for the thread, which may itself wait for the lock of the thread that forks.
_MOST_SECONDS: Final = 1.0


def is_live(sink: Sink) -> bool:
    """Tell whether a sink wants each event as it happens; it says so by an attribute `live`."""
    return bool(getattr(sink, "live", False))


class Feed:
    """The sinks of one recording. One that raises is switched off; the rest go on."""

    def __init__(self, sinks: list[Sink], header: Header) -> None:
        self._sinks = sinks
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        for sink in tuple(sinks):
            self._call(sink, "on_start", header)

    def start(self) -> None:
        """Begin to collect what was written, from time to time."""
        if all(map(is_live, self._sinks)):
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
        for sink in tuple(self._sinks):
            self._call(sink, "on_fork", header)
        self.go_on()

    def on_event(self, event: Event, /) -> None:
        """Pass an event on."""
        for sink in tuple(self._sinks):
            self._call(sink, "on_event", event)

    def flush(self) -> None:
        """Pass on that a batch has ended."""
        for sink in tuple(self._sinks):
            self._call(sink, "flush")

    def end(self, lost: int) -> None:
        """Close all sinks."""
        self.pause(None)
        for sink in tuple(self._sinks):
            self._call(sink, "on_end", lost)
            self._call(sink, "close")

    def _call(self, sink: Sink, method: str, *arguments: object) -> None:
        function = getattr(sink, method, None)
        if function is None or sink not in self._sinks:
            return
        try:
            function(*arguments)
        except Exception as error:
            self._sinks.remove(sink)
            with suppress(Exception):
                sink.close()
            warn(f"Sink {sink!r} raised {error!r} and is switched off.", SinkWarning)

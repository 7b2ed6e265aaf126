"""Delivery of events to one sink, inline or from a background thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

from callscope.errors import SinkWarning, is_interrupt, shown, warn
from callscope.introspect.clock import monotonic
from callscope.introspect.locks import new_lock, synchronized
from callscope.tape.threads import TAPES
from callscope.trace import Event, EventKind, Sink

DEADLINE_SECONDS: Final = 5.0
"""Time for delivery of the rest to a sink at the end, and again for its closing."""
MOST_WAITING: Final = 1 << 16
"""Longest queue of a sink, in events; beyond it, whole calls are left out and counted."""
_BATCH_SECONDS: Final = 0.1
_LONGEST: Final = 1e6
# Longest wait of a fork for a thread, which may itself wait for a lock of the forking thread.
_PAUSE_SECONDS: Final = 1.0
# Stack depth that a sink may need: with less left, a RecursionError is not its fault.
_ROOM: Final = 200


class SinkState:
    """State of one sink; a sink that raises is closed and no longer called.

    Args:
        sink: the user's sink.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.on_event: Callable[[Any], None] = sink.on_event
        self.is_live: bool = bool(getattr(sink, "live", False))
        """True if it wants each event as it happens."""
        self.is_direct: bool = self.is_live or bool(getattr(sink, "lossless", False))
        """True if the reader of the tape calls it, so that it misses nothing."""
        is_for_rows = getattr(sink, "on_rows", None) == sink.on_event
        self.takes_rows: bool = is_for_rows and self.is_direct and not self.is_live
        """True if its `on_event` takes rows, too: it is the same as `on_rows`.

        A subclass of `callscope.JSONLines` may have another, which must get events.
        """
        self.is_on: bool = True
        self.waiting: deque[Event] = deque()
        """Queue of events to deliver."""
        self.left_out: dict[int, EventKind] = {}
        """Calls left out at present, by number: since their ``call`` or their ``suspend``."""
        self.lost: int = 0
        """Number of calls and suspensions that were left out."""

    @property
    def deadline_seconds(self) -> float:
        """Longest wait for it at the end; the sink may set its own."""
        seconds = getattr(self._sink, "deadline_seconds", DEADLINE_SECONDS)
        makes_sense = isinstance(seconds, (int, float)) and seconds >= 0  # false for NaN
        return min(seconds, _LONGEST) if makes_sense else DEADLINE_SECONDS

    @property
    def exits_first(self) -> bool:
        """True if it writes to something that an exit handler registered so far shuts down."""
        return bool(getattr(self._sink, "exits_first", False))

    def call(self, method: str, *arguments: object) -> None:
        """Call a method of the sink, if it has it and is on."""
        try:
            function = getattr(self._sink, method, None)
            if self.is_on and function is not None:
                function(*arguments)
        except RecursionError as error:
            if has_room():
                self.fail(error)
        except BaseException as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Switch the sink off and close it; reraise the error if it is the user's interrupt."""
        if is_interrupt(error):
            raise error
        self.is_on = False
        self.waiting.clear()
        # It may hold a file or a connection.
        with suppress(BaseException):
            self._sink.close()
        warn(
            f"Sink {shown(self._sink)} raised {shown(error)} and is switched off. The program"
            " and the recording continue without it.",
            SinkWarning,
        )

    def leave_out(self, context: object) -> None:
        """Tell the sink that no event follows for what it began for a call."""
        function = getattr(self._sink, "leave_out", None)
        if self.is_on and function is not None:
            try:
                function(context)
            except BaseException as error:
                self.fail(error)

    def start_anew(self) -> None:
        """Discard the parent's state in a forked process."""
        self.waiting.clear()
        self.left_out = {}
        self.lost = 0

    def tell(self) -> None:
        """Deliver the first event of the queue."""
        try:
            event = self.waiting.popleft()
        except IndexError:  # it was switched off meanwhile
            return
        try:
            self.on_event(event)
        except BaseException as error:
            self.fail(error)

    def end(self, lost: int) -> None:
        """Tell the sink that the recording has ended, and close it."""
        self.call("on_end", lost + self.lost)
        self.call("close")
        if self.lost and self.is_on:
            warn(
                f"Sink {shown(self._sink)} could not keep up: {self.lost:,} calls were left out."
                " Trace fewer methods, or give it less to do.",
                SinkWarning,
            )
        self.is_on = False

    def give_up(self) -> None:
        """Warn that a sink did not end in time."""
        warn(
            f"Sink {shown(self._sink)} did not end within {self.deadline_seconds:g} seconds and is"
            " abandoned. Events not delivered by then are lost.",
            SinkWarning,
        )


class SinkWorker:
    """Background thread that reads the tapes periodically and delivers to one sink.

    Args:
        sink: state of the sink; None to only read the tapes, for lossless sinks.
        exit_first: makes recordings end before the exit handlers registered so far.
    """

    def __init__(self, sink: SinkState | None, exit_first: Callable[[], None]) -> None:
        self.sink = sink
        self._exit_first: Callable[[], None] | None = exit_first
        self._lock = new_lock()
        """Guards the state and the thread."""
        # Entering a `Condition` is Python code: an interrupt there may leave the lock held.
        self._changed = threading.Condition(self._lock)
        self._state: Literal["paused", "running", "ending", "ended"] = "paused"
        self._thread: threading.Thread | None = None
        """The thread in charge; any other leaves at its next check."""
        self._is_stuck = False
        """True if the thread was still in the sink at the end of the last pause."""
        self._ends_at = 0.0
        self._lost = 0

    def start(self) -> bool:
        """Start, or resume after a pause; return False if no thread can be started."""
        self._note_exit()
        thread = self._new_thread()
        # Without the lock: a signal handler that runs here may end the recording.
        try:
            if thread is not None:
                thread.start()
        except RuntimeError:  # at exit, or if the interpreter forbids or lacks threads
            return False
        return True

    @synchronized
    def _new_thread(self) -> threading.Thread | None:
        """Return the thread to start; None if there is one, or none is needed any more."""
        if self._state in ("ending", "ended"):
            return None
        self._state = "running"
        if self._living_thread() is not None:
            return None
        self._thread = threading.Thread(target=self._run, name="callscope-sinks", daemon=True)
        return self._thread

    def pause(self) -> None:
        """Stop before a fork: Python warns when a process with threads forks."""
        thread = self._paused_thread()
        if thread is not None and thread is not threading.current_thread() and not self._is_stuck:
            thread.join(_PAUSE_SECONDS)
            self._is_stuck = thread.is_alive()

    @synchronized
    def _paused_thread(self) -> threading.Thread | None:
        if self._state == "running":
            self._state = "paused"
            self._changed.notify_all()
        return self._living_thread()

    def start_anew(self) -> None:
        """Forget the thread: a forked child process does not have it."""
        self._thread = None
        self._state = "paused"
        self._is_stuck = False

    def begin_end(self, lost: int) -> None:
        """Begin to deliver the rest and close the sink; a second call does nothing."""
        self._set_ending(
            lost, DEADLINE_SECONDS if self.sink is None else self.sink.deadline_seconds
        )

    @synchronized
    def _set_ending(self, lost: int, seconds: float) -> None:
        if self._state in ("paused", "running"):
            self._lost = lost
            self._ends_at = monotonic() + seconds
            self._state = "ending"
            self._changed.notify_all()

    def end(self) -> None:
        """Wait until that is done, up to the deadline of the sink."""
        thread = self._last_thread()
        if thread is threading.current_thread():
            return
        if thread is not None:
            after = 0.0 if self.sink is None else self.sink.deadline_seconds
            thread.join(max(0.0, self._ends_at - monotonic()) + after)
        if thread is None or not thread.is_alive():
            self._finish()
        elif self.sink is not None:
            self.sink.give_up()

    @synchronized
    def _last_thread(self) -> threading.Thread | None:
        # A thread that has not begun to run yet will see that it is not needed.
        self._thread = self._living_thread()
        return self._thread

    def _living_thread(self) -> threading.Thread | None:
        return self._thread if self._thread is not None and self._thread.is_alive() else None

    def _run(self) -> None:
        while self._goes_on():
            TAPES.drain_if_free()
            if self.sink is not None:
                TAPES.untraced(self._tell, self.sink)
        if self._thread is threading.current_thread():
            self._finish()

    @synchronized
    def _goes_on(self) -> bool:
        """Wait until there may be work; return False if the thread must leave."""
        self._is_stuck = False
        has_time = self.sink is None or not self.sink.waiting
        if has_time and self._state == "running":
            self._changed.wait(_BATCH_SECONDS)
        is_mine = self._thread is threading.current_thread()
        if is_mine and self._state == "paused":
            self._thread = None
        return is_mine and self._state == "running"

    def _tell(self, sink: SinkState) -> None:
        """Deliver the queue in one batch."""
        count = len(sink.waiting)
        while count and sink.waiting and self._state == "running":
            # Before the sink writes: the program may see that, and exit.
            self._note_exit()
            sink.tell()
            count -= 1
        self._note_exit()
        sink.call("flush")

    def _finish(self) -> None:
        if self._state == "ended":
            return
        # Without a thread, the reader of the tapes has delivered to the sink and closed it.
        if self.sink is not None and self.sink.is_on:
            TAPES.untraced(self._end, self.sink)
        self._state = "ended"

    def _end(self, sink: SinkState) -> None:
        while sink.waiting and monotonic() < self._ends_at:
            sink.tell()
        sink.lost += len({event.call.call_id for event in sink.waiting})
        sink.waiting.clear()
        sink.call("flush")
        sink.end(self._lost)

    def _note_exit(self) -> None:
        if self._exit_first is not None and self.sink is not None and self.sink.exits_first:
            self._exit_first()
            self._exit_first = None


def has_room(depth: int = _ROOM) -> bool:
    """Return whether the recursion limit allows `depth` more nested calls."""
    try:
        return depth == 0 or has_room(depth - 1)
    except RecursionError:
        return False

"""What one sink of a recording is told, and when: at once, or by a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, Literal

from callscope.errors import SinkWarning, is_interrupt, shown, warn
from callscope.introspect.clock import monotonic
from callscope.introspect.locks import new_lock
from callscope.tape.context_hooks import ContextHook
from callscope.tape.threads import TAPES
from callscope.trace import Event, EventKind, Sink

DEADLINE_SECONDS: Final = 5.0
"""How long a program waits at the end for a sink to be told of the rest, and then to be closed."""
MOST_WAITING: Final = 1 << 16
"""How many events may wait for a sink; with more, whole calls are left out and counted."""
_BATCH_SECONDS: Final = 0.1
_LONGEST: Final = 1e6
# How long a fork waits for a thread, which may itself wait for a lock of the thread that forks.
_PAUSE_SECONDS: Final = 1.0
# Calls within calls that a sink may need: with less left, it is not to blame for a RecursionError.
_ROOM: Final = 200


def is_live(sink: Sink) -> bool:
    """Tell whether a sink wants each event as it happens; it says so by an attribute `live`."""
    return bool(getattr(sink, "live", False))


def around_of(sinks: Iterable[Sink]) -> ContextHook | None:
    """Return what one of the sinks does in the threads of calls; it has it as `around`."""
    found = (getattr(sink, "around", None) for sink in sinks)
    return next((around for around in found if around is not None), None)


class SinkState:
    """One sink, and whether it is on: one that raises is closed and called no more.

    Args:
        sink: of the user's.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.on_event: Callable[[Event], None] = sink.on_event
        self.is_live: bool = is_live(sink)
        self.is_direct: bool = self.is_live or bool(getattr(sink, "lossless", False))
        """Whether it is told by whoever reads the tape, and misses nothing."""
        self.is_on: bool = True
        self.waiting: deque[Event] = deque()
        """What it is to be told of."""
        self.left_out: dict[int, EventKind] = {}
        """Calls, by number, it is not told of at present: from their begin on, or since they were
        suspended."""
        self.lost: int = 0
        """Number of calls, and of suspensions, that it was not told of."""

    @property
    def deadline_seconds(self) -> float:
        """How long the program waits for it at the end; the sink may say so itself."""
        asked = getattr(self._sink, "deadline_seconds", DEADLINE_SECONDS)
        makes_sense = isinstance(asked, (int, float)) and asked >= 0  # which NaN is not
        return min(asked, _LONGEST) if makes_sense else DEADLINE_SECONDS

    @property
    def exits_first(self) -> bool:
        """Whether it writes to what is shut down at exit by a handler that is registered by now."""
        return bool(getattr(self._sink, "exits_first", False))

    def call(self, method: str, *arguments: object) -> None:
        """Call a method of the sink, if it has one and is on."""
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
        """Close the sink for good; raise the error again if it is an interrupt of the user's."""
        if is_interrupt(error):
            raise error
        self.is_on = False
        self.waiting.clear()
        # It may hold a file, or a connection.
        with suppress(BaseException):
            self._sink.close()
        warn(
            f"Sink {shown(self._sink)} raised {shown(error)} and is switched off. The program"
            " and the recording go on without it.",
            SinkWarning,
        )

    def leave_out(self, entered: object) -> None:
        """Tell the sink that what it began for a call is never heard of again."""
        function = getattr(self._sink, "leave_out", None)
        if self.is_on and function is not None:
            try:
                function(entered)
            except BaseException as error:
                self.fail(error)

    def start_anew(self) -> None:
        """Forget what belongs to the parent, in a process that has been forked."""
        self.waiting.clear()
        self.left_out = {}
        self.lost = 0

    def tell(self) -> None:
        """Tell the sink of the first event that waits."""
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
        """Wait no longer for a sink that does not come to its end."""
        warn(
            f"Sink {shown(self._sink)} did not end within {self.deadline_seconds:g} seconds and is"
            " left alone. What it was not told of by then is lost.",
            SinkWarning,
        )


class SinkWorker:
    """A thread that reads the tapes from time to time, and tells one sink what was found.

    Args:
        outlet: of the sink; None to read the tapes for those that are told by who reads.
        exit_first: sees to it that recordings end before all else that is registered to run at
            exit by now.
    """

    def __init__(self, outlet: SinkState | None, exit_first: Callable[[], None]) -> None:
        self.outlet = outlet
        self._exit_first: Callable[[], None] | None = exit_first
        self._lock = new_lock()
        """Guards the state and the thread."""
        # To enter a `Condition` itself is Python code, which an interrupt may leave with the lock.
        self._changed = threading.Condition(self._lock)
        self._state: Literal["paused", "running", "ending", "ended"] = "paused"
        self._thread: threading.Thread | None = None
        """The one that does the work; any other leaves as soon as it looks."""
        self._is_stuck = False
        """Whether the thread did not come out of the sink by the last pause."""
        self._ends_at = 0.0
        self._lost = 0

    def start(self) -> bool:
        """Begin, or go on after a pause; return False where no thread can be started."""
        self._note_exit()
        with self._lock:
            if self._state in ("ending", "ended"):
                return True
            self._state = "running"
            if self._living_thread() is not None:
                return True
            thread = threading.Thread(target=self._run, name="callscope-sinks", daemon=True)
            self._thread = thread
        # Without the lock: a signal's handler that runs in here may end the recording.
        try:
            thread.start()
        except RuntimeError:  # at exit, in an interpreter that forbids it, or without any threads
            return False
        return True

    def pause(self) -> None:
        """Stop before the process forks: one that has threads is warned of when it does."""
        with self._lock:
            if self._state == "running":
                self._state = "paused"
                self._changed.notify_all()
            thread = self._living_thread()
        if thread is not None and thread is not threading.current_thread() and not self._is_stuck:
            thread.join(_PAUSE_SECONDS)
            self._is_stuck = thread.is_alive()

    def start_anew(self) -> None:
        """Forget the thread, which a child process that has been forked does not have."""
        self._thread = None
        self._state = "paused"
        self._is_stuck = False

    def begin_end(self, lost: int) -> None:
        """Have the sink told of the rest, and closed; a second time does nothing."""
        seconds = DEADLINE_SECONDS if self.outlet is None else self.outlet.deadline_seconds
        with self._lock:
            if self._state in ("paused", "running"):
                self._lost = lost
                self._ends_at = monotonic() + seconds
                self._state = "ending"
                self._changed.notify_all()

    def end(self) -> None:
        """Wait until that is done, as long as the sink may take."""
        with self._lock:
            # One that has not begun to run yet will find that it is not needed.
            thread = self._thread = self._living_thread()
        if thread is threading.current_thread():
            return
        if thread is not None:
            after = 0.0 if self.outlet is None else self.outlet.deadline_seconds
            thread.join(max(0.0, self._ends_at - monotonic()) + after)
        if thread is None or not thread.is_alive():
            self._finish()
        elif self.outlet is not None:
            self.outlet.give_up()

    def _living_thread(self) -> threading.Thread | None:
        return self._thread if self._thread is not None and self._thread.is_alive() else None

    def _run(self) -> None:
        while self._goes_on():
            TAPES.drain_if_free()
            if self.outlet is not None:
                TAPES.untraced(self._tell, self.outlet)
        if self._thread is threading.current_thread():
            self._finish()

    def _goes_on(self) -> bool:
        """Wait until there may be something to do; return False if the thread is to leave."""
        with self._lock:
            self._is_stuck = False
            has_time = self.outlet is None or not self.outlet.waiting
            if has_time and self._state == "running":
                self._changed.wait(_BATCH_SECONDS)
            is_mine = self._thread is threading.current_thread()
            if is_mine and self._state == "paused":
                self._thread = None
            return is_mine and self._state == "running"

    def _tell(self, outlet: SinkState) -> None:
        """Tell the sink of what waits, in one batch."""
        count = len(outlet.waiting)
        while count and outlet.waiting and self._state == "running":
            outlet.tell()
            count -= 1
        self._note_exit()
        outlet.call("flush")

    def _finish(self) -> None:
        if self._state == "ended":
            return
        # One that there was no thread for has been told, and closed, by who reads the tapes.
        if self.outlet is not None and self.outlet.is_on:
            TAPES.untraced(self._end, self.outlet)
        self._state = "ended"

    def _end(self, outlet: SinkState) -> None:
        while outlet.waiting and monotonic() < self._ends_at:
            outlet.tell()
        outlet.lost += len({event.call.call_id for event in outlet.waiting})
        outlet.waiting.clear()
        outlet.call("flush")
        outlet.end(self._lost)

    def _note_exit(self) -> None:
        if self._exit_first is not None and self.outlet is not None and self.outlet.exits_first:
            self._exit_first()
            self._exit_first = None


def has_room(depth: int = _ROOM) -> bool:
    """Tell whether so many calls within calls can be made before the limit of recursion."""
    try:
        return depth == 0 or has_room(depth - 1)
    except RecursionError:
        return False

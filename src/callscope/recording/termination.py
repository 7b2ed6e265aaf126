"""Process ends without `atexit` handlers: SIGTERM, and children of multiprocessing."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from callscope.recording.lifecycle import RUNNING, _end_all
from callscope.tape.threads import TAPES

_OWN: Final = tuple(
    f"callscope.{name}"
    for name in (
        *("declare.registry", "read.formats", "read.parts", "recording.dispatch"),
        *("recording.lifecycle", "recording.recording", "recording.sink_workers"),
        *("recording.termination", "sinks", "tape", "tools.environment", "weave"),
    )
)
"""Modules in which recordings cannot end, as a signal may interrupt them midway."""
_WAIT_SECONDS: Final = 0.01
_MOST_WAITS: Final = 100


class _Handler:
    """SIGTERM handler that saves the recordings and then does what would happen without it.

    Args:
        earlier: the handler that it replaces.
    """

    def __init__(self, earlier: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
        self.earlier = earlier
        self._waits = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Flush if the program handles the signal itself; else end the recordings and die."""
        if _terminated:
            return
        if callable(self.earlier):
            if not _is_busy(frame):
                with suppress(Exception):
                    TAPES.drain()
            self.earlier(number, frame)
            return
        if _is_busy(frame) and self._waits < _MOST_WAITS:
            self._waits += 1
            if self._waits == 1:
                with suppress(RuntimeError):  # the interpreter exits: recordings end anyway
                    _thread.start_new_thread(_kick, ())
            return
        _terminated.append(number)
        with suppress(Exception):
            _end_all()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _is_busy(frame: FrameType | None) -> bool:
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if isinstance(name, str) and name.startswith(_OWN):
            return True
        frame = frame.f_back
    return False


class _Watch:
    """Thread that makes the main thread handle SIGTERM even in a blocking call.

    Python runs a handler between two instructions. A signal right before a blocking call, such as
    a pool worker's wait for its next task, would be handled after the call, perhaps never. But
    Python writes a byte to a pipe at once (`signal.set_wakeup_fd`). This thread then sends the
    signal to the main thread again until the handler has run. If the program handles SIGTERM itself
    or has its own pipe, this does nothing.
    """

    def __init__(self) -> None:
        self._pid = 0
        self._pipe: tuple[int, int] | None = None
        self._is_paused = False

    def begin(self) -> None:
        """Begin to watch, or set the pipe again if other code has reset it.

        The main thread calls it.
        """
        self.leave_parent()
        if self._pipe is not None:
            _set_pipe(self._pipe[1], self._pipe[1])
        # Under gevent this starts no real thread, and the main thread handles signals as it waits.
        is_real = type(_thread.start_new_thread) is types.BuiltinFunctionType
        if self._pipe is not None or not is_real or not hasattr(signal, "pthread_kill"):
            return
        with suppress(OSError, RuntimeError):  # too many open files or threads
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            if not _set_pipe(writer, -1):
                os.close(reader)
                os.close(writer)
                return
            self._pid, self._pipe = os.getpid(), (reader, writer)
            _thread.start_new_thread(_watch, (reader,))

    def end(self) -> None:
        """End the thread; the main thread calls it."""
        if self._pipe is not None:
            _, writer = self._pipe
            _set_pipe(-1, writer)
            self._pipe = None
            os.close(writer)  # which ends the thread

    def pause(self) -> None:
        """Detach the pipe while the process forks: the child must not write to it.

        SIGTERM is held back meanwhile: CPython forgets what a child receives before it runs.
        """
        if _handlers:
            _forking.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        if self._pipe is not None and threading.current_thread() is threading.main_thread():
            self._is_paused = _set_pipe(-1, self._pipe[1])

    def go_on(self) -> None:
        """Resume in the process that has forked."""
        if self._is_paused and self._pipe is not None:
            _set_pipe(self._pipe[1], -1)
        self._is_paused = False
        _unblock()

    def leave_parent(self) -> None:
        """Close the parent's pipe in a child process."""
        if self._pipe is not None and self._pid != os.getpid():
            reader, _ = self._pipe
            self._is_paused = False
            self.end()
            os.close(reader)
        _unblock()


def _unblock() -> None:
    """Let SIGTERM through again, once the process has forked."""
    if _forking.blocked is not None:
        blocked, _forking.blocked = _forking.blocked, None
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class _Forking(threading.local):
    """State of a thread that forks."""

    blocked: set[int | signal.Signals] | None = None
    """The signals that were blocked before; None if the thread does not fork."""


def _set_pipe(new: int, expected: int) -> bool:
    """Set the pipe for signals; return False if the program has set its own."""
    earlier = signal.set_wakeup_fd(new, warn_on_full_buffer=False)
    if earlier not in {expected, -1}:
        signal.set_wakeup_fd(earlier)
        return False
    return True


def _watch(reader: int) -> None:
    while numbers := os.read(reader, 64):
        if signal.SIGTERM in numbers:
            _kick()
    os.close(reader)


def _kick() -> None:
    """Send SIGTERM to the main thread until its handler has run."""
    while not _terminated:
        time.sleep(_WAIT_SECONDS)
        handler = signal.getsignal(signal.SIGTERM)
        if handler is signal.SIG_DFL:  # it was restored before ours ran
            os.kill(os.getpid(), signal.SIGTERM)
        if not isinstance(handler, _Handler) or callable(handler.earlier):
            return
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


_WATCH: Final = _Watch()
_forking: Final = _Forking()
_handlers: Final[list[_Handler]] = []
"""The handler in use, if any."""
_terminated: Final[list[int]] = []
"""The signal that ends this process."""
_bound: Final[set[int]] = set()
"""Pids of processes in which multiprocessing ends the recordings."""


def is_terminated() -> bool:
    """Return whether recordings end because the process was asked to terminate."""
    return bool(_terminated)


def prepare() -> None:
    """Arrange that running recordings are saved when the process is terminated."""
    _tell_multiprocessing()
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        return
    earlier = signal.getsignal(signal.SIGTERM)
    if earlier is None or earlier is signal.SIG_IGN:
        return
    with suppress(ValueError):  # another interpreter of this process
        if not isinstance(earlier, _Handler):
            handler = _Handler(earlier)  # type: ignore[arg-type]
            signal.signal(signal.SIGTERM, handler)
            _handlers[:] = [handler]
        _watch_main_thread()


def _watch_main_thread() -> None:
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and _handlers and not callable(_handlers[0].earlier):
        _WATCH.begin()


def restore() -> None:
    """Restore the earlier handler, where possible, once no recording runs."""
    if RUNNING or not _handlers or threading.current_thread() is not threading.main_thread():
        return
    _WATCH.end()
    if signal.getsignal(signal.SIGTERM) is _handlers[0]:
        signal.signal(signal.SIGTERM, _handlers.pop().earlier)


def _tell_multiprocessing() -> None:
    """Let recordings end with a multiprocessing child, which may skip `atexit` handlers."""
    if os.getpid() in _bound or "multiprocessing.util" not in sys.modules:
        return
    from multiprocessing import util

    _bound.add(os.getpid())
    _finalize(None)
    # A child discards the existing finalizers as it begins.
    util.register_after_fork(_key, _finalize)


def _finalize(_: object) -> None:
    from multiprocessing import parent_process, util

    util.Finalize(None, lambda: parent_process() and _end_all(), exitpriority=-1_000)
    _watch_main_thread()  # asyncio resets the pipe in a forked child


class _Key:
    """Key under which multiprocessing keeps the function to call after a fork."""


_key: Final = _Key()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_WATCH.pause,
        after_in_parent=_WATCH.go_on,
        after_in_child=_WATCH.leave_parent,
    )

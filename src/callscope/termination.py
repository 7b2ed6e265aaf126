"""Ends of processes that run no handler of `atexit`: SIGTERM, and children of multiprocessing."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from callscope.processes import RUNNING, _end_all
from callscope.tape.threads import TAPES

_OWN: Final = tuple(
    f"callscope.{name}"
    for name in (
        *("environment", "feed", "formats", "outlet", "processes", "recording", "registry"),
        *("sinks", "tape", "termination", "weave"),
    )
)
"""Modules that a signal may interrupt half-way, so that recordings cannot end there."""
_WAIT_SECONDS: Final = 0.01
_MOST_WAITS: Final = 100


class _Handler:
    """Handler of SIGTERM that saves what is recorded, and then does what would be done without it.

    Args:
        earlier: the handler that it replaces.
    """

    def __init__(self, earlier: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
        self.earlier = earlier
        self._waits = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Flush if the program handles the signal itself; else end the recordings, and die."""
        if callable(self.earlier):
            if not _is_busy(frame):
                with suppress(Exception):
                    TAPES.drain()
            self.earlier(number, frame)
            return
        if _is_busy(frame) and self._waits < _MOST_WAITS:
            self._waits += 1
            with suppress(RuntimeError):  # the interpreter exits, and so recordings end anyway
                _thread.start_new_thread(_send_again, (number,))
            return
        _terminated.append(number)
        with suppress(Exception):
            _end_all()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _send_again(number: int) -> None:
    time.sleep(_WAIT_SECONDS)
    os.kill(os.getpid(), number)


def _is_busy(frame: FrameType | None) -> bool:
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if isinstance(name, str) and name.startswith(_OWN):
            return True
        frame = frame.f_back
    return False


_handlers: Final[list[_Handler]] = []
"""The handler in use, if there is one."""
_terminated: Final[list[int]] = []
"""The signal that ends this process."""
_bound: Final[set[int]] = set()
"""The process in which multiprocessing was told of the recordings."""


def is_terminated() -> bool:
    """Return whether recordings end because the process was asked to terminate."""
    return bool(_terminated)


def prepare() -> None:
    """Have the recordings that run saved when the process is asked to terminate."""
    _tell_multiprocessing()
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        return
    earlier = signal.getsignal(signal.SIGTERM)
    if earlier is None or earlier is signal.SIG_IGN or isinstance(earlier, _Handler):
        return
    with suppress(ValueError):  # another interpreter of this process
        handler = _Handler(earlier)  # type: ignore[arg-type]
        signal.signal(signal.SIGTERM, handler)
        _handlers[:] = [handler]


def restore() -> None:
    """Put the earlier handler back, where that can be done, if no recording runs any more."""
    if RUNNING or not _handlers or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is _handlers[0]:
        signal.signal(signal.SIGTERM, _handlers.pop().earlier)


def _tell_multiprocessing() -> None:
    """End the recordings with a child of multiprocessing, which may run no handler of `atexit`."""
    if os.getpid() in _bound or "multiprocessing.util" not in sys.modules:
        return
    from multiprocessing import util

    _bound.add(os.getpid())
    _finalize(None)
    # A child forgets, as it begins, the finalizers that there are by then.
    util.register_after_fork(_key, _finalize)


def _finalize(_: object) -> None:
    from multiprocessing import parent_process, util

    util.Finalize(None, lambda: parent_process() and _end_all(), exitpriority=-1_000)


class _Key:
    """Object by which multiprocessing remembers the function to call after a fork."""


_key: Final = _Key()

"""Handling of running recordings when the process forks or ends."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol

from callscope.declare.instrumentation import is_being_imported
from callscope.tape.decode.reader import import_decoder
from callscope.tape.threads import TAPES
from callscope.weave import WEAVER

if TYPE_CHECKING:
    from callscope.trace import Call


class Running(Protocol):
    """A running recording."""

    def pause(self) -> None:
        """Pause while the process forks."""

    def go_on(self) -> None:
        """Resume in the process that has forked."""

    def start_anew(self) -> None:
        """Reset in the child process, which has nothing of the parent's."""

    def __exit__(self, *_: object) -> None:
        """End; a second call does nothing."""

    def open_calls(self) -> tuple[Call, ...] | None:
        """Return the calls that this thread is in; None if the recording keeps none."""


RUNNING: Final[list[Running]] = []
"""Running recordings, in the order they began."""


@atexit.register
def _end_all() -> None:
    with ExitStack() as stack:  # an interrupt of one end does not stop the others
        for recording in tuple(RUNNING):
            stack.push(recording.__exit__)


def exit_first() -> None:
    """Make recordings end before the exit handlers registered so far."""
    atexit.unregister(_end_all)
    atexit.register(_end_all)


def _before_fork() -> None:
    _finish_imports()
    for recording in tuple(RUNNING):
        recording.pause()


def _finish_imports() -> None:
    """Wait until other threads finish importing modules of this package.

    In the child no thread would finish it, and an import there would wait forever. A thread that
    has only begun to look for a module is not seen; what each first reading imports is imported
    here, too.
    """
    import_decoder()
    for name, module in tuple(sys.modules.items()):
        if name.startswith("callscope.") and is_being_imported(module):
            importlib.import_module(name)


def _after_fork_in_parent() -> None:
    for recording in tuple(RUNNING):
        recording.go_on()


def _after_fork_in_child() -> None:
    # Other threads, gone here, may have been anywhere, even beginning or ending a recording.
    TAPES.start_anew()
    WEAVER.start_anew()
    for recording in tuple(RUNNING):
        recording.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )

"""What becomes of the recordings that run when the process forks, and when it ends."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from contextlib import ExitStack
from typing import Final, Protocol

from callscope.declare.instrumentation import is_being_imported
from callscope.tape.threads import TAPES
from callscope.trace import Call
from callscope.weave import WEAVER


class Running(Protocol):
    """A recording that runs."""

    def pause(self) -> None:
        """Hold still while the process forks."""

    def go_on(self) -> None:
        """Go on in the process that has forked."""

    def start_anew(self) -> None:
        """Go on in the child process, which has nothing of the parent's."""

    def __exit__(self, *_: object) -> None:
        """End; a second time does nothing."""

    def open_calls(self) -> tuple[Call, ...] | None:
        """Return the calls that this thread is in; None if the recording keeps none."""


RUNNING: Final[list[Running]] = []
"""The recordings that run, in the order they began."""


@atexit.register
def _end_all() -> None:
    with ExitStack() as stack:  # an interrupt of one end keeps no other from being made
        for recording in tuple(RUNNING):
            stack.push(recording.__exit__)


def exit_first() -> None:
    """End recordings, at exit, before all else that is registered to run then by now."""
    atexit.unregister(_end_all)
    atexit.register(_end_all)


def _before_fork() -> None:
    _finish_imports()
    for recording in tuple(RUNNING):
        recording.pause()


def _finish_imports() -> None:
    """Wait for other threads to import what they are importing of this package.

    In the child nobody would go on with it, and whoever imports it there would wait for ever.
    """
    for name, module in tuple(sys.modules.items()):
        if name.startswith("callscope.") and is_being_imported(module):
            importlib.import_module(name)


def _after_fork_in_parent() -> None:
    for recording in tuple(RUNNING):
        recording.go_on()


def _after_fork_in_child() -> None:
    # Other threads, which are not here, may have been anywhere: also where one begins or ends.
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

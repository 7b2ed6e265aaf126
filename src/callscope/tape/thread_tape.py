"""Tape of one thread or greenlet."""

from __future__ import annotations

import weakref
from typing import Any

from callscope.tape.engine import TAPE


class ThreadTape:
    """Tape of one thread or greenlet, with its name.

    Args:
        thread: the thread's name.
        alive: a reference that is dead once nothing more will be written.
        task: the greenlet's name; None for a thread.
        parent: the tape of the greenlet's parent.
    """

    __slots__ = ("__weakref__", "_alive", "parent", "records", "task", "thread")

    def __init__(
        self,
        thread: str,
        alive: weakref.ref[Any],
        task: str | None = None,
        parent: ThreadTape | None = None,
    ) -> None:
        self.thread: str = thread
        self.task: str | None = task
        self.parent: ThreadTape | None = parent
        self.records: Any = TAPE.new_records()
        """A list, or its C counterpart."""
        self._alive = alive

    @property
    def ended(self) -> bool:
        """True if nothing more will be written."""
        return self._alive() is None

    @property
    def of_thread(self) -> ThreadTape:
        """The tape of the thread that a greenlet runs in."""
        return self if self.parent is None else self.parent.of_thread

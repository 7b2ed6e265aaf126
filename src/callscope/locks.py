"""Locks that a forked child can take, whatever the threads held that it does not have."""

from __future__ import annotations

import os
import threading
import weakref

TYPE_CHECKING = False  # see callscope.hierarchy
if TYPE_CHECKING:
    from typing import Any

_locks: set[weakref.ref[Any]] = set()


def new_lock() -> threading.RLock:
    """Return a lock that is free again in a forked child, unless the thread that forked holds it."""
    lock = threading.RLock()
    # Not a `WeakSet`, which runs Python code as a lock goes: an interrupt in there would be lost.
    _locks.add(weakref.ref(lock, _locks.discard))
    return lock


def _renew() -> None:
    for lock in [ref() for ref in tuple(_locks)]:
        if lock is not None and not lock._is_owned():
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

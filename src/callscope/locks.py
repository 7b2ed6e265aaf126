"""Locks that a forked child can take, whatever the threads held that it does not have."""

from __future__ import annotations

import os
import threading
import weakref

TYPE_CHECKING = False  # see callscope.hierarchy
if TYPE_CHECKING:
    from typing import Any

_locks: weakref.WeakSet[Any] = weakref.WeakSet()


def new_lock() -> threading.RLock:
    """Return a lock that is free again in a forked child, unless the thread that forked holds it."""
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _renew() -> None:
    for lock in _locks:
        if not lock._is_owned():
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

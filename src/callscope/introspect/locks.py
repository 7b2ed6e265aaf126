"""Locks that are always released: in a forked child, and if a trace function raises."""

from __future__ import annotations

import functools
import os
import threading
import weakref

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Concatenate, ParamSpec, TypeVar

    _P = ParamSpec("_P")
    _R = TypeVar("_R")
    _S = TypeVar("_S")

_locks: set[weakref.ref[Any]] = set()


def new_lock() -> threading.RLock:
    """Return a lock that is free in a forked child, unless the forking thread holds it."""
    lock = threading.RLock()
    # Not a `WeakSet`: it runs Python code when a lock dies, and an interrupt there would be lost.
    _locks.add(weakref.ref(lock, _locks.discard))
    return lock


def locked(lock: Any, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Call a function while holding a lock.

    A ``with`` statement alone would keep it held if a trace function or profiler raises at the end
    of the block. CPython then unsets that function (see `sys.settrace`), so `release` is safe.
    """
    was_held = lock._is_owned()
    try:
        with lock:
            return function(*args, **kwargs)
    finally:
        while not was_held and lock._is_owned():
            lock.release()


def locked_if_free(lock: Any, function: Callable[[], object]) -> None:
    """Call a function while holding a lock, unless another thread holds it; see `locked`."""
    was_held = lock._is_owned()
    try:
        if lock.acquire(blocking=False):
            try:
                function()
            finally:
                lock.release()
    finally:
        while not was_held and lock._is_owned():
            lock.release()


def synchronized(
    method: Callable[Concatenate[_S, _P], _R],
) -> Callable[Concatenate[_S, _P], _R]:
    """Make a method hold the `_lock` of its object, as `locked` does."""

    @functools.wraps(method)
    def run(self: Any, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return locked(self._lock, method, self, *args, **kwargs)

    return run  # type: ignore[return-value]


def _renew() -> None:
    for lock in [ref() for ref in tuple(_locks)]:
        if lock is not None and not lock._is_owned():
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

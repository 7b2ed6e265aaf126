"""Storage and locks that hold whatever a program does to `threading`, and to traces of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

_R = TypeVar("_R")


def real_local() -> type:
    """Return `threading.local` as it is before gevent or eventlet gives each greenlet its own."""
    if threading.local.__module__ == "_thread":
        return threading.local
    classes = [cls for cls in object.__subclasses__() if type(cls) is type]
    names = ((cls.__module__, cls.__name__, cls) for cls in classes)
    return next((cls for *name, cls in names if name == ["_thread", "_local"]), threading.local)


def locked(lock: threading.RLock, function: Callable[..., _R], *arguments: Any) -> _R:
    """Call a function while a lock is held.

    One line: so a trace function, which is called for each line, cannot raise before the lock is
    let go of.
    """
    # fmt: off
    with lock: return function(*arguments)  # noqa: E701
    # fmt: on

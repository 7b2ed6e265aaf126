"""Names of threads and greenlets."""

from __future__ import annotations

import threading
from typing import Any

from callscope.introspect.classes import bare_name, qualified_name


def thread_name(ident: int) -> str | None:
    """Return the name of the thread with an identifier; None if it is not known."""
    # Not `current_thread()`, which would add a dummy for a thread that Python did not start.
    threads = [t for t in threading.enumerate() if not isinstance(t, threading._DummyThread)]
    return next((thread.name for thread in threads if thread.ident == ident), None)


def present_thread_name() -> str:
    """Return the name of the current thread."""
    ident = threading.get_ident()
    # A thread that is being started may not know its identifier yet.
    starting = [thread.name for thread in threading.enumerate() if thread.ident is None]
    return thread_name(ident) or (starting[0] if len(starting) == 1 else None) or f"Thread-{ident}"


def greenlet_name(greenlet: Any) -> str:
    """Return the name given to a greenlet, as gevent allows, or that of its class."""
    given: object = object.__getattribute__(greenlet, "__dict__").get("name")
    return given if type(given) is str else bare_name(qualified_name(type(greenlet)))

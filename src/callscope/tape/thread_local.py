"""Thread-local storage, even if the program patches `threading`."""

from __future__ import annotations

import threading


def real_local() -> type:
    """Return the original `threading.local`, which gevent and eventlet make greenlet-local."""
    if threading.local.__module__ == "_thread":
        return threading.local
    classes = [cls for cls in object.__subclasses__() if type(cls) is type]
    names = ((cls.__module__, cls.__name__, cls) for cls in classes)
    return next((cls for *name, cls in names if name == ["_thread", "_local"]), threading.local)

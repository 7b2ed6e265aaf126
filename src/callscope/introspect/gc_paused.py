"""The garbage collector, while many objects are made at once that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector from looking, again and again, at what is being built."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            # What was built is old, and not to be looked at as soon as the next object is made.
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()

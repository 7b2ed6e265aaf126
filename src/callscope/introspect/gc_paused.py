"""Pausing of the garbage collector while many long-lived objects are built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector from scanning a structure repeatedly while it is built."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            # Move the new objects to the old generation, so the next collection skips them.
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()

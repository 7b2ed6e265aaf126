"""Pausing of the garbage collector while many long-lived objects are built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection(*, ages: bool = True) -> Iterator[None]:
    """Keep the garbage collector from scanning a structure repeatedly while it is built.

    Args:
        ages: whether the new objects are old from then on, so that the next collection skips them;
            so are all others that are young.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ages and gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()

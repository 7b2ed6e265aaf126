"""Tape in C. `python_tape` has the same names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from callscope.introspect.clock import is_counter_steady
from callscope.tape import _tape
from callscope.tape._tape import (
    LIMIT,
    MOST_FIELDS,
    collect,
    decode,
    follow_contexts,
    follow_greenlets,
    forget_classes,
    forget_objects,
    is_stack_spent,
    read_clock,
    use,
)
from callscope.tape._tape import Owner as own  # noqa: N813  # a function elsewhere
from callscope.tape._tape import Tape as new_records  # noqa: N813

__all__ = [
    "LEAST_SIZE",
    "LIMIT",
    "MOST_FIELDS",
    "collect",
    "decode",
    "follow_contexts",
    "follow_greenlets",
    "forget_classes",
    "forget_objects",
    "is_stack_spent",
    "move",
    "new_records",
    "new_scratch",
    "own",
    "read_clock",
    "set_clock",
    "unpack",
    "use",
]

LEAST_SIZE: Final = 4
"""Minimum size of a call, in places: a begin record without values, and a return."""
move: Final[Callable[[Any, Any], None]] = new_records.move_to
unpack: Final[Callable[..., list[Any]]] = new_records.unpack


def new_scratch(state: Any) -> Any:
    """Return a tape for a thread that runs callscope's own code."""
    scratch = new_records()
    if hasattr(state, "own"):  # it may be under construction
        scratch.yield_to(state.own.records, state)
    return scratch


def set_clock(clock: Callable[[], int]) -> None:
    """Use another clock; the usual one is read without calling it."""
    _tape.set_clock(None if clock is read_clock else clock)


read_clock.__module__ = __name__  # shadows hold it, and may be pickled by value
if hasattr(_tape, "choose_clock"):
    _tape.choose_clock(is_counter_steady())

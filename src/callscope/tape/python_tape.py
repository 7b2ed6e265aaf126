"""Tape in Python: a list per thread. `c_tape` has the same names."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from typing import Any, Final

from callscope.introspect.clock import perf_counter_ns

read_clock: Final = perf_counter_ns
"""The clock, in nanoseconds."""
LIMIT: Final = 1 << 16
"""Size of a thread's tape, in places, at which the thread itself hands it to the readers."""
LEAST_SIZE: Final = 6
"""Minimum size of a call, in places: a begin record without values, and a return."""
MOST_FIELDS: Final = -1
"""Most parameters of a function whose shadow is written in C; none is."""
decode: Final = None
"""Decoder of plain records; there is none but that in Python."""
new_records: Final = list[Any]
"""Factory of an empty tape."""


class _Scratch(list[Any]):
    """List that a thread writes to while it runs callscope's own code."""


_untraced: Final[dict[int, Any]] = {}
"""State of the threads that run such code, by their identifiers."""
_set_aside: Final[list[tuple[int, Any, Any]]] = []
"""Identifier, state and list of each thread that collects garbage within such code."""


def own(_: list[Any]) -> None:
    """Return what empties a tape as its thread ends; a list needs nothing."""


def move(records: list[Any], empty: list[Any]) -> None:
    """Move all records to an empty tape."""
    # The thread may append meanwhile. The list itself must stay: running calls hold it.
    count = len(records)
    # No interrupt can come between these two.
    empty += records[:count]
    del records[:count]


def unpack(records: list[Any]) -> list[Any]:
    """Return the records as a list."""
    return records


def new_scratch(state: Any) -> list[Any]:
    """Return a tape for a thread that runs callscope's own code."""
    _untraced[get_ident()] = state
    return _Scratch()


def use(tape: list[Any]) -> None:
    """Note the tape that this thread writes to from now on; writers find it in its state."""
    if type(tape) is not _Scratch:
        _untraced.pop(get_ident(), None)


def collect(phase: str, _: object) -> None:
    """Let finalizers, which are the program's, write to the thread's own tape."""
    ident = get_ident()
    local = _untraced.get(ident)
    if phase == "start":
        _set_aside.clear()  # a profiler that raised may have kept the last one from going
    if phase == "start" and local is not None and hasattr(local, "own"):
        _set_aside.append((ident, local, local.tape))
        local.tape = local.own.records
    elif phase == "stop" and _set_aside and _set_aside[-1][0] == ident:
        _, state, scratch = _set_aside.pop()
        _untraced[ident] = state
        state.tape = scratch


def set_clock(_: Callable[[], int]) -> None:
    """Do nothing: shadows read the clock through a cell."""


def follow_greenlets(_: object) -> None:
    """Do nothing: shadows find their tape through a cell."""


def follow_contexts() -> None:
    """Do nothing: each call notes what led to it."""


def forget_classes() -> None:
    """Do nothing: no class is remembered."""


def forget_objects() -> None:
    """Do nothing: objects are tracked elsewhere."""


def is_stack_spent() -> bool:
    """Return whether the C stack is nearly exhausted; Python cannot know."""
    return False

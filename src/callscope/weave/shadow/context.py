"""What led to a call: carried in a context variable to the tasks and threads that it starts."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from callscope.tape.context_hooks import AROUNDS, resume_around, suspend_around
from callscope.tape.records import MARK
from callscope.tape.threads import TAPES
from callscope.weave.shadow.frames import hide

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Current:
    """Token of the innermost traced coroutine, or mark, in whose context something runs.

    A class, so that shadows hold what can be pickled, and find `get` fastest.
    """

    _variable: contextvars.ContextVar[object] = contextvars.ContextVar(
        "callscope_current", default=None
    )
    get: Callable[[], object] = _variable.get
    set: Callable[[object], contextvars.Token[object]] = _variable.set
    reset: Callable[[contextvars.Token[object]], None] = _variable.reset


class Token:
    """Stands for one call; what is known of it is forgotten with the token."""

    __slots__ = ("__weakref__",)


def carry(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function whose traced calls hang below the call that is running now.

    For work that is handed to another thread: ``pool.submit(callscope.carry(work), item)``.
    Tasks of `asyncio`, and `asyncio.to_thread`, need it only where they are started by a function
    that is no coroutine. While nothing records, the function itself is returned.

    Args:
        function: what another thread is to call.
    """
    if not TAPES.is_read:
        return function
    token = Token()
    TAPES.follow_contexts()
    entered = AROUNDS.capture()
    tape = TAPES.local.tape
    tape += (MARK, TAPES.clock.cell_contents(), token)

    @functools.wraps(function)
    @hide
    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        outer = Current.set(token)
        around = resume_around(entered)
        try:
            return function(*args, **kwargs)
        finally:
            suspend_around(entered, around)
            Current.reset(outer)

    return carried

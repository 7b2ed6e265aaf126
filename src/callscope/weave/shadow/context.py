"""Context variable that carries the parent call to the tasks and threads that it starts."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from callscope.tape.context_hooks import CONTEXT_HOOKS, resume_span, suspend_span
from callscope.tape.engine import NATIVE
from callscope.tape.records import MARK
from callscope.tape.threads import TAPES
from callscope.weave.shadow.frames import hide

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Current:
    """Token of the innermost traced coroutine, or mark, of the running context.

    A class, so that shadows hold a picklable object, and look `get` up fastest.
    """

    _variable: contextvars.ContextVar[object] = contextvars.ContextVar(
        "callscope_current", default=None
    )
    get: Callable[[], object] = _variable.get if NATIVE is None else NATIVE.current_token
    set: Callable[[object], contextvars.Token[object]] = _variable.set
    reset: Callable[[contextvars.Token[object]], None] = _variable.reset


class Token:
    """Identity of one call; data about the call is dropped with the token."""

    __slots__ = ("__weakref__",)


def carry(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function whose traced calls become children of the call running now.

    Use it for work in another thread: ``pool.submit(callscope.carry(work), item)``. Tasks of
    `asyncio`, and `asyncio.to_thread`, need it only if the function that starts them is not a
    coroutine. While nothing records, the function itself is returned.

    Args:
        function: function that another thread will call.
    """
    if not TAPES.is_read:
        return function
    token = Token()
    TAPES.follow_contexts()
    span = CONTEXT_HOOKS.capture()
    tape = TAPES.local.tape
    tape += (MARK, TAPES.clock.cell_contents(), token)

    @functools.wraps(function)
    @hide
    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        outer = Current.set(token)
        outer_span = resume_span(span)
        try:
            return function(*args, **kwargs)
        finally:
            suspend_span(span, outer_span)
            Current.reset(outer)

    return carried

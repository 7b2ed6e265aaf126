"""Driver of coroutines and generators that records suspensions and resumptions.

Only while a coroutine runs, the context variable of `Current` holds its token. A task that it
creates copies the context, and so knows its creator. The variable's reset token is never held while
the coroutine is suspended.
"""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Generator
from typing import Any, Final

from callscope.tape.context_hooks import resume_span, suspend_span
from callscope.tape.engine import TAPE
from callscope.tape.records import RESUME, SUSPEND
from callscope.tape.threads import TAPES
from callscope.weave.shadow.context import Current, Token
from callscope.weave.shadow.frames import drop_own_frames, hide

_SPENT: Final = "the C stack of this thread is too small for this many traced generators"


is_stack_spent: Final = TAPE.is_stack_spent


def new_token(on: bool) -> Token | None:  # noqa: FBT001  # the state of a shadow
    """Return a token for a call; None if the call is not recorded."""
    return Token() if on else None


def task_name() -> str | None:
    """Return the name of the running asyncio task; None without one."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None
    return None if task is None else str(task.get_name())


def suspend(token: Token | None) -> None:
    """Record that a call is suspended."""
    if token is not None:
        tape = TAPES.local.tape
        tape += (SUSPEND, TAPES.clock.cell_contents(), token)


def resume(token: Token | None) -> None:
    """Record that a call is resumed."""
    if token is not None:
        tape = TAPES.local.tape
        tape += (RESUME, TAPES.clock.cell_contents(), token)


@types.coroutine
@hide
def drive(  # noqa: C901, PLR0912  # within functions that it called, an interrupt could fall
    body: Any, token: Token | None, *, as_current: bool, span: Any = None
) -> Generator[Any, Any, Any]:
    """Run a generator or a coroutine to its end; pass on sent, thrown and returned values.

    Args:
        body: the generator or coroutine.
        token: identifies its call on the tape; None if the call is not recorded.
        as_current: whether tasks that it creates know their creator.
        span: active span, current while the body runs and not while it is suspended.
    """
    step, argument = body.send, None
    try:
        while True:
            outer = Current.set(token) if as_current and token is not None else None
            outer_span = resume_span(span)
            try:
                if is_stack_spent():
                    body.close()
                    raise RecursionError(_SPENT)
                yielded = step(argument)
            except StopIteration as stop:
                return stop.value
            finally:
                suspend_span(span, outer_span)
                if outer is not None:
                    Current.reset(outer)
            if token is not None:
                tape, now = TAPES.local.tape, TAPES.clock.cell_contents()
                # No interrupt can come between this and the `yield`.
                tape += (SUSPEND, now, token)
            is_closing = False
            try:
                argument = yield yielded
            except GeneratorExit:
                is_closing = True
            except BaseException as error:
                drop_own_frames(error)
                step, argument = body.throw, error
            else:
                step = body.send
            while token is not None:
                try:
                    tape, now = TAPES.local.tape, TAPES.clock.cell_contents()
                except BaseException as error:  # an interrupt: the body's, once it is resumed
                    step, argument, is_closing = body.throw, error, False
                else:
                    tape += (RESUME, now, token)
                    break
            if is_closing:
                # Outside of its handler: it would become the context of what the body raises.
                body.close()
                raise GeneratorExit
    finally:
        # From Python 3.12 on, an error holds the body's frame, and that holds this one.
        body = step = argument = None


def first_step(body: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Return the first step of an async generator without registering it at an event loop.

    A loop closes its registered generators at its end. It knows the shadow, which closes the body.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return body.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)

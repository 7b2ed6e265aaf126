"""Greenlets: each has its own tape, as each thread does.

Nothing is set in `greenlet` or in the greenlets themselves: each write looks up the current
greenlet. The C tape does so only after the thread's context has changed, as it does with each
switch.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

from callscope.tape.engine import TAPE

if TYPE_CHECKING:
    from callscope.tape.thread_tape import ThreadTape

_MODULE: Final = "greenlet"


class Present(Protocol):
    """State of a thread or a greenlet."""

    tape: Any
    """The tape it currently writes to."""
    is_untraced: bool
    """True while it runs callscope's own code, which is not recorded."""
    own: ThreadTape
    """Its own tape."""


class GreenletState:
    """State of one greenlet that is not the main one of its thread.

    Args:
        scratch: written to until there is a tape.
    """

    __slots__ = ("is_untraced", "own", "tape")

    def __init__(self, scratch: Any) -> None:
        self.tape: Any = scratch
        self.is_untraced: bool = True

    def open(self, own: ThreadTape) -> None:
        """Write to a tape from now on."""
        self.own: ThreadTape = own
        self.tape = own.records
        self.is_untraced = False


class Tapes(Protocol):
    """Factory of tapes."""

    of_thread: Any
    """State of the current thread, and so of its main greenlet."""

    def open_within(self, greenlet: weakref.ref[Any], parent: ThreadTape) -> ThreadTape:
        """Return a new tape for a greenlet."""
        raise NotImplementedError


class Greenlets:
    """States of all greenlets.

    Args:
        tapes: makes their tapes.
    """

    def __init__(self, tapes: Tapes) -> None:
        module = sys.modules[_MODULE]
        self._tapes = tapes
        self._current: Callable[[], Any] = module.getcurrent
        self._parent_of: Callable[[Any], Any] = module.greenlet.parent.__get__
        self.states: dict[int, Any] = {}
        """States by address of the greenlet; an entry is removed with its greenlet."""
        self._refs: dict[int, weakref.ref[Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return self._tapes.of_thread.__reduce__()  # type: ignore[no-any-return]

    def present(self) -> Any:
        """Return the state of the current greenlet."""
        try:
            greenlet = self._current()
        except RuntimeError:  # the interpreter is shutting down
            return self._tapes.of_thread
        state = self.states.get(id(greenlet))
        if state is None:
            state = self._add(greenlet)
            TAPE.use(state.tape)
        return state

    @property
    def tape(self) -> Any:
        """The tape that the current greenlet writes to."""
        return self.present().tape

    def _add(self, greenlet: Any) -> Any:
        key, parent = id(greenlet), self._parent_of(greenlet)
        ref = weakref.ref(greenlet, lambda _: self._forget(key))
        above = None if parent is None else self.states.get(id(parent)) or self._add(parent)
        state: Any = self._tapes.of_thread if above is None else GreenletState(TAPE.new_records())
        # Looking up the greenlet's name may re-enter here, through traced properties.
        self.states[key], self._refs[key] = state, ref
        if above is not None:
            try:
                state.open(self._tapes.open_within(ref, above.own))
            except BaseException:
                self._forget(key)
                raise
        return state

    def _forget(self, key: int) -> None:
        self.states.pop(key, None)
        self._refs.pop(key, None)


def when_greenlets_are_in_play(follow: Callable[[], None]) -> None:
    """Call a function once greenlets can exist: now, or as soon as `greenlet` is imported."""
    if _MODULE in sys.modules:
        follow()
    elif follow not in _waiting and _is_installed():
        # Imported here because the import is slow.
        import wrapt

        _waiting.append(follow)
        wrapt.register_post_import_hook(lambda _: follow(), _MODULE)


_waiting: Final[list[Callable[[], None]]] = []


def _is_installed() -> bool:
    try:
        return find_spec(_MODULE) is not None
    except (ImportError, ValueError):
        return False

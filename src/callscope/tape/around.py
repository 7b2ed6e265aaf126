"""What is done in the thread of a call as it begins and ends, for a sink that follows contexts.

A tape tells afterwards what has happened. What was current in the program's own context as a call
began can only be noted at that time, and only then can anything be made current for its duration.
"""

from __future__ import annotations

import threading
from collections.abc import Container
from typing import Any, Final, Protocol

from callscope.errors import SinkWarning, is_interrupt, shown, warn
from callscope.hierarchy import Site
from callscope.tape.threads import TAPES


class Entered(Protocol):
    """What was made for one call, to be current while it runs. Its methods raise nothing."""

    def resume(self) -> object:
        """Make it current: as the call begins, and as often as it goes on after a suspension."""

    def suspend(self, token: Any) -> None:
        """Make current what was before, of which `resume` has returned a token."""

    def leave(self) -> None:
        """Take note that the call has ended."""


class Around(Protocol):
    """What a sink does in the threads of calls; the sink has it as its attribute `around`."""

    makes_current: bool
    """Whether `begin` returns what is to be current while the call runs, an `Entered`."""
    skips: bool
    """Whether `begin` may return `SKIPPED`."""

    def begin(self, site: Site, start_ns: int) -> object:
        """Return what the event of the call is to hold as its `context`; None for nothing."""

    def capture(self) -> Entered | None:
        """Return what is current now, to be carried to another thread."""


class _Marker:
    def __reduce__(self) -> str:
        return "SKIPPED"


SKIPPED: Final = _Marker()
"""Says of a call that it need not be recorded."""


class _Several:
    """What several recordings have made for one call."""

    __slots__ = ("each",)

    def __init__(self, each: list[tuple[Around, Any]]) -> None:
        self.each = each

    def resume(self) -> list[Any]:
        return [resume_around(entered) for _, entered in self.each]

    def suspend(self, tokens: list[Any]) -> None:
        for (_, entered), token in zip(reversed(self.each), reversed(tokens), strict=True):
            suspend_around(entered, token)

    def leave(self) -> None:
        for _, entered in self.each:
            if _is_entered(entered):
                entered.leave()


class Arounds:
    """What the sinks of all recordings do in the threads of calls."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._all: tuple[tuple[Around, Container[Site]], ...] = ()

    def __reduce__(self) -> str:
        return "AROUNDS"

    def add(self, around: Around, sites: Container[Site]) -> None:
        """Begin to ask one, for calls of these sites."""
        with self._lock:
            self._all += ((around, sites),)

    def remove(self, around: Around) -> None:
        """Ask it no more; a second time does nothing."""
        with self._lock:
            self._all = tuple(pair for pair in self._all if pair[0] is not around)

    def begin(self, site: Site, start_ns: int) -> Any:
        """Return what stands on the tape for the context in which a call begins."""
        every = self._all
        if len(every) == 1 and not every[0][0].makes_current:
            around = every[0][0]
            try:
                return around.begin(site, start_ns)
            except BaseException as error:
                self._fail(around, error)
                return None
        return TAPES.untraced(lambda _: self._begin(every, site, start_ns), None)

    def _begin(
        self, every: tuple[tuple[Around, Container[Site]], ...], site: Site, start_ns: int
    ) -> Any:
        each = []
        for around, sites in every:
            if site in sites:
                try:
                    each.append((around, around.begin(site, start_ns)))
                except BaseException as error:
                    self._fail(around, error)
        if len(every) == 1:
            return each[0][1] if each else None
        if each and all(entered is SKIPPED for _, entered in each):
            return SKIPPED
        return _Several(each) if each else None

    def _fail(self, around: Around, error: BaseException) -> None:
        if is_interrupt(error):
            raise error
        self.remove(around)
        warn(
            f"{shown(around)} raised {shown(error)} as a call began, and is asked no more. The"
            " program and the recording go on without it.",
            SinkWarning,
        )

    def capture(self) -> Any:
        """Return what is current now; None if that is nothing."""
        every = [(around, around.capture()) for around, _ in self._all if around.makes_current]
        return _Several(every) if every else None


def context_for(around: Around | None, entered: Any) -> Any:
    """Return what one sink has made, of what stands on the tape."""
    if type(entered) is _Several:
        entered = next((made for of, made in entered.each if of is around), None)
    return None if around is None or entered is SKIPPED else entered


def resume_around(entered: Any) -> Any:
    """Make current what was made for a call; return a token for `suspend_around`."""
    return entered.resume() if _is_entered(entered) else None


def suspend_around(entered: Any, token: Any) -> None:
    """Make current what was before."""
    if token is not None:
        entered.suspend(token)


def end_around(entered: Any, token: Any) -> None:
    """Take note that a call has ended, and make current what was before it."""
    if token is not None:
        entered.suspend(token)
    if _is_entered(entered):
        entered.leave()


def _is_entered(made: Any) -> bool:
    return made is not None and made is not SKIPPED and hasattr(type(made), "resume")


AROUNDS: Final = Arounds()

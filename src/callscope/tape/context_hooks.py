"""What is done in the thread of a call as it begins and ends, for a sink that follows contexts.

A tape tells afterwards what has happened. What was current in the program's own context as a call
began can only be noted at that time, and only then can anything be made current for its duration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from callscope.errors import SinkWarning, is_interrupt, shown, warn
from callscope.introspect.locks import new_lock, synchronized
from callscope.introspect.sites import ClassRef, Site
from callscope.tape.decode.filter import SiteOptions, is_asked_for
from callscope.tape.threads import TAPES
from callscope.trace.event import SKIPPED


class ActiveSpan(Protocol):
    """What was made for one call, to be current while it runs. Its methods raise nothing."""

    def resume(self) -> object:
        """Make it current: as the call begins, and as often as it goes on after a suspension."""

    def suspend(self, token: Any) -> None:
        """Make current what was before, of which `resume` has returned a token."""

    def leave(self) -> None:
        """Take note that the call has ended, or will not be heard of."""


class ContextHook(Protocol):
    """What a sink does in the threads of calls; the sink has it as its attribute `around`."""

    makes_current: bool
    """Whether `make` is called, as well as `look`."""
    skips: bool
    """Whether `look` may return `SKIPPED`."""

    def look(self) -> object:
        """Return what is current now, which the event of the call is to hold as its `context`.

        It calls nothing of the application's, and quickly returns.
        """

    def make(self, site: Site, start_ns: int, context: object) -> ActiveSpan | None:
        """Return what is to be current while a call runs, and to be the event's `context`.

        Args:
            site: what is called.
            start_ns: when the call has begun, by the clock of the recording.
            context: what `look` has returned.
        """

    def capture(self) -> ActiveSpan | None:
        """Return what is current now, to be carried to another thread."""


class _Several:
    """What several recordings have made for one call."""

    __slots__ = ("each",)

    def __init__(self, each: list[tuple[ContextHook, Any]]) -> None:
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
        self._lock = new_lock()
        self._all: tuple[tuple[ContextHook, Mapping[Site, SiteOptions]], ...] = ()

    def __reduce__(self) -> str:
        return "AROUNDS"

    @synchronized
    def add(self, around: ContextHook, sites: Mapping[Site, SiteOptions]) -> None:
        """Begin to ask one, for calls of these sites; a second time does nothing."""
        if all(one is not around for one, _ in self._all):
            self._all += ((around, sites),)

    @synchronized
    def remove(self, around: ContextHook) -> None:
        """Ask it no more; a second time does nothing."""
        self._all = tuple(pair for pair in self._all if pair[0] is not around)

    def begin(self, site: Site, start_ns: int, cls: ClassRef | None) -> Any:
        """Return what stands on the tape for the context in which a call begins."""
        every = self._all
        if not every or TAPES.local.is_untraced:
            return None
        asking = [around for around, sites in every if is_asked_for(sites, site, cls)]
        if len(every) == 1:
            return self._begin(asking[0], site, start_ns) if asking else None
        each = [(around, self._begin(around, site, start_ns)) for around in asking]
        if all(entered is SKIPPED for _, entered in each):
            return SKIPPED if each else None
        return _Several(each)

    def _begin(self, around: ContextHook, site: Site, start_ns: int) -> Any:
        try:
            context = around.look()
            if not around.makes_current or context is SKIPPED:
                return context
            return TAPES.untraced(lambda context: around.make(site, start_ns, context), context)
        except (RecursionError, MemoryError):
            raise  # the program is at its limit, and would have come to it by itself
        except BaseException as error:
            self._fail(around, error)
            return None

    def _fail(self, around: ContextHook, error: BaseException) -> None:
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


def context_for(around: ContextHook | None, entered: Any) -> Any:
    """Return what one sink has made, of what stands on the tape."""
    if around is None:
        return None
    if type(entered) is _Several:
        return next((made for of, made in entered.each if of is around), None)
    return entered


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

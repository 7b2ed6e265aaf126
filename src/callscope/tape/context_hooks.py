"""Hooks that run in a call's own thread at its start and end, for sinks that follow contexts.

A tape is decoded later. But the program's context at the start of a call can only be captured at
that time, and only then can anything be made current for the duration of the call.
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
    """Object that is current while one call runs. Its methods do not raise."""

    def resume(self) -> object:
        """Make it current, at the start of the call and after each suspension; return a token."""

    def suspend(self, token: Any) -> None:
        """Restore the previous current object, using the token from `resume`."""

    def leave(self) -> None:
        """Note that the call has ended, or will not be reported."""


class ContextHook(Protocol):
    """Hook of a sink that runs in the threads of calls; the sink's attribute `around`."""

    makes_current: bool
    """True if `make` is called in addition to `look`."""
    skips: bool
    """True if `look` may return `SKIPPED`."""

    def look(self) -> object:
        """Return the current context, which becomes the `context` of the call's event.

        It must be fast and must not call application code.
        """

    def make(self, site: Site, start_ns: int, context: object) -> ActiveSpan | None:
        """Return the object to be current while a call runs; it is the event's `context`, too.

        Args:
            site: the called site.
            start_ns: start of the call, by the clock of the recording.
            context: the result of `look`.
        """

    def capture(self) -> ActiveSpan | None:
        """Return the current span, to be carried to another thread."""


class _Several:
    """Active spans of several recordings for one call."""

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
    """Context hooks of the sinks of all recordings."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._all: tuple[tuple[ContextHook, Mapping[Site, SiteOptions]], ...] = ()

    def __reduce__(self) -> str:
        return "AROUNDS"

    @synchronized
    def add(self, around: ContextHook, sites: Mapping[Site, SiteOptions]) -> None:
        """Add a hook for calls of these sites; a second time does nothing."""
        if all(one is not around for one, _ in self._all):
            self._all += ((around, sites),)

    @synchronized
    def remove(self, around: ContextHook) -> None:
        """Remove a hook; a second time does nothing."""
        self._all = tuple(pair for pair in self._all if pair[0] is not around)

    def begin(self, site: Site, start_ns: int, cls: ClassRef | None) -> Any:
        """Return the tape's entry for the context in which a call begins."""
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
            raise  # the program is at its limit, and would have reached it by itself
        except BaseException as error:
            self._fail(around, error)
            return None

    def _fail(self, around: ContextHook, error: BaseException) -> None:
        if is_interrupt(error):
            raise error
        self.remove(around)
        warn(
            f"{shown(around)} raised {shown(error)} as a call began and is switched off. The"
            " program and the recording continue without it.",
            SinkWarning,
        )

    def capture(self) -> Any:
        """Return what is current now, as an active span; None if there is nothing."""
        every = [(around, around.capture()) for around, _ in self._all if around.makes_current]
        return _Several(every) if every else None


def context_for(around: ContextHook | None, entered: Any) -> Any:
    """Return one sink's part of the context on the tape."""
    if around is None:
        return None
    if type(entered) is _Several:
        return next((made for of, made in entered.each if of is around), None)
    return entered


def resume_around(entered: Any) -> Any:
    """Make a call's span current; return a token for `suspend_around`."""
    return entered.resume() if _is_entered(entered) else None


def suspend_around(entered: Any, token: Any) -> None:
    """Restore the previous current span."""
    if token is not None:
        entered.suspend(token)


def end_around(entered: Any, token: Any) -> None:
    """Restore the span that was current before a call, and end the call's own."""
    if token is not None:
        entered.suspend(token)
    if _is_entered(entered):
        entered.leave()


def _is_entered(made: Any) -> bool:
    return made is not None and made is not SKIPPED and hasattr(type(made), "resume")


AROUNDS: Final = Arounds()

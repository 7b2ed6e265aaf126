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
    """Hook of a sink that runs in the threads of calls; the sink's attribute `context_hook`."""

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
        return [resume_span(span) for _, span in self.each]

    def suspend(self, tokens: list[Any]) -> None:
        for (_, span), token in zip(reversed(self.each), reversed(tokens), strict=True):
            suspend_span(span, token)

    def leave(self) -> None:
        for _, span in self.each:
            if _is_span(span):
                span.leave()


class ContextHooks:
    """Context hooks of the sinks of all recordings."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._all: tuple[tuple[ContextHook, Mapping[Site, SiteOptions]], ...] = ()

    def __reduce__(self) -> str:
        return "CONTEXT_HOOKS"

    @synchronized
    def add(self, hook: ContextHook, sites: Mapping[Site, SiteOptions]) -> None:
        """Add a hook for calls of these sites; a second time does nothing."""
        if all(one is not hook for one, _ in self._all):
            self._all += ((hook, sites),)

    @synchronized
    def remove(self, hook: ContextHook) -> None:
        """Remove a hook; a second time does nothing."""
        self._all = tuple(pair for pair in self._all if pair[0] is not hook)

    def begin(self, site: Site, start_ns: int, cls: ClassRef | None) -> Any:
        """Return the tape's entry for the context in which a call begins."""
        every = self._all
        if not every or TAPES.local.is_untraced:
            return None
        asking = [hook for hook, sites in every if is_asked_for(sites, site, cls)]
        if len(every) == 1:
            return self._begin(asking[0], site, start_ns) if asking else None
        each = [(hook, self._begin(hook, site, start_ns)) for hook in asking]
        if all(span is SKIPPED for _, span in each):
            return SKIPPED if each else None
        return _Several(each)

    def _begin(self, hook: ContextHook, site: Site, start_ns: int) -> Any:
        try:
            context = hook.look()
            if not hook.makes_current or context is SKIPPED:
                return context
            return TAPES.untraced(lambda context: hook.make(site, start_ns, context), context)
        except (RecursionError, MemoryError):
            raise  # the program is at its limit, and would have reached it by itself
        except BaseException as error:
            self._fail(hook, error)
            return None

    def _fail(self, hook: ContextHook, error: BaseException) -> None:
        if is_interrupt(error):
            raise error
        self.remove(hook)
        warn(
            f"{shown(hook)} raised {shown(error)} as a call began and is switched off. The"
            " program and the recording continue without it.",
            SinkWarning,
        )

    def capture(self) -> Any:
        """Return what is current now, as an active span; None if there is nothing."""
        every = [(hook, hook.capture()) for hook, _ in self._all if hook.makes_current]
        return _Several(every) if every else None


def context_for(hook: ContextHook | None, span: Any) -> Any:
    """Return one sink's part of the context on the tape."""
    if hook is None:
        return None
    if type(span) is _Several:
        return next((made for of, made in span.each if of is hook), None)
    return span


def resume_span(span: Any) -> Any:
    """Make a call's span current; return a token for `suspend_span`."""
    return span.resume() if _is_span(span) else None


def suspend_span(span: Any, token: Any) -> None:
    """Restore the previous current span."""
    if token is not None:
        span.suspend(token)


def end_span(span: Any, token: Any) -> None:
    """Restore the span that was current before a call, and end the call's own."""
    if token is not None:
        span.suspend(token)
    if _is_span(span):
        span.leave()


def _is_span(context: Any) -> bool:
    return context is not None and context is not SKIPPED and hasattr(type(context), "resume")


CONTEXT_HOOKS: Final = ContextHooks()

"""Context hooks in the threads of calls: note the current context, or make a span current."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as api
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanContext, get_current_span, set_span_in_context

from callscope.introspect.classes import bare_name
from callscope.trace.event import SKIPPED

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from callscope.introspect.sites import Site

_SUPPRESS: Final = (
    "suppress_instrumentation",
    getattr(api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
)
"""Context keys that exporters set around their own calls."""


class _Environment(Getter[Mapping[str, str]]):
    """Getter of the process's environment.

    See https://opentelemetry.io/docs/specs/otel/context/env-carriers/.
    """

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        name = "".join(c if c.isalnum() else "_" for c in key).upper()
        return [carrier[name]] if name in carrier else None

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return [*carrier]


def from_environment() -> Context:
    """Return the context that the process was started in: ``TRACEPARENT`` and such."""
    return propagate.extract(os.environ, Context(), _Environment())


def span_context(context: Context) -> SpanContext:
    """Return the current span of a context; it is invalid if there is none."""
    return get_current_span(context).get_span_context()


_VARIABLE: Final = getattr(getattr(api, "_RUNTIME_CONTEXT", None), "_current_context", None)
# The context variable itself, if there is one: no interrupt can fall within its methods.
_get: Callable[[], Context]
_set: Callable[[Context], Any]
_reset: Callable[[Any], None]
if type(_VARIABLE) is ContextVar:
    _get, _set, _reset = _VARIABLE.get, _VARIABLE.set, _VARIABLE.reset
else:
    _get, _set, _reset = api.get_current, api.attach, api.detach


class Noting:
    """Hook that notes the current context as a call begins; the span is made later."""

    makes_current: bool = False
    skips = True

    def __init__(self) -> None:
        self.outer: Context = from_environment()
        """Context for calls made where none is current."""
        # The answer for the last context, which is not kept alive here.
        self._last_answer: tuple[weakref.ref[Context], object] = (
            weakref.ref(self.outer),
            self._judge(self.outer),
        )

    def __repr__(self) -> str:
        return "callscope.OpenTelemetry"

    def look(self) -> object:
        """Return the current context; `SKIPPED` within an unsampled span."""
        context = _get()
        ref, answer = self._last_answer
        if ref() is context:
            return context if answer is None else answer
        answer = self._judge(context)
        if answer is context or answer is SKIPPED or answer is self.outer:
            self._last_answer = weakref.ref(context), None if answer is context else answer
        return answer

    def _judge(self, context: Context) -> object:
        if any(map(context.get, _SUPPRESS)):
            return SKIPPED
        current = span_context(context)
        if not current.is_valid:
            if self.outer and not context:
                context = self.outer
            elif self.outer:
                context = set_span_in_context(get_current_span(self.outer), context)
            current = span_context(context)
        return SKIPPED if current.is_valid and not current.trace_flags.sampled else context

    def make(self, _site: Site, _start_ns: int, _context: object) -> ActiveSpan | None:
        """Make nothing."""
        return None

    def capture(self) -> CarriedContext | None:
        """Carry nothing: a thread's calls have their parents anyway."""
        return None


class Making(Noting):
    """Hook that makes a span current while a call runs."""

    makes_current = True

    def __init__(self, tracer: Tracer, to_unix_ns: Callable[[int], int]) -> None:
        super().__init__()
        self._tracer = tracer
        self._to_unix_ns = to_unix_ns
        self._sites: dict[Site, tuple[str, dict[str, Any]]] = {}

    def look(self) -> object:
        """Return the current context; `SKIPPED` within an unsampled span.

        First restore the context before an ended call, if an interrupt prevented that.
        """
        mark = _get().get(_MARK)
        while isinstance(mark, Mark) and mark.repair():
            mark = _get().get(_MARK)
        return super().look()

    def make(self, site: Site, start_ns: int, context: object) -> ActiveSpan:
        """Return the span of a call that begins in a context."""
        assert isinstance(context, Context)
        name, attributes = self._sites.get(site) or self._describe(site)
        start_unix_ns = self._to_unix_ns(start_ns)
        span = self._tracer.start_span(
            name, context, attributes=attributes, start_time=start_unix_ns
        )
        mark = Mark()
        inside = api.set_value(_MARK, mark, set_span_in_context(span, context))
        return ActiveSpan(span, inside, start_unix_ns, mark)

    def _describe(self, site: Site) -> tuple[str, dict[str, Any]]:
        defining = site.defining.name
        attributes = {"code.function.name": f"{defining}.{site.method}"}
        self._sites[site] = f"{bare_name(defining)}.{site.method}", attributes
        return self._sites[site]

    def capture(self) -> CarriedContext:
        """Return the current context, for another thread."""
        return CarriedContext(_get())


_MARK: Final = api.create_key("callscope")


class Mark:
    """Mark in the context of a call, shared by everything that the call has started."""

    __slots__ = ("is_over", "tokens")

    def __init__(self) -> None:
        self.is_over: bool = False
        """True if the call has ended."""
        self.tokens: list[Any] = []
        """While it is current, the token that restores the previous context of its thread or task."""

    def repair(self) -> bool:
        """Repair what an interrupt has left; return whether there was a repair."""
        if not self.is_over or not self.tokens:
            return False
        try:
            _reset(self.tokens.pop())
        except (ValueError, RuntimeError):
            return False  # correct: a task made by the call continues in its context
        return True


class CarriedContext:
    """Context carried to another thread; it may be active several times at once."""

    __slots__ = ("context",)

    def __init__(self, context: Context) -> None:
        self.context: Context = context

    def resume(self) -> object:
        """Make the context current."""
        return _set(self.context)

    def suspend(self, token: Any) -> None:
        """Restore the previous context."""
        with suppress(ValueError):  # closed from another context
            _reset(token)

    def leave(self) -> None:
        """Do nothing: there is no span."""


class ActiveSpan(CarriedContext):
    """Span of a running call."""

    __slots__ = ("_ends", "_has_ended", "_is_left_out", "mark", "span", "start_unix_ns")

    def __init__(self, span: Span, context: Context, start_unix_ns: int, mark: Mark) -> None:
        super().__init__(context)
        self.mark: Mark = mark
        self.span: Span = span
        self.start_unix_ns: int = start_unix_ns
        self._has_ended = self._is_left_out = False
        self._ends = [span.end]

    def resume(self) -> object:
        """Make the context current."""
        tokens = self.mark.tokens
        # All in C: no interrupt falls between setting the variable and keeping its token.
        tokens.extend(map(_set, (self.context,)))
        return tokens[-1]

    def suspend(self, token: Any) -> None:
        """Restore the previous context; store the current one for `resume`.

        A coroutine may have made another context current before it is suspended.
        """
        self.context: Context = _get()
        super().suspend(token)
        self.mark.tokens.clear()

    def leave(self) -> None:
        """Note that the call has ended."""
        self._has_ended = self.mark.is_over = True
        if self._is_left_out:
            self._end()

    def leave_out(self) -> None:
        """End the span with its call, whose events are not delivered."""
        self._is_left_out = True
        if self._has_ended:
            self._end()

    def _end(self) -> None:
        # Two threads may get here; one of them ends the span.
        try:
            end = self._ends.pop()
        except IndexError:
            return
        end()

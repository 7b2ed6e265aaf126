"""Sink that makes an OpenTelemetry span of each call, in the application's traces."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from callscope.errors import MissingExtraError
from callscope.introspect.clock import perf_counter_ns, time_ns
from callscope.introspect.version import __version__
from callscope.sinks.opentelemetry.attributes import (
    SCHEMA_URL,
    begin_attributes,
    description,
    end_attributes,
    error_attributes,
)
from callscope.trace.event import SKIPPED

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, TracerProvider

    from callscope.sinks.opentelemetry.contexts import ActiveSpan, Mark, Noting
    from callscope.trace import Call, Event, Header

# Number of ended calls to remember: a task made by one may begin calls below it later.
_REMEMBERED: Final = 1 << 14
# Least shift of the time of day against the clock when it is set, or when the machine sleeps.
_STEP_NS: Final = 1_000_000_000


class _SpanState:
    """Span state of one call."""

    __slots__ = ("call", "mark", "seen", "span", "start_unix_ns")

    def __init__(
        self,
        call: Call | None,
        span: Span | None,
        seen: SpanContext | None,
        start_unix_ns: int,
        mark: Mark | None = None,
    ) -> None:
        self.call = call
        self.span = span
        """None if it is not sampled."""
        self.seen = seen
        """The application's span that was current as it began."""
        self.start_unix_ns = start_unix_ns
        self.mark = mark
        """Mark in its context, if its span is made current."""


class OpenTelemetry:
    """Sink that makes a span of each call, with its times, below the application's own spans.

    Spans go to the application's `TracerProvider`, which is never set here. Its samplers,
    processors, limits and exporters treat them like the application's spans. A call within a
    span that was not sampled gets no span, as with parent-based samplers.

    By default, spans are made later, in the background. This costs the program the least time, but
    a span that a traced method opens is a sibling of the method's. With `current`, the method's
    span is current while it runs, as if it began with ``with tracer.start_as_current_span(...)``.

    Args:
        tracer_provider: provider of the spans; by default the application's global one, which
            may be set later.
        current: whether a call's span is current while it runs.

    Raises:
        MissingExtraError: if ``opentelemetry-api`` is not installed.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, *, current: bool = False
    ) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.context import Context

            from callscope.sinks.opentelemetry import contexts
        except ImportError:
            raise MissingExtraError.for_feature("callscope.OpenTelemetry", "otel") from None
        self._api, self._span_context = trace, contexts.span_context
        self._context_class: type[Context] = Context
        self._span_class: type[ActiveSpan] = contexts.ActiveSpan
        self._provider = tracer_provider
        self._tracer = trace.get_tracer("callscope", __version__, tracer_provider, SCHEMA_URL)
        self._offset_ns = time_ns() - perf_counter_ns()
        """Time of day at the zero of the clock."""
        self._drift_ns = self._offset_ns
        self.context_hook: Noting = (
            contexts.Making(self._tracer, self._to_unix_ns) if current else contexts.Noting()
        )
        """Context hook in the threads of calls."""
        self._open: dict[int, _SpanState] = {}
        self._ended: OrderedDict[int, _SpanState] = OrderedDict()

    def __repr__(self) -> str:
        return "OpenTelemetry()"

    @property
    def exits_first(self) -> bool:
        """True if there is a provider, which is shut down at exit."""
        from opentelemetry.trace import ProxyTracerProvider

        provider = self._provider or self._api.get_tracer_provider()
        return not isinstance(provider, ProxyTracerProvider)

    def on_start(self, header: Header, /) -> None:
        """Store the offset of the clock of the calls from the time of day."""
        self._offset_ns = header.start_unix_ns - header.start_ns
        self._drift_ns = time_ns() - perf_counter_ns()

    def on_fork(self, header: Header, /) -> None:
        """Leave the spans to the parent process."""
        self._open.clear()
        self._ended.clear()
        self.on_start(header)

    def on_event(self, event: Event, /) -> None:
        """Begin or end the span of a call."""
        if event.kind == "call":
            self._open[event.call.call_id] = self._begin(event)
        elif event.kind in ("return", "raise"):
            state = self._open.pop(event.call.call_id, None)
            if state is not None:
                self._end(state)
                self._remember(event.call.call_id, state)

    def _begin(self, event: Event) -> _SpanState:
        call, context = event.call, event.context
        if context is SKIPPED or (context is None and self.context_hook.makes_current):
            return _SpanState(None, None, None, 0)
        if isinstance(context, self._span_class):
            if not context.span.is_recording():
                return _SpanState(None, None, None, 0)
            context.span.set_attributes(begin_attributes(call))
            seen = context.span.get_span_context()
            return _SpanState(call, context.span, seen, context.start_unix_ns, context.mark)
        return self._make(call, self._to_unix_ns(event.ts_ns), context)

    def _make(self, call: Call, start_unix_ns: int, context: object) -> _SpanState:
        """Make the span of a call that has begun in a context."""
        is_context = isinstance(context, self._context_class)
        inside = context if isinstance(context, self._context_class) else self.context_hook.outer
        seen = self._span_context(inside)
        above = self._above(call)
        if above is not None and (not is_context or _is_same(seen, above.seen)):
            if above.span is None:
                return _SpanState(None, None, None, 0)
            inside = self._api.set_span_in_context(above.span, inside)
        span = self._tracer.start_span(
            call.site, inside, attributes=begin_attributes(call), start_time=start_unix_ns
        )
        return _SpanState(call, span if span.is_recording() else None, seen, start_unix_ns)

    def _above(self, call: Call) -> _SpanState | None:
        """Return the state of the innermost caller that the sink has received."""
        parent = call.parent
        while parent is not None:
            state = self._open.get(parent.call_id) or self._ended.get(parent.call_id)
            if state is not None:
                return state
            parent = parent.parent
        return None

    def _end(self, state: _SpanState) -> None:
        span, call = state.span, state.call
        if state.mark is not None:
            state.mark.is_over = True
        if span is not None and call is not None:
            duration_ns = call.duration_ns
            if duration_ns is None:
                end_unix_ns = max(state.start_unix_ns, time_ns())
            else:
                end_unix_ns = state.start_unix_ns + duration_ns
            if attributes := end_attributes(call):
                span.set_attributes(attributes)
            if call.error is not None:
                span.add_event("exception", error_attributes(call.error), end_unix_ns)
                span.set_status(self._api.StatusCode.ERROR, description(call.error))
            span.end(end_unix_ns)
            state.span = self._api.NonRecordingSpan(span.get_span_context())

    def _remember(self, call_id: int, state: _SpanState) -> None:
        state.call = None
        self._ended[call_id] = state
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def leave_out(self, context: object) -> None:
        """End the span of a call that the sink will not receive."""
        if isinstance(context, self._span_class):
            context.leave_out()

    def flush(self) -> None:
        """Update the offset if the time of day was set; the application sends the spans."""
        drift_ns = time_ns() - perf_counter_ns()
        if abs(drift_ns - self._drift_ns) > _STEP_NS:
            self._offset_ns += drift_ns - self._drift_ns
            self._drift_ns = drift_ns

    def close(self) -> None:
        """End the spans of calls that still run."""
        for state in self._open.values():
            self._end(state)
        self._open.clear()
        self._ended.clear()

    def _to_unix_ns(self, ts_ns: int) -> int:
        return ts_ns + self._offset_ns


def _is_same(one: SpanContext, other: SpanContext | None) -> bool:
    """Return whether no application span began in between; an invalid one counts as same."""
    return not one.is_valid or (
        other is not None and (one.span_id, one.trace_id) == (other.span_id, other.trace_id)
    )

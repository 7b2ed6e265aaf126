"""ddtrace's `tracer.wrap`."""

from __future__ import annotations

from pathlib import Path

from ddtrace.trace import Span, TraceFilter, tracer

from benchmarks.peers.protocol import Method, Wrapping
from benchmarks.workloads.program import Program, Site


class _Count(TraceFilter):
    """Counts spans, and has none of them exported."""

    def __init__(self) -> None:
        self.spans = 0

    def process_trace(self, trace: list[Span]) -> list[Span] | None:
        self.spans += len(trace)
        return None


class Ddtrace(Wrapping):
    """A span of each call, dropped before it would be sent."""

    distribution = "ddtrace"
    setup = (
        "`@tracer.wrap()`; `tracer.configure(trace_processors=[...])` with a `TraceFilter` that"
        " counts the spans and drops them, for there is no agent"
    )
    link = "https://ddtrace.readthedocs.io/en/stable/advanced_usage.html#trace-filtering"
    imports = "from ddtrace.trace import tracer"

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        self._count = _Count()
        tracer.configure(trace_processors=[self._count])

    def wrap(self, site: Site) -> Method:
        """Decorate one method."""
        return tracer.wrap()(site.function)

    def recorded(self) -> int:
        """Return how many spans there were."""
        return self._count.spans

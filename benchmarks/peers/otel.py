"""OpenTelemetry's SDK, with spans in batches and kept in memory."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.peers.exporter import CountingExporter
from benchmarks.peers.protocol import Method, Wrapping
from benchmarks.workloads.program import Program, Site


class _Spans(Wrapping):
    distribution = "opentelemetry-sdk"
    link = "https://opentelemetry.io/docs/languages/python/instrumentation/"
    imports = "from opentelemetry.sdk.trace import TracerProvider"

    def __init__(self, program: Program, folder: Path, processor: SpanProcessor) -> None:
        super().__init__(program, folder)
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("benchmarks")

    def wrap(self, site: Site) -> Method:
        """Decorate one method."""
        wrapper: Method = self._tracer.start_as_current_span(site.name)(site.function)
        return wrapper

    def flush(self) -> None:
        """Export what waits."""
        self._provider.force_flush()


class OtelBatch(_Spans):
    """As for production, with an exporter that drops what it is given."""

    setup = (
        "`@tracer.start_as_current_span(name)`; `BatchSpanProcessor` with its default options, an"
        " exporter that counts the spans and drops them"
    )

    def __init__(self, program: Program, folder: Path) -> None:
        self._exporter = CountingExporter()
        super().__init__(program, folder, BatchSpanProcessor(self._exporter))

    def recorded(self) -> int:
        """Return how many spans were exported."""
        self._provider.shutdown()
        return self._exporter.spans


class OtelMemory(_Spans):
    """As for tests: the spans stay in memory."""

    setup = (
        "`@tracer.start_as_current_span(name)`; `SimpleSpanProcessor(InMemorySpanExporter())`: the"
        " spans stay in memory"
    )

    def __init__(self, program: Program, folder: Path) -> None:
        self._exporter = InMemorySpanExporter()
        super().__init__(program, folder, SimpleSpanProcessor(self._exporter))

    def recorded(self) -> int:
        """Return how many spans there are."""
        return len(self._exporter.get_finished_spans())

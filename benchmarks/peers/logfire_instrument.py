"""logfire's `instrument`."""

from __future__ import annotations

from pathlib import Path

import logfire
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.peers.exporter import CountingExporter
from benchmarks.peers.protocol import Method, Wrapping
from benchmarks.workloads.program import Program, Site


class Logfire(Wrapping):
    """A span of each call, with its arguments, in batches."""

    distribution = "logfire"
    setup = (
        "`@logfire.instrument`; `logfire.configure(send_to_logfire=False, console=False,"
        " additional_span_processors=[BatchSpanProcessor(...)])` with an exporter that counts the"
        " spans and drops them"
    )
    link = "https://logfire.pydantic.dev/docs/guides/onboarding-checklist/add-manual-tracing/"
    imports = "import logfire"

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        self._exporter = CountingExporter()
        logfire.configure(
            send_to_logfire=False,
            console=False,
            additional_span_processors=[BatchSpanProcessor(self._exporter)],
        )

    def wrap(self, site: Site) -> Method:
        """Decorate one method."""
        return logfire.instrument(site.function)

    def flush(self) -> None:
        """Export what waits."""
        logfire.force_flush()

    def recorded(self) -> int:
        """Return how many spans were exported."""
        logfire.force_flush()
        return self._exporter.spans

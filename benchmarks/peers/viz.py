"""viztracer, without and with arguments."""

from __future__ import annotations

import functools
import sys
import threading
from pathlib import Path
from typing import ClassVar, Final

from viztracer import VizTracer, report_builder

from benchmarks.checks.proof import CaseError
from benchmarks.peers.protocol import Peer
from benchmarks.workloads.program import Program

_MARKS_THREADS: Final = sys.version_info < (3, 12)
"""Whether viztracer asks `threading` to profile each new thread, once and for all."""


@functools.cache
def _tracer(*, log_func_args: bool, entries: int) -> VizTracer:
    """Return the only tracer of this process: a second one misses threads, as of 1.1.1."""
    return VizTracer(verbose=0, log_func_args=log_func_args, tracer_entries=entries)


class Viztracer(Peer):
    """Traces all that runs, in C."""

    distribution = "viztracer"
    replaces_methods = False
    setup = "`VizTracer(verbose=0)`: all that runs, in memory; saved with orjson"
    link = "https://viztracer.readthedocs.io/en/latest/basic_usage.html"
    imports = "from viztracer import VizTracer"
    is_global = True
    counts_frames = True
    suffixes = (".json",)
    log_func_args: ClassVar[bool] = False
    entries: ClassVar[int] = 1_000_000
    """Number of runs that fit into its memory; the others are lost. This is its default."""

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        if report_builder.json.__name__ != "orjson":
            raise CaseError("viztracer's documentation advises orjson, and it is not installed")
        self._tracer = _tracer(log_func_args=self.log_func_args, entries=self.entries)
        codes = [site.function.__code__ for site in program.sites]
        self._names = {f"{c.co_qualname} ({c.co_filename}:{c.co_firstlineno})" for c in codes}
        self._take()
        self._count = 0

    def start(self) -> None:
        """Trace what runs from now on; what was traced before stays, as with all that record."""
        if _MARKS_THREADS:
            threading.setprofile(self._tracer.threadtracefunc)
        self._tracer.start()

    def stop(self) -> None:
        """Stop, in threads that are still to come, too."""
        self._tracer.stop()
        if _MARKS_THREADS:
            threading.setprofile(None)
        if not self.program.has_own_classes:
            # A model leads to so much else that a few turns are more than its buffer holds.
            self._count += self._take()

    def recorded(self) -> int:
        """Count the runs of the program's methods."""
        self._count += self._take()
        return self._count

    def _take(self) -> int:
        self._tracer.parse()
        events = self._tracer.data["traceEvents"]
        self._tracer.data = {"traceEvents": []}
        return sum(event["name"] in self._names for event in events)

    def save(self, path: Path) -> None:
        """Write Chrome's JSON."""
        self._tracer.save(str(path))


class ViztracerArguments(Viztracer):
    """With what the functions are given."""

    setup = "`VizTracer(verbose=0, log_func_args=True)`, as above with arguments"
    link = "https://viztracer.readthedocs.io/en/latest/extra_log.html"
    log_func_args = True


class LargeViztracer(Viztracer):
    """With memory for the largest trace that is read."""

    entries = 1 << 21

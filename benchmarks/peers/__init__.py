"""What is compared, by name: each in a module of its own, which is imported where it is measured."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, NamedTuple

from benchmarks.peers.protocol import Peer

ENGINE: Final = "CALLSCOPE_ENGINE"
_C: Final = {ENGINE: "c"}
_PYTHON: Final = {ENGINE: "python"}
_NO_AGENT: Final = {
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
}
_MADE_UP: Final = frozenset({"seed", "deep", "wide", "threads"})
"""Workloads whose methods are plain functions that take one argument."""


class Entry(NamedTuple):
    """One way to trace, and where it is."""

    name: str
    path: str
    environment: Mapping[str, str] = MappingProxyType({})
    """What is set for its process."""
    workloads: frozenset[str] | None = None
    """What it is measured on; None for all."""

    def load(self) -> type[Peer]:
        """Import it.

        Raises:
            ImportError: if what it is about is not installed.
        """
        module, _, name = self.path.partition(":")
        peer: type[Peer] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        return peer

    def runs(self, workload: str) -> bool:
        """Tell whether it is measured on a workload."""
        return self.workloads is None or workload in self.workloads


BARE: Final = "bare"
OFF: Final = "off"

ENTRIES: Final = (
    Entry(BARE, "plain:Bare"),
    Entry(OFF, "scope:Off"),
    Entry("off-again", "scope:OffAgain", workloads=frozenset({"seed"})),
    Entry("same-signature", "plain:SameSignature", workloads=_MADE_UP),
    Entry("functools.wraps", "plain:FunctoolsWraps"),
    Entry("wrapt", "wrapt_decorator:WraptDecorator"),
    Entry("floor", "plain:Floor", workloads=_MADE_UP),
    Entry("callscope-none-c", "scope:OnNone", _C),
    Entry("callscope-types-c", "scope:OnTypes", _C),
    Entry("callscope-values-c", "scope:OnValues", _C),
    Entry("callscope-none-python", "scope:OnNone", _PYTHON),
    Entry("callscope-types-python", "scope:OnTypes", _PYTHON),
    Entry("callscope-values-python", "scope:OnValues", _PYTHON),
    Entry("viztracer", "viz:Viztracer"),
    Entry("viztracer-args", "viz:ViztracerArguments"),
    Entry("autologging", "autologging_traced:Autologging"),
    Entry("aspectlib", "aspectlib_log:Aspectlib"),
    Entry("hunter", "hunter_printer:Hunter"),
    Entry("eliot", "eliot_log_call:Eliot"),
    Entry("opentelemetry", "otel:OtelBatch"),
    Entry("opentelemetry-memory", "otel:OtelMemory"),
    Entry("ddtrace", "ddtrace_wrap:Ddtrace", _NO_AGENT),
    Entry("logfire", "logfire_instrument:Logfire"),
)
BY_NAME: Final = {entry.name: entry for entry in ENTRIES}


def choose(patterns: Iterable[str]) -> tuple[Entry, ...]:
    """Return the entries whose names fit a pattern; `bare` is always among them.

    Raises:
        ValueError: if a pattern fits none.
    """
    patterns = list(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in BY_NAME):
            raise ValueError(f"No peer is named {pattern!r}. There are: {', '.join(BY_NAME)}.")
    wanted = [BARE, *patterns]
    return tuple(e for e in ENTRIES if any(fnmatchcase(e.name, w) for w in wanted))

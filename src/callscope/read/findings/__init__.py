"""Mistakes that a trace shows: one function per kind, which stays silent when unsure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from callscope.read.findings.dropped import find_dropped
from callscope.read.findings.finding import Finding, Findings, Severity
from callscope.read.findings.half_built import find_after, find_before
from callscope.read.findings.inits import find_missing, find_twice
from callscope.read.findings.objects import Objects
from callscope.read.findings.templates import find_bypassed, find_not_reached
from callscope.trace import TraceData

__all__ = ["DETECTORS", "Finding", "Findings", "Severity", "find_mistakes"]

DETECTORS: Final[tuple[Callable[[Objects], Iterator[Finding]], ...]] = (
    find_missing,
    find_twice,
    find_before,
    find_after,
    find_bypassed,
    find_not_reached,
    find_dropped,
)


def find_mistakes(trace: TraceData) -> Findings:
    """Return the mistakes that a trace shows, errors first, each kind in the order they began.

    The result is empty if the trace lacks calls: cut by `max_calls`, or left out by `where`,
    `sample` or `max_per_second`.
    """
    if trace.lost or trace.left_out or trace.header.filtered:
        return Findings()
    objects = Objects(trace.table)
    findings = [finding for detect in DETECTORS for finding in detect(objects)]
    return Findings(sorted(findings, key=lambda finding: finding.severity != "error"))

"""The figures, worked out of what `pyperf` measured.

Run number i of every case belongs to round i, and the rounds of all cases lie within seconds of
each other. So differences and ratios are taken within each round, where a busy machine slows both
sides alike, and the median is taken over the rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pyperf

from benchmarks import calls, startup, weaving

IMPORT_BUDGET_MS: Final = 10.0


class Figure(NamedTuple):
    """A median, and how far the samples lie from it."""

    median: float
    mad: float
    """Median absolute deviation."""

    @classmethod
    def of(cls, samples: Iterable[float]) -> Figure:
        """Work out the figure of some samples."""
        values = list(samples)
        median = statistics.median(values)
        return cls(median, statistics.median(abs(value - median) for value in values))


class CallCost(NamedTuple):
    """What one call of the seed example costs in one case."""

    case: str
    ns: Figure
    added_ns: Figure
    """Beyond `bare`."""
    ratio: Figure
    """To `bare`."""
    added_ratio: Figure
    """What is added, as a multiple of what the same-signature wrapper adds."""


class WeaveCost(NamedTuple):
    """What starting and stopping one recording costs."""

    case: str
    classes: int
    ms: Figure


class Figures(NamedTuple):
    """All that one run of the benchmarks found."""

    calls: list[CallCost]
    import_ms: Figure
    weaves: list[WeaveCost]

    @classmethod
    def of(cls, suite: Any) -> Figures:
        """Work out the figures of a `pyperf.BenchmarkSuite`."""
        return cls(
            _call_costs(suite),
            _scaled(suite, startup.IMPORT, 1e3),
            [WeaveCost(c.name, c.classes, _scaled(suite, c.name, 1e3)) for c in weaving.CASES],
        )


def _call_costs(suite: Any) -> list[CallCost]:
    rounds = {case.name: _rounds(suite.get_benchmark(case.name)) for case in calls.CASES}
    bare = rounds[calls.BARE]
    least = _differences(rounds[calls.SAME_SIGNATURE], bare)
    costs = []
    for name, times in rounds.items():
        added = _differences(times, bare)
        costs.append(
            CallCost(
                name,
                _scaled(suite, name, 1e9),
                Figure.of(seconds * 1e9 for seconds in added),
                Figure.of(a / b for a, b in zip(times, bare, strict=True)),
                Figure.of(a / b for a, b in zip(added, least, strict=True)),
            )
        )
    return costs


def _rounds(benchmark: pyperf.Benchmark) -> list[float]:
    return [statistics.median(run.values) for run in benchmark.get_runs()]


def _differences(these: list[float], those: list[float]) -> list[float]:
    return [this - that for this, that in zip(these, those, strict=True)]


def _scaled(suite: Any, name: str, factor: float) -> Figure:
    values = suite.get_benchmark(name).get_values()
    return Figure.of(seconds * factor for seconds in values)

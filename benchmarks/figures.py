"""The figures, worked out of what `pyperf` measured.

Differences from the bare example and ratios to it are taken between the two times of a pair, which
a busy machine slows alike; the median is taken over all pairs.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import pyperf

from benchmarks import calls, reading, saving, startup, weaving


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
    """Beyond the bare example beside it."""
    ratio: Figure
    """To the bare example beside it."""
    added_ratio: float
    """What is added, as a multiple of what the same-signature wrapper adds."""


class WeaveCost(NamedTuple):
    """What starting and stopping one recording costs."""

    case: str
    classes: int
    ms: Figure


class ReadCost(NamedTuple):
    """What reading one call back costs in one case."""

    case: str
    us: Figure
    ratio: Figure
    """To `json.loads` of the lines beside it."""


class SaveCost(NamedTuple):
    """What saving a trace costs, beside viztracer."""

    content: str
    case: str
    other: str
    ms: Figure
    other_ms: Figure
    times: Figure
    """As a multiple of what the other takes in the same round."""
    megabytes: float
    other_megabytes: float
    read_ms: Figure
    """What reading the tape takes, which comes before and is not in the above."""


class Comparison(NamedTuple):
    """What one case adds to the bare example, as a multiple of what another adds."""

    case: str
    other: str
    times: float


_COMPARED: Final = (
    ("on-none", calls.VIZTRACER),
    ("on-none", calls.FLOOR),
    ("on-values", "on-none"),
)


class Figures(NamedTuple):
    """All that one run of the benchmarks found."""

    calls: list[CallCost]
    compared: list[Comparison]
    import_ms: dict[str, Figure]
    weaves: list[WeaveCost]
    reads: list[ReadCost]
    saves: list[SaveCost]

    @classmethod
    def of(
        cls, suite: pyperf.BenchmarkSuite, saves: Sequence[Mapping[str, saving.Saved]]
    ) -> Figures:
        """Work out the figures of all rounds."""
        costs = _call_costs(suite)
        return cls(
            costs,
            _compare(costs),
            {case.name: _scaled(suite, case.name, 1e3) for case in startup.CASES},
            [WeaveCost(c.name, c.classes, _scaled(suite, c.name, 1e3)) for c in weaving.CASES],
            [_read_cost(suite, case) for case in reading.CASES],
            [_save_cost(pair, saves) for pair in saving.PAIRS],
        )


def _call_costs(suite: pyperf.BenchmarkSuite) -> list[CallCost]:
    pairs = {case.name: _pairs(suite, case) for case in calls.CASES}
    ratios = {name: Figure.of(a / b for a, b in pairs[name]) for name in pairs}
    # Of medians, for within one pair the wrapper may seem to add next to nothing.
    least = ratios[calls.SAME_SIGNATURE].median - 1
    return [
        CallCost(
            name,
            _scaled(suite, name, 1e9),
            Figure.of((a - b) * 1e9 for a, b in pairs[name]),
            ratios[name],
            (ratios[name].median - 1) / least,
        )
        for name in pairs
    ]


def _read_cost(suite: pyperf.BenchmarkSuite, case: reading.ReadCase) -> ReadCost:
    pairs = zip(_values(suite, case.name), _values(suite, case.json_name), strict=True)
    return ReadCost(case.name, _scaled(suite, case.name, 1e6), Figure.of(a / b for a, b in pairs))


def _save_cost(pair: saving.Pair, rounds: Sequence[Mapping[str, saving.Saved]]) -> SaveCost:
    ours = [saved[pair.ours.name] for saved in rounds]
    theirs = [saved[pair.theirs.name] for saved in rounds]
    return SaveCost(
        pair.content,
        pair.ours.name,
        pair.theirs.name,
        Figure.of(saved.seconds * 1e3 for saved in ours),
        Figure.of(saved.seconds * 1e3 for saved in theirs),
        Figure.of(a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True)),
        statistics.median(saved.bytes for saved in ours) / 1e6,
        statistics.median(saved.bytes for saved in theirs) / 1e6,
        Figure.of(saved.read_seconds * 1e3 for saved in ours),
    )


def _compare(costs: list[CallCost]) -> list[Comparison]:
    added = {cost.case: cost.ratio.median - 1 for cost in costs}
    return [Comparison(case, other, added[case] / added[other]) for case, other in _COMPARED]


def _pairs(suite: pyperf.BenchmarkSuite, case: calls.Case) -> list[tuple[float, float]]:
    return list(zip(_values(suite, case.name), _values(suite, case.bare_name), strict=True))


def _values(suite: pyperf.BenchmarkSuite, name: str) -> list[float]:
    values: tuple[float, ...] = suite.get_benchmark(name).get_values()
    return list(values)


def _scaled(suite: pyperf.BenchmarkSuite, name: str, factor: float) -> Figure:
    return Figure.of(seconds * factor for seconds in _values(suite, name))

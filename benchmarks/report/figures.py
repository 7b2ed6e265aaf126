"""The figures, worked out of what was measured: medians, how far samples lie from them, and slopes.

Differences from the bare program and ratios to it are taken between the two times of a sample, which
a busy machine slows alike; the median is taken over all samples.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from benchmarks.measure.calls import Sample
from benchmarks.measure.files import FileCost
from benchmarks.measure.growth import Point
from benchmarks.measure.millions import Step
from benchmarks.measure.reading import UNIT, Reading
from benchmarks.measure.results import Results
from benchmarks.measure.weaving import Woven
from benchmarks.workloads import BY_NAME, WORKLOADS

_NOISE: Final = 3
"""What is added counts from so many median absolute deviations on."""


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
    """What one call costs."""

    added_ns: Figure
    """Beyond the bare program beside it."""
    ratio: Figure
    """To the bare program beside it."""

    @property
    def is_noise(self) -> bool:
        """Whether what is added may as well be nothing."""
        return abs(self.added_ns.median) < _NOISE * self.added_ns.mad


class Slope(NamedTuple):
    """How something grows."""

    each: float
    """What one more adds, by a line of least squares."""
    exponent: float | None
    """Of the power law that fits best: 1 is in proportion; None if something is not above 0."""


class Growth(NamedTuple):
    """How a recording grows with its calls."""

    added_ns: Slope
    resident_bytes: Slope
    written_bytes: Slope


class FileFigures(NamedTuple):
    """What one call takes in a file, in microseconds and bytes, at the largest size that was made."""

    calls: int
    read_us: Figure
    save_us: Figure | None
    size: float
    load_us: Figure | None
    load_ratio: Figure | None
    """To `json.loads` of each line."""
    save_growth: float | None
    """The exponent by which reading and saving grows with the calls."""
    load_growth: float | None


class ReadingFigures(NamedTuple):
    """What one way of reading takes."""

    ratios: dict[int, Figure]
    """By the number of calls: to what viztracer takes to save as many, in the same process."""
    seconds: Slope
    peak_bytes: Figure | None
    """Per call."""


class StepFigures(NamedTuple):
    """What one step of a very large recording takes."""

    calls: int
    seconds: Figure
    resident_bytes: Figure
    written_bytes: int


def call_costs(results: Results, workload: str, size: int) -> dict[str, CallCost]:
    """Return what a call costs with each peer that was measured on a workload."""
    found = {}
    for peer, rounds in results.measured.get(workload, {}).items():
        samples = [Sample(*sample) for one in rounds for sample in one.get(str(size), [])]
        if samples:
            found[peer] = CallCost(
                Figure.of(s.traced - s.bare for s in samples),
                Figure.of(s.traced / s.bare for s in samples),
            )
    return found


def sizes(results: Results, workload: str) -> list[int]:
    """Return the sizes of a workload that were measured."""
    measured = results.measured.get(workload, {}).values()
    found = {size for rounds in measured for one in rounds for size in one}
    return [size for size in BY_NAME[workload].sizes if str(size) in found]


def slopes(results: Results, workload: str) -> dict[str, Slope]:
    """Return how what is added to a pass grows with the size of a workload, in nanoseconds."""
    measured = sizes(results, workload)
    costs = {size: call_costs(results, workload, size) for size in measured}
    return {
        peer: fit(
            [size for size in measured if peer in costs[size]],
            [
                costs[size][peer].added_ns.median * _calls(workload, size)
                for size in measured
                if peer in costs[size]
            ],
        )
        for peer in results.measured.get(workload, {})
    }


def _calls(workload: str, size: int) -> int:
    return 4 * size if workload == "threads" else size


def growths(results: Results) -> dict[str, Growth]:
    """Return how each recording grows."""
    return {
        peer: _growth([[Point(*point) for point in points] for points in rounds])
        for peer, rounds in results.measured.get("growth", {}).items()
    }


def _growth(rounds: Sequence[Sequence[Point]]) -> Growth:
    each = [
        [
            fit([p.calls for p in points], [p[index] for p in points])
            for index in (
                Point._fields.index("seconds"),
                Point._fields.index("resident"),
                Point._fields.index("written"),
            )
        ]
        for points in rounds
    ]
    seconds, resident, written = (_median_slope(column) for column in zip(*each, strict=True))
    return Growth(Slope(seconds.each * 1e9, seconds.exponent), resident, written)


def _median_slope(found: Sequence[Slope]) -> Slope:
    exponents = [slope.exponent for slope in found if slope.exponent is not None]
    return Slope(
        statistics.median(slope.each for slope in found),
        statistics.median(exponents) if len(exponents) == len(found) else None,
    )


def weaves(results: Results) -> dict[str, dict[int, tuple[Figure, Figure]]]:
    """Return the milliseconds of the first start and stop and of a later one, by peer and classes."""
    found: dict[str, dict[int, tuple[Figure, Figure]]] = {}
    for peer, rounds in results.measured.get("weave", {}).items():
        for size in rounds[0]:
            woven = [Woven(*one[size]) for one in rounds]
            found.setdefault(peer, {})[int(size)] = (
                Figure.of(w.first * 1e3 for w in woven),
                Figure.of(w.again * 1e3 for w in woven),
            )
    return found


def weave_ratios(results: Results, peer: str, size: int) -> Figure:
    """Return the first start and stop, as a multiple of what making the classes took."""
    rounds = results.measured["weave"][peer]
    return Figure.of(Woven(*one[str(size)]).first / Woven(*one[str(size)]).making for one in rounds)


def files(results: Results) -> dict[tuple[str, str], FileFigures]:
    """Return what files cost, by peer and kind of file."""
    found = {}
    for peer, rounds in results.measured.get("files", {}).items():
        for kind in rounds[0]:
            found[peer, kind] = _file_figures([one[kind] for one in rounds if kind in one])
    return found


def _file_figures(rounds: Sequence[Mapping[str, Sequence[Any]]]) -> FileFigures:
    common = sorted(set.intersection(*(set(one) for one in rounds)), key=int)
    costs = {int(size): [FileCost(*one[size]) for one in rounds] for size in common}
    calls = max(costs)
    last = costs[calls]
    return FileFigures(
        calls,
        Figure.of(cost.read * 1e6 / calls for cost in last),
        _optional(cost.save and cost.save * 1e6 / calls for cost in last),
        last[0].size / calls,
        _optional(cost.load and cost.load * 1e6 / calls for cost in last),
        _optional(cost.load and cost.parse and cost.load / cost.parse for cost in last),
        _file_growth({n: [c.save and c.save + c.read for c in costs[n]] for n in costs}),
        _file_growth({n: [c.load for c in costs[n]] for n in costs}),
    )


def _optional(values: Iterable[float | None]) -> Figure | None:
    known = [value for value in values if value is not None]
    return Figure.of(known) if known else None


def _file_growth(seconds: Mapping[int, Sequence[float | None]]) -> float | None:
    medians = {n: _optional(values) for n, values in seconds.items()}
    known = {n: figure.median for n, figure in medians.items() if figure is not None}
    return fit(list(known), list(known.values())).exponent if len(known) > 1 else None


def readings(results: Results) -> dict[tuple[str, str], ReadingFigures]:
    """Return what reading takes, by peer and way of reading."""
    found = {}
    for peer, rounds in results.measured.get("reading", {}).items():
        ways = [{name: Reading(*way) for name, way in one.items()} for one in rounds]
        for name in ways[0]:
            found[peer, name] = _reading_figures(
                [one[name] for one in ways], [one[UNIT].seconds for one in ways]
            )
    return found


def _reading_figures(
    rounds: Sequence[Reading], units: Sequence[Mapping[str, float]]
) -> ReadingFigures:
    common = sorted(set.intersection(*(set(one.seconds) for one in rounds)), key=int)
    slopes = [fit([*map(int, common)], [one.seconds[n] for n in common]) for one in rounds]
    return ReadingFigures(
        {
            int(n): Figure.of(
                one.seconds[n] / unit[n] for one, unit in zip(rounds, units, strict=True)
            )
            for n in common
        },
        _median_slope(slopes),
        _optional(one.peak_bytes for one in rounds),
    )


def millions(results: Results) -> dict[tuple[str, str], StepFigures]:
    """Return what each step of a very large recording takes, by peer and step."""
    found = {}
    for peer, rounds in results.measured.get("millions", {}).items():
        for name in rounds[0]:
            steps = [Step(*one[name]) for one in rounds]
            found[peer, name] = StepFigures(
                steps[0].calls,
                Figure.of(step.seconds for step in steps),
                Figure.of(step.resident_bytes for step in steps),
                steps[0].written_bytes,
            )
    return found


def imports(results: Results) -> dict[str, Figure]:
    """Return the milliseconds that each import takes."""
    return {
        peer: Figure.of(seconds * 1e3 for seconds in rounds)
        for peer, rounds in results.measured.get("imports", {}).items()
    }


def fit(xs: Sequence[float], ys: Sequence[float]) -> Slope:
    """Fit a line, and the line through the logarithms, whose slope is the exponent."""
    if len(xs) < 2:  # noqa: PLR2004 - no slope without two points
        return Slope(math.nan, None)
    each = statistics.linear_regression(xs, ys).slope
    if min(*xs, *ys) <= 0:
        return Slope(each, None)
    logs = statistics.linear_regression([math.log(x) for x in xs], [math.log(y) for y in ys])
    return Slope(each, logs.slope)


def measured_workloads(results: Results) -> list[str]:
    """Return the names of the workloads that were measured."""
    return [workload.name for workload in WORKLOADS if results.measured.get(workload.name)]

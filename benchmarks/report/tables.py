"""The figures as tables in Markdown, each of which has a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Final

from benchmarks.measure.results import Results
from benchmarks.peers import BARE
from benchmarks.report import figures
from benchmarks.report.figures import CallCost, Figure, Slope
from benchmarks.workloads import BY_NAME, Workload

_NONE: Final = "-"
_FAILED: Final = "fails"
_MODELS: Final = frozenset({"keras", "torch"})
"""Workloads that do so much besides calls that only the ratio says something."""
HIGHLIGHTS: Final = frozenset(
    {
        "off",
        "functools.wraps",
        "callscope-values-c",
        "callscope-values-python",
        "viztracer",
        "opentelemetry",
    }
)
"""Peers of the short table: callscope off and on, and the tools that people compare it with."""


def render(results: Results) -> dict[str, str]:
    """Return all tables, by name."""
    tables: dict[str, Callable[[Results], str]] = {
        "machine": _machine,
        "summary": _summary,
        "highlights": lambda results: _summary(results, HIGHLIGHTS),
        "workloads": _workloads,
        "sizes": _sizes,
        "growth": _growth,
        "weave": _weave,
        "files": _files,
        "reading": _reading,
        "millions": _millions,
        "peers": _peers,
        "missing": _missing,
    }
    return {name: make(results) for name, make in tables.items()}


def _machine(results: Results) -> str:
    facts = results.facts
    return (
        f"callscope {facts['callscope']}, {facts['python']}, {facts['platform']},"
        f" {facts['cpus']} CPUs, {facts['date']}; CPU time (`{facts['clock']}`), medians ± median"
        " absolute deviations."
    )


def _summary(results: Results, peers: Container[str] | None = None) -> str:
    """Return what most people want to know, of the four-call example; by default of all peers."""
    costs = figures.call_costs(results, "seed", 1)
    growths = figures.growths(results)
    imports = figures.imports(results)
    rows = []
    shown = _by_cost(results, costs)
    for peer in shown if peers is None else filter(peers.__contains__, shown):
        cost, growth, importing = costs.get(peer), growths.get(peer), imports.get(peer)
        rows.append(
            [
                f"`{peer}`",
                _cost(results, "seed", peer, cost),
                _number(cost.ratio.median) if cost else _NONE,
                _number(max(0.0, growth.resident_bytes.each)) if growth else _NONE,
                _number(growth.written_bytes.each) if growth else _NONE,
                _number(importing.median) if importing else _NONE,
            ]
        )
    headings = [
        "",
        "ns added per call",
        "times bare",
        "bytes of memory",
        "bytes written",
        "import, ms",
    ]
    return _table(headings, rows)


def _workloads(results: Results) -> str:
    """Return what a call costs in each workload, at its largest size."""
    workloads = [BY_NAME[name] for name in figures.measured_workloads(results)]
    largest = {w.name: max(figures.sizes(results, w.name)) for w in workloads}
    costs = {w.name: figures.call_costs(results, w.name, largest[w.name]) for w in workloads}
    rows = [
        [f"`{peer}`", *(_cost(results, w.name, peer, costs[w.name].get(peer)) for w in workloads)]
        for peer in _by_cost(results, costs.get("seed", {}))
    ]
    return _table(["", *(_heading(w, largest[w.name]) for w in workloads)], rows)


def _heading(workload: Workload, size: int) -> str:
    what = f"{size:,} {workload.unit}, " if workload.unit else ""
    return f"{workload.title}, {what}{'times bare' if workload.name in _MODELS else 'ns'}"


def _cost(results: Results, workload: str, peer: str, cost: CallCost | None) -> str:
    if cost is None:
        return _FAILED if peer in results.failed.get(workload, {}) else _NONE
    if workload in _MODELS:
        return f"{cost.ratio.median:.3f} ± {cost.ratio.mad:.3f}"
    return _figure(cost.added_ns)


def _sizes(results: Results) -> str:
    """Return what a pass costs more with each class or thread more."""
    workloads = [n for n in figures.measured_workloads(results) if len(BY_NAME[n].sizes) > 1]
    slopes = {name: figures.slopes(results, name) for name in workloads}
    noise = {
        (name, peer)
        for name in workloads
        for peer, cost in figures.call_costs(
            results, name, max(figures.sizes(results, name))
        ).items()
        if cost.is_noise
    }
    rows = [
        [
            f"`{peer}`",
            *(
                cell
                for name in workloads
                for cell in _slope(slopes[name].get(peer), is_noise=(name, peer) in noise)
            ),
        ]
        for peer in results.peers
        if any(peer in slopes[name] for name in workloads)
    ]
    headings = [""]
    for name in workloads:
        headings += [f"{BY_NAME[name].title}: ns for each of {BY_NAME[name].unit}", "exponent"]
    return _table(headings, rows)


def _growth(results: Results) -> str:
    """Return how a recording grows with the calls."""
    rows = [
        [
            f"`{peer}`",
            *_slope(growth.added_ns),
            *_slope(growth.resident_bytes),
            *_slope(growth.written_bytes),
        ]
        for peer, growth in figures.growths(results).items()
    ]
    headings = ["", "ns", "exponent", "bytes of memory", "exponent", "bytes written", "exponent"]
    return _table(headings, rows)


def _weave(results: Results) -> str:
    """Return what starting and stopping takes."""
    weaves = figures.weaves(results)
    sizes = sorted({size for found in weaves.values() for size in found})
    rows = []
    for peer, found in weaves.items():
        if peer == BARE:
            continue
        slope = figures.fit(list(found), [first.median * 1e3 for first, _ in found.values()])
        again = figures.fit(list(found), [later.median * 1e3 for _, later in found.values()])
        rows.append(
            [
                f"`{peer}`",
                *(_number(found[size][0].median) if size in found else _NONE for size in sizes),
                *_slope(slope),
                _number(max(0.0, again.each)),
            ]
        )
    headings = [*(f"{size:,} classes, ms" for size in sizes), "µs per class", "exponent"]
    return _table(["", *headings, "again, µs per class"], rows)


def _files(results: Results) -> str:
    """Return what saving and loading takes, per call."""
    rows = [
        [
            f"`{peer}`",
            kind,
            f"{found.calls:,}",
            _number(found.size),
            _optional(found.read_us) if found.save_us else "as it runs",
            _optional(found.save_us) if found.save_us else "as it runs",
            _exponent(found.save_growth),
            _optional(found.load_us),
            _optional(found.load_ratio),
            _exponent(found.load_growth),
        ]
        for (peer, kind), found in figures.files(results).items()
    ]
    headings = ["", "file", "calls", "bytes", "read, µs", "save, µs", "exponent"]
    return _table([*headings, "load, µs", "times json.loads", "exponent"], rows)


def _reading(results: Results) -> str:
    """Return what reading takes, as multiples of what viztracer takes to save as many calls."""
    readings = figures.readings(results)
    if not readings:
        return "*Not measured yet.*"
    sizes = sorted({size for reading in readings.values() for size in reading.ratios})
    rows = [
        [
            f"`{peer}`",
            name,
            *(_optional(reading.ratios.get(size)) for size in sizes),
            *_slope(reading.seconds._replace(each=reading.seconds.each * 1e6)),
            _optional(reading.peak_bytes),
        ]
        for (peer, name), reading in readings.items()
    ]
    headings = ["", "reading", *(f"{size:,} calls" for size in sizes)]
    return _table([*headings, "µs per call", "exponent", "bytes of memory"], rows)


def _millions(results: Results) -> str:
    """Return what very many calls take, step by step."""
    rows = [
        [
            f"`{peer}`",
            name,
            f"{step.calls:,}",
            _figure(step.seconds),
            _number(step.seconds.median / step.calls * 1e6),
            f"{step.resident_bytes.median / 2**20:,.0f}",
            f"{step.written_bytes / 2**20:,.0f}" if step.written_bytes else _NONE,
        ]
        for (peer, name), step in figures.millions(results).items()
    ]
    headings = ["", "step", "calls", "seconds", "µs per call", "MiB of memory", "MiB written"]
    return _table(headings, rows)


def _peers(results: Results) -> str:
    """Return how each peer was set up."""
    rows = [
        [
            f"`{name}`",
            f"{peer['distribution'] or 'Python'} {peer['version']}",
            peer["setup"] + (f"; {peer['note']}" if peer["note"] else ""),
            f"[its documentation]({peer['link']})" if peer["link"] else _NONE,
        ]
        for name, peer in results.peers.items()
    ]
    return _table(["", "version", "set up as", "as advised by"], rows, numbers=False)


def _missing(results: Results) -> str:
    """Return what was not measured, and why."""
    lines = [f"- `{name}` was not measured: {why}" for name, why in results.absent.items()]
    for subject, failed in results.failed.items():
        lines += [
            f"- `{peer}` fails on `{subject}`: {_one_line(why)}" for peer, why in failed.items()
        ]
    return "\n".join(lines) or "Everything was measured."


def _by_cost(results: Results, costs: dict[str, CallCost]) -> list[str]:
    """Return the peers, the cheapest first, those without a cost last."""
    known = sorted(costs, key=lambda peer: costs[peer].added_ns.median)
    return [*known, *(peer for peer in results.peers if peer not in costs)]


def _figure(figure: Figure) -> str:
    return f"{_number(figure.median)} ± {_number(figure.mad)}"


def _optional(figure: Figure | None) -> str:
    return _number(figure.median) if figure else _NONE


def _slope(slope: Slope | None, *, is_noise: bool = False) -> tuple[str, str]:
    if slope is None or math.isnan(slope.each):
        return _NONE, _NONE
    return _number(slope.each), _NONE if is_noise else _exponent(slope.exponent)


def _exponent(exponent: float | None) -> str:
    return _NONE if exponent is None else f"{exponent:.2f}"


def _number(value: float) -> str:
    """Write a number with three digits that count."""
    if abs(value) < 5e-4:  # noqa: PLR2004 - nothing that would show
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(3, decimals)}f}"


def _one_line(text: str) -> str:
    return f"`{' '.join(text.split())[:200].replace('`', chr(39))}`"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    rules = ["---", *(["---:" if numbers else "---"] * (len(headings) - 1))]
    lines = [headings, rules, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

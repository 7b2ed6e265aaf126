"""What a run found, as text to read and as JSON to keep."""

from __future__ import annotations

import os
import platform
from typing import Any, Final

import pyperf

import callscope
from benchmarks import clock, reading
from benchmarks.figures import CallCost, Figures
from benchmarks.startup import BUDGET_MS

_HEADINGS: Final = ("case", "ns/call", "MAD", "added", "MAD", "x bare", "MAD", "x wrapper")
_LINE: Final = "{:<17}{:>9}{:>8}{:>9}{:>8}{:>9}{:>8}{:>12}"

# The rest of what pyperf notes names the machine, its folders or its user.
_KEPT: Final = frozenset(
    {
        "cpu_count",
        "cpu_model_name",
        "date",
        "duration",
        "inner_loops",
        "loops",
        "name",
        "perf_version",
        "platform",
        "python_implementation",
        "python_version",
        "unit",
    }
)


def tables(figures: Figures) -> str:
    """Return the figures as text."""
    return "\n".join(
        [
            _title(),
            "",
            "One call of the seed example; 'x wrapper': times what same-signature adds:",
            _LINE.format(*_HEADINGS),
            *map(_call_line, figures.calls),
            *(f"{c.case} adds {c.times:.2f} times what {c.other} adds" for c in figures.compared),
            "",
            f"Import, in a fresh interpreter; the budget of 'import' is {BUDGET_MS:.0f} ms:",
            f"{'case':<17}{'ms':>9}{'MAD':>8}",
            *(f"{c:<17}{ms.median:>9.2f}{ms.mad:>8.2f}" for c, ms in figures.import_ms.items()),
            "",
            "Start and stop of a recording:",
            f"{'case':<17}{'ms':>9}{'MAD':>8}{'us/class':>10}",
            *(
                f"{case:<17}{ms.median:>9.2f}{ms.mad:>8.2f}{ms.median * 1e3 / classes:>10.0f}"
                for case, classes, ms in figures.weaves
            ),
            "",
            f"Reading {reading.CALLS:,} calls; the budget of 'load' is {reading.BUDGET:.3f} x json:",
            f"{'case':<19}{'us/call':>9}{'MAD':>8}{'x json':>9}{'MAD':>8}",
            *(
                f"{case:<19}{us.median:>9.2f}{us.mad:>8.2f}{ratio.median:>9.3f}{ratio.mad:>8.3f}"
                for case, us, ratio in figures.reads
            ),
        ]
    )


def _title() -> str:
    facts = machine()
    return (
        f"callscope {callscope.__version__} ({facts['engine']} engine),"
        f" {facts['implementation']} {facts['python']}, {facts['platform']},"
        f" {facts['cpu_count']} CPUs"
    )


def _call_line(cost: CallCost) -> str:
    return _LINE.format(
        cost.case,
        f"{cost.ns.median:.1f}",
        f"{cost.ns.mad:.1f}",
        f"{cost.added_ns.median:.1f}",
        f"{cost.added_ns.mad:.1f}",
        f"{cost.ratio.median:.2f}",
        f"{cost.ratio.mad:.2f}",
        f"{cost.added_ratio:.2f}",
    )


def machine() -> dict[str, Any]:
    """Return what the figures depend on, and nothing that names the machine."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
        "engine": getattr(callscope, "engine", "python"),
    }


def summary(figures: Figures, rounds: int) -> dict[str, Any]:
    """Return the figures as what JSON can hold."""
    return {
        "callscope": callscope.__version__,
        "machine": machine(),
        "clock": clock.NAME,
        "rounds": rounds,
        "calls": {cost.case: _call_summary(cost) for cost in figures.calls},
        "compared": [comparison._asdict() for comparison in figures.compared],
        "import_ms": {case: ms._asdict() for case, ms in figures.import_ms.items()},
        "import_budget_ms": BUDGET_MS,
        "read": {
            read.case: {"us": read.us._asdict(), "ratio_to_json": read.ratio._asdict()}
            for read in figures.reads
        },
        "read_budget": reading.BUDGET,
        "weave_ms": {
            weave.case: {**weave.ms._asdict(), "classes": weave.classes} for weave in figures.weaves
        },
    }


def _call_summary(cost: CallCost) -> dict[str, Any]:
    return {
        "ns": cost.ns._asdict(),
        "added_ns": cost.added_ns._asdict(),
        "ratio_to_bare": cost.ratio._asdict(),
        "added_ratio_to_same_signature": cost.added_ratio,
    }


def without_names(suite: pyperf.BenchmarkSuite) -> pyperf.BenchmarkSuite:
    """Return the measurements without what names the machine, its folders or its user."""
    return pyperf.BenchmarkSuite(
        [
            pyperf.Benchmark([_run_without_names(run) for run in benchmark.get_runs()])
            for benchmark in suite.get_benchmarks()
        ]
    )


def _run_without_names(run: pyperf.Run) -> pyperf.Run:
    metadata = {name: value for name, value in run.get_metadata().items() if name in _KEPT}
    return pyperf.Run(run.values, run.warmups, metadata=metadata, collect_metadata=False)

"""Measures everything in one run: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import pyperf

from benchmarks import report
from benchmarks.figures import Figures

_SUMMARY: Final = Path(__file__).parent / "results" / "summary.json"


class Effort(NamedTuple):
    """How much is measured."""

    rounds: int
    once_every: int
    """After how many rounds of calls comes a round of what a program does but once, and of reading."""


_FULL: Final = Effort(rounds=48, once_every=8)
_QUICK: Final = Effort(rounds=5, once_every=3)

# What a program does but once needs a process to itself, and must not be warm.
_GROUP_OPTIONS: Final = {
    "calls": ("--worker", "--warmups", "1", "--values", "1"),
    "read": ("--worker", "--warmups", "0", "--values", "1"),
    "once": ("--processes", "1", "--warmups", "0", "--values", "1"),
}

_SELDOM: Final = ("read", "once")


def main() -> None:
    """Measure, print the tables and write the files."""
    args = _parse()
    effort = _QUICK if args.quick else _FULL
    suite = _measure(effort)
    figures = Figures.of(suite)
    print(report.tables(figures))
    if args.output is not None:
        report.without_names(suite).dump(str(args.output), replace=True)
    args.summary.parent.mkdir(parents=True, exist_ok=True)
    summary = report.summary(figures, effort.rounds)
    args.summary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough run of half a minute")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write pyperf's own JSON to this file"
    )
    parser.add_argument(
        "--summary",
        type=Path,
        default=_SUMMARY,
        metavar="FILE",
        help="write the figures to this file (default: benchmarks/results/summary.json)",
    )
    return parser.parse_args()


def _measure(effort: Effort) -> pyperf.BenchmarkSuite:
    suite = _measure_round("calls")
    for group in _SELDOM:
        suite.add_runs(_measure_round(group))
    for index in range(1, effort.rounds):
        if sys.stderr.isatty():
            print(f"round {index + 1} of {effort.rounds}", end="\r", file=sys.stderr, flush=True)
        suite.add_runs(_measure_round("calls"))
        if index % effort.once_every == 0:
            for group in _SELDOM:
                suite.add_runs(_measure_round(group))
    return suite


def _measure_round(group: str) -> pyperf.BenchmarkSuite:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "round.json")
        command = [sys.executable, "-m", "benchmarks.measure", group, "-o", path]
        command += [*_GROUP_OPTIONS[group], "--inherit-environ", "CALLSCOPE_ENGINE"]
        done = subprocess.run(  # noqa: S603 - a module of this package
            command, check=False, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\nA round failed, so there are no figures; see above.")
        return pyperf.BenchmarkSuite.load(path)


if __name__ == "__main__":
    main()

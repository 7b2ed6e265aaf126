"""Measures everything in one run: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyperf

from benchmarks import report
from benchmarks.figures import Figures

_SUMMARY: Final = Path(__file__).parent / "results" / "summary.json"


class Effort(NamedTuple):
    """How much is measured."""

    rounds: int
    once_every: int
    """After how many rounds of calls comes one of the cases that no call is part of."""


_FULL: Final = Effort(rounds=24, once_every=3)
_QUICK: Final = Effort(rounds=3, once_every=2)

# Timing a case is preceded by passes that are not timed, so few values per process are needed;
# what is measured once per process must not be warm.
_OPTIONS: Final = {
    "calls": ("--warmups", "1", "--values", "2"),
    "once": ("--warmups", "0", "--values", "1"),
}


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


def _measure(effort: Effort) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "suite.json"
        for index in range(effort.rounds):
            print(f"round {index + 1} of {effort.rounds}", file=sys.stderr, flush=True)
            _measure_round("calls", path)
            if index % effort.once_every == 0:
                _measure_round("once", path)
        return pyperf.BenchmarkSuite.load(str(path))


def _measure_round(group: str, path: Path) -> None:
    # A process for each round: within one, pyperf would take all runs of a case in a row, and a
    # machine that is busy for a while would slow one case and not the next.
    command = [sys.executable, "-m", "benchmarks.measure", group, *_OPTIONS[group]]
    command += ["--append", str(path), "--inherit-environ", "CALLSCOPE_ENGINE"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\nA round failed, so there are no figures; see above.")


if __name__ == "__main__":
    main()

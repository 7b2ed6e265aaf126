"""One round: measures each case of a group once, one after the other, each in a fresh process.

This is a `pyperf` program like any other; ``python -m benchmarks`` runs it round after round.
"""

from __future__ import annotations

import argparse
from typing import Final

import pyperf

from benchmarks import calls, startup, weaving

GROUPS: Final = ("calls", "once")


def main() -> None:
    """Measure the group named on the command line."""
    runner = pyperf.Runner(
        loops=1,
        processes=1,
        program_args=("-m", "benchmarks.measure"),
        add_cmdline_args=_name_group,
    )
    runner.argparser.add_argument("group", choices=GROUPS, help="the cases to measure")
    if runner.parse_args().group == "calls":
        for case in calls.CASES:
            runner.bench_time_func(case.name, calls.time_case, case, inner_loops=calls.CALLS)
    else:
        runner.bench_time_func(startup.IMPORT, startup.time_import)
        for weave in weaving.CASES:
            runner.bench_time_func(weave.name, weaving.time_weave, weave)


def _name_group(command: list[str], args: argparse.Namespace) -> None:
    command.append(args.group)


if __name__ == "__main__":
    main()

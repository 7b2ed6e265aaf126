"""One round: a `pyperf` program that measures each case of a group once.

``python -m benchmarks`` runs it round after round.
"""

from __future__ import annotations

import argparse
from typing import Final

import pyperf

from benchmarks import calls, reading, startup, weaving

GROUPS: Final = ("calls", "read", "once")


def main() -> None:
    """Measure the group named on the command line."""
    runner = pyperf.Runner(
        loops=1, program_args=("-m", "benchmarks.measure"), add_cmdline_args=_pass_on
    )
    runner.argparser.add_argument("group", choices=GROUPS, help="the cases to measure")
    args = runner.parse_args()
    if args.group == "once":
        for start in startup.CASES:
            runner.bench_time_func(start.name, startup.time_import, start)
        for weave in weaving.CASES:
            runner.bench_time_func(weave.name, weaving.time_weave, weave)
    elif not args.worker:
        runner.argparser.error("both times of a pair come from one process: add --worker")
    elif args.group == "read":
        for read in reading.CASES:
            reads = reading.Pair(read)
            runner.bench_time_func(read.name, reads.time_load, inner_loops=reading.CALLS)
            runner.bench_time_func(read.json_name, reads.time_json, inner_loops=reading.CALLS)
    else:
        for case in calls.CASES:
            pair = calls.Pair(case)
            runner.bench_time_func(case.name, pair.time_case, inner_loops=calls.CALLS)
            runner.bench_time_func(case.bare_name, pair.time_bare, inner_loops=calls.CALLS)


def _pass_on(command: list[str], args: argparse.Namespace) -> None:
    command.append(args.group)


if __name__ == "__main__":
    main()

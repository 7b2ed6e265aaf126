"""``python -m downstream``: see the README beside this file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from downstream.compare import DIFFERENCES, Differences, compare, known_differences
from downstream.install import ROOT, install
from downstream.run import ENGINES, AllRuns, Engine, SuiteError, run_all, traced_folder
from downstream.suites import SUITES, Suite
from downstream.table import rows, write_page

_WORK: Final = ROOT / ".downstream"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites asked for; return 1 if a test turned that is not listed."""
    options = _parser().parse_args(arguments)
    suites = [suite for suite in SUITES if not options.suite or suite.name in options.suite]
    known = known_differences()
    engines: Sequence[Engine] = ENGINES if options.engine == "both" else (options.engine,)
    runs: dict[Suite, AllRuns] = {}
    complaints: list[str] = []
    works = [options.folder.absolute() / suite.name for suite in suites]
    with ThreadPoolExecutor(options.jobs) as pool:
        # The longest begin first, so that none of them runs alone at the end.
        futures = [
            pool.submit(_run, suite, work, engines)
            for suite, work in zip(reversed(suites), reversed(works), strict=True)
        ]
        for suite, work, future in zip(suites, works, reversed(futures), strict=True):
            result = future.result()
            if isinstance(result, SuiteError):
                complaints.append(str(result))
                continue
            runs[suite] = result
            print(rows(suite, result), end="", flush=True)
            complaints += _complaints(suite, result, known.get(suite.name, {}), work)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if len(runs) == len(SUITES) and len(engines) == len(ENGINES):
        print(f"{write_page(runs, known).relative_to(ROOT)} is written")
    return 1 if complaints else 0


def _run(suite: Suite, work: Path, engines: Sequence[Engine]) -> AllRuns | SuiteError:
    work.mkdir(parents=True, exist_ok=True)
    print(f"{suite.library} {suite.version} ...", flush=True)
    try:
        return run_all(suite, install(suite, work), work, engines)
    except SuiteError as error:
        return error


def _is_in_place(engine: Engine) -> bool:
    """Return whether methods are recorded in place, which is not known to turn any test."""
    return engine == "c" and (3, 12) <= sys.version_info < (3, 14)


def _complaints(suite: Suite, runs: AllRuns, known: Differences, work: Path) -> list[str]:
    complaints = []
    for engine, of_engine in runs.items():
        begin = f"{suite.library}, engine {engine!r}:"
        unexpected, stale = compare(of_engine, {} if _is_in_place(engine) else known)
        complaints += [f"{begin} turned by tracing: {test}" for test in unexpected]
        complaints += [
            f"{begin} no longer turned; take it out of {DIFFERENCES.name}: {test}" for test in stale
        ]
        if unexpected:
            complaints.append(f"{begin} what the tests printed is in {traced_folder(work, engine)}")
    return complaints


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m downstream",
        description="Run other libraries' own tests without and with tracing, and compare them.",
    )
    parser.add_argument(
        "suite",
        nargs="*",
        choices=[[], *(suite.name for suite in SUITES)],
        help="which ones; all by default",
    )
    parser.add_argument(
        "--engine",
        choices=[*ENGINES, "both"],
        default="both",
        help="which tape the calls are written to (default: both, one after the other)",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count(),
        help="how many suites run at once (default: one per core, here %(default)s)",
    )
    parser.add_argument(
        "--folder", type=Path, default=_WORK, help="where they are installed (default: .downstream)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

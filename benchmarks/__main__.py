"""Compares callscope with its peers, on the same work in one run: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks import peers
from benchmarks.checks import gate
from benchmarks.measure import run
from benchmarks.measure.effort import EFFORTS, FULL, PART, Effort
from benchmarks.measure.results import Results
from benchmarks.report import tables

FOLDER: Final = Path(__file__).parent / "results"
RESULTS: Final = "results.json"
_UNFINISHED: Final = "unfinished.json"


def main() -> int:
    """Measure, and write what was found; return 1 if it is not as it should be."""
    args = _parse()
    effort = EFFORTS["quick" if args.quick else "smoke" if args.smoke else FULL]
    if args.quick:
        return _compare(args.output / effort.name, effort, renew=args.renew)
    unfinished = args.output / _UNFINISHED
    results = run.measure(
        args.peers or peers.ENTRIES, args.only or run.SUBJECTS, effort, unfinished
    )
    if effort.name == FULL and (args.peers or args.only):
        results = results._replace(effort=PART)
    _write(results, args.output / results.effort)
    return 1 if _has_failed(results, ours_alone=effort.name == FULL) else 0


def _compare(folder: Path, effort: Effort, *, renew: bool) -> int:
    chosen, unfinished = peers.choose(gate.PEERS), folder / _UNFINISHED
    results = run.measure(chosen, gate.SUBJECTS, effort, unfinished)
    _write(results, folder)
    if renew:
        return gate.renew(results)
    if gate.check(results) == 0:
        return 0
    print("\nMeasured again, for what else runs may be to blame:", file=sys.stderr)
    return gate.check(run.measure(chosen, gate.SUBJECTS, effort, unfinished))


def _write(results: Results, folder: Path) -> None:
    results.write(folder / RESULTS)
    rendered = "\n\n".join(tables.render(results).values())
    print(rendered)
    written = folder / "tables.md"
    written.write_text(rendered + "\n", encoding="utf-8")
    files = [folder / RESULTS, written]
    if find_spec("matplotlib") is None:
        print("No pictures were drawn: pip install matplotlib.", file=sys.stderr)
    else:
        from benchmarks.report import plots

        files += plots.draw(results, folder)
    print("\nWritten:", *files, sep="\n  ", file=sys.stderr)


def _has_failed(results: Results, *, ours_alone: bool) -> bool:
    """Tell whether something failed, and say what; others may fail in a full run, and are shown to."""
    failed = [
        f"{peer} fails on {subject}: {why}"
        for subject, found in results.failed.items()
        for peer, why in found.items()
        if not ours_alone or peers.BY_NAME[peer].path.startswith("scope:")
    ]
    print(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
    return bool(failed)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        metavar="A,B",
        help=f"measure only these: {', '.join(run.SUBJECTS)}",
    )
    parser.add_argument(
        "--peers",
        type=_peers,
        metavar="A,B",
        help=f"measure only these, and bare: {', '.join(peers.BY_NAME)}; patterns such as 'callscope-*' too",
    )
    efforts = parser.add_mutually_exclusive_group()
    efforts.add_argument(
        "--quick",
        action="store_true",
        help="a few minutes: compare some ratios with those in benchmarks/checks/ratios.json, and fail if"
        " one is twice as bad",
    )
    efforts.add_argument(
        "--smoke",
        action="store_true",
        help="tiny sizes: shows that all works, and no figure counts",
    )
    parser.add_argument(
        "--renew", action="store_true", help="with --quick: write the ratios to that file instead"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=FOLDER, metavar="FOLDER", help="(default: %(default)s)"
    )
    args = parser.parse_args()
    unknown = set(args.only or ()) - set(run.SUBJECTS)
    if unknown:
        parser.error(f"nothing is named {', '.join(sorted(unknown))}; see --help")
    if args.renew and not args.quick:
        parser.error("--renew needs --quick")
    if args.quick and (args.only or args.peers):
        parser.error("--quick measures what its ratios need, and nothing else")
    return args


def _peers(text: str) -> tuple[peers.Entry, ...]:
    try:
        return peers.choose(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())

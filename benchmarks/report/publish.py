"""Puts the figures of a full run into the documentation: ``python -m benchmarks.report.publish``.

Tables and pictures take the place of what stands between ``<!-- benchmarks: NAME -->`` and ``<!-- /benchmarks -->``
in the pages, so that no figure is copied by hand; the measurements and the pictures are kept beside
them. A run of part of it, named after the full one, takes the place of what it measured again; one
of another Python has the tables of ``NAME VERSION``. ``--pages`` writes the pages alone, from the
measurements published last. ``--check`` only tells whether the pages say what the measurements say.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from benchmarks.__main__ import FOLDER, RESULTS
from benchmarks.measure.effort import FULL, PART
from benchmarks.measure.results import Results
from benchmarks.report import tables

_ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (_ROOT / "README.md", _ROOT / "docs" / "benchmarks.md")
IMAGES: Final = _ROOT / "docs" / "images"
PUBLISHED: Final = _ROOT / "docs" / "benchmarks.json"
PICTURES: Final = {
    "calls": "What each tool adds to a call of the four-call example, as bars",
    "depth": "What is added to a call of all, by the length of a chain of super(), as lines",
    "weaving": "What it takes to start and to stop, by the number of classes, as lines",
}
"""What they show, for who cannot see them, by the name of the mark."""
MARKED: Final = re.compile(
    r"(<!-- benchmarks: (\w+(?: [\d.]+)?) -->\n).*?(<!-- /benchmarks -->)", re.DOTALL
)
_NOTHING: Final = "*Not measured yet.*"


def main() -> int:
    """Publish, or check what is published."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report.publish", description=__doc__
    )
    parser.add_argument("--check", action="store_true", help="change nothing; return 1 if stale")
    parser.add_argument("--pages", action="store_true", help="write only the pages, as published")
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        default=[FOLDER / FULL],
        metavar="FOLDER",
        help="of a full run's results, then of parts (default: what ran last in full)",
    )
    args = parser.parse_args()
    if args.check:
        stale = find_stale()
        print(
            *(f"{page} is stale: python -m benchmarks.report.publish --pages" for page in stale),
            sep="\n",
        )
        return 1 if stale else 0
    if args.pages:
        _write_pages(published())
        return 0
    results, others = Results.read(args.folders[0] / RESULTS), {}
    if results.effort != FULL:
        print(f"{args.folders[0]} is of a {results.effort} run, and not of a full one.")
        return 1
    for part in (Results.read(folder / RESULTS) for folder in args.folders[1:]):
        if part.effort not in (FULL, PART):
            print(f"The figures of a {part.effort} run count for nothing.")
            return 1
        if part.version == results.version:
            results = results.with_part(part)
        else:
            others[part.version] = part
    from benchmarks.report import plots

    results.write(PUBLISHED)
    for version, other in others.items():
        other.write(_of_version(version))
    pictures = plots.draw(results, IMAGES)
    print("Written:", PUBLISHED, *map(_of_version, others), *pictures, sep="\n  ")
    _write_pages(published())
    return 0


def _of_version(version: str) -> Path:
    return PUBLISHED.with_stem(f"{PUBLISHED.stem}-{version}")


def published() -> dict[str, Results]:
    """Return what is published: of the full run by an empty name, the others by their Python."""
    found = {} if not PUBLISHED.exists() else {"": Results.read(PUBLISHED)}
    others = map(Results.read, sorted(PUBLISHED.parent.glob(_of_version("*").name)))
    return found | {results.version: results for results in others}


def _write_pages(results: dict[str, Results]) -> None:
    for page in PAGES:
        page.write_text(fill(page, results), encoding="utf-8")
        print(f"  {page}")


def find_stale() -> list[Path]:
    """Return the pages whose tables are not those of the published measurements."""
    results = published()
    return [page for page in PAGES if fill(page, results) != page.read_text(encoding="utf-8")]


def fill(page: Path, published: dict[str, Results]) -> str:
    """Return the text of a page with its tables and pictures in place.

    Raises:
        KeyError: if a mark names none.
    """
    placed = _pictures(page)
    for version, results in published.items():
        placed |= {f"{name} {version}".strip(): t for name, t in tables.render(results).items()}

    def place(found: re.Match[str]) -> str:
        text = placed[found[2]] if published else _NOTHING
        return f"{found[1]}\n{text}\n\n{found[3]}"

    return MARKED.sub(place, page.read_text(encoding="utf-8"))


def _pictures(page: Path) -> dict[str, str]:
    folder = IMAGES.relative_to(page.parent).as_posix()
    return {name: f"![{said}]({folder}/benchmarks-{name}.svg)" for name, said in PICTURES.items()}


if __name__ == "__main__":
    sys.exit(main())

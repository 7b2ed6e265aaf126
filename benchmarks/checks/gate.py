"""Fails if callscope has become twice as slow, by ratios that do not depend on the machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.measure.reading import UNIT
from benchmarks.measure.results import Results
from benchmarks.report import figures

FILE: Final = Path(__file__).with_name("ratios.json")
RENEW: Final = "python -m benchmarks --quick --renew"
PEERS: Final = ("bare", "off", "callscope-none-*", "callscope-values-c", "viztracer")
SUBJECTS: Final = ("seed", "weave", "files", "reading")
READINGS: Final = (
    "decode",
    "summary",
    "findings",
    "print",
    "outline",
    "save .html",
    "save .jsonl",
    "load .jsonl",
    "diff with itself",
)
"""Readings that are compared: those that need no extra."""
_GROSS: Final = 2.0
"""So many times what is stored is too much; nothing finer can be told on a shared machine."""
_CLASSES: Final = 300


def _added(results: Results, peer: str) -> float:
    return figures.call_costs(results, "seed", 1)[peer].added_ns.median


def _load(results: Results, kind: str) -> float:
    ratio = figures.files(results)["callscope-values-c", kind].load_ratio
    assert ratio is not None
    return ratio.median


def _save(results: Results, peer: str) -> float:
    save = figures.files(results)[peer, ".json"].save_us
    assert save is not None
    return save.median


def _reading(results: Results, name: str) -> float:
    ratios = figures.readings(results)["callscope-values-c", name].ratios
    return ratios[max(ratios)].median


_RATIOS: Final[dict[str, Callable[[Results], float]]] = {
    "a call: off / bare": lambda r: figures.call_costs(r, "seed", 1)["off"].ratio.median,
    "added: callscope-none-c / viztracer": lambda r: (
        _added(r, "callscope-none-c") / _added(r, "viztracer")
    ),
    "added: callscope-values-c / callscope-none-c": lambda r: (
        _added(r, "callscope-values-c") / _added(r, "callscope-none-c")
    ),
    "added: callscope-none-python / viztracer": (
        lambda r: _added(r, "callscope-none-python") / _added(r, "viztracer")
    ),
    f"{_CLASSES} classes: start and stop of callscope-values-c / making them": (
        lambda r: figures.weave_ratios(r, "callscope-values-c", _CLASSES).median
    ),
    "load / json.loads of each line": lambda r: _load(r, ".jsonl"),
    "load without msgspec / json.loads of each line": lambda r: _load(r, ".jsonl without extra"),
    "save as .json: callscope-none-c / viztracer": (
        lambda r: _save(r, "callscope-none-c") / _save(r, "viztracer")
    ),
    **{f"{name} / {UNIT}": partial(_reading, name=name) for name in READINGS},
}


def check(results: Results) -> int:
    """Compare the ratios of a run with those stored; return 1 if one is far above."""
    if not _is_whole(results):
        return 1
    stored: dict[str, float] = json.loads(FILE.read_text(encoding="utf-8"))["ratios"]
    wrong = []
    for name, work_out in _RATIOS.items():
        found, before = work_out(results), stored.get(name)
        print(f"{name}: {found:.3f}; stored: {before}", file=sys.stderr)
        if before is None:
            wrong.append(f"{name} is not stored")
        elif found > _GROSS * before:
            wrong.append(f"{name} is {found / before:.1f} times what is stored")
    if wrong:
        print(*wrong, f"If that is as it should be: {RENEW}", sep="\n", file=sys.stderr)
    return 1 if wrong else 0


def renew(results: Results) -> int:
    """Store the ratios of a run."""
    if not _is_whole(results):
        return 1
    content = {
        "renew": f"{RENEW}, on a machine that does nothing else",
        "from": results.facts,
        "ratios": {name: round(work_out(results), 3) for name, work_out in _RATIOS.items()},
    }
    FILE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"Written: {FILE}", file=sys.stderr)
    return 0


def _is_whole(results: Results) -> bool:
    """Tell whether all that the ratios need was measured, and say what was not."""
    wrong = [f"{name} was not measured: {why}" for name, why in results.absent.items()]
    for subject, failed in results.failed.items():
        wrong += [f"{peer} fails on {subject}: {why}" for peer, why in failed.items()]
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return not wrong

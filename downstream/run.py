"""A library's tests, run without and with tracing."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from downstream.install import Place
from downstream.suites import INSIDE, Suite

_MOST_SECONDS: Final = 3_600
_CALLS: Final = re.compile(r"^callscope: ([\d,]+) calls ", re.MULTILINE)
_NOT_TRACED: Final = re.compile(r"^callscope: a target was not traced: .*", re.MULTILINE)

Outcomes = dict[str, str]
"""What became of each test: ``passed``, ``failed``, ``skipped`` or ``xfailed``."""


class SuiteError(Exception):
    """A library's tests could not be run, or nothing was traced."""


class Runs(NamedTuple):
    """What became of a library's tests."""

    bare: Outcomes
    traced: Outcomes
    calls: int
    """Number of calls traced."""


def run_twice(suite: Suite, place: Place, work: Path) -> Runs:
    """Run a library's tests without and with tracing.

    Raises:
        SuiteError: if they could not be run, or if a target was not traced.
    """
    bare, _ = _run(suite, place, work / "bare", traced=False)
    traced, output = _run(suite, place, work / "traced", traced=True)
    found = _CALLS.findall(output)
    calls = int(found[-1].replace(",", "")) if found else 0
    problem = _NOT_TRACED.search(output)
    if not calls or problem:
        raise SuiteError(problem.group() if problem else f"{suite.library}: no call was traced")
    return Runs(bare, traced, calls)


def _run(suite: Suite, place: Place, folder: Path, *, traced: bool) -> tuple[Outcomes, str]:
    folder.mkdir(exist_ok=True)
    results, log = folder / "results.json", folder / "output.txt"
    results.unlink(missing_ok=True)
    trace = folder / "trace.jsonl"
    command = suite.command(place.python, trace if traced else None)
    with log.open("w", encoding="utf-8") as output:
        subprocess.run(
            command,
            cwd=place.folder,
            env=_environment(suite, results),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_MOST_SECONDS,
        )
    trace.unlink(missing_ok=True)  # of half a gigabyte
    text = log.read_text(encoding="utf-8", errors="replace")
    if not results.exists():
        ending = "\n".join(text.splitlines()[-40:])
        raise SuiteError(f"{suite.library}: its tests did not run to their end.\n{ending}")
    outcomes: Outcomes = json.loads(results.read_text(encoding="utf-8"))
    return outcomes, text


def _environment(suite: Suite, results: Path) -> dict[str, str]:
    ours = ("CALLSCOPE", "PYTEST_", "PYTHON", "DJANGO_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return inherited | {
        "DOWNSTREAM_RESULTS": str(results),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(INSIDE),
        **dict(suite.environment),
    }

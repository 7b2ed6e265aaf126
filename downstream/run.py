"""A library's tests, run without and with tracing."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from downstream.install import Place
from downstream.suites import INSIDE, Suite

_MOST_SECONDS: Final = 3_600
_CALLS: Final = re.compile(r"^callscope: ([\d,]+) calls ", re.MULTILINE)
_NOT_TRACED: Final = re.compile(r"^callscope: a target was not traced: .*", re.MULTILINE)

Engine = Literal["c", "python"]
ENGINES: Final[tuple[Engine, ...]] = ("c", "python")

Outcomes = dict[str, str]
"""What became of each test: ``passed``, ``failed``, ``skipped`` or ``xfailed``."""


class SuiteError(Exception):
    """A library's tests could not be run, or nothing was traced."""


class Runs(NamedTuple):
    """What became of a library's tests, without tracing and on one engine."""

    bare: Outcomes
    traced: Outcomes
    calls: int
    """Number of calls traced."""


AllRuns: TypeAlias = Mapping[Engine, Runs]


def run_all(suite: Suite, place: Place, work: Path, engines: Sequence[Engine]) -> AllRuns:
    """Run a library's tests without tracing, and with it on each engine.

    Raises:
        SuiteError: if they could not be run, if a target was not traced, or if there is no such
            engine.
    """
    for engine in engines:
        _check_engine(suite, place, engine)
    bare, _ = _run(suite, place, work / "bare", None)
    return {engine: _run_traced(suite, place, work, engine, bare) for engine in engines}


def _check_engine(suite: Suite, place: Place, engine: Engine) -> None:
    report = ("-W", "ignore", "-c", "import callscope; print(callscope.engine)")
    done = subprocess.run(
        [str(place.python), *report],
        env=_environment(suite, place.folder, engine),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.stdout.strip() != engine:
        msg = f"{suite.library}: the extension was not built, so there is no engine {engine!r}"
        raise SuiteError(msg)


def _run_traced(suite: Suite, place: Place, work: Path, engine: Engine, bare: Outcomes) -> Runs:
    traced, output = _run(suite, place, traced_folder(work, engine), engine)
    found = _CALLS.findall(output)
    calls = int(found[-1].replace(",", "")) if found else 0
    problem = _NOT_TRACED.search(output)
    if not calls or problem:
        raise SuiteError(problem.group() if problem else f"{suite.library}: no call was traced")
    return Runs(bare, traced, calls)


def traced_folder(work: Path, engine: Engine) -> Path:
    """Return where the output of the tests goes."""
    return work / f"traced-{engine}"


def _run(suite: Suite, place: Place, folder: Path, engine: Engine | None) -> tuple[Outcomes, str]:
    folder.mkdir(exist_ok=True)
    results, log = folder / "results.json", folder / "output.txt"
    results.unlink(missing_ok=True)
    trace = folder / "trace.jsonl"
    command = suite.command(place.python, None if engine is None else trace)
    with log.open("w", encoding="utf-8") as output:
        subprocess.run(
            command,
            cwd=place.folder,
            env=_environment(suite, results, engine),
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


def _environment(suite: Suite, results: Path, engine: Engine | None) -> dict[str, str]:
    ours = ("CALLSCOPE", "PYTEST_", "PYTHON", "DJANGO_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return inherited | {
        "DOWNSTREAM_RESULTS": str(results),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(INSIDE),
        **({} if engine is None else {"CALLSCOPE_ENGINE": engine}),
        **dict(suite.environment),
    }

"""The page with the table, for the docs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from downstream.compare import Differences
from downstream.install import ROOT
from downstream.run import AllRuns, Engine, Outcomes, Runs
from downstream.suites import Suite

PAGE: Final = ROOT / "docs" / "downstream.md"

_HEAD: Final = """\
# Other libraries' own tests, traced

Each library's tests are run without tracing, and with tracing of its main classes on each of the
[engines](engines.md), and compared test by test. All methods are traced (`*` and `__*`), those of Python's own protocols among them. This page
is written by `python -m downstream`; [downstream/suites.py](../downstream/suites.py) says which of
the tests are run, and which classes are traced.

CPython {python}, {system}.

| library | version | engine | tests | passes without | passes with | calls traced |
|---|---|---|---:|---:|---:|---:|
"""
_DIFFERENCES: Final = """
## Tests that tracing turns

A test is listed here, with the reason, or turns the session red; so does one that is listed and
does not turn.

"""


def write_page(runs: Mapping[Suite, AllRuns], known: Mapping[str, Differences]) -> Path:
    """Write the page, and return its path."""
    head = _HEAD.format(python=platform.python_version(), system=platform.system())
    table = "".join(rows(suite, of_suite) for suite, of_suite in runs.items())
    listed = "".join(
        f"- {suite.library}, `{test}`: {reason}\n"
        for suite in runs
        for test, reason in known.get(suite.name, {}).items()
    )
    text = head + table + (_DIFFERENCES + listed if listed else "")
    PAGE.write_text(text, encoding="utf-8")
    return PAGE


def rows(suite: Suite, runs: AllRuns) -> str:
    """Return a library's rows of the table, each with its newline."""
    return "".join(_row(suite, engine, of_engine) for engine, of_engine in runs.items())


def _row(suite: Suite, engine: Engine, runs: Runs) -> str:
    figures = (len(runs.bare), _passes(runs.bare), _passes(runs.traced), runs.calls)
    cells = (suite.library, suite.version, engine, *(f"{figure:,}" for figure in figures))
    return f"| {' | '.join(cells)} |\n"


def _passes(outcomes: Outcomes) -> int:
    return sum(outcome == "passed" for outcome in outcomes.values())

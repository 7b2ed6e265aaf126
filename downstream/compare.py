"""Test by test: which ones tracing has turned, and whether that is known."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from downstream.run import Outcomes, Runs

DIFFERENCES: Final = Path(__file__).parent / "differences.toml"

Differences = Mapping[str, str]
"""Tests that tracing is known to turn, with the reason."""


class Comparison(NamedTuple):
    """How the tests with tracing differ from those without."""

    unexpected: list[str]
    """Tests that turned, and that nobody has listed."""
    stale: list[str]
    """Tests that are listed and did not turn."""


def known_differences(path: Path = DIFFERENCES) -> dict[str, Differences]:
    """Return the known differences by suite."""
    with path.open("rb") as file:
        return tomllib.load(file)


def compare(runs: Runs, known: Differences) -> Comparison:
    """Compare the outcomes of all tests."""
    tests = {*runs.bare, *runs.traced}
    turned = {test for test in tests if _has_turned(test, runs.bare, runs.traced)}
    return Comparison(sorted(turned - {*known}), sorted({*known} - turned))


def _has_turned(test: str, bare: Outcomes, traced: Outcomes) -> bool:
    """Tell whether a test that did not fail does so now, or is skipped or gone."""
    if test not in bare:
        return traced[test] == "failed"  # a class that could not be set up has a name of its own
    return bare[test] != "failed" and traced.get(test) not in {bare[test], "passed"}

"""A pytest plugin that writes down what became of each test, as JSON."""

import json
import os
from pathlib import Path

import pytest


class Results:
    """What became of each test of one run."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a phase of a test; one that failed decides."""
        if report.failed:
            self.outcomes[report.nodeid] = "failed"
        elif report.skipped:
            outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
            self.outcomes.setdefault(report.nodeid, outcome)
        elif report.when == "call":
            self.outcomes.setdefault(report.nodeid, "passed")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self.outcomes[report.nodeid] = "failed"

    def pytest_sessionfinish(self) -> None:
        """Write it all."""
        text = json.dumps(self.outcomes, indent=1)
        Path(os.environ["DOWNSTREAM_RESULTS"]).write_text(text, encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Begin; the run may start others in its tests, whose results are none of ours."""
    config.pluginmanager.register(Results())

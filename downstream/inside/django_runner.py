"""A runner for Django's tests that writes down what became of each, as JSON."""

import json
import os
import unittest
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner


class Result(unittest.TextTestResult):
    """What became of each test; of a test with several outcomes, a failure decides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcomes: dict[str, str] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        """Note a test that passed."""
        super().addSuccess(test)
        self.outcomes.setdefault(test.id(), "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Note a test that was skipped."""
        super().addSkip(test, reason)
        self.outcomes.setdefault(test.id(), "skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Note a test that failed as expected."""
        super().addExpectedFailure(test, err)
        self.outcomes.setdefault(test.id(), "xfailed")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Note a test that failed."""
        super().addFailure(test, err)
        self.outcomes[test.id()] = "failed"

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """Note a test that raised, or a class that could not be set up."""
        super().addError(test, err)
        self.outcomes[test.id()] = "failed"

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Note a test that passed where it ought not to."""
        super().addUnexpectedSuccess(test)
        self.outcomes[test.id()] = "failed"

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        """Note a test of which a part failed."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.outcomes[test.id()] = "failed"


class Runner(DiscoverRunner):
    """Django's runner, with our results."""

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        """Return the class of the results."""
        return Result

    def run_suite(self, suite: unittest.TestSuite, **kwargs: Any) -> Result:
        """Run the tests and write down the results."""
        result: Result = super().run_suite(suite, **kwargs)
        text = json.dumps(result.outcomes, indent=1)
        Path(os.environ["DOWNSTREAM_RESULTS"]).write_text(text, encoding="utf-8")
        return result

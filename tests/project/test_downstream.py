"""The comparison of other libraries' tests, which must not overlook one that turned."""

import pytest

from downstream.compare import Comparison, compare, known_differences
from downstream.run import Runs
from downstream.suites import SUITES
from downstream.table import rows


def runs(bare, traced):
    return Runs({"test": bare} if bare else {}, {"test": traced} if traced else {}, 1234)


@pytest.mark.parametrize(
    ("bare", "traced", "turned"),
    [
        ("passed", "passed", False),
        ("passed", "failed", True),
        ("passed", "skipped", True),
        ("passed", "xfailed", True),
        ("passed", None, True),
        ("skipped", "skipped", False),
        ("skipped", "failed", True),
        ("skipped", None, True),
        ("xfailed", "failed", True),
        ("xfailed", "xfailed", False),
        ("failed", "failed", False),
        ("failed", "passed", False),
        ("failed", None, False),
        (None, "passed", False),
        (None, "failed", True),
    ],
)
def test_what_has_turned(bare, traced, turned):
    """A test has turned if it did not fail, and now fails, is skipped, or is gone."""
    found = runs(bare, traced)
    assert Comparison(["test"] if turned else [], []) == compare(found, {})
    assert Comparison([], [] if turned else ["test"]) == compare(found, {"test": "why"})


def test_the_rows_of_the_table():
    """For each engine: all tests, those that pass without and with tracing, and the calls."""
    (suite,) = [suite for suite in SUITES if suite.name == "click"]
    expected = [
        f"| click | {suite.version} | c | 1 | 1 | 0 | 1,234 |",
        f"| click | {suite.version} | python | 1 | 1 | 1 | 1,234 |",
    ]
    found = rows(suite, {"c": runs("passed", "failed"), "python": runs("passed", "passed")})
    assert expected == found.splitlines()


def test_the_known_differences():
    """Each belongs to a suite, and has a reason."""
    known = known_differences()
    assert {*known} <= {suite.name for suite in SUITES}
    assert all(reason for of_suite in known.values() for reason in of_suite.values())

"""Helpers for a user's tests: golden outlines, traces of failing tests, a check of sinks.

They work with any test runner. The pytest fixture ``callscope`` has the first two, and more.
"""

from callscope.testing.outline import check_outline, recorded
from callscope.testing.sinks import check_sink

__all__ = ["check_outline", "check_sink", "recorded"]

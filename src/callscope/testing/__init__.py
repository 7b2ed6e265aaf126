"""What a user's tests import: golden outlines, traces shown when a test fails, the check of a sink.

For any test runner; pytest has the first two, and more, in its fixture ``callscope``.
"""

from callscope.testing.outline import check_outline, recorded
from callscope.testing.sinks import check_sink

__all__ = ["check_outline", "check_sink", "recorded"]

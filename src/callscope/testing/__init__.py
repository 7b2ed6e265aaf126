"""What a user's tests import."""

from callscope.testing.sinks import check_sink

__all__ = ["check_sink"]

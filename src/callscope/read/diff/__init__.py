"""Differences between two traces: an alignment of two call trees, not of two texts."""

from callscope.read.diff.change import Change
from callscope.read.diff.compare import Diff, diff

__all__ = ["Change", "Diff", "diff"]

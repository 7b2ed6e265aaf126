"""What differs between two traces: an alignment of two call trees, and not of two texts."""

from callscope.analyze.diff.change import Change
from callscope.analyze.diff.compare import Diff, diff

__all__ = ["Change", "Diff", "diff"]

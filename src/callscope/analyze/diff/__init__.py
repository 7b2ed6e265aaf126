"""What differs between two traces: an alignment of two call trees, and not of two texts."""

from callscope.analyze.diff.compare import Change, Diff, diff

__all__ = ["Change", "Diff", "diff"]

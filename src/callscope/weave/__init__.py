"""Shadows into the dicts of classes, and out again exactly.

A `Plan` says what one recording wants. With each change of plans, of declarations or of the
classes in a hierarchy, the weaver works out which site wants which shadow and makes it so.
Attributes are set past what a metaclass says in Python, which may refuse or redirect it. What
cannot be set is noted with the class, for `coverage()`, and never stops the program.
"""

from callscope.weave.plan import Plan
from callscope.weave.weaver import WEAVER, rescan

__all__ = ["WEAVER", "Plan", "rescan"]

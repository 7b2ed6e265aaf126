"""Weaving of shadows into the dicts of classes, and their exact removal.

A `Plan` says what one recording wants. On each change of plans, declarations or classes in a
hierarchy, the weaver computes the desired shadow of each site and applies it.
Attributes are set without calling a metaclass's Python code, which may refuse or redirect it.
What cannot be set is noted with the class, for `coverage()`, and never stops the program.
"""

from callscope.weave.plan import Plan
from callscope.weave.weaver import WEAVER, rescan

__all__ = ["WEAVER", "Plan", "rescan"]

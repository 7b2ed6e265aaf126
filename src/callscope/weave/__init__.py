"""Shadows into the dicts of classes, and out again exactly.

A `Plan` says what one recording wants. With each change of plans, of declarations or of the
classes in a hierarchy, the weaver works out which site wants which shadow and makes it so.
Attributes are set through `type.__setattr__`, for a metaclass may refuse or redirect it.
"""

from callscope.weave.plan import Plan
from callscope.weave.weaver import WEAVER, rescan

__all__ = ["WEAVER", "Plan", "rescan"]

"""Desired contents of class dicts, merged over the plans of all recordings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from callscope.declare.decorators import TracedMeta
from callscope.declare.instrumentation import own_sites
from callscope.declare.registry import REGISTRY, Declaration
from callscope.introspect.classes import (
    is_immutable,
    is_subclass,
    is_weakly_referable,
    mro,
    namespace,
)
from callscope.introspect.descriptors import binds, functions_called
from callscope.introspect.sites import ClassRef, class_ref
from callscope.weave.plan import Plan
from callscope.weave.shadow import Patch, ShadowSpec
from callscope.weave.watchers import Adopt, watch_births, watch_deaths

Key: TypeAlias = tuple[ClassRef, str]
"""A class, and a name in its dict."""


class DesiredState:
    """Desired contents of class dicts: shadows and watchers."""

    def __init__(self) -> None:
        self._own = REGISTRY.own()
        self.shadows: dict[Key, ShadowSpec] = {}
        self.watchers: dict[Key, Callable[[Any], Patch]] = {}
        self.watched: set[ClassRef] = set()
        """Classes whose objects take no weak reference, and whose finalizers are watched."""
        self.classes: set[ClassRef] = set()
        """Classes whose dicts may be changed."""
        self.bases: set[tuple[Declaration, ClassRef]] = set()
        """Classes outside of a hierarchy whose methods belong to it."""
        self.shared: set[int] = set()
        """`id` of each function that is found at several sites."""
        self.functions: dict[int, tuple[Any, Key]] = {}
        """Each function, by its `id`, and where it was found first."""

    def add_base(self, cls: type, plan: Plan, declaration: Declaration) -> None:
        """Add what one recording wants of an outside class on a hierarchy's objects."""
        self.bases.add((declaration, class_ref(cls)))
        self._add_shadows(cls, plan, declaration, declaration.root())

    def _add_shadows(
        self, cls: type, plan: Plan, declaration: Declaration, root: type | None = None
    ) -> None:
        ref = class_ref(cls)
        self.classes.add(ref)
        own = [
            d.options
            for d in self._own
            if d.includes(cls) or (root is not None and d.includes(root))
        ]
        recipe = plan.recipe((declaration.options, *own))
        for name, raw, method, reason in own_sites(cls, declaration.options.methods):
            if reason or (root is not None and not binds(name, raw)):
                continue
            key, spec = (ref, name), plan.want(ref.site(method), recipe, root)
            known = self.shadows.get(key)
            self.shadows[key] = spec if known is None or known is spec else spec | known
            self._find(raw, key)

    def _find(self, raw: Any, key: Key) -> None:
        for function in functions_called(raw):
            if self.functions.setdefault(id(function), (function, key))[1] != key:
                self.shared.add(id(function))

    def add(self, cls: type, plan: Plan, declaration: Declaration, adopt: Adopt) -> None:
        """Add what one recording wants of one class of a hierarchy."""
        ref, root = class_ref(cls), declaration.root()
        self._add_shadows(cls, plan, declaration)
        if is_immutable(cls):
            return
        # Anything added to a protocol would count as its member.
        adds = cls is root and not namespace(cls).get("_is_protocol")
        # Added wherever the root's would not run first: the first may not call super.
        # `isinstance` may ask a class for its `__class__`, and so its metaclass.
        is_traced_meta = is_subclass(type(cls), TracedMeta)
        if not is_traced_meta and (adds or _hides(cls, root, "__init_subclass__")):
            self.watchers[ref, "__init_subclass__"] = functools.partial(watch_births, cls, adopt)
        if is_weakly_referable(cls):
            return
        if adds or _hides(cls, root, "__del__"):
            self.watchers[ref, "__del__"] = functools.partial(watch_deaths, cls)
        if root is not None and not namespace(root).get("_is_protocol"):
            self.watched.add(ref)


def _hides(cls: type, root: type | None, name: str) -> bool:
    """Return whether another class hides the root's attribute of a name."""
    for base in mro(cls):
        if base is root:
            return False
        if name in namespace(base):
            return base is cls or (root is not None and not is_subclass(base, root))
    return False

"""Shadows into the dicts of classes, and out again exactly.

A `Plan` says what one recording wants. With each change of plans, of declarations or of the
classes in a hierarchy, the weaver works out which site wants which shadow and makes it so.
Attributes are set through `type.__setattr__`, for a metaclass may refuse or redirect it.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.declare import REGISTRY, Declaration, TracedMeta, why_untraceable
from callscope.hierarchy import (
    ClassRef,
    Site,
    class_ref,
    function_of,
    is_immutable,
    is_subclass,
    is_weakly_referable,
    namespace,
    own_methods,
)
from callscope.identity import identify_watched, release, release_all
from callscope.options import CAPTURES, Options
from callscope.shadow import Entry, Recipe, drop_own_frame, entry_of, hide, make_shadow, rebind

if TYPE_CHECKING:
    from callscope.options import Capture


class Plan:
    """What one recording wants woven.

    Args:
        declared: returns the hierarchies it wants, as they are at the moment.
        capture: how much of arguments and results is captured.
        redact: names of arguments that are hidden in addition to the default ones.
        live: whether each event is delivered as it happens.
    """

    def __init__(
        self,
        declared: Callable[[], list[Declaration]],
        capture: Capture,
        redact: tuple[str, ...],
        *,
        live: bool,
    ) -> None:
        self.declared = declared
        self.sites: dict[Site, Capture] = {}
        """The sites it has asked for so far; its trace holds calls of these only."""
        self._capture: Capture = capture
        self._redact = redact
        self._live = live

    def want(self, site: Site, options: Options) -> Recipe:
        """Ask for a site, and return what its shadow is to write for this recording."""
        # The less revealing of what the class allows and the recording asks for.
        capture = min(self._capture, options.capture or "values", key=CAPTURES.index)
        self.sites[site] = max(capture, self.sites.get(site, "none"), key=CAPTURES.index)
        captured = () if capture == "none" else (capture,)
        return Recipe(captured, (*self._redact, *options.redact), self._live)


class _Woven(NamedTuple):
    """What stands in a class's dict by our doing; weakly, for the class may go at any time."""

    entry: weakref.ref[Entry]
    recipe: Recipe | None
    """What a shadow writes; None for a watcher."""


class _Wanted:
    """What shall stand in the dicts of classes."""

    def __init__(self) -> None:
        self.shadows: dict[_Key, Recipe] = {}
        self.watchers: dict[_Key, Callable[[Any], Entry]] = {}

    def add(self, cls: type, plan: Plan, declaration: Declaration, adopt: _Adopt) -> None:
        """Add what one recording wants of one class."""
        ref, own, is_root = class_ref(cls), namespace(cls), declaration.root() is cls
        for name, raw in own_methods(cls, declaration.options.methods):
            if why_untraceable(cls, name, raw) is None:
                recipe = plan.want(ref.site(name), declaration.options)
                self.shadows[ref, name] = recipe | self.shadows.get((ref, name), recipe)
        if is_immutable(cls):
            return
        # Each `__init_subclass__` of the hierarchy, for one that does not call super would keep
        # the root's from running.
        if not isinstance(cls, TracedMeta) and (is_root or "__init_subclass__" in own):
            self.watchers[ref, "__init_subclass__"] = functools.partial(_watch_births, cls, adopt)
        if is_weakly_referable(cls):
            return
        ref.identify = identify_watched
        if is_root or "__del__" in own:
            self.watchers[ref, "__del__"] = functools.partial(_watch_deaths, cls)


_Key = tuple[ClassRef, str]
_Adopt = Callable[[type], None]
_ABSENT: Final = object()


class Weaver:
    """Keeps classes as the present plans want them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._plans: list[Plan] = []
        self._woven: dict[_Key, _Woven] = {}

    def begin(self, plan: Plan) -> None:
        """Weave what a recording wants."""
        with self._lock:
            self._plans.append(plan)
            try:
                self.reweave()
            except BaseException:
                self.end(plan)
                raise

    def end(self, plan: Plan) -> None:
        """Take out what nobody wants any more."""
        with self._lock:
            self._plans.remove(plan)
            self.reweave()
            if not self._plans:
                release_all()

    def reweave(self) -> None:
        """Make every class as the plans want it."""
        with self._lock:
            wanted = _Wanted()
            for plan in self._plans:
                for declaration in plan.declared():
                    for cls in declaration.classes():
                        wanted.add(cls, plan, declaration, self.adopt)
            for key in [*self._woven]:
                if key not in wanted.shadows and key not in wanted.watchers:
                    self._take_out(key)
            self._put_in(wanted)

    def adopt(self, cls: type) -> None:
        """Weave a class that has just been made, if a recording wants its hierarchy."""
        with self._lock:
            wanted = _Wanted()
            for plan in self._plans:
                for declaration in plan.declared():
                    root = declaration.root()
                    if root is not None and is_subclass(cls, root):
                        wanted.add(cls, plan, declaration, self.adopt)
            self._put_in(wanted)

    def _put_in(self, wanted: _Wanted) -> None:
        for key, recipe in wanted.shadows.items():
            self._put(key, recipe, functools.partial(_shadow, key, recipe))
        for key, make in wanted.watchers.items():
            self._put(key, None, make)

    def _put(self, key: _Key, recipe: Recipe | None, make: Callable[[Any], Entry]) -> None:
        ref, name = key
        cls = ref()
        if cls is None:
            return
        woven = self._woven.get(key)
        if woven is not None:
            present = woven.entry()
            in_place = present is not None and namespace(cls).get(name) is present.entry
            if in_place and woven.recipe == recipe:
                return
            self._take_out(key)
        entry = make(namespace(cls).get(name, _ABSENT))
        self._woven[key] = _Woven(weakref.ref(entry), recipe)
        entry.on.cell_contents = True
        type.__setattr__(cls, name, entry.entry)

    def _take_out(self, key: _Key) -> None:
        ref, name = key
        cls, entry = ref(), self._woven.pop(key).entry()
        if entry is None:
            return
        entry.on.cell_contents = False
        # Somebody may have patched on top meanwhile: then ours stays, and passes straight through.
        if cls is None or namespace(cls).get(name) is not entry.entry:
            return
        if entry.raw is _ABSENT:
            type.__delattr__(cls, name)
        else:
            type.__setattr__(cls, name, entry.raw)


def _shadow(key: _Key, recipe: Recipe, raw: Any) -> Entry:
    ref, name = key
    found = function_of(raw)
    assert found is not None, raw
    function, binding = found
    copied = entry_of(function)
    if copied is not None and copied.original is not None:
        # A class that a decorator made a second time (`slots=True`) took our shadow over.
        raw = rebind(copied.original, binding)
    return make_shadow(raw, ref.site(name), recipe)


def _watch_births(owner: type, adopt: _Adopt, raw: Any) -> Entry:
    """Make an `__init_subclass__` that does what the present one does, and then adopts."""
    record = Entry(raw)

    def __init_subclass__(cls: type, /, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            if record.raw is _ABSENT:
                super(owner, cls).__init_subclass__(*args, **kwargs)  # type: ignore[arg-type]
            else:
                record.raw.__get__(None, cls)(*args, **kwargs)
        except BaseException as error:
            drop_own_frame(error)
            raise
        if record.on.cell_contents:
            adopt(cls)

    record.entry = classmethod(hide(__init_subclass__))
    return record


def _watch_deaths(owner: type, raw: Any) -> Entry:
    """Make a `__del__` that does what the present one does, and then releases the identity."""
    record = Entry(raw)

    def __del__(self: object) -> None:  # noqa: N807
        try:
            if record.raw is not _ABSENT:
                record.raw.__get__(self, type(self))()
            else:
                inherited = getattr(super(owner, self), "__del__", None)
                if inherited is not None:
                    inherited()
        except BaseException as error:
            drop_own_frame(error)
            raise
        finally:
            release(self)

    record.entry = hide(__del__)
    return record


WEAVER: Final = Weaver()
REGISTRY.listen(WEAVER.reweave, WEAVER.adopt)

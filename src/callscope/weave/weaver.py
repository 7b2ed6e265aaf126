"""Weaver of the active plans into classes."""

from __future__ import annotations

import gc
import types
from collections.abc import Collection
from typing import Final

from callscope.declare.registry import REGISTRY, Declaration
from callscope.introspect.classes import is_subclass
from callscope.introspect.identity import (
    identify_unwatched,
    identify_watched,
    release_all,
    release_objects,
)
from callscope.introspect.locks import locked_if_free, new_lock, synchronized
from callscope.introspect.sites import ClassRef, class_ref
from callscope.tape.records import Layout
from callscope.tape.threads import TAPES
from callscope.weave.desired_state import DesiredState, Key
from callscope.weave.entry import (
    WovenEntry,
    changes_of,
    is_registered,
    registered,
    restore_changes,
)
from callscope.weave.in_place import is_attached, when_stack_is_short
from callscope.weave.plan import Plan
from callscope.weave.shadow import when_in_play


class Weaver:
    """Weaver of shadows, which keeps classes as the plans want."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._is_changing = False
        """True while classes are being changed."""
        self._plans: list[Plan] = []
        self._woven: dict[Key, WovenEntry] = {}
        self._watched: set[ClassRef] = set()
        self._bases: set[tuple[Declaration, ClassRef]] = set()
        self._by_shadow = False
        """True once the C stack has been short while the present plans record."""
        self._changes: dict[ClassRef, int] = {}
        """How often each recorded class had been changed before."""

    def __reduce__(self) -> str:
        return "WEAVER"

    def start_anew(self) -> None:
        """Finish, in a forked child, a change that another thread had begun."""
        if self._is_changing:
            self.reweave()

    def begin(self, plan: Plan) -> None:
        """Weave what a recording wants; a second call does nothing."""
        if plan in self._plans:
            return
        when_in_play(self.reweave)
        self._add(plan)

    @synchronized
    def _add(self, plan: Plan) -> None:
        self._plans.append(plan)
        self.reweave()

    @synchronized
    def end(self, plan: Plan) -> None:
        """Remove what no recording wants any more; can be repeated after an interrupt."""
        if plan in self._plans:
            self._plans.remove(plan)
        self.reweave()
        if not self._plans:
            self._by_shadow = False
            release_all()
            TAPES.forget_objects()

    @synchronized
    def reweave(self) -> None:
        """Update every class to what the plans want."""
        # The collector would look at what is made for each class, over and over.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            self._reweave()
        finally:
            if was_enabled:
                gc.enable()

    def _reweave(self) -> None:
        self._is_changing = True
        registered[:] = filter(is_registered, registered)
        desired = DesiredState()
        for plan in self._plans:
            for declaration in plan.declared():
                for cls in declaration.classes():
                    desired.add(cls, plan, declaration, self.adopt)
                for base in declaration.bases():
                    desired.add_base(base, plan, declaration)
        self._bases = desired.bases
        unwatched = self._watched - desired.watched
        for ref in unwatched:
            ref.identify = identify_unwatched
        TAPES.forget_classes()
        for key in [*self._woven]:
            if key not in desired.shadows and key not in desired.watchers:
                self._take_out(key)
        release_objects({id(ref()) for ref in unwatched})
        self._watched &= desired.watched
        self._forget_changes(desired.classes)
        self._put_in(desired)
        self._is_changing = False

    @synchronized
    def adopt(self, cls: type) -> None:
        """Weave a newly created class if a recording wants its hierarchy."""
        self._is_changing = True
        desired = DesiredState()
        for plan in self._plans:
            for declaration in plan.declared():
                root = declaration.root()
                if root is not None and is_subclass(cls, root):
                    if self._has_new_bases(cls, declaration):
                        self.reweave()
                        return
                    desired.add(cls, plan, declaration, self.adopt)
                elif (declaration, class_ref(cls)) in self._bases:
                    desired.add_base(cls, plan, declaration)
        if any(key not in self._woven and is_attached(f) for f, key in desired.functions.values()):
            self.reweave()  # a function that is recorded in place is several sites now
            return
        self._put_in(desired)
        self._is_changing = False

    def give_way(self) -> bool:
        """Let shadows record instead of what records in place; return whether they do.

        The C stack of a thread is short: bytecode that calls bytecode takes none of it.
        """
        locked_if_free(self._lock, self._use_shadows)
        return self._by_shadow

    def _use_shadows(self) -> None:
        if self._is_changing or self._by_shadow or not self._plans:
            return
        self._by_shadow = True
        TAPES.untraced(lambda _: self.reweave(), None)

    def _has_new_bases(self, cls: type, declaration: Declaration) -> bool:
        bases = declaration.bases_of(cls)
        return any((declaration, class_ref(base)) not in self._bases for base in bases)

    def codes_of(self, layout: Layout) -> Collection[types.CodeType]:
        """Return the code of a shadow's original; empty if that is not a Python function."""
        # Without the lock: the tapes' lock is held, and locks have an order.
        return {
            code
            for (ref, _), entry in [*self._woven.items()]
            if ref is layout.site.defining
            for patch in entry.patches()
            if layout in patch.layouts
            for code in patch.codes
        }

    def _put_in(self, desired: DesiredState) -> None:
        self._note_changes(desired.classes)
        by_shadow = desired.functions if self._by_shadow else desired.shared
        for key, spec in desired.shadows.items():
            self._entry(key).record(spec, by_shadow)
        for key, make in desired.watchers.items():
            self._entry(key).watch(make)
            if "__del__" in key and "__del__" in key[0].problems:
                unseen = [ref for ref in desired.watched if key[0] in ref.mro]
                desired.watched.difference_update(unseen)
        for ref in desired.watched:
            ref.identify = identify_watched
        self._watched |= desired.watched
        TAPES.forget_classes()

    def _entry(self, key: Key) -> WovenEntry:
        entry = self._woven.get(key)
        if entry is None:
            ref, name = key
            entry = ref.entries.get(name) or ref.entries.setdefault(name, WovenEntry(ref, name))
            self._woven[key] = entry
        return entry

    def _take_out(self, key: Key) -> None:
        if self._woven[key].take_out():
            del self._woven[key]

    def _note_changes(self, classes: set[ClassRef]) -> None:
        for ref in classes - self._changes.keys():
            self._changes[ref] = changes_of(ref())

    def _forget_changes(self, classes: set[ClassRef]) -> None:
        """Let what recordings have changed not count among the changes of classes."""
        for ref in self._changes.keys() - classes:
            # What is looked up next counts as one.
            restore_changes(ref(), self._changes.pop(ref) - 1)


def rescan() -> None:
    """Weave what was added to recorded classes since they were created or the recording began.

    New subclasses are seen at once, and so is all that is added to a class of `TracedMeta`. For
    other classes, methods that are set later (as `dataclasses.dataclass` does), and subclasses
    that are created without any ``__init_subclass__`` of the hierarchy, are seen when the next
    recording begins, or when this is called.
    """
    WEAVER.reweave()


WEAVER: Final = Weaver()
REGISTRY.listen(WEAVER.reweave, WEAVER.adopt)
when_stack_is_short(WEAVER.give_way)

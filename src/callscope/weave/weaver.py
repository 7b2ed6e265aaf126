"""Weaver of the active plans into classes."""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Callable, Collection, Container
from typing import Any, Final, NamedTuple

from callscope.declare.registry import REGISTRY, Declaration
from callscope.errors import TargetWarning, shown, warn
from callscope.introspect.classes import ABSENT, is_subclass, namespace
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
from callscope.weave.attributes import delete_attribute, set_attribute
from callscope.weave.desired_state import DesiredState, Key
from callscope.weave.in_place import (
    NEEDS_CALLED_INIT,
    Attachment,
    attach,
    call_init,
    is_attached,
    when_stack_is_short,
)
from callscope.weave.plan import Plan
from callscope.weave.shadow import (
    Patch,
    ShadowSpec,
    hand_back,
    make_patch,
    when_in_play,
    without_callscope,
)


class _Woven(NamedTuple):
    """A patch of a class, or what is attached to its functions.

    A patch is weakly held, as the class may be collected at any time.
    """

    patch: Callable[[], Patch | Attachment | None]
    spec: ShadowSpec | None
    """Spec of a shadow; None for a watcher."""

    def stands_in(self, cls: type, name: str) -> bool:
        """Return whether the class's dict holds it, or its functions, now."""
        patch = self.patch()
        return patch is not None and patch.stands_as(namespace(cls).get(name))

    def may_stay(self, by_shadow: Container[int]) -> bool:
        """Return whether it does not record in place what shadows have to record."""
        patch = self.patch()
        return not isinstance(patch, Attachment) or not patch.has_any(by_shadow)


class Weaver:
    """Weaver of shadows, which keeps classes as the plans want."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._is_changing = False
        """True while classes are being changed."""
        self._plans: list[Plan] = []
        self._woven: dict[Key, list[_Woven]] = {}
        self._watched: set[ClassRef] = set()
        self._bases: set[tuple[Declaration, ClassRef]] = set()
        self._by_shadow = False
        """True once the C stack has been short while the present plans record."""
        self._with_called_init: set[ClassRef] = set()
        """Classes whose `__init__` the interpreter does not enter by itself."""
        self._registered: list[types.FunctionType] = []
        """Shadows that have weak references with a callback, as from `weakref.WeakMethod`."""

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
        self._is_changing = True
        self._registered = [*filter(_is_registered, self._registered)]
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
        self._call_init(self._with_called_init - desired.classes, wanted=False)
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
        patches = [
            woven.patch()
            for (ref, _), several in [*self._woven.items()]
            for woven in several
            if ref is layout.site.defining
        ]
        return {
            code
            for patch in patches
            if patch is not None and layout in patch.layouts
            for code in patch.codes
        }

    def _put_in(self, desired: DesiredState) -> None:
        by_shadow = desired.functions if self._by_shadow else desired.shared
        self._call_init(desired.classes, wanted=True)
        for key, spec in desired.shadows.items():
            make = functools.partial(_record, key=key, spec=spec, by_shadow=by_shadow)
            self._put(key, spec, make, by_shadow)
        for key, make in desired.watchers.items():
            self._put(key, None, make)
            if "__del__" in key and "__del__" in key[0].problems:
                unseen = [ref for ref in desired.watched if key[0] in ref.mro]
                desired.watched.difference_update(unseen)
        for ref in desired.watched:
            ref.identify = identify_watched
        self._watched |= desired.watched
        TAPES.forget_classes()

    def _call_init(self, classes: set[ClassRef], *, wanted: bool) -> None:
        if NEEDS_CALLED_INIT:
            for cls in (ref() for ref in classes):
                if cls is not None:
                    call_init(cls, wanted=wanted)
            changed = self._with_called_init.union if wanted else self._with_called_init.difference
            self._with_called_init = changed(classes)

    def _put(
        self,
        key: Key,
        spec: ShadowSpec | None,
        make: Callable[[Any], Patch | Attachment],
        by_shadow: Container[int] = (),
    ) -> None:
        ref, name = key
        cls = ref()
        if cls is None:
            return
        try:
            self._try_to_put(cls, key, spec, make, by_shadow)
        except Exception as error:  # but not exceptions that end the program
            _note(ref, name, error)
        else:
            ref.problems.pop(name, None)

    def _try_to_put(
        self,
        cls: type,
        key: Key,
        spec: ShadowSpec | None,
        make: Callable[[Any], Patch | Attachment],
        by_shadow: Container[int],
    ) -> None:
        name = key[1]
        woven = [w for w in self._woven.get(key, ()) if w.patch() is not None]
        if any(w.spec == spec and w.stands_in(cls, name) and w.may_stay(by_shadow) for w in woven):
            return
        earlier = [patch for w in woven if (patch := w.patch()) is not None]
        for patch in earlier:
            hand_back(patch)
            self._keep(patch)
        patch = make(without_callscope(namespace(cls).get(name, ABSENT)))
        if not any(w.stands_in(cls, name) for w in woven):
            # A patch was put on top of ours, and may call it.
            patch.covers.extend(layout for below in earlier for layout in below.layouts)
        # Earlier ones stay on: a thread may be about to run one, a patch may be removed again,
        # and a bound method may have been kept.
        if isinstance(patch, Attachment):
            self._woven[key] = [*woven, _Woven(lambda: patch, spec)]
            for shadow in earlier:
                if any(patch.has_any({id(original)}) for _, original, _ in shadow.shadows):
                    shadow.switch(on=False)
            patch.switch(on=True)
            _put_back(cls, name)  # where a shadow stood
            return
        self._woven[key] = [*woven, _Woven(weakref.ref(patch), spec)]
        patch.switch(on=True)
        for attachment in earlier:
            if isinstance(attachment, Attachment) and attachment.has_any(by_shadow):
                attachment.switch(on=False)  # or each call would be recorded twice
        try:
            set_attribute(cls, name, patch.replacement)
        except BaseException:
            patch.switch(on=self._woven[key][-1].stands_in(cls, name))
            raise

    def _keep(self, patch: Patch | Attachment) -> None:
        """Keep weakly registered shadows alive, as the method itself would live on."""
        self._registered += filter(_is_registered, (function for function, _, _ in patch.shadows))

    def _take_out(self, key: Key) -> None:
        ref, name = key
        cls, woven = ref(), self._woven.get(key, [])
        for patch in filter(None, (w.patch() for w in woven)):
            self._keep(patch)
        # Below a patch of the program, ours stays and only calls the original. One that is not
        # ours to switch off goes too: `cloudpickle` sets what it loads on the living class.
        if cls is not None:
            # Twice: a trace function may raise in there, and is not called again after that.
            for is_last in (False, True):
                try:
                    _put_back(cls, name)
                    if not any(w.stands_in(cls, name) for w in woven):
                        break
                except Exception as error:
                    if is_last:
                        _note(ref, name, error)
        for patch in filter(None, (w.patch() for w in woven)):
            patch.switch(on=False)
            hand_back(patch)
        # At the end: an interrupted removal is repeated. A finalizer may have rewoven the entry.
        if self._woven.get(key) is woven:
            del self._woven[key]


def _record(raw: Any, key: Key, spec: ShadowSpec, by_shadow: Container[int]) -> Patch | Attachment:
    """Return what records the calls of an entry: in place if that can be, else by shadows."""
    ref, name = key
    attachment = attach(raw, ref, name, spec, by_shadow)
    return make_patch(raw, ref, name, spec) if attachment is None else attachment


def _is_registered(function: types.FunctionType) -> bool:
    """Return whether a function has a weak reference with a callback."""
    return any(ref.__callback__ is not None for ref in weakref.getweakrefs(function))


def _put_back(cls: type, name: str) -> None:
    stands = namespace(cls).get(name, ABSENT)
    raw = without_callscope(stands)
    if raw is ABSENT and stands is not ABSENT:
        delete_attribute(cls, name)
    elif raw is not stands:
        set_attribute(cls, name, raw)


def _note(ref: ClassRef, name: str, error: Exception) -> None:
    """Note why a method could not be woven or unwoven; warn once per class."""
    is_first = not ref.problems
    ref.problems[name] = f"replacing it raised {shown(error)}"
    if is_first:
        msg = (
            f"Replacing {ref.name}.{name} raised {shown(error)}."
            " The rest of the class is traced; Instrumentation.coverage() lists what is not."
        )
        warn(msg, TargetWarning)


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

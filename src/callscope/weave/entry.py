"""One woven `__dict__` entry of a class: what records it, in place or by shadow."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Container, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from callscope.errors import TargetWarning, shown, warn
from callscope.introspect.classes import ABSENT, is_set_by_metaclass, mro, namespace
from callscope.introspect.sites import ClassRef
from callscope.tape.engine import NATIVE
from callscope.weave.in_place import Attachment, attach
from callscope.weave.shadow import Patch, ShadowSpec, hand_back, make_patch, without_callscope

Make: TypeAlias = Callable[[Any], Patch]
"""Function that makes the patch of an entry."""

registered: list[types.FunctionType] = []
"""Shadows that have weak references with a callback, as from `weakref.WeakMethod`."""


class _Woven(NamedTuple):
    """A patch of a class, or what is attached to its functions.

    A patch is weakly held, as the class may be collected at any time.
    """

    patch: Callable[[], Patch | Attachment | None]
    spec: ShadowSpec | None
    """Spec of a shadow; None for a watcher."""


class WovenEntry:
    """All that was woven into one `__dict__` entry since it was last as written."""

    def __init__(self, ref: ClassRef, name: str) -> None:
        self._ref = ref
        self._name = name
        self._woven: list[_Woven] = []
        self._last: tuple[ShadowSpec, Attachment] | None = None
        """What recorded it in place last, to be used again."""

    def patches(self) -> Iterator[Patch | Attachment]:
        """Yield what is woven into it and lives."""
        for woven in self._woven:
            patch = woven.patch()
            if patch is not None:
                yield patch

    def record(self, spec: ShadowSpec, by_shadow: Container[int]) -> None:
        """Record its calls: in place if that can be, else by shadow.

        Args:
            spec: spec of its shadows.
            by_shadow: `id` of each function that cannot be recorded in place.
        """
        self._try(self._record, spec, by_shadow)

    def watch(self, make: Make) -> None:
        """Put in a watcher."""
        self._try(self._watch, make)

    def _try(self, put: Callable[..., None], *arguments: Any) -> None:
        """Put something in; what raises is noted with the class."""
        cls = self._ref()
        if cls is None:
            return
        try:
            put(cls, *arguments)
        except Exception as error:  # but not exceptions that end the program
            _note(self._ref, self._name, error)
        else:
            self._ref.problems.pop(self._name, None)

    def _record(self, cls: type, spec: ShadowSpec, by_shadow: Container[int]) -> None:
        entry = namespace(cls).get(self._name, ABSENT)
        if self._woven and self._serves(entry, spec, by_shadow):
            return
        raw = without_callscope(entry)
        patch = self._last_of(raw, spec, by_shadow) or attach(
            raw, self._ref, self._name, spec, by_shadow
        )
        if patch is None:
            self._put(cls, entry, make_patch(raw, self._ref, self._name, spec), spec)
        else:
            self._last = spec, patch
            self._attach(cls, entry, raw, patch, spec)

    def _watch(self, cls: type, make: Make) -> None:
        entry = namespace(cls).get(self._name, ABSENT)
        if not self._serves(entry, None, ()):
            self._put(cls, entry, make(without_callscope(entry)), None)

    def _serves(self, entry: Any, spec: ShadowSpec | None, by_shadow: Container[int]) -> bool:
        """Return whether what is wanted is woven in, and stands there."""
        return any(
            woven.spec == spec
            and (patch := woven.patch()) is not None
            and patch.stands_as(entry)
            and not (isinstance(patch, Attachment) and patch.has_any(by_shadow))
            for woven in self._woven
        )

    def _last_of(self, raw: Any, spec: ShadowSpec, by_shadow: Container[int]) -> Attachment | None:
        """Return what recorded the same in place before, unless it does now."""
        if self._last is None or self._woven or self._last[0] != spec:
            return None
        last = self._last[1]
        return last if last.is_of(raw) and not last.has_any(by_shadow) else None

    def _below(self, entry: Any, patch: Patch | Attachment) -> list[Patch | Attachment]:
        """Prepare what was woven in earlier for another patch, and return it."""
        earlier = [*self.patches()]
        for below in earlier:
            hand_back(below.shadows)
            _keep(below)
        if not any(below.stands_as(entry) for below in earlier):
            # A patch was put on top of ours, and may call it.
            patch.covers.extend(layout for below in earlier for layout in below.layouts)
        return earlier

    # Earlier ones stay on: a thread may be about to run one, a patch may be removed again, and a
    # bound method may have been kept.

    def _attach(
        self, cls: type, entry: Any, raw: Any, attachment: Attachment, spec: ShadowSpec
    ) -> None:
        earlier = self._below(entry, attachment) if self._woven else []
        self._woven = [*self._woven, _Woven(lambda: attachment, spec)]
        for below in earlier:
            if attachment.has_any(_originals(below)):
                below.switch(on=False)  # or each call would be recorded twice
        attachment.switch(on=True)
        if entry is not raw:
            _put_back(cls, self._name)

    def _put(self, cls: type, entry: Any, patch: Patch, spec: ShadowSpec | None) -> None:
        earlier = self._below(entry, patch) if self._woven else []
        self._woven = [*self._woven, _Woven(weakref.ref(patch), spec)]
        patch.switch(on=True)
        functions = _originals(patch)
        for below in earlier:
            if isinstance(below, Attachment) and below.has_any(functions):
                below.switch(on=False)
        try:
            _set_attribute(cls, self._name, patch.replacement)
        except BaseException:
            patch.switch(on=patch.stands_as(namespace(cls).get(self._name)))
            raise

    def take_out(self) -> bool:
        """Take everything out; return whether nothing is left. It can be repeated."""
        woven, patches, cls = self._woven, [*self.patches()], self._ref()
        for patch in patches:
            _keep(patch)
        # Below a patch of the program, ours stays and only calls the original. One that is not
        # ours to switch off goes too: `cloudpickle` sets what it loads on the living class.
        if cls is not None and not all(isinstance(patch, Attachment) for patch in patches):
            # Twice: a trace function may raise in there, and is not called again after that.
            for is_last in (False, True):
                try:
                    _put_back(cls, self._name)
                    entry = namespace(cls).get(self._name)
                    if not any(patch.stands_as(entry) for patch in patches):
                        break
                except Exception as error:
                    if is_last:
                        _note(self._ref, self._name, error)
        for patch in patches:
            patch.switch(on=False)
            hand_back(patch.shadows)
        # At the end: an interrupted removal is repeated. A finalizer may have rewoven the entry.
        if self._woven is woven:
            self._woven = []
        return not self._woven


def _originals(patch: Patch | Attachment) -> set[int]:
    """Return the `id` of the original of each shadow."""
    return {id(original) for _, original, _ in patch.shadows}


def _keep(patch: Patch | Attachment) -> None:
    """Keep weakly registered shadows alive, as the method itself would live on."""
    registered.extend(filter(is_registered, (function for function, _, _ in patch.shadows)))


def is_registered(function: types.FunctionType) -> bool:
    """Return whether a function has a weak reference with a callback."""
    return any(ref.__callback__ is not None for ref in weakref.getweakrefs(function))


def _put_back(cls: type, name: str) -> None:
    stands = namespace(cls).get(name, ABSENT)
    raw = without_callscope(stands)
    if raw is ABSENT and stands is not ABSENT:
        _delete_attribute(cls, name)
    elif raw is not stands:
        _set_attribute(cls, name, raw)


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


def _set_attribute(cls: type, name: str, value: object) -> None:
    """Set an attribute of a class, bypassing metaclasses written in Python."""
    _call_setter(cls, "__setattr__", setattr, name, value)


def _delete_attribute(cls: type, name: str) -> None:
    """Delete an attribute of a class, as `_set_attribute` sets one."""
    _call_setter(cls, "__delattr__", delattr, name)


def _call_setter(
    cls: type, slot: str, otherwise: Callable[..., None], name: str, *value: object
) -> None:
    if is_set_by_metaclass(cls, name):
        msg = "the metaclass has a data descriptor of that name"
        raise TypeError(msg)
    methods = [namespace(base)[slot] for base in mro(type(cls)) if slot in namespace(base)]
    refusal: TypeError | None = None
    for method in _in_c(methods):
        try:
            method(cls, name, *value)
        except TypeError as error:  # a metaclass in C has its own, which comes first
            refusal = refusal or error
        else:
            return
    # PySide6 has its own, which is not in any dict.
    if refusal is not None and any(type(m) is not types.WrapperDescriptorType for m in methods):
        raise refusal
    otherwise(cls, name, *value)


def _in_c(methods: list[Any]) -> Iterator[Callable[..., None]]:
    return (method for method in methods if type(method) is types.WrapperDescriptorType)


def changes_of(cls: type | None) -> int:
    """Return how often a class has been changed, as the interpreter counts it; 0 if it does not.

    Since Python 3.13, it no longer specializes code for a class that has been changed a thousand
    times.
    """
    return 0 if cls is None or _COUNT is None else _COUNT(cls)


def restore_changes(cls: type | None, count: int) -> None:
    """Let a class have been changed no more than so often."""
    if cls is not None and _COUNT is not None:
        _COUNT(cls, max(1, count))


_COUNT: Final = getattr(NATIVE, "versions_used", None)

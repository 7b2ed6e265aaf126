"""What a trace must know of classes and their methods, without keeping any class alive."""

from __future__ import annotations

import types
import weakref

from callscope.introspect import identity
from callscope.introspect.classes import is_subclass, is_weakly_referable, mro, qualified_name

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from typing import Any, Literal

    Binding = Literal["instance", "class", "static"]


class ClassRef(weakref.ref[type]):
    """What a trace must know of a class, without keeping the class alive.

    There is one per class, so two are compared by identity. Calling it returns the class, or
    None once that has been collected.
    """

    __slots__ = ("_is_named", "_name", "_sites", "identify", "key", "mro", "problems")

    key: int
    """The class's `id`, which another class may take over once this one is collected."""
    _name: str
    _is_named: bool
    mro: tuple[ClassRef, ...]
    """Its method resolution order, itself first."""
    identify: Callable[[object], identity.Identity]
    """Returns the identity of an instance."""
    problems: dict[str, str]
    """What could not be replaced in its dict when that was tried, by name, and why."""
    _sites: dict[str, Site]

    __hash__: Any = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> tuple[Any, ...]:
        # In a shadow it is what was seen last, and not to be pickled along with the shadow.
        return class_ref, (object,)

    @property
    def name(self) -> str:
        """The class's module-qualified name, as it was when a trace first asked."""
        # Not taken before: a decorator may name a class after it was made, as dataclass does.
        if not self._is_named:
            self._is_named = True
            cls = self()
            if cls is not None:
                self._name = qualified_name(cls)
        return self._name

    def site(self, method: str) -> Site:
        """Return the one `Site` of a method that this class defines."""
        return self._sites.setdefault(method, Site(self, method))

    def sites(self) -> tuple[Site, ...]:
        """Return the sites that were asked for so far."""
        return tuple(self._sites.values())


class Site:
    """One method as defined in one class; compared by identity."""

    __slots__ = ("code", "defining", "is_marked_abstract", "method")

    def __init__(self, defining: ClassRef, method: str) -> None:
        self.defining: ClassRef = defining
        self.method: str = method
        self.code: types.CodeType | None = None
        """Of the method as it is written; None if that is not in Python, or it was never woven."""
        self.is_marked_abstract: bool = False
        """Whether `abc.abstractmethod` stands on it."""

    def __str__(self) -> str:
        return f"{self.defining.name}.{self.method}"


class Strangers:
    """Objects of other classes than some roots and their subclasses, told apart by their class.

    Args:
        roots: the classes whose objects, and whose subclasses' objects, are not strangers.
    """

    def __init__(self, roots: frozenset[ClassRef]) -> None:
        self.roots: frozenset[ClassRef] = roots
        self.strange: set[int] = set()
        """The `id` of each living class that is known to be of no root."""
        self.akin: set[int] = set()
        """The `id` of each that is known to be of some root."""
        _strangers[id(self)] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return Strangers, (frozenset(),)  # for a shadow that was pickled, and is switched off

    def learn(self, cls: object) -> bool:
        """Return whether a class is of some root; what is no class is not."""
        if not is_subclass(type(cls), type):
            return False
        ref = class_ref(cls)  # type: ignore[arg-type]
        (self.strange if self.has(ref) else self.akin).add(ref.key)
        return not self.has(ref)

    def has(self, cls: ClassRef | None) -> bool:
        """Return whether objects of a class are strangers; so is what has no object."""
        return cls is None or self.roots.isdisjoint(cls.mro)

    def forget(self, key: int) -> None:
        """Forget a class that is gone, for another may take its `id`."""
        self.strange.discard(key)
        self.akin.discard(key)


_strangers: weakref.WeakValueDictionary[int, Strangers] = weakref.WeakValueDictionary()

_class_refs: dict[int, ClassRef] = {}


def _forget(ref: weakref.ref[type]) -> None:
    if isinstance(ref, ClassRef) and _class_refs.get(ref.key) is ref:
        del _class_refs[ref.key]
        for held in _strangers.valuerefs():
            strangers = held()
            if strangers is not None:
                strangers.forget(ref.key)


def class_ref(cls: type) -> ClassRef:
    """Return the one `ClassRef` of a class."""
    # Keyed by identity: a metaclass may define `__eq__` without `__hash__`.
    known = _class_refs.get(id(cls))
    if known is not None:
        return known
    ref = ClassRef(cls, _forget)
    ref.key = id(cls)
    ref._name, ref._is_named = qualified_name(cls), False
    ref._sites, ref.problems = {}, {}
    referable = is_weakly_referable(cls)
    ref.identify = identity.REFERABLE.identify if referable else identity.identify_unwatched
    ref.mro = (ref, *(class_ref(base) for base in mro(cls) if base is not cls))
    return _class_refs.setdefault(id(cls), ref)


def identify_by_serials(
    identify: Callable[[object], identity.Identity], living: Callable[[], AbstractSet[int]]
) -> None:
    """Identify objects that take weak references by serial numbers, before any is identified.

    Args:
        identify: returns the number of an object.
        living: returns the numbers of those that are alive.
    """
    earlier = identity.REFERABLE.identify
    identity.REFERABLE.identify, identity.REFERABLE.living = identify, living
    for ref in _class_refs.values():
        if ref.identify is earlier:
            ref.identify = identify


def class_ref_of_bound(bound: object) -> ClassRef:
    """Return the `ClassRef` of what a classmethod was called on, which should be a class."""
    return class_ref(bound if is_subclass(type(bound), type) else type(bound))  # type: ignore[arg-type]

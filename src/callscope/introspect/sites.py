"""References to classes and their methods that keep no class alive."""

from __future__ import annotations

import types
import weakref

from callscope.introspect import identity
from callscope.introspect.classes import is_subclass, is_weakly_referable, mro, qualified_name

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    Binding = Literal["instance", "class", "static"]


class ClassRef(weakref.ref[type]):
    """Weak reference to a class, with what a trace must know of it.

    There is one per class, so comparison is by identity. Calling it returns the class, or None
    once the class is collected.
    """

    __slots__ = ("_is_named", "_name", "_sites", "entries", "identify", "key", "mro", "problems")

    key: int
    """`id` of the class; another class may get it once this one is collected."""
    _name: str
    _is_named: bool
    mro: tuple[ClassRef, ...]
    """Method resolution order, itself first."""
    identify: Callable[[object], identity.Identity]
    """Function that returns the identity of an instance."""
    problems: dict[str, str]
    """Reasons why entries of its dict could not be replaced, by name."""
    entries: dict[str, Any]
    """What the weaver keeps for entries of its dict, by name."""
    _sites: dict[str, Site]

    __hash__: Any = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> tuple[Any, ...]:
        # A shadow holds the class seen last, which must not be pickled with it.
        return class_ref, (object,)

    @property
    def name(self) -> str:
        """Module-qualified name of the class, as of the first access."""
        # Not read earlier: a decorator may rename a new class, as dataclass does.
        if not self._is_named:
            self._is_named = True
            cls = self()
            if cls is not None:
                self._name = qualified_name(cls)
        return self._name

    def site(self, method: str) -> Site:
        """Return the unique `Site` of a method that this class defines."""
        return self._sites.get(method) or self._sites.setdefault(method, Site(self, method))

    def sites(self) -> tuple[Site, ...]:
        """Return the sites requested so far."""
        return tuple(self._sites.values())


class Site:
    """One method as defined in one class; compared by identity."""

    __slots__ = ("code", "defining", "is_marked_abstract", "method")

    def __init__(self, defining: ClassRef, method: str) -> None:
        self.defining: ClassRef = defining
        self.method: str = method
        self.code: types.CodeType | None = None
        """Code of the method as written; None if it is not in Python or was never woven."""
        self.is_marked_abstract: bool = False
        """True if `abc.abstractmethod` decorates it."""

    def __str__(self) -> str:
        return f"{self.defining.name}.{self.method}"


class Strangers:
    """Test for strangers: objects whose class is not a subclass of any root.

    Args:
        roots: classes whose instances, including those of subclasses, are not strangers.
    """

    def __init__(self, roots: frozenset[ClassRef]) -> None:
        self.roots: frozenset[ClassRef] = roots
        self.strange: set[int] = set()
        """`id` of each living class known not to derive from a root."""
        self.akin: set[int] = set()
        """`id` of each living class known to derive from a root."""
        _strangers[id(self)] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return Strangers, (frozenset(),)  # for a pickled shadow, which is switched off

    def learn(self, cls: object) -> bool:
        """Return whether a class derives from a root; False for anything but a class."""
        if not is_subclass(type(cls), type):
            return False
        ref = class_ref(cls)  # type: ignore[arg-type]
        (self.strange if self.has(ref) else self.akin).add(ref.key)
        return not self.has(ref)

    def has(self, cls: ClassRef | None) -> bool:
        """Return whether objects of a class are strangers; True for None."""
        return cls is None or self.roots.isdisjoint(cls.mro)

    def forget(self, key: int) -> None:
        """Forget a collected class: another may get its `id`."""
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
    """Return the unique `ClassRef` of a class."""
    # Keyed by identity: a metaclass may define `__eq__` without `__hash__`.
    cached = _class_refs.get(id(cls))
    if cached is not None:
        return cached
    ref = ClassRef(cls, _forget)
    ref.key = id(cls)
    ref._name, ref._is_named = qualified_name(cls), False
    ref._sites, ref.problems, ref.entries = {}, {}, {}
    referable = is_weakly_referable(cls)
    ref.identify = identity.REFERABLE.identify if referable else identity.identify_unwatched
    ref.mro = (ref, *(class_ref(base) for base in mro(cls) if base is not cls))
    return _class_refs.setdefault(id(cls), ref)


def identify_by_serials(
    identify: Callable[[object], identity.Identity],
    serial_numbers: Callable[[], identity.SerialNumbers],
) -> None:
    """Switch objects that take weak references to serial numbers, before any is identified.

    Args:
        identify: returns the number of an object.
        serial_numbers: factory of their numbers in one trace.
    """
    earlier = identity.REFERABLE.identify
    identity.REFERABLE.identify, identity.REFERABLE.serial_numbers = identify, serial_numbers
    for ref in _class_refs.values():
        if ref.identify is earlier:
            ref.identify = identify


def class_ref_of_bound(bound: object) -> ClassRef:
    """Return the `ClassRef` of the class, or of the object's type, a classmethod is bound to."""
    return class_ref(bound if is_subclass(type(bound), type) else type(bound))  # type: ignore[arg-type]

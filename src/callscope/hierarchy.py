"""Read-only questions to classes: subclasses, own methods, names, binding kind.

Every question goes through `type` itself and never through the class asked about: a metaclass
may override `__subclasses__`, `__getattribute__` or `__eq__`, and none of that may run here.
"""

from __future__ import annotations

import sys
import types
import weakref

from callscope import identity
from callscope.errors import (
    ImmutableClassError,
    TargetError,
    TargetModuleError,
    TargetNotFoundError,
)

# Not from `typing`, which takes as long to import as all of this package that a library needs to
# declare its classes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from typing import Any, Final, Literal

    Binding = Literal["instance", "class", "static"]

# Py_TPFLAGS_IMMUTABLETYPE and Py_TPFLAGS_HEAPTYPE, CPython's Include/object.h.
_IMMUTABLE_TYPE: Final = 1 << 8
_HEAP_TYPE: Final = 1 << 9

_type_dict: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
_type_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_type_qualname: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_type_module: Callable[[type], str] = type.__dict__["__module__"].__get__
_type_flags: Callable[[type], int] = type.__dict__["__flags__"].__get__
_type_weakref_offset: Callable[[type], int] = type.__dict__["__weakrefoffset__"].__get__


def namespace(cls: type) -> Mapping[str, Any]:
    """Return the class's own `__dict__`, as `vars(cls)` does, past any metaclass."""
    return _type_dict(cls)


def mro(cls: type) -> tuple[type, ...]:
    """Return the method resolution order, past any metaclass."""
    return _type_mro(cls)


def is_subclass(cls: type, root: type) -> bool:
    """Tell whether `root` is in the MRO of `cls`; an ABC's virtual subclasses are not."""
    return any(base is root for base in mro(cls))


def is_immutable(cls: type) -> bool:
    """Tell whether the class refuses new attributes: `dict`, and most types written in C."""
    flags = _type_flags(cls)
    return bool(flags & _IMMUTABLE_TYPE) or not flags & _HEAP_TYPE


def is_weakly_referable(cls: type) -> bool:
    """Tell whether instances of the class, and so of all its subclasses, take weak references."""
    return _type_weakref_offset(cls) != 0


def qualified_name(cls: type) -> str:
    """Return the module and the qualified name of a class: ``"keras.src.layers.layer.Layer"``."""
    module: object = namespace(cls).get("__module__")
    if module is None and not _type_flags(cls) & _HEAP_TYPE:
        module = _type_module(cls)  # a static type keeps it in front of `tp_name`
    # Both may be strings of a class that formats itself otherwise.
    name = str.__str__(_type_qualname(cls))
    if type(module) is str:  # as nearly always; at the limit of recursion nothing can be called
        return f"{module}.{name}"
    if not is_subclass(type(module), str):
        return name
    return f"{str.__str__(module)}.{name}"  # type: ignore[arg-type,unused-ignore]


def bare_name(qualified: str) -> str:
    """Return the class's own name: ``"Layer"`` for ``"keras.src.layers.layer.Layer"``."""
    # A generated class may have dots of its own in brackets: ``app.Box[a.b]``.
    head, bracket, tail = qualified.partition("[")
    return head.rpartition(".")[2] + bracket + tail


def outer_name(qualified: str) -> str:
    """Return what stands before the class's own name: its module, and what else it is in."""
    return qualified.removesuffix(bare_name(qualified)).removesuffix(".")


def subclasses(root: type) -> Iterator[type]:
    """Yield the root and all its present subclasses, each once, bases before the derived."""
    seen: set[int] = set()
    queue = [root]
    for cls in queue:
        if id(cls) not in seen:
            seen.add(id(cls))
            yield cls
            queue.extend(type.__subclasses__(cls))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a name is one of the patterns (names, or `fnmatch` patterns)."""
    if name in patterns:
        return True
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for pattern in patterns)


def own_methods(cls: type, patterns: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield name and raw `__dict__` entry of the class's own callables that match.

    A wildcard does not reach dunder names, or ``"*"`` would trace `__eq__` and `__hash__` too;
    ``"__*__"`` asks for them. Nor does it reach an object that can be called but is no
    descriptor, which may well be a mere value: that is a method only where it is named.
    """
    for name, raw in tuple(namespace(cls).items()):
        if _asked_for(name, patterns) and (
            _has(raw, "__get__") or (name in patterns and _has(raw, "__call__"))
        ):
            yield name, raw


def _asked_for(name: str, patterns: tuple[str, ...]) -> bool:
    if name.startswith("__") and name.endswith("__"):
        patterns = tuple(p for p in patterns if p.startswith("__"))
    return matches(name, patterns)


def _has(raw: Any, name: str) -> bool:
    # A nested class is a hierarchy of its own and no method.
    if is_subclass(type(raw), type):
        return False
    return any(name in namespace(base) for base in mro(type(raw)) if base is not object)


class ClassRef(weakref.ref[type]):
    """What a trace must know of a class, without keeping the class alive.

    There is one per class, so two are compared by identity. Calling it returns the class, or
    None once that has been collected.
    """

    __slots__ = ("_is_named", "_name", "_sites", "identify", "key", "mro")

    key: int
    """The class's `id`, which another class may take over once this one is collected."""
    _name: str
    _is_named: bool
    mro: tuple[ClassRef, ...]
    """Its method resolution order, itself first."""
    identify: Callable[[object], identity.Identity]
    """Returns the identity of an instance."""
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


_class_refs: dict[int, ClassRef] = {}


def _forget(ref: weakref.ref[type]) -> None:
    if isinstance(ref, ClassRef) and _class_refs.get(ref.key) is ref:
        del _class_refs[ref.key]


def class_ref(cls: type) -> ClassRef:
    """Return the one `ClassRef` of a class."""
    # Keyed by identity: a metaclass may define `__eq__` without `__hash__`.
    known = _class_refs.get(id(cls))
    if known is not None:
        return known
    ref = ClassRef(cls, _forget)
    ref.key = id(cls)
    ref._name, ref._is_named = qualified_name(cls), False
    ref._sites = {}
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


class TargetPath:
    """A class named by module and qualified name: ``"keras.layers:Layer"``."""

    __slots__ = ("module", "qualname")

    def __init__(self, module: str, qualname: str) -> None:
        self.module: str = module
        self.qualname: str = qualname

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


def parse_path(path: str) -> TargetPath:
    """Split ``"package.module:Class"`` or ``"package.module:Outer.Inner"``.

    Raises:
        TargetError: if the text has not that form.
    """
    module, colon, qualname = path.partition(":")
    parts = [*module.split("."), *qualname.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        msg = f"{path!r} names no class. Write it as 'package.module:Class', e.g. 'keras.layers:Layer'."
        raise TargetError(msg)
    return TargetPath(module, qualname)


def find_class(path: TargetPath, module: types.ModuleType) -> type:
    """Return the class a path names in its module, which is imported already.

    Raises:
        TargetNotFoundError: if the module has no such attribute.
        TargetError: if the attribute is no class.
        ImmutableClassError: if it is a class that takes no new attributes.
    """
    return check_class(_find(path, module), str(path))


def find_any_class(path: TargetPath, module: types.ModuleType) -> type:
    """Return the class a path names, as `find_class`, also if it takes no new attributes.

    Raises:
        TargetNotFoundError: if the module has no such attribute.
        TargetError: if the attribute is no class.
    """
    found = _find(path, module)
    try:
        return check_class(found, str(path))
    except ImmutableClassError:
        assert isinstance(found, type)
        return found


def _find(path: TargetPath, module: types.ModuleType) -> object:
    found: Any = module
    for part in path.qualname.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            msg = f"Module {path.module!r} has no class {path.qualname!r}.{_did_you_mean(part, found)}"
            raise TargetNotFoundError(msg) from None
        except Exception as error:
            msg = f"'{path}' cannot be looked up: {part!r} raised {error!r}. Name the class otherwise."
            raise TargetNotFoundError(msg) from error
    return found


def _did_you_mean(name: str, where: Any) -> str:
    import difflib

    present = getattr(where, "__dict__", {})
    classes = [key for key, value in present.items() if is_subclass(type(value), type)]
    close = difflib.get_close_matches(name, classes, n=3)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else " Check the spelling."


def check_module(name: str) -> None:
    """Check, without importing anything, that the top-level package of a module exists.

    Raises:
        TargetModuleError: if it does not.
    """
    package = name.partition(".")[0]
    if name in sys.modules or package in sys.modules:
        return
    import importlib.util

    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        found = None
    if found is None:
        msg = f"There is no module {package!r}. Install it, or check the spelling of {name!r}."
        raise TargetModuleError(msg, name=package)


def check_class(target: object, named: str | None = None) -> type:
    """Return the target if it is a class that can be traced.

    Raises:
        TargetError: if it is no class.
        ImmutableClassError: if it is a class that takes no new attributes.
    """
    # Not `isinstance`: an object may lie about its class.
    if not is_subclass(type(target), type):
        name = named or getattr(target, "__qualname__", None)
        what = f"{target!r:.80}, of type {type(target).__name__}, is no class"
        if isinstance(name, str):
            what = f"{name!r} is a {type(target).__name__} and not a class"
        msg = f"{what}. Name the class whose methods are to be traced."
        raise TargetError(msg)
    assert isinstance(target, type)
    if is_immutable(target):
        msg = f"Class {target.__name__!r} is immutable; trace a subclass of it instead."
        raise ImmutableClassError(msg)
    return target

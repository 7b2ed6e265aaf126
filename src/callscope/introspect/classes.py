"""Read-only questions to classes: subclasses, own methods, names.

Every question goes through `type` itself and never through the class asked about: a metaclass
may override `__subclasses__`, `__getattribute__` or `__eq__`, and none of that may run here.
"""

from __future__ import annotations

# Not from `typing`, which takes as long to import as all of this package that a library needs to
# declare its classes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Final

# Py_TPFLAGS_IMMUTABLETYPE and Py_TPFLAGS_HEAPTYPE, CPython's Include/object.h.
_IMMUTABLE_TYPE: Final = 1 << 8
_HEAP_TYPE: Final = 1 << 9

MACHINERY: Final = {"typing", "typing_extensions", "abc"}
"""Modules of `Generic`, `Protocol`, `ABC` and their kin; that of `Traced` adds itself."""

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


def is_machinery(cls: type) -> bool:
    """Tell whether a class stands in MROs for typing and declarations, and not for what it does."""
    module = namespace(cls).get("__module__")
    return type(module) is str and module in MACHINERY


def is_weakly_referable(cls: type) -> bool:
    """Tell whether instances of the class, and so of all its subclasses, take weak references."""
    return _type_weakref_offset(cls) != 0


def is_set_by_metaclass(cls: type, name: str) -> bool:
    """Tell whether to set an attribute of the class is to call what its metaclass has of that name.

    So it is with a property of the metaclass, and with `__name__` and all else that `type` defines.
    """
    for base in mro(type(cls)):
        if name in namespace(base):
            kinds = mro(type(namespace(base)[name]))
            return any("__set__" in namespace(k) or "__delete__" in namespace(k) for k in kinds)
    return False


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


_TAKEN_IN: Final = ("__init__", "__call__")
"""The dunder names that ``"*"`` takes in."""


class _Absent:
    """Stays the one object when pickled."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""Stands for a name that a class's `__dict__` does not hold."""

ORIGINALS: Final[list[Callable[[Any], Any]]] = []
"""Functions that return what a `__dict__` entry of callscope's own stands for; weaving adds one."""


def original_of(raw: Any) -> Any:
    """Return what would stand in a `__dict__` without callscope, in place of what does."""
    for find in ORIGINALS:
        raw = find(raw)
    return raw


def own_methods(cls: type, patterns: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield name and raw `__dict__` entry of the class's own callables that match.

    A wildcard does not reach dunder names, or ``"*"`` would trace `__eq__` and `__hash__` too;
    ``"__*__"`` asks for them. ``"*"`` takes in `__init__` and `__call__` alone. Nor does it reach an object that can be called but is no
    descriptor, which may well be a mere value: that is a method only where it is named.
    """
    for name, raw in tuple(namespace(cls).items()):
        # A class's dict may hold what is no string; that cannot be set as an attribute.
        if (
            type(name) is str
            and selects(patterns, name)
            and (_has(raw, "__get__") or (name in patterns and _has(raw, "__call__")))
        ):
            yield name, raw


def selects(patterns: tuple[str, ...], name: str) -> bool:
    """Tell whether patterns of methods ask for the method of a name."""
    if name in _TAKEN_IN and "*" in patterns:
        return True
    if name.startswith("__") and name.endswith("__"):
        patterns = tuple(p for p in patterns if p.startswith("__"))
    return matches(name, patterns)


def _has(raw: Any, name: str) -> bool:
    # A nested class is a hierarchy of its own and no method.
    if is_subclass(type(raw), type):
        return False
    return any(name in namespace(base) for base in mro(type(raw)) if base is not object)

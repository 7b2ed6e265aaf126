"""Read-only inspection of classes: subclasses, own methods, names.

Every lookup goes through `type` and never through the inspected class: a metaclass may override
`__subclasses__`, `__getattribute__` or `__eq__`, and none of these may run here.
"""

from __future__ import annotations

import functools

# Not from `typing`: importing it takes as long as importing everything that a library needs to
# declare its classes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Final

# Py_TPFLAGS_IMMUTABLETYPE and Py_TPFLAGS_HEAPTYPE, CPython's Include/object.h.
_IMMUTABLE_TYPE: Final = 1 << 8
_HEAP_TYPE: Final = 1 << 9

MACHINERY: Final = {"typing", "typing_extensions", "abc"}
"""Modules of `Generic`, `Protocol`, `ABC` and the like; the module of `Traced` adds itself."""

_type_dict: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
_type_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_type_qualname: Callable[[type], str] = type.__dict__["__qualname__"].__get__
_type_module: Callable[[type], str] = type.__dict__["__module__"].__get__
_type_flags: Callable[[type], int] = type.__dict__["__flags__"].__get__
_type_weakref_offset: Callable[[type], int] = type.__dict__["__weakrefoffset__"].__get__


def namespace(cls: type) -> Mapping[str, Any]:
    """Return the class's own `__dict__`, as `vars(cls)` does, bypassing the metaclass."""
    return _type_dict(cls)


def mro(cls: type) -> tuple[type, ...]:
    """Return the method resolution order, bypassing the metaclass."""
    return _type_mro(cls)


def is_subclass(cls: type, root: type) -> bool:
    """Return whether `root` is in the MRO of `cls`; virtual subclasses of an ABC do not count."""
    for base in mro(cls):  # noqa: SIM110  # `any` with a generator takes twice as long
        if base is root:
            return True
    return False


def is_immutable(cls: type) -> bool:
    """Return whether the class refuses new attributes, as `dict` and most types in C do."""
    flags = _type_flags(cls)
    return bool(flags & _IMMUTABLE_TYPE) or not flags & _HEAP_TYPE


def is_machinery(cls: type) -> bool:
    """Return whether a class is in MROs only for typing or declarations."""
    module = namespace(cls).get("__module__")
    return type(module) is str and module in MACHINERY


def is_weakly_referable(cls: type) -> bool:
    """Return whether instances of the class and its subclasses support weak references."""
    return _type_weakref_offset(cls) != 0


_NO_DATA: Final = (type(namespace), type(object.__init__), type(type.mro))
"""Kinds of functions, none of which is a data descriptor."""


def is_set_by_metaclass(cls: type, name: str) -> bool:
    """Return whether setting a class attribute calls a data descriptor of the metaclass.

    Examples are a property of the metaclass, and `__name__` and the like, which `type` defines.
    """
    for base in mro(type(cls)):
        if name in namespace(base):
            kind = type(namespace(base)[name])
            return kind not in _NO_DATA and any(
                "__set__" in namespace(k) or "__delete__" in namespace(k) for k in mro(kind)
            )
    return False


def qualified_name(cls: type) -> str:
    """Return the module-qualified name of a class: ``"keras.src.layers.layer.Layer"``."""
    module: object
    if _type_flags(cls) & _HEAP_TYPE:
        module = namespace(cls).get("__module__")
    else:  # a static type stores it in `tp_name`; the entry of `type` is a descriptor
        module = _type_module(cls)
    # Both may be instances of a `str` subclass with its own formatting.
    name = str.__str__(_type_qualname(cls))
    if type(module) is str:  # the usual case; at the recursion limit nothing can be called
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
    """Return the part before the class's own name: its module and enclosing scopes."""
    return qualified.removesuffix(bare_name(qualified)).removesuffix(".")


def subclasses(root: type) -> Iterator[type]:
    """Yield the root and all its present subclasses, each once, bases first."""
    seen: set[int] = set()
    queue = [root]
    for cls in queue:
        if id(cls) not in seen:
            seen.add(id(cls))
            yield cls
            queue.extend(type.__subclasses__(cls))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a name matches one of the patterns (names, or `fnmatch` patterns)."""
    if name in patterns:
        return True
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for pattern in patterns)


_TAKEN_IN: Final = ("__init__", "__call__")
"""Dunder names that ``"*"`` includes."""


class _Absent:
    """Singleton that stays the same object when pickled."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""Placeholder for a name that is missing in a class's `__dict__`."""

ORIGINALS: Final[list[Callable[[Any], Any]]] = []
"""Functions that return the original of a woven `__dict__` entry; weaving adds one."""


def original_of(raw: Any) -> Any:
    """Return the `__dict__` entry that would be there without callscope."""
    for find in ORIGINALS:
        raw = find(raw)
    return raw


def own_methods(cls: type, patterns: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield name and raw `__dict__` entry of the class's own methods that match.

    A wildcard does not match dunder names, or ``"*"`` would trace `__eq__` and `__hash__` too;
    ``"__*__"`` does. Of them, ``"*"`` matches `__init__` and `__call__`. A wildcard also does not
    match a callable object that is not a descriptor, which may be a mere value: only its name does.
    """
    for name, raw in tuple(namespace(cls).items()):
        # A class's dict may have keys that are not strings; they cannot be set as attributes.
        if (
            type(name) is str
            and _selects(patterns, name)
            and (
                type(raw) is _FUNCTION
                or _has(raw, "__get__")
                or (name in patterns and _has(raw, "__call__"))
            )
        ):
            yield name, raw


def selects(patterns: tuple[str, ...], name: str) -> bool:
    """Return whether method patterns select a method name."""
    if name in _TAKEN_IN and "*" in patterns:
        return True
    if name.startswith("__") and name.endswith("__"):
        patterns = tuple(p for p in patterns if p.startswith("__"))
    return matches(name, patterns)


_selects: Final = functools.lru_cache(selects)
_FUNCTION: Final = type(selects)


def _has(raw: Any, name: str) -> bool:
    # A nested class is a hierarchy of its own and not a method.
    if is_subclass(type(raw), type):
        return False
    return any(name in namespace(base) for base in mro(type(raw)) if base is not object)

"""Traceable kinds of `__dict__` entries, with code to take each apart and rebuild it.

A rebuilt entry is of the same kind as the original and keeps everything except the functions.
"""

from __future__ import annotations

import functools
import keyword
import sys
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.introspect.classes import mro, namespace
from callscope.introspect.signature import parameters_of

if TYPE_CHECKING:
    from callscope.introspect.sites import Binding


class Part(NamedTuple):
    """One callable within a `__dict__` entry."""

    function: Any
    """A Python function or another callable."""
    binding: Binding
    suffix: str = ""
    """Suffix of the method name under which its calls are recorded."""


Replace = Callable[[Part], Any]
"""Function that returns the replacement of a part."""


class DescriptorParts(NamedTuple):
    """Callable parts of a `__dict__` entry."""

    parts: tuple[Part, ...]
    rebuild: Callable[[Replace], Any]
    """Function that builds an entry of the same kind from other functions."""


def descriptor_parts(raw: Any) -> DescriptorParts | None:
    """Take a `__dict__` entry apart; return None if its kind cannot be traced."""
    if type(raw) is types.FunctionType:
        part = Part(raw, "instance")
        return DescriptorParts((part,), lambda replace: replace(part))
    try:
        for kind, take_apart in _KINDS.items():
            if isinstance_of(raw, kind):
                return take_apart(raw)
        return _callable(raw, "instance")
    except Exception:  # a subclass of the program that cannot be read
        return None


def functions_called(raw: Any) -> Iterator[Any]:
    """Yield each function, or other callable, that an entry may call."""
    if type(raw) is types.FunctionType:
        yield raw
        return
    descriptor = descriptor_parts(raw)
    for part in () if descriptor is None else descriptor.parts:
        yield part.function
    if isinstance_of(raw, functools.singledispatchmethod):
        for implementation in (*raw.dispatcher.registry.values(),):
            yield from functions_called(implementation)


def isinstance_of(raw: Any, kind: type) -> bool:
    """Return whether an object's real type, not its `__class__`, derives from a class."""
    return kind in mro(type(raw))


def _method_kind(raw: Any) -> DescriptorParts | None:
    kind: Any = classmethod if isinstance_of(raw, classmethod) else staticmethod
    binding: Binding = "class" if kind is classmethod else "static"
    inner = raw.__func__
    if type(inner) is not types.FunctionType:
        return _callable(raw, binding) if callable(inner) else None
    part = Part(inner, binding)

    def rebuild(replace: Replace) -> Any:
        copy = kind.__new__(type(raw))
        kind.__init__(copy, replace(part))
        copy.__dict__.clear()  # the interpreter's own wrapper of `__new__` has no name
        copy.__dict__.update(raw.__dict__)
        return copy

    return DescriptorParts((part,), rebuild)


_ACCESSORS: Final = (
    ("fget", "", property.getter),
    ("fset", ".setter", property.setter),
    ("fdel", ".deleter", property.deleter),
)


def _property(raw: property) -> DescriptorParts | None:
    if any(_definer(raw, name) not in (property, object) for name in ("__new__", "__init__")):
        return None  # the arguments of its constructor are unknown
    parts = [
        (Part(function, "instance", suffix), put)
        for name, suffix, put in _ACCESSORS
        if (function := getattr(property, name).__get__(raw)) is not None
    ]

    def rebuild(replace: Replace) -> Any:
        # This also keeps the name in its error messages, which cannot be read.
        entry: Any = raw
        for part, put in parts:
            entry = put(entry, replace(part))
        if hasattr(raw, "__dict__"):
            entry.__dict__.update(raw.__dict__)
        return entry

    return DescriptorParts(tuple(part for part, _ in parts), rebuild)


def _holder(raw: Any) -> DescriptorParts | None:
    """Take apart a descriptor that holds one method as its `func`."""
    inner = descriptor_parts(raw.func)
    if inner is None or any(type(part.function) is not types.FunctionType for part in inner.parts):
        return None
    return DescriptorParts(inner.parts, lambda replace: _copied(raw, func=inner.rebuild(replace)))


def _singledispatchmethod(raw: Any) -> DescriptorParts | None:
    holder = _holder(raw)
    if holder is None:
        return None
    theirs = raw.dispatcher

    def rebuild(replace: Replace) -> Any:
        cache: dict[int, tuple[Any, Any]] = {}

        def dispatch(cls: type) -> Any:
            implementation = theirs.dispatch(cls)
            if id(implementation) not in cache:
                inner = descriptor_parts(implementation)
                new = implementation if inner is None else inner.rebuild(replace)
                cache[id(implementation)] = implementation, new
            return cache[id(implementation)][1]

        # Later registrations go to the original.
        ours = types.FunctionType(
            theirs.__code__, theirs.__globals__, theirs.__name__, None, theirs.__closure__
        )
        functools.update_wrapper(ours, theirs).__dict__.update(theirs.__dict__, dispatch=dispatch)
        rebuilt = holder.rebuild(replace)
        rebuilt.dispatcher = ours
        return rebuilt

    return DescriptorParts(holder.parts, rebuild)


def _callable(raw: Any, binding: Binding) -> DescriptorParts | None:
    """Take a callable that is not a Python function: `lru_cache`, C, callable objects."""
    if binding == "instance" and not callable(raw):
        return None
    if type(raw) is types.WrapperDescriptorType or _is_looked_for(raw):
        return None  # the interpreter looks these up itself and calls the C function directly
    if _answers_for_itself(raw):
        return None  # `wrapt` reads the object's class, which would run the program's code
    if binding == "instance" and _is_of_pybind11(raw):
        return None
    part = Part(raw, binding)
    return DescriptorParts((part,), lambda replace: replace(part))


def _is_looked_for(raw: Any) -> bool:
    is_new = type(raw) is types.BuiltinFunctionType and raw.__name__ == "__new__"
    return is_new or any(raw is own for own in namespace(object).values())


def _is_of_pybind11(raw: Any) -> bool:
    """Return whether pybind11 may inspect the frame that calls a method.

    It takes a call from a method of the same name for a `super` call. For any other caller it calls
    the override again: https://github.com/pybind/pybind11/issues/1552. It overrides no `__init__`.
    """
    if (
        type(raw).__name__ != "instancemethod"
        or type(raw.__func__) is not types.BuiltinFunctionType
    ):
        return False
    return raw.__func__.__name__ != "__init__"


def _answers_for_itself(raw: Any) -> bool:
    wrapt: Any = sys.modules.get("wrapt")
    if wrapt is not None and isinstance_of(raw, wrapt.FunctionWrapper):
        return False
    return any(
        type(namespace(_definer(raw, name))[name]) not in _IN_C
        for name in ("__class__", "__getattribute__")
    )


def _definer(raw: Any, name: str) -> type:
    return next(cls for cls in mro(type(raw)) if name in namespace(cls))


def _copied(raw: Any, **changes: Any) -> Any:
    copy = object.__new__(type(raw))
    copy.__dict__.update(raw.__dict__, **changes)
    return copy


_INIT_OF_PROTOCOLS: Final = "_no_init_or_replace_init"
_IN_C: Final = (
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
# Function types of Cython and Nuitka.
_COMPILED: Final = ("cython_function_or_method", "compiled_function")
_SUSPENDABLE: Final = 0x20 | 0x80 | 0x200  # inspect.CO_GENERATOR and the like
_KINDS: Final[dict[type, Callable[[Any], DescriptorParts | None]]] = {
    classmethod: _method_kind,
    staticmethod: _method_kind,
    property: _property,
    functools.cached_property: _holder,
    functools.partialmethod: _holder,
    functools.singledispatchmethod: _singledispatchmethod,
}


def binds(name: str, raw: Any) -> bool:
    """Return whether a `__dict__` entry is called on an object or a class."""
    return name == "__new__" or not isinstance_of(raw, staticmethod)


def parts_of(raw: Any) -> list[tuple[str, str]]:
    """Return the suffix of each part of a `__dict__` entry, and why it cannot be traced.

    The reason is empty for a traceable part.
    """
    if type(raw) is types.FunctionType:
        return [("", _why_not_function(raw))]
    descriptor = descriptor_parts(raw)
    if descriptor is not None:
        return [(part.suffix, why_not(raw, part)) for part in descriptor.parts]
    kind = type(raw).__name__
    if kind == "instancemethod":
        return [("", "pybind11 looks at the frame that calls it")]
    in_c = type(raw) in _IN_C or _is_looked_for(raw)
    return [("", "it is implemented in C" if in_c else f"{kind} objects cannot be traced")]


def note_of(raw: Any) -> str:
    """Return a note on what a trace misses of an entry's calls; empty for most entries."""
    if type(raw).__name__ in _COMPILED and raw.__code__.co_flags & _SUSPENDABLE:
        return "it is compiled: a call is over when its coroutine or generator has been made"
    return ""


def why_not(raw: Any, part: Part) -> str:
    """Return why a part of an entry cannot be traced; empty if it can."""
    if type(part.function) is not types.FunctionType:
        return "" if part.function is raw else "it does not call a Python function"
    return _why_not_function(part.function)


def _why_not_function(function: types.FunctionType) -> str:
    module: object = function.__module__
    if function.__name__ == _INIT_OF_PROTOCOLS and type(module) is str and module == "typing":
        return "typing replaces it when the first object is made"
    code = function.__code__
    parameters = parameters_of(code)
    are_names = all(map(_is_name, parameters)) and all(map(_is_name, code.co_freevars))
    if are_names and len({*parameters}) == len(parameters):
        return ""
    return "a parameter or a free variable has a name that source code cannot contain"


@functools.lru_cache(4096)
def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name != "__debug__"

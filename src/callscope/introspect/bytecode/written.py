"""Lookup of the code object of a method below its decorators."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any, Final

from callscope.introspect.classes import is_subclass

_MOST_LAYERS: Final = 50
_LRU_CACHE: Final = type(functools.lru_cache(lambda: None))


def written_code(function: object) -> types.CodeType | None:
    """Return the code of a method as written; None if it is not written in Python."""
    written = written_function(function)
    return None if written is None else written.__code__


def written_function(function: object) -> types.FunctionType | None:
    """Return the function as written, below its decorators.

    Wrappers made with `functools.wraps` are followed, as `inspect.unwrap` does, and so are
    `functools.partial` and `functools.lru_cache`. Return None for anything not written in Python,
    and for objects of other classes, since reading them would run code of their own.
    """
    for _ in range(_MOST_LAYERS):
        within = _within(function)
        if within is None:
            break
        function = within
    return function if type(function) is types.FunctionType else None


def codes_of(raw: Any) -> Iterator[types.CodeType]:
    """Yield the code of each function in a class's `__dict__` entry."""
    for function in functions_of(raw):
        yield function.__code__


def functions_of(raw: Any) -> Iterator[types.FunctionType]:
    """Yield each function in a class's `__dict__` entry, below its decorators."""
    kind = type(raw)
    functions: tuple[object, ...] = (raw,)
    if is_subclass(kind, classmethod) or is_subclass(kind, staticmethod):
        functions = (raw.__func__,)
    elif is_subclass(kind, property):
        functions = tuple(getattr(property, name).__get__(raw) for name in ("fget", "fset", "fdel"))
    elif kind is functools.cached_property:
        functions = (raw.func,)
    for function in functions:
        written = written_function(function)
        if written is not None:
            yield written


def _within(function: Any) -> object | None:
    kind, within = type(function), None
    if kind is types.FunctionType:
        within = function.__dict__.get("__wrapped__")
    elif kind is _LRU_CACHE:
        within = function.__wrapped__
    elif kind is functools.partial or kind is functools.partialmethod:
        within = function.func
    elif kind is types.MethodType:
        within = function.__func__
    return within

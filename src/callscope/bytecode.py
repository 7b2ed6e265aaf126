"""Read-only questions to code objects; nothing of the program runs to answer them."""

from __future__ import annotations

import functools
import types
from typing import Any, Final

_MOST_LAYERS: Final = 50
_LRU_CACHE: Final = type(functools.lru_cache(lambda: None))


def written_code(function: object) -> types.CodeType | None:
    """Return the code of a method as it is written, below what decorators put around it.

    What `functools.wraps` has made is followed to what it wraps, as `inspect.unwrap` does, and so
    are `functools.partial` and `functools.lru_cache`. None for what is not written in Python, and
    for objects of other classes, which would run code of their own to answer.
    """
    for _ in range(_MOST_LAYERS):
        within = _within(function)
        if within is None:
            break
        function = within
    return function.__code__ if type(function) is types.FunctionType else None


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

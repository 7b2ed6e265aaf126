"""Attributes, apart from the signature, that a shadow shares with its original."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterable
from typing import Any, Final

from callscope.weave.shadow.patch import Shadow

_ATTRIBUTES: Final = (
    *("__name__", "__qualname__", "__module__", "__doc__"),
    *("__defaults__", "__kwdefaults__"),
    # Reading them evaluates them, from Python 3.14 on.
    *(("__annotations__",) if sys.version_info < (3, 14) else ()),
    *(("__type_params__",) if sys.version_info >= (3, 12) else ()),
)


def attributes(function: types.FunctionType) -> dict[str, Any]:
    """Return the attributes that a program may set on a function and callscope keeps equal."""
    own = {name: value for name, value in function.__dict__.items() if name != "__wrapped__"}
    return own | {name: getattr(function, name) for name in _ATTRIBUTES}


def make_alike(function: types.FunctionType, original: types.FunctionType) -> None:
    """Copy the original's attributes to a new shadow."""
    for name in _ATTRIBUTES:
        setattr(function, name, getattr(original, name))
    _copy_annotations(original, function)
    function.__dict__.update(original.__dict__)
    function.__wrapped__ = original  # type: ignore[attr-defined]


def hand_back(shadows: Iterable[Shadow]) -> None:
    """Copy attributes set on shadows back to their originals: they belong to the method."""
    for shadow, original, before in shadows:
        now = attributes(shadow)
        for name in before.keys() | now.keys():
            if name not in now:
                original.__dict__.pop(name, None)
            elif name not in before or now[name] is not before[name]:
                setattr(original, name, now[name])
        before.clear()
        before.update(now)


def _copy_annotations(original: types.FunctionType, function: types.FunctionType) -> None:
    # From Python 3.14 on, the first read evaluates them: that is left to the program
    # (https://peps.python.org/pep-0649/).
    if sys.version_info >= (3, 14) and not _are_evaluated(original):
        function.__annotate__ = original.__annotate__
    else:
        function.__annotations__ = original.__annotations__


def _are_evaluated(function: types.FunctionType) -> bool:
    """Return whether a function's annotations have been read or set before."""
    builtins = function.__builtins__  # type: ignore[attr-defined,unused-ignore]
    others = (function.__globals__, builtins, function.__dict__)
    ids = {*map(id, others), id(function.__kwdefaults__)}
    return any(type(held) is dict and id(held) not in ids for held in gc.get_referents(function))

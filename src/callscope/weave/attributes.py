"""Setting and deleting of class attributes, bypassing metaclasses written in Python."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, Final

from callscope.introspect.classes import is_set_by_metaclass, mro, namespace
from callscope.tape.engine import NATIVE


def set_attribute(cls: type, name: str, value: object) -> None:
    """Set an attribute of a class, bypassing metaclasses written in Python."""
    _call(cls, "__setattr__", setattr, name, value)


def delete_attribute(cls: type, name: str) -> None:
    """Delete an attribute of a class, as `set_attribute` sets one."""
    _call(cls, "__delattr__", delattr, name)


def _call(cls: type, slot: str, otherwise: Callable[..., None], name: str, *value: object) -> None:
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

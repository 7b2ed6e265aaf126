"""Types whose own `repr` is safe to call, and stored values of instances."""

from __future__ import annotations

import datetime as dt
import enum
import sys
import types
from typing import Any, Final

from callscope.introspect.classes import is_subclass, mro, namespace, qualified_name
from callscope.introspect.summaries.secrets import held_by

# Leaf types of the standard library whose own `repr` is short, quick and free of user code.
_TRUSTED_REPR: Final = frozenset(
    {
        "datetime.date",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress.IPv4Address",
        "ipaddress.IPv6Address",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib.PureWindowsPath",
        "pathlib.WindowsPath",
        # Python 3.13 has moved them.
        "pathlib._local.PosixPath",
        "pathlib._local.PurePosixPath",
        "pathlib._local.PureWindowsPath",
        "pathlib._local.WindowsPath",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
)


def is_genuine(kind: type, qualified: str) -> bool:
    """Return whether a class is the one that its module holds under its name."""
    module, _, name = qualified.rpartition(".")
    return getattr(sys.modules.get(module), name, None) is kind


def is_trusted(kind: type) -> bool:
    """Return whether the `repr` of a class is short, quick and free of user code."""
    qualified = qualified_name(kind)
    return qualified in _TRUSTED_REPR and is_genuine(kind, qualified)


_PLAIN: Final = (str, int, types.NoneType, dt.timedelta)


def holds_plain(value: Any) -> bool:
    """Return whether the `repr` of a value reaches no object of the program's own classes.

    A path may hold a string, or a UUID a number, of a subclass with its own `__repr__`.
    """
    if type(value) is dt.timezone:
        return all(map(_is_plain, value.__getinitargs__()))  # type: ignore[attr-defined]
    for base in mro(type(value)):
        for name, entry in namespace(base).items():
            if type(entry) is types.MemberDescriptorType:
                held = stored(value, name)
                if not all(_is_plain(item) for item in (held if type(held) is list else [held])):
                    return False
    return True


def _is_plain(held: Any) -> bool:
    kind = type(held)
    return held is ABSENT or any(kind is plain for plain in _PLAIN) or is_subclass(kind, enum.Enum)


ABSENT: Final = object()
"""Placeholder for a value that an instance does not hold."""


def stored(value: Any, name: str) -> Any:
    """Return an instance's value of a name, from its dict or a slot; calls no property."""
    for base in mro(type(value)):
        entry = namespace(base).get(name)
        if type(entry) is types.MemberDescriptorType:
            try:
                return entry.__get__(value)
            except AttributeError:
                return ABSENT
    return held_by(value).get(name, ABSENT)

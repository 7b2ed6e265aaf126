"""Which names stand for secrets."""

from __future__ import annotations

import enum
import re
import types
from fnmatch import fnmatchcase
from typing import Any, Final

from callscope.hierarchy import is_subclass, mro, namespace
from callscope.trace import Text

REDACTED: Final = Text("[redacted]")
"""Stands for a value that is hidden."""

_SECRET: Final = re.compile(
    r"passw(or)?d|passphrase|secret|credential"
    r"|(^|_)(pwd|token|api_?key|access_?key|private_?key|authorization|auth|cookies?)$"
)
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]+")


def is_secret(name: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a value that goes by a name is to be hidden.

    Args:
        name: of an argument, a field or a dictionary key.
        patterns: lower-case `fnmatch` patterns of names that are secret besides passwords,
            tokens, API keys and their kin.
    """
    if _SECRET.search(_WORD_BREAK.sub("_", name).lower()):
        return True
    lower = name.lower()
    return any(fnmatchcase(lower, pattern) for pattern in patterns)


def spelling(key: Any) -> str:
    """Return how a dictionary key reads as a name; empty if it is none."""
    kind = type(key)
    if is_subclass(kind, enum.Enum):
        return text_of(held_by(key).get("_name_")) or ""
    if is_subclass(kind, bytes):
        return bytes.decode(key, "latin-1")
    return text_of(key) or ""


def text_of(value: Any) -> str | None:
    """Return the plain text of a string of any class, and None for what is no string."""
    return str.__str__(value) if is_subclass(type(value), str) else None


def held_by(value: Any) -> dict[str, Any]:
    """Return what an object's `__dict__` holds, if it has one; no property of that name is run."""
    for base in mro(type(value)):
        entry: Any = namespace(base).get("__dict__")
        if type(entry) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            held = entry.__get__(value)
            return held if type(held) is dict else {}
    return {}

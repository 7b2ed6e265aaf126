"""Which names stand for secrets."""

from __future__ import annotations

import enum
import re
from fnmatch import fnmatchcase
from typing import Any, Final

from callscope.hierarchy import is_subclass
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
        return str(object.__getattribute__(key, "__dict__").get("_name_", ""))
    if is_subclass(kind, str):
        return str.__str__(key)
    return bytes(key).decode("latin-1") if kind is bytes else ""

"""Cache of values per class; an entry is dropped with its class."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

_T = TypeVar("_T")


class ByClass(Generic[_T]):
    """Values per class, kept while the class lives.

    Keys are identities: hashing a class may run its metaclass's `__hash__`.
    """

    def __init__(self) -> None:
        self.known: dict[int, tuple[weakref.ref[type], _T]] = {}

    def __setitem__(self, kind: type, value: _T) -> None:
        key, known = id(kind), self.known

        def forget(ref: weakref.ref[type]) -> None:
            if key in known and known[key][0] is ref:
                del known[key]

        known[key] = weakref.ref(kind, forget), value

    def get(self, kind: type, default: _T) -> _T:
        """Return the value of a class, or the default."""
        known = self.known.get(id(kind))
        return known[1] if known is not None and known[0]() is kind else default

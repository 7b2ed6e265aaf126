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
        self.entries: dict[int, tuple[weakref.ref[type], _T]] = {}

    def __setitem__(self, kind: type, value: _T) -> None:
        key, entries = id(kind), self.entries

        def forget(ref: weakref.ref[type]) -> None:
            if key in entries and entries[key][0] is ref:
                del entries[key]

        entries[key] = weakref.ref(kind, forget), value

    def get(self, kind: type, default: _T) -> _T:
        """Return the value of a class, or the default."""
        entry = self.entries.get(id(kind))
        return entry[1] if entry is not None and entry[0]() is kind else default

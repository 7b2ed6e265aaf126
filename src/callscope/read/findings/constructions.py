"""Constructions of objects: the `__init__` calls that they consist of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from callscope.trace import Callee, ClassMetadata, CodeMetadata

INIT: Final = "__init__"

_LONGEST: Final = 32
"""Most calls of a pattern; a longer construction is judged for each object."""


class Construction(NamedTuple):
    """One construction of an object: its outermost `__init__` and those that this led to."""

    number: int
    """Number of the object."""
    metadata: ClassMetadata
    inits: list[int]
    """Rows of the calls of `__init__` on the object, the outermost first."""

    @property
    def row(self) -> int:
        """Row of the outermost `__init__`."""
        return self.inits[0]


def definers(metadata: ClassMetadata) -> list[int]:
    """Return the MRO indexes of the classes whose `__init__` is traced."""
    return [i for i in range(len(metadata.mro)) if metadata.site(i, INIT) is not None]


def init_code(metadata: ClassMetadata, mro_index: int) -> CodeMetadata | None:
    """Return the code metadata of one class's `__init__`; None if unknown."""
    site = metadata.site(mro_index, INIT)
    return None if site is None else site.code


def skipped(metadata: ClassMetadata, ran: Iterable[int | None]) -> tuple[int, ...]:
    """Return the MRO indexes of the classes whose `__init__` was meant to run and did not."""
    return tuple(
        i
        for i in definers(metadata)
        if i not in ran and not ((code := init_code(metadata, i)) is not None and code.is_abstract)
    )


def is_from_beginning(callee: Callee) -> bool:
    """Return whether a construction that begins with this `__init__` was recorded as a whole.

    It was not if the first traced `__init__` is not the one that runs first.
    """
    assert callee.class_metadata is not None
    return callee.mro_index in definers(callee.class_metadata)[:1]


class Pattern(dict[int, "Pattern"]):
    """The `__init__` calls on an object, as indices of callees in order.

    Its items are the patterns with one more call. So all objects that are constructed in the same
    way share one pattern, which is judged once.
    """

    def __init__(self, callees: Sequence[Callee], calls: tuple[int, ...] = ()) -> None:
        super().__init__()
        self._callees = callees
        self.calls = calls
        """An index is inverted (``~index``) if no `__init__` on the object is the direct parent."""

    def __missing__(self, call: int) -> Pattern:
        if len(self.calls) == _LONGEST:
            return self
        longer = self[call] = Pattern(self._callees, (*self.calls, call))
        return longer

    @cached_property
    def may_be_mistake(self) -> bool:
        """Return whether an `__init__` may have been missing or have run twice."""
        first, *others = self.calls
        if first >= 0 or any(call < 0 for call in others) or len(self.calls) == _LONGEST:
            return True  # may be several constructions
        begin = self._callees[~first]
        if begin.class_metadata is None or not is_from_beginning(begin):
            return False
        ran = [begin.mro_index, *(self._callees[call].mro_index for call in others)]
        return len({*ran}) < len(ran) or bool(skipped(begin.class_metadata, ran))

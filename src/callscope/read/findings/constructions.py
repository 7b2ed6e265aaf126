"""Constructions of objects: the `__init__` calls that they consist of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


class Patterns:
    """The ways in which objects are constructed: their `__init__` calls in order.

    All objects that are constructed in the same way share one pattern, which is judged once. A call
    is twice the index of its callee, and 1 more if an `__init__` on the object is the direct parent.

    Args:
        callees: the callees of a trace.
    """

    def __init__(self, callees: Sequence[Callee]) -> None:
        self._callees = callees
        self._calls: list[tuple[int, ...]] = []
        self._numbers: dict[tuple[int, ...], int] = {}

    def longer(self, pattern: int, call: int) -> int:
        """Return the number of a pattern with one more call; -1 is the one without any."""
        calls = self._calls[pattern] if pattern >= 0 else ()
        if len(calls) == _LONGEST:
            return pattern
        calls = (*calls, call)
        if calls not in self._numbers:
            self._numbers[calls] = len(self._calls)
            self._calls.append(calls)
        return self._numbers[calls]

    def may_be_mistake(self, pattern: int) -> bool:
        """Return whether an `__init__` may have been missing or have run twice."""
        calls = self._calls[pattern]
        is_inner = [call % 2 for call in calls]
        if is_inner[0] or not all(is_inner[1:]) or len(calls) == _LONGEST:
            return True  # may be several constructions
        callees = [self._callees[call // 2] for call in calls]
        metadata = callees[0].class_metadata
        if metadata is None or not is_from_beginning(callees[0]):
            return False
        ran = [callee.mro_index for callee in callees]
        return len({*ran}) < len(ran) or bool(skipped(metadata, ran))

"""Folding of long traces for display: repetitions are shown once, and the outer levels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from callscope.trace import Call, TraceData
from callscope.trace.walk import walk

_LONGEST_ROUND: Final = 8
"""Most sibling calls in a repeated round."""
_LEAST_ROUNDS: Final = 3


class Round(NamedTuple):
    """Sibling calls that were made once, or repeatedly in the same shape."""

    calls: Sequence[Call]
    """The calls of the first repetition."""
    times: int


class Folded:
    """The calls of a trace, with repeated rounds of siblings folded.

    Two calls have one shape if they ran the same method on objects of the same class, ended alike,
    and led to rounds of the same shapes, as many times each.
    """

    def __init__(self, trace: TraceData) -> None:
        self._shapes: dict[object, int] = {}
        self._shape_of: dict[Call, int] = {}
        self._rounds: dict[Call, list[Round]] = {}
        self.roots: list[Round] = self._fold_all(trace.roots)
        """The outermost rounds."""

    def below(self, call: Call) -> list[Round]:
        """Return the rounds of the calls that a call led to."""
        return self._rounds[call]

    def _fold_all(self, roots: Sequence[Call]) -> list[Round]:
        for call in reversed([*walk(roots)]):
            rounds = self._rounds[call] = self._fold(call.children)
            inner = tuple(
                (tuple(self._shape_of[inner] for inner in group.calls), group.times)
                for group in rounds
            )
            error = None if call.error is None else call.error.type
            shape = (call.defining_class, call.method, call.runtime_class, error, inner)
            self._shape_of[call] = self._shapes.setdefault(shape, len(self._shapes))
        return self._fold(roots)

    def _fold(self, calls: Sequence[Call]) -> list[Round]:
        shapes = [self._shape_of[call] for call in calls]
        rounds: list[Round] = []
        start = 0
        while start < len(calls):
            size, times = _repetition(shapes, start)
            if times < _LEAST_ROUNDS:
                size, times = 1, 1
            rounds.append(Round(calls[start : start + size], times))
            start += size * times
        return rounds


def _repetition(shapes: Sequence[int], start: int) -> tuple[int, int]:
    """Return the number of calls of the round that begins here, and how often it occurs in a row.

    Among several rounds, choose the one that covers most calls.
    """
    best = (1, 1)
    for size in range(1, _LONGEST_ROUND + 1):
        end = start + size
        while end < len(shapes) and shapes[end] == shapes[end - size]:
            end += 1
        times = (end - start) // size
        if times >= _LEAST_ROUNDS and size * times > best[0] * best[1]:
            best = (size, times)
    return best


def levels_that_fit(folded: Folded, most: int) -> tuple[int, int]:
    """Return how many outer levels, at least one, fit in `most` calls, and their total calls."""
    level, total, depth = folded.roots, 0, 0
    while level:
        calls = total + sum(len(group.calls) for group in level)
        if calls > most and depth:
            break
        total, depth = calls, depth + 1
        level = [inner for group in level for call in group.calls for inner in folded.below(call)]
    return depth, total


def count(call: Call) -> int:
    """Return the number of descendants of a call."""
    return sum(1 for _ in walk(call.children))

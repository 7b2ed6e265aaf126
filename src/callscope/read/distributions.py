"""Durations and numbers, however many, in little memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Final

_MOST_SINGLE: Final = 1 << 15
"""Number of durations, or of numbers, above which they are packed."""
_MOST_DISTINCT: Final = 1 << 20
_PRECISION: Final = 16
"""Bits that are kept of each duration where there are too many distinct ones."""
_CHUNK: Final = 10


class Durations:
    """Durations in nanoseconds, for percentiles."""

    def __init__(self) -> None:
        self._single = array("d")
        self._counts: Counter[int] = Counter()
        self._is_coarse = False

    def add(self, durations: array[float]) -> None:
        """Add durations."""
        self._single += durations

    def pack(self) -> None:
        """Count equal durations, if there are many."""
        if len(self._single) <= _MOST_SINGLE:
            return
        self._counts.update(map(round, self._single))
        self._single = array("d")
        if self._is_coarse or len(self._counts) > _MOST_DISTINCT:
            self._is_coarse = True
            counts, self._counts = self._counts, Counter()
            for duration, count in counts.items():
                shift = max(0, duration.bit_length() - _PRECISION)
                self._counts[duration >> shift << shift] += count

    @staticmethod
    def percentiles(parts: Iterable[Durations], *percents: int) -> list[int]:
        """Return nearest-rank percentiles of all durations; 0 if there are none."""
        parts = [*parts]
        if any(part._counts for part in parts):
            counts: Counter[int] = Counter()
            for part in parts:
                counts.update(part._counts)
                counts.update(map(round, part._single))
            return [_counted_percentile(counts, percent) for percent in percents]
        for part in parts:  # sites and classes have parts in common; sorting merges sorted ones
            part._single = array("d", sorted(part._single))
        durations = sorted(chain.from_iterable(part._single for part in parts))
        return [_percentile(durations, percent) for percent in percents]


def _percentile(durations: Sequence[float], percent: int) -> int:
    if not durations:
        return 0
    return round(durations[_rank(len(durations), percent) - 1])


def _counted_percentile(counts: Counter[int], percent: int) -> int:
    ordered = sorted(counts)
    ranks = [*accumulate(map(counts.__getitem__, ordered))]
    return ordered[bisect_left(ranks, _rank(ranks[-1], percent))]


def _rank(count: int, percent: int) -> int:
    return max(1, -(-count * percent // 100))


class Numbers:
    """Set of positive numbers, many of which are neighbours once there are many."""

    def __init__(self) -> None:
        self._single: set[int] = set()
        self._chunks: dict[int, int] = {}

    def add(self, numbers: Iterable[int]) -> None:
        """Add numbers; 0 is none."""
        self._single.update(numbers)

    def pack(self) -> None:
        """Turn numbers into bits, if there are many."""
        if len(self._single) > _MOST_SINGLE:
            _add_bits(self._chunks, self._single)
            self._single.clear()

    @staticmethod
    def count(parts: Iterable[Numbers]) -> int:
        """Return how many numbers there are in all."""
        parts = [*parts]
        if not any(part._chunks for part in parts):
            return len(set().union(*(part._single for part in parts)) - {0})
        chunks: dict[int, int] = {}
        for part in parts:
            for chunk, bits in part._chunks.items():
                chunks[chunk] = chunks.get(chunk, 0) | bits
            _add_bits(chunks, part._single)
        return sum(map(int.bit_count, chunks.values())) - (chunks.get(0, 0) & 1)


def _add_bits(chunks: dict[int, int], numbers: Iterable[int]) -> None:
    for number in numbers:
        chunk = number >> _CHUNK
        chunks[chunk] = chunks.get(chunk, 0) | 1 << (number & (1 << _CHUNK) - 1)

"""Common subsequences: matching items of two sequences, in order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from typing import Final, TypeAlias

Pairs: TypeAlias = list[tuple[int, int]]

_MOST_EDITS: Final = 400
"""Most unmatched items for which the longest common subsequence is found; time is quadratic in
their number."""


def common(a: Sequence[Hashable], b: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """Yield the index pairs of a long common subsequence of two sequences, in order.

    It is a longest one if the two differ by at most some hundred items. If they differ by more,
    time grows with the number of items, not of pairs of items.
    """
    start = equal_run(a, 0, b, 0, min(len(a), len(b)))
    stop = equal_end(a[start:], b[start:])
    end_a, end_b = len(a) - stop, len(b) - stop
    yield from ((i, i) for i in range(start))
    middle_a, middle_b = a[start:end_a], b[start:end_b]
    if not set(middle_a).isdisjoint(middle_b):
        middle = _shortest_edit(middle_a, middle_b)
        if middle is None:
            middle = _in_step(middle_a, middle_b)
        yield from ((start + i, start + j) for i, j in middle)
    yield from zip(range(end_a, len(a)), range(end_b, len(b)), strict=True)


def equal_end(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return the number of equal items at the end."""
    return equal_run(a[::-1], 0, b[::-1], 0, min(len(a), len(b)))


def equal_run(
    a: Sequence[Hashable], start_a: int, b: Sequence[Hashable], start_b: int, most: int
) -> int:
    """Return the number of equal items from two places on, at most `most`."""
    count, step = 0, 1
    while count < most:
        step = min(step, most - count)
        i, j = start_a + count, start_b + count
        if a[i : i + step] == b[j : j + step]:
            count += step
            step *= 2
        elif step == 1:
            break
        else:
            step //= 2
    return count


def _shortest_edit(a: Sequence[Hashable], b: Sequence[Hashable]) -> Pairs | None:
    """Return a longest common subsequence; None if too much differs.

    E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986.
    """
    furthest = {1: 0}
    history: list[dict[int, int]] = []
    for edits in range(min(_MOST_EDITS, len(a) + len(b)) + 1):
        history.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            i = _step(furthest, diagonal, edits)
            j = i - diagonal
            while i < len(a) and j < len(b) and a[i] == b[j]:
                i, j = i + 1, j + 1
            furthest[diagonal] = i
            if i >= len(a) and j >= len(b):
                return [*_backward(history, len(a), len(b))][::-1]
    return None


def _step(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    if _goes_down(furthest, diagonal, edits):
        return furthest[diagonal + 1]
    return furthest[diagonal - 1] + 1


def _goes_down(furthest: dict[int, int], diagonal: int, edits: int) -> bool:
    return diagonal == -edits or (
        diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1]
    )


def _backward(history: list[dict[int, int]], i: int, j: int) -> Iterator[tuple[int, int]]:
    for edits in reversed(range(len(history))):
        furthest = history[edits]
        diagonal = i - j
        if edits == 0:
            before_i, before_j = 0, 0
        else:
            down = _goes_down(furthest, diagonal, edits)
            before = diagonal + 1 if down else diagonal - 1
            before_i = furthest[before]
            before_j = before_i - before
        while i > before_i and j > before_j:
            i, j = i - 1, j - 1
            yield i, j
        i, j = before_i, before_j


def _in_step(a: Sequence[Hashable], b: Sequence[Hashable]) -> Pairs:
    """Return a common subsequence that matches the n-th occurrences of each item."""
    places: dict[Hashable, list[int]] = {}
    for j in reversed(range(len(b))):
        places.setdefault(b[j], []).append(j)
    pairs = [(i, places[item].pop()) for i, item in enumerate(a) if places.get(item)]
    return _rising(pairs)


def _rising(pairs: Pairs) -> Pairs:
    """Return a longest subsequence of pairs in which the second items rise, too."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(pairs):
        place = bisect_left(ends, j)
        before.append(last[place - 1] if place else -1)
        ends[place:] = [j, *ends[place + 1 :]] if place < len(ends) else [j]
        last[place:] = [index, *last[place + 1 :]] if place < len(last) else [index]
    chain = []
    index = last[-1] if last else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]

"""Repeats in sequences: runs of one item, and of several in turn."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby, islice
from operator import eq
from typing import Final, NamedTuple

_MOST_CANDIDATES: Final = 8
"""Number of next occurrences of an item at which a repeat is looked for."""
_LEAST: Final = 4
"""Number of tokens of which two may repeat in turn."""
_MOST_LEVELS: Final = 6
"""Levels of repeats within repeats."""


class Part(NamedTuple):
    """An item of a sequence, or several in turn, that stands there once or several times in a row."""

    times: int
    """Number of repeats; within another part, in each of its repeats."""
    places: Sequence[int]
    """All places of the item in the sequence, in order; where there are parts, of the first."""
    parts: Sequence[Part] = ()
    """The items that repeat in turn; none for a single item."""


class _Token(NamedTuple):
    """Repeats of one or several tokens, at no certain place."""

    number: int
    """Equal for equal tokens."""
    width: int
    """Number of items."""
    times: int
    tokens: Sequence[_Token]
    """Empty for a single item."""


class _Tokens:
    """Tokens, of which equal ones are made once."""

    def __init__(self) -> None:
        self._tokens: dict[Hashable, _Token] = {}

    def item(self, item: Hashable, times: int) -> _Token:
        """Return the token of a run of one item."""
        key = item, times
        token = self._tokens.get(key)
        if token is None:
            token = self._tokens[key] = _Token(len(self._tokens), times, times, ())
        return token

    def repeat(self, tokens: Sequence[_Token], times: int) -> _Token:
        """Return the token of several others that repeat in turn."""
        key = "in turn", times, *(token.number for token in tokens)
        width = times * sum(token.width for token in tokens)
        return self._tokens.setdefault(key, _Token(len(self._tokens), width, times, tokens))


def fold(items: Sequence[Hashable]) -> list[Part]:
    """Return the parts of a sequence: runs of equal items, and of items that repeat in turn.

    Repeats may stand within repeats. The time grows with the number of items.
    """
    known = _Tokens()
    tokens = _runs(items, known)
    for _ in range(_MOST_LEVELS):
        count = len(tokens)
        if count >= _LEAST:
            tokens = [*_repeats(tokens, known)]
        if len(tokens) == count:
            break
    parts, place = [], 0
    for token in tokens:
        parts.append(_at(token, [place]))
        place += token.width
    return parts


def _runs(items: Sequence[Hashable], known: _Tokens) -> list[_Token]:
    """Return the tokens of runs of equal items."""
    if any(map(eq, items, islice(items, 1, None))):
        return [known.item(item, len([*run])) for item, run in groupby(items)]
    of_items = {item: known.item(item, 1) for item in dict.fromkeys(items)}
    return [*map(of_items.__getitem__, items)]


def _repeats(tokens: Sequence[_Token], known: _Tokens) -> Iterator[_Token]:
    """Yield tokens, those that repeat in turn as one."""
    numbers = [token.number for token in tokens]
    following = _next_places(numbers)
    ends: dict[int, int] = {}
    place = 0
    while place < len(tokens):
        period, times = _repeat_at(numbers, place, following, ends)
        if times > 1:
            yield known.repeat(tokens[place : place + period], times)
        else:
            yield tokens[place]
        place += period * times


def _next_places(numbers: Sequence[int]) -> list[int]:
    """Return for each number the place of the next that is equal; 0 if there is none."""
    following = [0] * len(numbers)
    seen: dict[int, int] = {}
    for place in range(len(numbers) - 1, -1, -1):
        following[place] = seen.get(numbers[place], 0)
        seen[numbers[place]] = place
    return following


def _repeat_at(
    numbers: Sequence[int], place: int, following: Sequence[int], ends: dict[int, int]
) -> tuple[int, int]:
    """Return the length of the shortest repeat at a place, and how often it stands there.

    Args:
        numbers: the sequence.
        place: the place.
        following: the next place of each number.
        ends: by distance, the place up to which numbers are known to be equal at that distance.
    """
    other = following[place]
    for _ in range(_MOST_CANDIDATES):
        if not other:
            break
        period = other - place
        if ends.get(period, 0) <= place:
            ends[period] = _equal_up_to(numbers, place, period)
        times = 1 + (ends[period] - place) // period
        if times > 1:
            return period, times
        other = following[other]
    return 1, 1


def _equal_up_to(numbers: Sequence[int], place: int, period: int) -> int:
    """Return the place up to which numbers are equal to those at a distance."""
    end = len(numbers) - period
    while place < end and numbers[place] == numbers[place + period]:
        place += 1
    return place


def _at(token: _Token, starts: Sequence[int]) -> Part:
    """Return the part of a token that stands at some places."""
    if token.width == 1:
        return Part(1, starts)
    step = token.width // token.times
    places = [start + number * step for start in starts for number in range(token.times)]
    parts, offset = [], 0
    for inner in token.tokens:
        parts.append(_at(inner, [place + offset for place in places]))
        offset += inner.width
    return Part(token.times, places, parts)

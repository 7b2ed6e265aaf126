"""Texts of a page: each is stored once, however many calls share it."""

from __future__ import annotations

from typing import Final, TypeVar

from callscope.trace import Value, value_text

MAX_TEXT: Final = 1_000
"""Most characters shown of one argument, result or error."""

LONGEST: Final = MAX_TEXT + 100
"""Most characters of a text that was cut, with the note that says so."""

_T = TypeVar("_T")


class Numbers(dict[_T, int]):
    """Numbering of items from 0, in the order of their first lookup."""

    def __missing__(self, key: _T) -> int:
        self[key] = number = len(self)
        return number


class Texts:
    """The numbered texts of a page."""

    def __init__(self) -> None:
        self.numbers: Numbers[str] = Numbers()
        self.size: int = 0
        """Number of characters."""

    def number(self, text: str) -> int:
        """Return the number of a text, which is cut if it is long."""
        if len(text) > MAX_TEXT:
            text = f"{text[:MAX_TEXT]}… and {len(text) - MAX_TEXT:,} characters more"
        count = len(self.numbers)
        number = self.numbers[text]
        if number == count:
            self.size += len(text)
        return number


class ValueNumbers(dict[type, dict[Value, int]]):
    """Numbers of the texts of captured values: by the type, as 1 and True are equal, and the value.

    A number is looked up by ``numbers[type(value)][value]``.
    """

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __missing__(self, kind: type) -> dict[Value, int]:
        self[kind] = numbers = _OfType(self._texts, is_kept=not issubclass(kind, float))
        return numbers


class _OfType(dict[Value, int]):
    """The numbers of values of one type; those of floats are not kept, as 0.0 and -0.0 are equal."""

    def __init__(self, texts: Texts, *, is_kept: bool) -> None:
        self._texts = texts
        self._is_kept = is_kept

    def __missing__(self, value: Value) -> int:
        number = self._texts.number(value_text(value))
        if self._is_kept:
            self[value] = number
        return number

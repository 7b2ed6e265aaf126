"""Texts of a page: each is stored once, however many calls share it."""

from __future__ import annotations

from typing import Final, TypeVar

from callscope.trace import Value, value_text

MAX_TEXT: Final = 1_000
"""Most characters shown of one argument, result or error."""

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
        self._of_values: dict[tuple[type, Value], int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text, which is cut if it is long."""
        if len(text) > MAX_TEXT:
            text = f"{text[:MAX_TEXT]}… and {len(text) - MAX_TEXT:,} characters more"
        count = len(self.numbers)
        number = self.numbers[text]
        if number == count:
            self.size += len(text)
        return number

    def of_value(self, value: Value) -> int:
        """Return the number of the text of a captured value."""
        if isinstance(value, float):  # 0.0 and -0.0 are equal
            return self.number(value_text(value))
        key = type(value), value  # 1 and True are equal
        number = self._of_values.get(key)
        if number is None:
            number = self._of_values[key] = self.number(value_text(value))
        return number

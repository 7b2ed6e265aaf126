"""What stands for a value of which no more is said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from callscope.introspect.classes import bare_name, qualified_name
from callscope.introspect.values import Text


class Nesting(Protocol):
    """Text of values within values, at a depth."""

    def _text(self, value: Any, depth: int) -> str: ...
    def _items(self, values: Iterable[Any], length: int, depth: int) -> str: ...
    def _pairs(self, pairs: Iterable[tuple[Any, Any]], length: int, depth: int) -> str: ...
    def _named(self, name: Any, value: Any, depth: int) -> str: ...


def opaque(kind: type) -> Text:
    """Return what stands for a value of no known kind: ``<Config>``."""
    return Text(f"<{bare_name(qualified_name(kind))}>")


def cut(text: str, length: int) -> str:
    """Return a text, cut to a length."""
    return text if len(text) <= length else f"{text[: length - 3]}..."

"""Short texts for values, and the interface for nested values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from callscope.introspect.classes import bare_name, qualified_name
from callscope.introspect.summaries.by_class import ByClass
from callscope.introspect.values import Text


class Nesting(Protocol):
    """Interface that writes nested values at a depth."""

    def _text(self, value: Any, depth: int) -> str: ...
    def _items(self, values: Iterable[Any], length: int, depth: int) -> str: ...
    def _pairs(self, pairs: Iterable[tuple[Any, Any]], length: int, depth: int) -> str: ...
    def _named(self, name: Any, value: Any, depth: int) -> str: ...


_opaque: Final[ByClass[Text | None]] = ByClass()


def opaque(kind: type) -> Text:
    """Return the text for a value of unknown kind: ``<Config>``."""
    text = _opaque.get(kind, None)
    if text is None:
        text = _opaque[kind] = Text(f"<{bare_name(qualified_name(kind))}>")
    return text


def cut(text: str, length: int) -> str:
    """Return a text, cut to a length."""
    return text if len(text) <= length else f"{text[: length - 3]}..."

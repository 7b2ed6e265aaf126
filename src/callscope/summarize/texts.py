"""What stands for a value of which no more is said."""

from __future__ import annotations

from callscope.hierarchy import bare_name, qualified_name
from callscope.trace import Text


def opaque(kind: type) -> Text:
    """Return what stands for a value of no known kind: ``<Config>``."""
    return Text(f"<{bare_name(qualified_name(kind))}>")


def cut(text: str, length: int) -> str:
    """Return a text, cut to a length."""
    return text if len(text) <= length else f"{text[: length - 3]}..."

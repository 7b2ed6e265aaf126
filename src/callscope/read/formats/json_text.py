"""Text and captured values as JSON that both strict and lenient readers accept."""

from __future__ import annotations

import json
import math
from typing import Final

from callscope.errors import encodable
from callscope.trace import Value

INT64: Final = 1 << 63
"""Bound of the integers, positive and negative, that Perfetto reads."""

_encode = json.JSONEncoder(ensure_ascii=False).encode


def quoted(text: str) -> str:
    """Return a text as a JSON string that is valid UTF-8.

    A lone surrogate, which UTF-8 cannot encode, becomes its escape as text. Other non-ASCII text is
    not escaped, and a final backslash is written as a Unicode escape: Perfetto's importer (v52,
    ``json_parser.h``) rejects the whole file for an escaped surrogate pair or a backslash before
    the closing quote.
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    encoded = _encode(encodable(text))
    return f'{encoded[:-3]}\\u005c"' if text.endswith("\\") else encoded


def value_json(value: Value) -> str:
    """Return a captured value as JSON; numbers that readers would misread become text."""
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -INT64 < value < INT64 else f'"{value}"'
    return repr(value) if math.isfinite(value) else f'"{value!r}"'

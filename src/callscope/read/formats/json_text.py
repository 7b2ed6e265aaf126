"""Text and captured values as JSON that strict readers take, and the lenient ones as well."""

from __future__ import annotations

import json
import math
from typing import Final

from callscope.trace import Value

INT64: Final = 1 << 63
"""Beyond this, and its negative, Perfetto reads no integers."""

_encode = json.JSONEncoder(ensure_ascii=False).encode


def quoted(text: str) -> str:
    """Return a text as a JSON string that is valid UTF-8.

    Half a surrogate pair becomes text that says so, for UTF-8 has none. Nothing else that is not
    ASCII is escaped, and a backslash at the very end is written by its number: Perfetto's importer
    (v52, ``json_parser.h``) takes neither an escaped surrogate pair nor a backslash before the
    closing quote, and gives up the file.
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    encoded = _encode(text)
    return f'{encoded[:-3]}\\u005c"' if text.endswith("\\") else encoded


def value_json(value: Value) -> str:
    """Return a captured value as JSON; numbers that readers would get wrong become text."""
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -INT64 < value < INT64 else f'"{value}"'
    return repr(value) if math.isfinite(value) else f'"{value!r}"'

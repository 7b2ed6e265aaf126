"""The wire format of Protocol Buffers, in text that has one character for each byte.

Text is put together faster than bytes are. As Latin-1 it is what the file contains.

Spec: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from callscope.errors import encodable

ENCODING: Final = "latin-1"
_UINT64: Final = (1 << 64) - 1
_SEVEN_BITS: Final = 127
_MOST: Final = 16_384


class Cache(dict[Any, str]):
    """Texts by what they are built from; emptied when it is full.

    Args:
        build: builds a text.
    """

    def __init__(self, build: Callable[[Any], str]) -> None:
        super().__init__()
        self.build: Callable[[Any], str] = build

    def __missing__(self, key: Any) -> str:
        if len(self) >= _MOST:
            self.clear()
        text = self[key] = self.build(key)
        return text


def varint(value: int) -> str:
    """Return an integer in as few bytes as it needs; ten if it is negative."""
    rest = value & _UINT64
    text = ""
    while rest > _SEVEN_BITS:
        text += chr(rest & _SEVEN_BITS | 1 + _SEVEN_BITS)
        rest >>= 7
    return text + chr(rest)


def number(field: int, value: int) -> str:
    """Return a field with an integer or a bool."""
    return varint(field << 3) + varint(value)


def fixed(field: int, value: int) -> str:
    """Return a field with an integer of eight bytes."""
    return varint(field << 3 | 1) + struct.pack("<Q", value & _UINT64).decode(ENCODING)


def double(field: int, value: float) -> str:
    """Return a field with a double."""
    return varint(field << 3 | 1) + struct.pack("<d", value).decode(ENCODING)


def tag(field: int) -> str:
    """Return the start of a field with a message or a text; its size follows."""
    return varint(field << 3 | 2)


def block(field: int, content: str) -> str:
    """Return a field with a message that is encoded already."""
    return tag(field) + varint(len(content)) + content


def string(field: int, text: str) -> str:
    """Return a field with a text."""
    return block(field, utf8(text))


def utf8(text: str) -> str:
    """Return a text in UTF-8; lone surrogates become their escapes."""
    return text if text.isascii() else encodable(text).encode().decode(ENCODING)

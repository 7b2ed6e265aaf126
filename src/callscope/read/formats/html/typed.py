"""Columns of numbers as typed arrays of JavaScript."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


def typed(numbers: Sequence[int]) -> tuple[str, str]:
    """Return the type of the shortest array that numbers fit in, and its bytes in base64.

    Types are those of `array`; the bytes are little-endian, as in all browsers.
    """
    for code in "bhi":
        with suppress(OverflowError):
            return code, _base64(array(code, numbers))
    return "d", _base64(array("d", numbers))


def _base64(numbers: array[Any]) -> str:
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers).decode("ascii")

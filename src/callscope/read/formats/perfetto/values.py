"""Captured values, which are fields of debug annotations."""

from __future__ import annotations

import math

from callscope.read.formats.json_text import INT64
from callscope.read.formats.perfetto import fields
from callscope.read.formats.perfetto.wire import double, number, string
from callscope.trace import Value


def value_field(value: Value) -> str:
    """Return the field with a value; None, and numbers that no field stores, become text."""
    if isinstance(value, str):
        return string(fields.STRING, value)
    if isinstance(value, bool):
        return number(fields.BOOL, value)
    if isinstance(value, int) and -INT64 < value < INT64:
        return number(fields.INT, value)
    if isinstance(value, float) and math.isfinite(value):
        return double(fields.DOUBLE, value)
    return string(fields.STRING, repr(value))

"""Lines that fit a number of columns."""

from __future__ import annotations

from typing import Final

from callscope.introspect.summaries.texts import cut

_LEAST: Final = 8
"""Least columns in which a part of values says anything."""


def squeezed(arguments: str, outcome: str, room: int) -> tuple[str, str]:
    """Return texts of arguments in parentheses and of an outcome, cut to some columns together."""
    if len(arguments) + len(outcome) <= room:
        return arguments, outcome
    outcome = _cut(outcome, max(room - len(arguments), room // 2))
    return _cut(arguments, room - len(outcome), ")"), outcome


def _cut(text: str, room: int, end: str = "") -> str:
    """Return a text, cut to some columns; empty if they are too few."""
    if len(text) <= room:
        return text
    return cut(text[: -len(end) or None], room - len(end)) + end if room >= _LEAST else ""

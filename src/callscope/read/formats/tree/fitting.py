"""Values that fit a number of columns."""

from __future__ import annotations

from typing import Final

from callscope.introspect.summaries.texts import cut

_OUTCOME: Final = len(" -> 1...")
"""Least columns in which an outcome says anything."""


def squeezed(arguments: str, outcome: str, room: int) -> tuple[str, str]:
    """Return texts of arguments and of an outcome, cut to some columns together.

    The arguments give way first.
    """
    if len(arguments) + len(outcome) <= room:
        return arguments, outcome
    shortest = " " * (len(arguments) - len(arguments.lstrip())) + "(...)"
    most = room - min(len(arguments), len(shortest))
    if len(outcome) > most:
        outcome = cut(outcome, most) if most >= _OUTCOME else ""
    room -= len(outcome)
    if len(arguments) > room:
        arguments = f"{cut(arguments[:-1], room - 1)})" if room >= len(shortest) else ""
    return arguments, outcome

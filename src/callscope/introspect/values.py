"""Captured data of a call: scalars, summaries, and the exception that ended it."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Text(str):
    """Summary of a value that is not a scalar: ``float32[32, 128]`` or ``<app.Config>``.

    It is a `str`, but is shown without quotes, so it is never mistaken for a string of the program.
    """

    __slots__ = ()


Value: TypeAlias = None | bool | int | float | str | Text
"""A captured argument or result: a scalar unchanged, anything else as `Text`."""


class CallError(NamedTuple):
    """The exception that ended a call."""

    type: str
    """Module-qualified name of its class; builtins without a module."""
    message: str

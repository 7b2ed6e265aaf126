"""What is captured of a call: values as text or as they are, and the exception that ended it."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Text(str):
    """What stands for a value that is no scalar: ``float32[32, 128]`` or ``<app.Config>``.

    It is a `str`, but is shown without quotes, so that it is never mistaken for a string that
    the program passed.
    """

    __slots__ = ()


Value: TypeAlias = None | bool | int | float | str | Text
"""A captured argument or result: a scalar as it was, anything else as `Text`."""


class CallError(NamedTuple):
    """The exception that ended a call."""

    type: str
    """Module-qualified name of its class; builtins without a module."""
    message: str

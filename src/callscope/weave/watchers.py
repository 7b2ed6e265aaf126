"""Watchers of new subclasses and of finalized objects, where no other signal exists."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from callscope.introspect.classes import ABSENT, mro, namespace
from callscope.introspect.identity import release
from callscope.weave.shadow import Origin, Patch, drop_own_frames, hide

Adopt = Callable[[type], None]
"""Function that weaves a newly created class."""


def watch_births(defining: type, adopt: Adopt, raw: Any) -> Patch:
    """Make an `__init_subclass__` that runs the present one, then adopts the class."""
    patch = Patch(raw)
    origin = Origin(patch, raw)

    def __init_subclass__(cls: type, /, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            if origin.function is ABSENT:
                super(defining, cls).__init_subclass__(*args, **kwargs)  # type: ignore[arg-type]
            else:
                origin.function.__get__(None, cls)(*args, **kwargs)
        except BaseException as error:
            drop_own_frames(error)
            raise
        if origin.patch.on.cell_contents:
            adopt(cls)

    patch.replacement = classmethod(_like_inherited(defining, hide(__init_subclass__)))
    return patch


def watch_deaths(defining: type, raw: Any) -> Patch:
    """Make a `__del__` that runs the present one, then releases the object's identity."""
    patch = Patch(raw)
    origin = Origin(patch, raw)

    def __del__(self: object) -> None:  # noqa: N807
        try:
            if origin.function is not ABSENT:
                origin.function.__get__(self, type(self))()
            else:
                inherited = getattr(super(defining, self), "__del__", None)
                if inherited is not None:
                    inherited()
        except BaseException as error:
            drop_own_frames(error)
            raise
        finally:
            release(self)

    patch.replacement = _like_inherited(defining, hide(__del__))
    return patch


def _like_inherited(defining: type, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function look like the method it overrides, if that is written in Python."""
    name = function.__name__
    base = next((namespace(c)[name] for c in mro(defining) if name in namespace(c)), None)
    base = getattr(base, "__func__", base)
    return (
        functools.update_wrapper(function, base) if type(base) is types.FunctionType else function
    )

"""Callscope's own frames, hidden from tracebacks and warnings of the program."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

# `warnings` skips frames of files with this name, so a warning with `stacklevel=2` names the
# caller's file and not ours: `is_internal_frame` in CPython's Python/_warnings.c.
FILE_PREFIX: Final = "<callscope importlib._bootstrap "

_get_traceback = BaseException.__dict__["__traceback__"].__get__
_set_traceback = BaseException.__dict__["__traceback__"].__set__


def drop_own_frames(error: BaseException) -> None:
    """Remove callscope's outermost frames from an exception's traceback."""
    # Through the descriptor: an exception class may forbid or redefine attributes.
    traceback = _get_traceback(error)
    while traceback is not None and is_ours(traceback.tb_frame.f_code):
        traceback = traceback.tb_next
        _set_traceback(error, traceback)


def is_ours(code: types.CodeType) -> bool:
    """Return whether code belongs to a shadow or is hidden like one."""
    return code.co_filename.startswith(FILE_PREFIX)


def hide(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Hide a function's frames from tracebacks and warnings."""
    assert isinstance(function, types.FunctionType)
    filename = f"{FILE_PREFIX}{function.__name__}>"
    function.__code__ = function.__code__.replace(co_filename=filename)
    return function

"""Coexistence with PyTorch's compiler; a call made while it compiles is not recorded.

A compiled region cannot read a clock or append to a list of ours. So if torch is imported, a
shadow first calls `is_compiling`, and then goes straight to the original. The compiler knows the
answer beforehand, and sees nothing else of the shadow. See
https://docs.pytorch.org/docs/stable/generated/torch.compiler.is_compiling.html.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any, Final

_COMPILER: Final = "torch.compiler"
_waiting: Final[list[Callable[[], None]]] = []


def is_compiling() -> Callable[[], bool] | None:
    """Return torch's `is_compiling` function; None if torch is not imported."""
    function: Callable[[], bool] | None = getattr(sys.modules.get(_COMPILER), "is_compiling", None)
    return function


def begin_below(code: types.CodeType) -> None:
    """Let the compiler compile the callees of a shadow, but not the shadow.

    So it compiles and rejects the same functions as without callscope, and does so once, whether
    or not a recording runs.
    """
    _skip(code, below=False)


def leave_alone(function: Any) -> None:
    """Exclude a function that a shadow calls for its own purposes, and all its callees."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is not None:
        _skip(code, below=True)


def _skip(code: types.CodeType, *, below: bool) -> None:
    # As `torch._dynamo.disable`, without the second that importing `torch._dynamo` takes.
    frames = sys.modules.get("torch._C._dynamo.eval_frame")
    set_strategy = getattr(frames, "set_code_exec_strategy", None)
    if frames is not None and set_strategy is not None:
        action = frames._FrameAction
        nested = action.SKIP if below else action.DEFAULT
        set_strategy(code, frames._FrameExecStrategy(action.SKIP, nested))


def when_in_play(changed: Callable[[], None]) -> None:
    """Call a function once torch is imported, if it is installed and is not imported yet."""
    if _waiting or is_compiling() is not None:
        return
    try:
        installed = importlib.util.find_spec("torch") is not None
    except (ImportError, ValueError):
        installed = False
    if installed:
        # Imported lazily: it is slow to import.
        import wrapt

        _waiting.append(changed)
        wrapt.register_post_import_hook(_imported, "torch")


def _imported(_: Any) -> None:
    for changed in _waiting:
        changed()

"""PyTorch compiles what a model calls; a call made while it does so is not recorded.

A compiled region cannot read a clock or append to a list of ours. So where torch is in play, a
shadow first asks it, and goes straight to the original: the compiler, which knows the answer
beforehand, then sees nothing else of the shadow. See
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
    """Return the function that tells whether torch is compiling; None if there is no torch."""
    found: Callable[[], bool] | None = getattr(sys.modules.get(_COMPILER), "is_compiling", None)
    return found


def begin_below(code: types.CodeType) -> None:
    """Have the compiler take up what a shadow calls, and not the shadow.

    So it compiles the very functions that it would without callscope, refuses those that it would
    refuse, and does so once, whether or not a recording runs.
    """
    _skip(code, below=False)


def leave_alone(function: Any) -> None:
    """Have the compiler leave alone what a shadow calls for its own ends, and all below."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is not None:
        _skip(code, below=True)


def _skip(code: types.CodeType, *, below: bool) -> None:
    # What `torch._dynamo.disable` does, without the second that importing `torch._dynamo` takes.
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
        # Imported where it is used, for it takes long.
        import wrapt

        _waiting.append(changed)
        wrapt.register_post_import_hook(_imported, "torch")


def _imported(_: Any) -> None:
    for changed in _waiting:
        changed()

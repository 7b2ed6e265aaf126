"""PyTorch compiles what a model calls; a call made while it does so is not recorded.

A compiled region cannot read a clock or append to a list of ours. So where torch is in play, a
shadow first asks it, and goes straight to the original: the compiler, which knows the answer
beforehand, then sees nothing else of the shadow. See
https://docs.pytorch.org/docs/stable/generated/torch.compiler.is_compiling.html.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any, Final

_COMPILER: Final = "torch.compiler"
_waiting: Final[list[Callable[[], None]]] = []


def is_compiling() -> Callable[[], bool] | None:
    """Return the function that tells whether torch is compiling; None if there is no torch."""
    found: Callable[[], bool] | None = getattr(sys.modules.get(_COMPILER), "is_compiling", None)
    return found


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

"""Choice of the loops over columns: the C extension if it was built, else those in Python."""

from __future__ import annotations

import os
from contextlib import suppress
from types import ModuleType
from typing import Final


def _choose() -> ModuleType:
    # The engine warns of a value that the variable cannot have.
    if os.environ.get("CALLSCOPE_ENGINE") != "python":
        with suppress(ImportError):
            from callscope.trace import _kernels

            return _kernels
    from callscope.trace import python_kernels

    return python_kernels


KERNELS: Final = _choose()
"""The module in use; `python_kernels` documents its functions."""

"""The floor: a wrapper in C that reads the clock twice, compiled where it is first asked for."""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.checks.proof import CaseError

_SOURCE = Path(__file__).with_name("_floor.c")
_SETUP = """
from setuptools import Extension, setup
setup(name="floor", ext_modules=[Extension("_floor", [{source!r}])], script_args=[
    "-q", "build_ext", "--build-lib", {folder!r}, "--build-temp", {folder!r}])
"""


@functools.cache
def floor() -> Callable[[Callable[..., Any]], Any]:
    """Return the wrapper.

    Raises:
        CaseError: if it cannot be compiled.
    """
    folder = Path(__file__).parents[1] / "build"
    built = folder / f"_floor{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not built.exists() or built.stat().st_mtime < _SOURCE.stat().st_mtime:
        program = _SETUP.format(source=str(_SOURCE), folder=str(folder))
        done = subprocess.run(  # noqa: S603  # a program of ours
            [sys.executable, "-c", program], check=False, capture_output=True, text=True
        )
        if done.returncode:
            msg = f"The floor needs a C compiler and setuptools:\n{done.stderr}"
            raise CaseError(msg)
    spec = importlib.util.spec_from_file_location("_floor", built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    wrapper: Callable[[Callable[..., Any]], Any] = module.Floor
    return wrapper

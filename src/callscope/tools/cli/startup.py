"""`callscope enable-env` and `disable-env`: the file that starts callscope with Python.

Before it runs a program, Python executes the lines that begin with ``import`` in the ``.pth`` files
of its site-packages: https://docs.python.org/3/library/site.html.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Final

from callscope.errors import CallscopeError
from callscope.tools.environment import TARGETS

NAME: Final = "zz_callscope.pth"
"""File name that sorts after those of editable installs: Python reads them in order."""

_CODE: Final = """\
os.sys._callscope_pth = None
try:
    import callscope
except Exception as error:
    if getattr(error, "name", None) != "callscope":
        os.sys.stderr.write("CALLSCOPE starts nothing: %r\\n" % error)
"""
TEXT: Final = (
    f"import os; (os.environ.get({TARGETS!r}) or '0') != '0' and not hasattr(os.sys, '_callscope_pth')"
    f" and exec({_CODE!r})\n"
)
"""One line, which fails in no Python and without no package; venvs execute it twice."""


def enable() -> str:
    """Write the file and return a message.

    Raises:
        CallscopeError: if it cannot be written, or would not be read.
    """
    path = _path()
    if not path.parent.is_dir() or _is_managed(path.parent):
        msg = (
            f"{sys.executable} is managed by the system, so {path.parent} is left unchanged. Make a"
            " virtual environment (python -m venv), or import callscope in the program."
        )
        raise CallscopeError(msg)
    try:
        if path.exists() and path.read_text(encoding="utf-8") == TEXT:
            return f"It is enabled already, by {path}."
        _write(path)
    except OSError as error:
        msg = (
            f"Cannot write {str(path)!r}: {error.strerror}. Make a virtual environment"
            " (python -m venv), or import callscope in the program."
        )
        raise CallscopeError(msg) from None
    return (
        f"{path} now starts callscope in each program of {sys.executable} that runs with"
        f" {TARGETS} set. 'callscope disable-env' removes it."
    )


def disable() -> str:
    """Remove the file and return a message.

    Raises:
        CallscopeError: if it cannot be removed.
    """
    path = _path()
    try:
        path.unlink()
    except FileNotFoundError:
        return f"It is not enabled: there is no {path}."
    except OSError as error:
        msg = f"Cannot remove {str(path)!r}: {error.strerror}. Remove it as its owner."
        raise CallscopeError(msg) from None
    return f"Removed {path}."


def _path() -> Path:
    """Return the file's path: beside the package if that is the user's own folder."""
    here = str(Path(__file__).parents[3])
    is_own = site.ENABLE_USER_SITE and here == site.getusersitepackages()
    return Path(here if is_own else sysconfig.get_path("purelib"), NAME)


def _is_managed(folder: Path) -> bool:
    """Return whether a system's package manager owns a folder: PEP 668."""
    marker = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    is_own = str(folder) == site.getusersitepackages()
    return sys.prefix == sys.base_prefix and not is_own and marker.exists()


def _write(path: Path) -> None:
    """Write the file atomically: an interpreter may start at any time."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(TEXT, encoding="utf-8")
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()

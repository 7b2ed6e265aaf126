"""What turns a finished trace into text or a file; one file each, found by suffix."""

from __future__ import annotations

import glob
import importlib
from collections.abc import Iterable
from errno import ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from callscope.errors import TraceFileError, TraceFormatError
from callscope.trace import Trace, merge

if TYPE_CHECKING:
    from os import PathLike

SUFFIXES: Final = {".jsonl": "jsonl", ".txt": "tree", ".html": "html"}
"""Module of the format for each suffix; it has `save(trace, path)`, and `load(path)` if it can."""


def save(trace: Trace, path: str | PathLike[str]) -> Path:
    """Write a trace to a file in the format its suffix names, and return its path.

    Raises:
        TraceFormatError: if no format has that suffix.
        TraceFileError: if the file cannot be written.
    """
    target = Path(path)
    try:
        _format(target).save(trace, target)
    except OSError as error:
        if isinstance(error, TraceFileError):
            raise
        raise TraceFileError.cannot_write(target, error) from None
    return target


def load(path: str | PathLike[str]) -> Trace:
    """Read a trace that was saved as, or streamed to, JSON Lines.

    The end may be torn, as a killed program leaves it: calls that had not ended are then not
    `finished`.

    Args:
        path: the file; or a pattern of files, such as ``"trace*.jsonl"`` for all processes of a
            program, which are read as one trace. See `callscope.trace.merge`.

    Raises:
        TraceFormatError: if a file is no trace, naming the line that is wrong.
        TraceFileError: if a file cannot be read, or no file fits the pattern.
    """
    return load_all([path])


def load_all(paths: Iterable[str | PathLike[str]]) -> Trace:
    """Read several files, or patterns of files, as one trace; raises what `load` raises."""
    traces = [_load(source) for path in paths for source in _files(Path(path))]
    return traces[0] if len(traces) == 1 else merge(traces)


def _files(path: Path) -> list[Path]:
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    found = sorted(map(Path, glob.glob(str(path))))  # noqa: PTH207  # the pattern may be absolute
    if not found:
        raise TraceFileError.cannot_read(
            path, FileNotFoundError(ENOENT, "no file fits the pattern")
        )
    return found


def _load(source: Path) -> Trace:
    module = _format(source)
    if not hasattr(module, "load"):
        msg = f"{str(source)!r} is text for people and cannot be loaded. Save as '.jsonl' for that."
        raise TraceFormatError(msg)
    try:
        trace: Trace = module.load(source)
    except OSError as error:
        raise TraceFileError.cannot_read(source, error) from None
    return trace


def check_suffix(path: str | PathLike[str]) -> None:
    """Check that some format has the path's suffix.

    Raises:
        TraceFormatError: if none has.
    """
    _format(Path(path))


def _format(path: Path) -> Any:
    name = SUFFIXES.get(path.suffix.lower())
    if name is None:
        known = ", ".join(SUFFIXES)
        msg = (
            f"No format has the suffix of {str(path)!r}. Name a file that ends in one of: {known}."
        )
        raise TraceFormatError(msg)
    return importlib.import_module(f"callscope.formats.{name}")

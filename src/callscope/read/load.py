"""Traces from files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from callscope.read.formats import files
from callscope.read.trace import Trace

if TYPE_CHECKING:
    from os import PathLike


def load(path: str | PathLike[str]) -> Trace:
    """Read a trace that was saved as, or streamed to, JSON Lines (``.jsonl`` or ``.jsonl.gz``), or
    saved as Parquet.

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
    """Read several files, or patterns of files, as one trace; raises what `load` raises.

    Files of earlier runs are left out as `callscope.read.formats.files.load_all` says.
    """
    return Trace._of(files.load_all(paths))

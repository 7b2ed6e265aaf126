"""Formats and compression by file suffix."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from callscope.errors import TraceFormatError

if TYPE_CHECKING:
    from os import PathLike

SUFFIXES: Final = {
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".mmd": "mermaid",
    ".parquet": "parquet",
    ".txt": "tree",
    ".json": "chrome",
    ".json.gz": "chrome",
    ".pftrace": "perfetto",
    ".pftrace.gz": "perfetto",
    ".speedscope.json": "speedscope",
    ".html": "html",
}
"""Module of the format for each suffix. Files ending in ``.gz`` are compressed, in any format."""

ONE_WAY: Final = {
    "chrome": "a Chrome trace",
    "html": "a page",
    "mermaid": "a diagram",
    "perfetto": "a Perfetto trace",
    "speedscope": "a speedscope profile",
    "tree": "a text",
}
"""Common names of files in formats that cannot be loaded, by module."""

IN_PARTS: Final = (".jsonl", ".json", ".pftrace", ".parquet")
"""Suffixes of files that can be written from calls that do not fit in memory."""

STREAMED: Final = (".jsonl", ".jsonl.gz", ".parquet")
"""Suffixes of files that can be written while the program runs."""


def check_suffix(path: str | PathLike[str]) -> None:
    """Check that some format has the path's suffix.

    Raises:
        TraceFormatError: if none has.
    """
    _suffix(Path(path))


def is_streamed(path: str | PathLike[str]) -> bool:
    """Return whether a file of this suffix can be written while the program runs."""
    return Path(path).name.lower().endswith(STREAMED)


def check_installed(path: str | PathLike[str]) -> None:
    """Check that what a file of this suffix needs is installed.

    Raises:
        MissingExtraError: if it is not.
    """
    if Path(path).suffix.lower() == ".parquet":
        module_of(Path(path)).need_pyarrow(f"{Path(path).suffix!r}")


def module_of(path: Path) -> Any:
    """Return the module of the format that a path's suffix names.

    Raises:
        TraceFormatError: if no format has it.
    """
    return importlib.import_module(f"callscope.read.formats.{SUFFIXES[_suffix(path)]}")


def what_is(path: Path) -> str:
    """Return the common name of a file that cannot be loaded; raises as `check_suffix`."""
    return ONE_WAY[SUFFIXES[_suffix(path)]]


def is_compressed(path: Path) -> bool:
    """Return whether a file of this suffix is compressed; raises as `check_suffix`."""
    return _suffix(path).endswith(".gz")


def _suffix(path: Path) -> str:
    suffix = _matching_suffix(path)
    if suffix is None:
        suffixes = ", ".join(SUFFIXES)
        msg = f"No format has the suffix of {str(path)!r}. Name a file that ends in one of: {suffixes}."
        raise TraceFormatError(msg)
    return suffix


def _matching_suffix(path: Path) -> str | None:
    """Return the longest known suffix that matches, in lower case."""
    name = path.name.lower()
    return max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default=None)

"""Traces to files and back: compression, files that are whole or not there, progress, errors."""

from __future__ import annotations

import glob
import gzip
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from callscope.errors import TraceFileError, TraceFormatError
from callscope.formats.atomic import replacing
from callscope.formats.suffixes import is_compressed, module_of
from callscope.formats.terminal import progress
from callscope.formats.unzip import Unzipped
from callscope.trace import Trace, merge
from callscope.trace.text import one_line

if TYPE_CHECKING:
    from os import PathLike

_COMPRESSION: Final = 6
_BUFFER: Final = 1 << 20


def save(trace: Trace, path: str | PathLike[str]) -> Path:
    """Write a trace to a file in the format its suffix names, and return its path.

    The file takes its place when it is whole; until then, and after an error, what was there stays.

    Raises:
        TraceFormatError: if no format has that suffix.
        TraceFileError: if the file cannot be written.
        MissingExtraError: if the format needs a third party that is not installed.
    """
    target = Path(path)
    module = module_of(target)
    try:
        with (
            replacing(target) as raw,
            _packed(raw, target) as file,
            progress(f"Writing {one_line(target.name)}", raw),
        ):
            module.write(trace, file)
    except OSError as error:
        if isinstance(error, TraceFileError):
            raise
        raise TraceFileError.cannot_write(target, error) from None
    return target


@contextmanager
def _packed(raw: io.FileIO, target: Path) -> Iterator[BinaryIO]:
    if not is_compressed(target):
        with io.BufferedWriter(raw, _BUFFER) as file:
            yield file
        return
    # Neither name nor time goes into it, so that equal traces make equal files.
    with (
        gzip.GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as compressed,
        io.BufferedWriter(compressed, _BUFFER) as file,
    ):
        yield file


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
    module = module_of(source)
    if not hasattr(module, "read"):
        msg = f"{str(source)!r} is made for people and cannot be loaded. Save as '.jsonl' for that."
        raise TraceFormatError(msg)
    try:
        with (
            io.FileIO(str(source)) as raw,
            _buffered(raw, source) as file,
            progress(f"Reading {one_line(source.name)}", raw, os.fstat(raw.fileno()).st_size),
        ):
            trace: Trace = module.read(file, str(source))
    except MemoryError:
        msg = f"{str(source)!r} is larger than the memory. Record fewer calls, or less of each."
        raise TraceFileError(msg) from None
    except OSError as error:
        if isinstance(error, TraceFileError):
            raise
        raise TraceFileError.cannot_read(source, error) from None
    return trace


def _buffered(raw: io.FileIO, source: Path) -> io.BufferedReader:
    plain = Unzipped(raw, str(source)) if is_compressed(source) else raw
    return io.BufferedReader(plain, _BUFFER)

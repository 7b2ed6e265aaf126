"""Traces to and from files: compression, atomic replacement, progress, errors."""

from __future__ import annotations

import glob
import gzip
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EINVAL, ENOENT
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from callscope.errors import ProcessWarning, TraceFileError, TraceFormatError, warn
from callscope.introspect.atomic import replacing
from callscope.introspect.claim import JOURNAL, is_claimed
from callscope.read.formats.gzip_reader import GzipReader
from callscope.read.formats.progress import progress
from callscope.read.formats.registry import IN_PARTS, is_compressed, module_of, what_is
from callscope.trace import Header, TraceData
from callscope.trace.merge import merge
from callscope.trace.text import one_line

if TYPE_CHECKING:
    from os import PathLike

    from callscope.read.formats.parquet.reader import ParquetTrace

_COMPRESSION: Final = 6
_BUFFER: Final = 1 << 20


def save(read: Callable[[], TraceData], path: str | PathLike[str]) -> Path:
    """Write a trace to a file, in the format of its suffix, and return its path.

    The file is replaced only when complete; until then, and after an error, the old file stays.

    Args:
        read: returns the trace. It may be slow, and is called while progress is already shown.
        path: the file.

    Raises:
        TraceFormatError: if no format has that suffix.
        TraceFileError: if the file cannot be written.
        MissingExtraError: if the format needs a package that is not installed.
    """
    target = Path(path)
    module = module_of(target)
    with _writing(target) as file:
        module.write(read(), file)
    return target


def save_large(trace: ParquetTrace, path: str | PathLike[str]) -> Path:
    """Write a trace that does not fit in memory, part by part; see `save`.

    Raises:
        TraceFormatError: if the format needs all calls at once.
    """
    target = Path(path)
    module = module_of(target)
    if not hasattr(module, "write_parts"):
        msg = (
            f"{str(target)!r}: {what_is(target)} is made of all calls at once, and {len(trace):,} are"
            f" too many. Save them as {' or '.join(map(repr, IN_PARTS))}, or a trace of fewer calls."
        )
        raise TraceFormatError(msg)
    with _writing(target) as file:
        module.write_parts(trace, file)
    return target


@contextmanager
def _writing(target: Path) -> Iterator[BinaryIO]:
    try:
        _check_name(target)
        with (
            replacing(target) as raw,
            _packed(raw, target) as file,
            progress(f"Writing {one_line(target.name)}", raw),
        ):
            yield file
    except OSError as error:
        if isinstance(error, TraceFileError):
            raise
        raise TraceFileError.cannot_write(target, error) from None


def _check_name(path: Path) -> None:
    """Raise an `OSError` for an impossible file name: with a NUL or a lone surrogate."""
    try:
        path.stat()
    except ValueError as error:
        raise OSError(EINVAL, str(error)) from None
    except OSError:
        return  # it need not exist


@contextmanager
def _packed(raw: io.FileIO, target: Path) -> Iterator[BinaryIO]:
    if not is_compressed(target):
        with io.BufferedWriter(raw, _BUFFER) as file:
            yield file
        return
    # It contains neither name nor time, so that equal traces give equal files.
    with (
        gzip.GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as compressed,
        io.BufferedWriter(compressed, _BUFFER) as file,
    ):
        yield file


def load_all(paths: Iterable[str | PathLike[str]]) -> TraceData:
    """Read several files, or patterns of files, as one trace; raises what `callscope.load` raises.

    Among files with the same name up to the first dot, such as ``t.jsonl`` and ``t.17.jsonl``,
    those of an earlier run on the same host are left out, with a `ProcessWarning`.
    """
    sources = [source for path in paths for source in _files(Path(path))]
    traces = _of_newest_runs([(source, _load(source)) for source in sources])
    return traces[0] if len(traces) == 1 else merge(traces)


def open_large(paths: Sequence[str | PathLike[str]]) -> ParquetTrace | None:
    """Return the only file, if it has too many calls to be read at once; None otherwise.

    Raises:
        TraceFormatError: if such a file is not a trace.
    """
    if len(paths) != 1:
        return None
    source = Path(paths[0])
    if _is_journal(source.name):
        return None
    module = module_of(source)
    with _naming(source):
        _check_name(source)
        if not hasattr(module, "open_large") or not source.is_file():
            return None
        trace: ParquetTrace | None = module.open_large(source)
    return trace


def _of_newest_runs(loaded: Sequence[tuple[Path, TraceData]]) -> list[TraceData]:
    """Return the traces without those of earlier runs, and warn about these."""
    groups = [_group(source, trace.header) for source, trace in loaded]
    newest: dict[tuple[Path, str], Header] = {}
    for group, (_, trace) in zip(groups, loaded, strict=True):
        header = trace.header
        newest[group] = max(newest.get(group, header), header, key=attrgetter("start_unix_ns"))
    traces, earlier = [], []
    for group, (source, trace) in zip(groups, loaded, strict=True):
        runs = {trace.header.run, newest[group].run}
        if "" in runs or len(runs) == 1:  # a file of an older callscope has no run
            traces.append(trace)
        else:
            earlier.append(one_line(repr(str(source))))
    if earlier:
        warn(
            f"Left out, as an earlier run wrote them: {', '.join(earlier)}. Remove them, or load"
            " them separately.",
            ProcessWarning,
        )
    return traces


def _group(source: Path, header: Header) -> tuple[Path, str]:
    """Return a key shared by files of which a later run may overwrite only some."""
    return source.parent / source.name.partition(".")[0], header.host


def _files(path: Path) -> list[Path]:
    try:
        _check_name(path)
        is_named = path.exists() or not glob.has_magic(str(path))
    except OSError as error:
        raise TraceFileError.cannot_read(path, error) from None
    journal = Path(f"{path}{JOURNAL}")
    if is_named:
        return [_unfinished(journal) if journal.is_file() and not path.exists() else path]
    # The pattern may be absolute.
    names = {name for one in (path, journal) for name in glob.glob(str(one))}  # noqa: PTH207
    matches = [
        _unfinished(Path(name)) if _is_journal(name) else Path(name)
        for name in sorted(names)
        if not _is_journal(name) or name.removesuffix(JOURNAL) not in names
    ]
    if not matches:
        raise TraceFileError.cannot_read(
            path, FileNotFoundError(ENOENT, "no file matches the pattern")
        )
    # A process that was killed as it began to record has left an empty file.
    return [match for match in matches if not _is_empty(match)] or matches


def _is_empty(path: Path) -> bool:
    with suppress(OSError):  # it is gone meanwhile, or cannot be read: reading it says so
        return path.stat().st_size == 0
    return False


def _is_journal(name: str) -> bool:
    return name.lower().endswith(f".parquet{JOURNAL}")


def _unfinished(journal: Path) -> Path:
    """Return a journal, read in place of its file; warn if no recording writes to it any more."""
    if not is_claimed(journal):
        path = one_line(repr(str(journal)))
        warn(
            f"{path} is read in place of the file that its process did not finish, up to its last"
            " whole batch. Save the trace to keep it.",
            ProcessWarning,
        )
    return journal


def _load(source: Path) -> TraceData:
    target = Path(str(source).removesuffix(JOURNAL)) if _is_journal(source.name) else source
    module = module_of(target)
    if not hasattr(module, "read"):
        msg = (
            f"{str(source)!r}: {what_is(source)} cannot be loaded."
            " Save the trace as '.jsonl' or '.parquet'."
        )
        raise TraceFormatError(msg)
    try:
        with (
            _naming(source),
            io.FileIO(str(source)) as raw,
            _buffered(raw, source, is_compressed(target)) as file,
            progress(f"Reading {one_line(source.name)}", raw, os.fstat(raw.fileno()).st_size),
        ):
            trace: TraceData = module.read(file, str(source))
    except MemoryError:
        raise TraceFileError.too_large(source) from None
    return trace


@contextmanager
def _naming(source: Path) -> Iterator[None]:
    """Turn errors of the system into one that names the file."""
    try:
        yield
    except OSError as error:
        if isinstance(error, TraceFileError):
            raise
        raise TraceFileError.cannot_read(source, error) from None


def _buffered(raw: io.FileIO, source: Path, is_gzip: bool) -> io.BufferedReader:  # noqa: FBT001
    stream = GzipReader(raw, str(source)) if is_gzip else raw
    return io.BufferedReader(stream, _BUFFER)

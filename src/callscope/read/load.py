"""Traces from files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from callscope.read.formats import files
from callscope.read.trace import Trace
from callscope.trace import merge as trace_merge

if TYPE_CHECKING:
    from os import PathLike


def load(path: str | PathLike[str]) -> Trace:
    """Read a trace from JSON Lines (``.jsonl`` or ``.jsonl.gz``, saved or streamed) or Parquet.

    The file may be truncated, as after a killed program: calls that had not ended are then not
    `finished`. If a Parquet file that a program has streamed to is not there, its journal is read,
    ``<file>.arrows``, with a `ProcessWarning` if no recording writes to it any more. A Parquet file
    of more than 10 million calls is not read at once: of the trace, printing, `len`, `summary`,
    `find` and `save` read it in parts, and take little memory.

    Args:
        path: the file; or a pattern of files, such as ``"trace*.jsonl"`` for all processes of a
            program, which are read as one trace. See `merge`.

    Raises:
        TraceFormatError: if a file is not a trace; the message names the invalid line.
        TraceFileError: if a file cannot be read, or no file matches the pattern.
    """
    return load_all([path])


def load_all(paths: Iterable[str | PathLike[str]]) -> Trace:
    """Read several files, or patterns of files, as one trace; raises what `load` raises.

    Files of earlier runs are left out; see `callscope.read.formats.files.load_all`.
    """
    paths = [*paths]
    large = files.open_large(paths)
    if large is not None:
        from callscope.read.large import LargeTrace

        return LargeTrace(large)
    return Trace._from_data(files.load_all(paths))


def merge(traces: Iterable[Trace]) -> Trace:
    """Return several traces as one, which uses them up; see `callscope.trace.merge.merge`.

    Calls are in chronological order. Calls and objects get new numbers, and processes that share a
    number are told apart.

    Args:
        traces: at least one.
    """
    return Trace._from_data(trace_merge.merge([trace._data_with_cost() for trace in traces]))

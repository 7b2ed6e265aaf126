"""Parts of a file that is written at exit: each child process streams one; they are merged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from callscope.errors import CallscopeError, ProcessWarning, warn
from callscope.introspect.claim import PARTS, is_claimed, remove, remove_empty
from callscope.introspect.origin import host_label
from callscope.read.load import load_all, merge
from callscope.read.trace import Trace


def part_of(path: Path) -> Path:
    """Return the file that this process streams to, in a folder next to `path`."""
    return _folder(path) / f"{host_label()}.{os.getpid()}.jsonl"


def save_joined(trace: Trace, path: Path, own: Path | None = None) -> Trace:
    """Save a trace merged with the finished parts of its run, and remove these parts.

    Warn with a `ProcessWarning` about processes that still run; their parts stay.

    Args:
        trace: the trace of this process; consumed if there are parts.
        path: the file to write.
        own: the part that this process has streamed to, if any.

    Returns:
        The saved trace.

    Raises:
        CallscopeError: what `save` raises.
    """
    others = [part for part in sorted(_folder(path).glob("*.jsonl")) if part != own]
    running = [part for part in others if is_claimed(part)]
    ended = set(others) - set(running)
    finished = dict(_of_run(ended, trace.header.run))
    if finished:
        trace = merge([trace, *finished.values()])
    trace.save(path)
    for part in (*finished, *([own] if own else ())):
        remove(part)
    for part in ended - finished.keys():
        remove_empty(part)  # of a process that was killed as it began
    # Helper processes of multiprocessing, which record no calls, end after this process.
    number = sum(len(trace) > 0 for _, trace in _of_run(running, trace.header.run))
    if number:
        processes = "1 process" if number == 1 else f"{number} processes"
        warn(
            f"{processes} still ran when {str(path)!r} was saved, so their calls are not in it."
            f" They are in '{_folder(path)}'; `callscope convert` merges them into one file.",
            ProcessWarning,
        )
    return trace


def _of_run(parts: Iterable[Path], run: str) -> Iterator[tuple[Path, Trace]]:
    for part in sorted(parts):
        with suppress(CallscopeError):  # a process was killed before it wrote a line
            trace = load_all([part])
            if trace.header.run == run:
                yield part, trace


def _folder(path: Path) -> Path:
    return path.with_name(f"{path.name}{PARTS}")

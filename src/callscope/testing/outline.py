"""Golden outlines, and traces shown when a test fails."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from callscope.errors import TraceFileError, one_line
from callscope.recording.api import record

if TYPE_CHECKING:
    from os import PathLike

    from callscope.read.trace import Trace

UPDATE: Final = "CALLSCOPE_UPDATE"
"""Environment variable; with ``1``, `check_outline` writes the file instead of comparing."""

_MOST_SHOWN: Final = 200


def check_outline(trace: Trace, path: str | PathLike[str]) -> None:
    """Check that a trace's outline equals a file.

    If the environment variable ``CALLSCOPE_UPDATE`` is ``1``, the file is written instead; with
    pytest, the option ``--callscope-update`` does that.

    Args:
        trace: the trace; see `Trace.outline`.
        path: a text file, in UTF-8, kept with the tests.

    Raises:
        AssertionError: if the outline differs, with the differences, or there is no such file.
        TraceFileError: if the file cannot be read or written.
    """
    file = Path(path)
    actual = trace.outline() + "\n"
    expected = _read(file)
    if expected == actual:
        return
    if os.environ.get(UPDATE) == "1":
        _write(file, actual)
        return
    remedy = f"If this outline is right, run once with {UPDATE}=1, or pytest --callscope-update."
    if expected is None:
        msg = f"There is no outline {str(file)!r} to compare with. {remedy}"
        raise AssertionError(msg)
    lines = difflib.unified_diff(
        expected.splitlines(), actual.splitlines(), str(file), "this run", lineterm=""
    )
    message = [f"The outline differs from {file}:", *lines, remedy]
    raise AssertionError("\n".join(map(one_line, message)))


def _read(file: Path) -> str | None:
    if not file.exists():
        return None
    try:
        return file.read_text(encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        msg = f"Cannot read {str(file)!r}: {error.strerror or error}. Name a text file."
        raise TraceFileError(msg) from None


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise TraceFileError.cannot_write(file, error) from None


@contextmanager
def recorded(*targets: type | str, **options: Any) -> Iterator[Trace]:
    """Record a block, as `record` does; add the calls to an exception that it raises.

    The last calls become a note of the exception (`BaseException.add_note`), which every test
    runner prints below the traceback.

    Args:
        targets: as for `record`.
        options: as for `record`.

    Raises:
        CallscopeError: as `record` does.
    """
    with record(*targets, **options) as trace:
        try:
            yield trace
        except Exception as error:
            note = last_calls(trace)
            if note:
                error.add_note(f"Traced calls:\n{note}")
            raise


def last_calls(trace: Trace) -> str:
    """Return the outline of a trace's last calls and their callers."""
    from callscope.read.formats.tree.outline import last_of, window

    data = trace._data()
    visible = last_of(data.table, range(len(data)), _MOST_SHOWN)
    left_out = len(data) - len(visible) + data.lost
    cut = f"... {left_out:,} calls are not shown\n" if left_out else ""
    return cut + window(data.table, visible) if visible else ""

"""Progress of long operations, shown on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from typing import Final

FIRST_SECONDS: Final = 1.0
"""Delay before progress is shown, in seconds."""
_EACH_SECONDS: Final = 0.2
_ERASE: Final = "\r\x1b[K"


@contextmanager
def progress(doing: str, file: FileIO, size: int | None = None) -> Iterator[None]:
    """Show on stderr, while a block runs, how far a file is read or written.

    Nothing is shown in the first second, or if stderr is not a terminal; the line is erased at the
    end. The block need not cooperate: a thread polls the file position.

    Args:
        doing: description of the operation, such as ``"Writing t.html"``.
        file: the file that is read or written.
        size: total number of bytes, if known.
    """
    if not _is_terminal():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(
        target=_show,
        args=(doing, file.fileno(), size, done),
        name="callscope-progress",
        daemon=True,
    )
    try:
        # No thread can be started while the interpreter exits; the work continues without it.
        with suppress(RuntimeError):
            thread.start()
        yield
    finally:
        done.set()
        if thread.ident is not None:
            thread.join()


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False


def _show(doing: str, descriptor: int, size: int | None, done: threading.Event) -> None:
    begin = time.monotonic()
    if done.wait(FIRST_SECONDS):
        return
    with suppress(OSError, ValueError):
        while True:
            line = f"{doing}: {_stand(descriptor, size)}, {time.monotonic() - begin:.0f} s"
            # A line that wraps could not be erased.
            sys.stderr.write(_ERASE + line[-shutil.get_terminal_size().columns + 1 :])
            sys.stderr.flush()
            if done.wait(_EACH_SECONDS):
                break
        sys.stderr.write(_ERASE)
        sys.stderr.flush()


def _stand(descriptor: int, size: int | None) -> str:
    try:
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:  # a pipe has no position
        return "..."
    return f"{position / size:.0%}" if size else f"{position / 1e6:,.1f} MB"

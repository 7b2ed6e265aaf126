"""Atomic writes: a temporary file next to the target is moved into its place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EBUSY
from io import FileIO
from pathlib import Path
from typing import Final

from callscope.introspect.claim import is_claimed, lock
from callscope.introspect.origin import host_label, is_alive

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: Path) -> Iterator[FileIO]:
    """Open a file for bytes that replaces `path` when the block ends, completely or not at all.

    It has the permissions that `open` would give it: those of the file that it replaces, or those
    of a new file. A symbolic link stays, and its target is replaced. A path that is not a regular
    file, such as a pipe or ``/dev/stdout``, is written directly; so is a file in a directory where
    no other can be created.

    Raises:
        OSError: if `open` would raise it, the disk is full, or a recording streams to the file.
    """
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        with FileIO(path, "w") as file:
            yield file
        return
    if mode is not None and is_claimed(target):
        raise OSError(EBUSY, "A recording is writing to it")
    _remove_abandoned(target.parent)
    temporary = target.with_name(
        f".callscope-{host_label()}-{os.getpid()}-{os.urandom(8).hex()}.tmp"
    )
    try:
        file = _create(temporary, target)
        with file:
            lock(file.fileno())
            if mode is not None and temporary.exists():
                temporary.chmod(stat.S_IMODE(mode))
            yield file
        if file.name == str(temporary):
            temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink()


def _remove_abandoned(folder: Path) -> None:
    """Remove temporary files of processes of this host that were killed while writing."""
    for path in folder.glob(f".callscope-{host_label()}-*.tmp"):
        with suppress(OSError, ValueError):
            # Another container may have the same host name, but then the file is locked.
            if not is_alive(int(path.name.split("-")[-2])) and not is_claimed(path):
                path.unlink()


def _mode(target: Path) -> int | None:
    """Return the mode of a writable file; None if it does not exist yet."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode):
        target.open("ab").close()
    return mode


def _create(temporary: Path, target: Path) -> FileIO:
    try:
        return FileIO(str(temporary), "w", opener=lambda name, _: os.open(name, _FLAGS, 0o666))
    except PermissionError:
        if not target.exists():
            raise
        return FileIO(str(target), "w")

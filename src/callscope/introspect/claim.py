"""Files that one recording writes exclusively, and the names of the part files beside them."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import FileIO
from itertools import count
from pathlib import Path
from typing import Any, Final

from callscope.errors import ProcessWarning, warn
from callscope.introspect.origin import fill, host_label, rank, run_id

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
_SUFFIX: Final = re.compile(r"(\.speedscope)?\.[^.]+(\.gz|\.arrows)?$", re.IGNORECASE)
JOURNAL: Final = ".arrows"
"""Suffix of the journal of a Parquet file, after the file's own."""
PARTS: Final = ".parts"
"""Suffix of a folder that the processes of a run create on demand and remove when empty."""
_ATTEMPTS: Final = 100
"""Attempts to open a file that other processes may remove meanwhile."""
_LONGEST_HEADER: Final = 1 << 16
_FAR: Final = 1 << 40
"""Offset of the byte that is locked on Windows; nothing reads there."""
_written: Final[set[tuple[int, str]]] = set()
"""Files that this process has written, each with its process id."""


def own_path(template: str) -> Path:
    """Return the path of a child process's own file; `template` may have fields."""
    path = Path(fill(template))
    return path if "{pid}" in template else with_part(path, str(os.getpid()))


def claim(path: Path, is_of_run: Callable[[Path], bool] | None = None) -> tuple[Path, FileIO]:
    """Open a file that no other recording writes to, and return it with its path.

    If another recording is writing the file, or another process of this run has written it, a
    file with another name is opened with a warning: ``t.<host>.<pid>.jsonl`` beside ``t.jsonl``.
    Any other file is replaced. The claim ends when the file is closed.

    Args:
        path: the file.
        is_of_run: returns whether another process of this run has written an existing file; by
            default, that of JSON Lines.

    Raises:
        OSError: if the file cannot be opened for writing.
    """
    for candidate in _candidates(path):
        file = _claim(candidate, is_of_run or _is_of_run)
        if file is not None:
            _written.add((os.getpid(), str(candidate.absolute())))
            if candidate != path:
                warn(
                    f"{str(path)!r} belongs to another recording. This one writes to"
                    f" {str(candidate)!r}.",
                    ProcessWarning,
                )
            return candidate, file
    raise AssertionError  # the candidates are infinite


def release(file: FileIO) -> None:
    """Close a claimed file and end the claim, even if a forked child has it open too."""
    if not file.closed:
        _unlock(file.fileno())
        file.close()


def is_claimed(path: Path) -> bool:
    """Return whether a recording is writing to a file."""
    with suppress(OSError), path.open("rb") as file:
        return not lock(file.fileno())
    return False


def remove_empty(path: Path) -> None:
    """Remove a part file if it is empty and unclaimed; it stays locked meanwhile."""
    with suppress(OSError), path.open("rb") as file:
        if lock(file.fileno()) and not os.fstat(file.fileno()).st_size:
            remove(path)


def remove(part: Path) -> None:
    """Remove a part file, and its folder if that is then empty."""
    with suppress(OSError):
        part.unlink(missing_ok=True)
        part.parent.rmdir()


def _claim(path: Path, is_of_run: Callable[[Path], bool]) -> FileIO | None:
    """Open, lock and empty a file; return None if it belongs to another recording."""
    is_part = path.parent.suffix == PARTS
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            if is_part:
                path.parent.mkdir(parents=True, exist_ok=True)
            file = FileIO(str(path), "w", opener=lambda name, _: os.open(name, _FLAGS, 0o666))
        except (FileExistsError, FileNotFoundError):
            # A folder of parts may be removed at any time, even within `mkdir`, which then says
            # that it exists.
            if not is_part or attempt == _ATTEMPTS:
                raise
            continue
        if not _is_ours(file, path, is_of_run):
            file.close()
            return None
        if _is_at(file, path):
            return file
        file.close()
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _is_at(file: FileIO, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _candidates(path: Path) -> Iterator[Path]:
    yield path
    own = f"{host_label()}.{os.getpid()}"
    yield with_part(path, own)
    yield from (with_part(path, f"{own}.{number}") for number in count(2))


def with_part(path: Path, part: str) -> Path:
    """Return a path with a part inserted before its suffix: ``t.<part>.jsonl``."""
    match = _SUFFIX.search(path.name, 1)
    end = len(path.name) if match is None else match.start()
    return path.with_name(f"{path.name[:end]}.{part}{path.name[end:]}")


def _is_ours(file: FileIO, path: Path, is_of_run: Callable[[Path], bool]) -> bool:
    """Lock and empty an open file; return False if it belongs to another recording."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return True  # a pipe or a device
    if not lock(file.fileno()):
        return False
    is_own = (os.getpid(), str(path.absolute())) in _written
    if not is_own and is_of_run(path):
        return False
    file.truncate(0)
    return True


def _is_of_run(path: Path) -> bool:
    return belongs_to_run(_header(path))


def belongs_to_run(header: dict[str, Any]) -> bool:
    """Return whether another process of this run has written a file with this header."""
    if header.get("run") != run_id():
        return False
    # A launcher's second run from one shell may have the same id.
    return rank() is None or header.get("rank") != rank()


def _header(path: Path) -> dict[str, Any]:
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with (
        suppress(OSError, EOFError, ValueError, zlib.error, RecursionError),
        opener(path, "rb") as file,
    ):
        header = json.loads(file.readline(_LONGEST_HEADER))
        return header if isinstance(header, dict) else {}
    return {}


if sys.platform == "win32":
    import msvcrt

    def lock(fd: int) -> bool:
        """Lock an open file; return False if it is locked already."""
        try:
            os.lseek(fd, _FAR, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, 0, os.SEEK_SET)
        return True

    def _unlock(_: int) -> None:
        """Do nothing: Windows has no fork, and closing the file unlocks it."""

else:
    import fcntl

    def lock(fd: int) -> bool:
        """Lock an open file; return False if it is locked already."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks
        return True

    def _unlock(fd: int) -> None:
        """Unlock an open file, also for forked children that share it."""
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)

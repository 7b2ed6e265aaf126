"""hunter with `CallPrinter`, filtered to the program's methods."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import hunter

from benchmarks.peers.protocol import Peer, count_lines
from benchmarks.workloads.program import Program


class _LockedFile:
    """A text file that several threads may write to; Python's own loses lines then."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8")
        self.flush = self._file.flush
        self.close = self._file.close

    def write(self, text: str) -> None:
        with self._lock:
            self._file.write(text)


class Hunter(Peer):
    """Prints calls and returns to a file."""

    distribution = "hunter"
    replaces_methods = False
    setup = (
        '`hunter.trace(module_in=..., function_in=..., kind_in=("call", "return"),'
        " action=hunter.CallPrinter(stream=file))`, the file under a lock"
    )
    link = "https://python-hunter.readthedocs.io/en/latest/introduction.html"
    imports = "import hunter"
    is_global = True
    counts_frames = True
    suffixes = (".txt",)
    note = "once installed, it is imported at the start of every interpreter, by a `.pth` file"

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        self._path = folder / "hunter.txt"
        self._file = _LockedFile(self._path)
        functions: list[Any] = [site.function for site in program.sites]
        self._query = {
            "module_in": tuple({function.__globals__["__name__"] for function in functions}),
            "function_in": tuple({function.__code__.co_name for function in functions}),
            "kind_in": ("call", "return"),
        }
        self._tracer: Any = None

    def start(self) -> None:
        """Trace what runs from now on."""
        printer = hunter.CallPrinter(stream=self._file)
        self._tracer = hunter.trace(**self._query, action=printer)

    def stop(self) -> None:
        """Stop."""
        self._tracer.stop()

    def flush(self) -> None:
        """Write what the file holds back."""
        self._file.flush()

    def recorded(self) -> int:
        """Count the calls it has printed."""
        self._file.close()
        return count_lines(self._path, " call      ")

    def output(self) -> Path:
        """Return the file."""
        return self._path

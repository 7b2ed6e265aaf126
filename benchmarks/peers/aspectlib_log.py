"""aspectlib with its own aspect for debugging, `aspectlib.debug.log`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import aspectlib
import aspectlib.debug

from benchmarks.peers.protocol import Peer, count_lines
from benchmarks.workloads.program import Program


class Aspectlib(Peer):
    """Logs calls, with the frames that led to them, and results to a file."""

    distribution = "aspectlib"
    setup = (
        "`aspectlib.weave(cls, aspectlib.debug.log, methods=[...], subclasses=False)` on each class;"
        " by default it logs, with ten frames of the stack; a `FileHandler`"
    )
    link = "https://python-aspectlib.readthedocs.io/en/latest/reference/aspectlib.debug.html"
    imports = "import aspectlib.debug"
    suffixes = (".txt",)

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        self._path = folder / "aspectlib.txt"
        self._handler = logging.FileHandler(self._path, encoding="utf-8")
        self._woven: list[Any] = []

    def start(self) -> None:
        """Weave each class's own methods."""
        logging.basicConfig(handlers=[self._handler], force=True)
        own: dict[type[Any], list[str]] = {}
        for site in self.program.sites:
            own.setdefault(site.defining_class, []).append(site.method)
        for cls, names in own.items():
            self._woven.append(
                aspectlib.weave(cls, aspectlib.debug.log, methods=names, subclasses=False)
            )

    def stop(self) -> None:
        """Roll back."""
        while self._woven:
            self._woven.pop().rollback()

    def flush(self) -> None:
        """Write what the file holds back."""
        self._handler.flush()

    def recorded(self) -> int:
        """Count the calls it has logged."""
        return count_lines(self._path, "  <<< ")

    def output(self) -> Path:
        """Return the file."""
        return self._path

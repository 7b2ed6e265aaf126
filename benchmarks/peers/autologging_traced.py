"""Autologging's `traced`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import autologging

from benchmarks.peers.protocol import Peer, count_lines
from benchmarks.workloads.program import Program


class Autologging(Peer):
    """Logs calls and returns to a file."""

    distribution = "Autologging"
    setup = (
        '`@autologging.traced(logger, "__init__", ...)` on each class; the root logger at `TRACE`, a'
        ' `FileHandler`, `"%(levelname)s:%(name)s:%(funcName)s:%(message)s"`'
    )
    link = "https://pypi.org/project/Autologging/"
    imports = "import autologging"
    suffixes = (".txt",)
    note = "of a coroutine it logs the making, not the run"

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        self._path = folder / "autologging.txt"
        self._handler = logging.FileHandler(self._path, encoding="utf-8")
        form = "%(levelname)s:%(name)s:%(funcName)s:%(message)s"
        self._handler.setFormatter(logging.Formatter(form))

    def start(self) -> None:
        """Trace each class's own methods."""
        logging.basicConfig(level=autologging.TRACE, handlers=[self._handler], force=True)
        own: dict[type[Any], list[str]] = {}
        for site in self.program.sites:
            own.setdefault(site.defining_class, []).append(site.method)
        for cls, names in own.items():
            # A logger of our own: some libraries set the levels of theirs.
            autologging.traced(logging.getLogger("benchmarks"), *names)(cls)

    def stop(self) -> None:
        """Put the methods back."""
        for site in self.program.sites:
            setattr(site.defining_class, site.method, site.function)

    def flush(self) -> None:
        """Write what the file holds back."""
        self._handler.flush()

    def recorded(self) -> int:
        """Count the calls it has logged."""
        return count_lines(self._path, ":CALL *")

    def output(self) -> Path:
        """Return the file."""
        return self._path

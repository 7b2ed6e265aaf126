"""What a tracer is to the benchmarks, and what two kinds of tracers have in common."""

from __future__ import annotations

import importlib.metadata
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from benchmarks.workloads.program import Program, Site

Method: TypeAlias = Callable[..., Any]


class Peer(ABC):
    """One way to trace a program's methods, or to wrap them.

    Args:
        program: whose methods are traced.
        folder: for files; empty, and gone afterwards.
    """

    distribution: ClassVar[str | None] = None
    """Its name on PyPI; None for what comes with Python."""
    setup: ClassVar[str]
    """How it is set up, in one line of Markdown."""
    link: ClassVar[str]
    """Where its documentation advises that."""
    imports: ClassVar[str] = ""
    """The statement a program that uses it begins with."""
    wrappers: ClassVar[int | None] = None
    """How many Python functions it runs around each call, for what records nothing."""
    is_global: ClassVar[bool] = False
    """Whether it sees all that runs while it is on, and so is on in its own turns alone."""
    replaces_methods: ClassVar[bool] = True
    """Whether the classes hold something else than the methods while it is on."""
    counts_frames: ClassVar[bool] = False
    """Whether a coroutine that is resumed counts as another call."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Of the files that it saves to, or writes while the program runs."""
    is_read: ClassVar[bool] = False
    """Whether it has `readings`."""
    note: ClassVar[str] = ""
    """What a reader of the tables should know besides."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.folder = folder

    @classmethod
    def version(cls) -> str:
        """Return the version that is installed."""
        if cls.distribution is None:
            return platform.python_version()
        return importlib.metadata.version(cls.distribution)

    @abstractmethod
    def start(self) -> None:
        """Begin to trace; it may have been stopped before."""

    @abstractmethod
    def stop(self) -> None:
        """Leave the program's classes as they were."""

    def flush(self) -> None:  # noqa: B027 - some have nothing to do
        """Write or send what is still to be written or sent; part of the cost of the calls."""

    def recorded(self) -> int:
        """Return how many calls of the program's methods were recorded, once it is stopped."""
        return 0

    def output(self) -> Path | None:
        """Return the file that it writes while the program runs."""
        return None

    def read(self) -> None:  # noqa: B027 - as above
        """Make of what it holds what can be read, if that is a step of its own."""

    def readings(self) -> dict[str, Callable[[], object]]:
        """Return the ways of reading what it holds, by name, in the order they are measured.

        A number that one returns must be that of the calls. The first may decode what it holds.
        """
        return {}

    def save(self, path: Path) -> None:
        """Save what it holds; only for its `suffixes`."""
        raise NotImplementedError

    def load(self, path: Path) -> int | None:
        """Return how many calls were loaded from a file; None if it reads no such file."""
        del path
        return None


class Wrapping(Peer):
    """Puts a wrapper of each method into its class, as its author would with a decorator."""

    def start(self) -> None:
        """Wrap each method."""
        for site in self.program.sites:
            setattr(site.defining_class, site.method, self.wrap(site))

    def stop(self) -> None:
        """Put the methods back."""
        for site in self.program.sites:
            setattr(site.defining_class, site.method, site.function)

    @abstractmethod
    def wrap(self, site: Site) -> Method:
        """Return the wrapper of one method."""


def count_lines(path: Path, mark: str) -> int:
    """Return how many lines of a file have the mark in them."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return sum(mark in line for line in file)

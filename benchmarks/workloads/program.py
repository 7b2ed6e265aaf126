"""What is run and traced: a hierarchy of classes, and passes that make a known number of calls."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple


class Site(NamedTuple):
    """One method as defined in one class."""

    defining_class: type
    method: str
    function: types.FunctionType

    @property
    def name(self) -> str:
        """The class's bare name and the method, as a trace shows it: ``"Layer.__call__"``."""
        return f"{self.defining_class.__name__}.{self.method}"


class Program(NamedTuple):
    """Classes, and what runs their methods."""

    root: type[Any]
    """Of the hierarchy to trace."""
    methods: tuple[str, ...]
    sites: tuple[Site, ...]
    """All that the hierarchy defines under those names, as plain functions."""
    run: Callable[[int], object]
    """Makes so many passes."""
    calls: int
    """That one pass makes."""
    frames: int
    """That these calls take: more than one where a coroutine is resumed."""
    has_own_classes: bool = True
    """Whether another program, made in the same way, shares no class with this one."""
    has_overhead: bool = False
    """Whether running it takes time beside its passes, such as that to start threads."""
    last_pass: tuple[tuple[str, dict[str, int]], ...] = ()
    """The sites and arguments of one pass, in order, where they are known."""


def find_sites(root: type, methods: tuple[str, ...], *, unspecialize: bool) -> tuple[Site, ...]:
    """Return what the hierarchy defines under these names, as far as it is plain functions.

    Args:
        root: of the hierarchy.
        methods: names.
        unspecialize: take from the functions what the interpreter has specialized them for. For
            classes made by the same code share it, and so would learn from each other.
    """
    return tuple(
        Site(cls, name, fresh(function) if unspecialize else function)
        for cls in _hierarchy(root)
        for name, function in list(vars(cls).items())
        if isinstance(function, types.FunctionType)
        and any(fnmatchcase(name, pattern) for pattern in methods)
    )


def fresh(function: Any) -> types.FunctionType:
    """Take from a function what the interpreter has specialized it for, in earlier programs."""
    plain: types.FunctionType = function
    plain.__code__ = plain.__code__.replace()
    return plain


def _hierarchy(root: type) -> Iterator[type]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        cls = waiting.pop()
        if id(cls) in seen:
            continue
        seen.add(id(cls))
        yield cls
        waiting += type.__subclasses__(cls)

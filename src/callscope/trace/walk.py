"""Walk over trees of any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import TypeVar

_Node = TypeVar("_Node")


def walk(
    roots: Iterable[_Node],
    below: Callable[[_Node], Iterable[_Node]] = attrgetter("children"),
) -> Iterator[_Node]:
    """Yield nodes and those below them, parents first; no recursion, for deep trees."""
    stack = [*roots][::-1]
    while stack:
        node = stack.pop()
        yield node
        stack += [*below(node)][::-1]

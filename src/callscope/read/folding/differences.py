"""First difference of two calls that are not alike."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from callscope.read.folding.rows import Folding

Aspect: TypeAlias = Literal["arguments", "outcome", "object", "site"]

_MOST_LEVELS: Final = 100
"""Levels of calls that are searched for a difference."""


class Difference(NamedTuple):
    """A call in which one subtree differs from another."""

    call: int
    """Row of the call; of the other subtree if it has a call more."""
    aspect: Aspect
    """Aspect in which the call differs from its counterpart; the site if there is none."""
    is_missing: bool = False
    """True if the call is in the other subtree alone."""


def first_difference(folding: Folding, call: int, other: int) -> Difference | None:
    """Return the first call in which a subtree differs from another; None if it is very deep.

    Args:
        folding: the calls.
        call: the root of the subtree.
        other: the root of the other one; not alike.
    """
    for _ in range(_MOST_LEVELS):
        aspect = _aspect(folding, call, other)
        if aspect is not None:
            return Difference(call, aspect)
        ours, theirs = folding.table.children(call), folding.table.children(other)
        place = next(
            (
                place
                for place, (one, another) in enumerate(zip(ours, theirs, strict=False))
                if not _are_alike(folding, one, another)
            ),
            min(len(ours), len(theirs)),
        )
        if len(ours) > len(theirs):
            return Difference(ours[place], "site")
        if len(ours) < len(theirs):
            return Difference(theirs[place], "site", is_missing=True)
        call, other = ours[place], theirs[place]
    return None


def _are_alike(folding: Folding, call: int, other: int) -> bool:
    same = folding.numbers[call] == folding.numbers[other]
    return same and folding.ties(call) == folding.ties(other)


def _aspect(folding: Folding, call: int, other: int) -> Aspect | None:
    """Return an aspect in which two calls differ, apart from the calls below them."""
    ours, theirs = folding.kinds.kind(call), folding.kinds.kind(other)
    if (ours.site, ours.via_super) != (theirs.site, theirs.via_super):
        return "site"
    if (ours.outcome, ours.is_unfinished) != (theirs.outcome, theirs.is_unfinished):
        return "outcome"
    if ours.arguments != theirs.arguments:
        return "arguments"
    return "object" if folding.ties(call) != folding.ties(other) else None

"""Matching of objects of two traces by their calls."""

from __future__ import annotations

from array import array
from collections import Counter
from operator import eq

from callscope.read.diff.contents import Contents
from callscope.read.diff.tree import NO_NODE, Tree


def matching_objects(before: Tree, after: Tree, contents: Contents) -> dict[int, int]:
    """Return the object of the second tree for each object of the first that has one.

    They agree in most of their matched calls.
    """
    objects = {} if contents.references else _only_partners(before, after)
    if objects:
        return objects
    votes = _votes(before, after, contents)
    # Sums make the order the same in both directions.
    pairs = sorted(votes, key=sum)
    pairs.sort(key=votes.__getitem__, reverse=True)
    matches: set[int] = set()
    for one, other in pairs:
        if one not in objects and other not in matches:
            objects[one] = other
            matches.add(other)
    return objects


def _votes(before: Tree, after: Tree, contents: Contents) -> Counter[tuple[int, int]]:
    """Return for pairs of objects the number of places that they have in common."""
    votes = Counter(zip(*_instances(before, after), strict=True))
    for pair in [pair for pair in votes if not all(pair)]:
        del votes[pair]
    references = contents.references
    pairs = Counter(
        (content, after.contents[partner])
        for content, partner in zip(before.contents, before.partners, strict=True)
        if content in references and partner != NO_NODE
    )
    for (one, other), times in pairs.items():
        if other in references:
            theirs = references[other]
            for name, (name_of_class, number) in references[one].items():
                match = theirs.get(name)
                if match is not None and match[0] == name_of_class:
                    votes[number, match[1]] += times
    return votes


def _instances(before: Tree, after: Tree) -> tuple[array[int], array[int]]:
    """Return the objects of all nodes of the first tree, and of their partners; 0 for none."""
    instances = after.instances + array("q", [0])  # the last is that of `NO_NODE`
    return before.instances, array("q", map(instances.__getitem__, before.partners))


def _only_partners(before: Tree, after: Tree) -> dict[int, int]:
    """Return the matches of objects that are matched with one object alone; empty if any is not."""
    ours, theirs = _instances(before, after)
    partners = dict(zip(ours, theirs, strict=True))
    partners[0] = 0
    is_one_to_one = len({*partners.values()}) == len(partners)
    if is_one_to_one and all(map(eq, map(partners.__getitem__, ours), theirs)):
        del partners[0]
        return partners
    return {}

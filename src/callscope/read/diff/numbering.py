"""Numbers of subtrees: equal subtrees of two trees have the same number."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress, count, repeat
from operator import add, mul, ne, neg
from typing import Final

from callscope.read.diff.contents import Contents
from callscope.read.diff.sequences import equal_run
from callscope.read.diff.tree import Tree

_FEW_QUESTIONS: Final = 8


def number(trees: Sequence[Tree], contents: Contents) -> None:
    """Number all subtrees, without regard to objects."""
    numbers = _numbers_from(max(contents.singles) + 1)
    for tree in trees:
        tree.renumber = lambda _: 0
        tree.sites = contents.sites
        tree.invocations, tree.singles = contents.invocations, contents.singles
        tree.same = array("q", map(tree.singles.__getitem__, tree.contents))
        _number_parents(tree, _parents(tree, tree.below(0)), tree.same, numbers)


class Shapes:
    """Numbers of subtrees that are equal if the sites of all calls are; made when asked for."""

    def __init__(self, trees: Sequence[Tree], contents: Contents) -> None:
        self._sites = contents.sites
        self._columns = {tree: array("q", [-1]) * len(tree) for tree in trees}
        self._numbers = _numbers_from(max(contents.sites) + 1)

    def of(self, tree: Tree, node: int) -> int:
        """Return the number of a subtree."""
        column = self._columns[tree]
        if column[node] < 0:
            below = tree.below(node)
            column[below] = array("q", map(self._sites.__getitem__, tree.contents[below]))
            _number_parents(tree, _parents(tree, below), column, self._numbers)
        return column[node]


def number_with_objects(
    before: Tree, after: Tree, contents: Contents, objects: Mapping[int, int]
) -> None:
    """Number all numbered subtrees again, with regard to objects.

    If all calls of a subtree are on one object, its number and the object tell it from others. So
    only the other subtrees are looked up.

    Args:
        before: the first tree.
        after: the second tree.
        contents: the contents of both.
        objects: objects of the second tree that match those of the first.
    """
    matches = {number: number for number in objects.values()}
    most = max(0, *objects.values(), *(max(tree.instances) for tree in (before, after)))
    nodes = len(before) + len(after)
    width = 1 + 2 * min(most, nodes)
    ranks = _numbers_from(0)
    numbers = _numbers_from(width * (1 + max(max(tree.same) for tree in (before, after))))
    for tree, partners in (before, objects), (after, matches):
        tree.renumber = partial(_renumbered, partners)
        tree.invocations, tree.singles = contents.renumbered(tree.renumber, tree.contents)
        by_instance = {**partners, 0: 0} if 0 in partners else partners  # 0 is not an object
        column = map(by_instance.get, tree.instances, map(neg, tree.instances))
        if most > nodes:
            column = map(ranks.__getitem__, column)
        _number_by_objects(tree, array("q", column), width, contents.dependent, numbers)


def _renumbered(partners: Mapping[int, int], number: int) -> int:
    return partners.get(number, -number)


def _number_by_objects(
    tree: Tree,
    objects: array[int],
    width: int,
    dependent: Container[int],
    numbers: Mapping[Hashable, int],
) -> None:
    """Number the subtrees of a tree.

    Args:
        tree: the tree, numbered without regard to objects.
        objects: the number of the object of each node.
        width: more than the difference of any two of these.
        dependent: see `Contents.dependent`.
        numbers: numbers of the subtrees with several objects.
    """
    parents, contents, mixed = tree.parents, tree.contents, bytearray(len(tree))
    are_others = map(ne, objects, map(objects.__getitem__, parents))
    for node in compress(parents, are_others):
        if not mixed[node]:
            _mark(node, mixed, parents)
    same = tree.same = array("q", map(add, map(mul, tree.same, repeat(width)), objects))
    if dependent:
        for node in compress(range(len(tree)), map(dependent.__contains__, contents)):
            same[node] = numbers[same[node], tree.singles[contents[node]]]
            _mark(node, mixed, parents)
    nodes = compress(range(len(tree) - 1, -1, -1), reversed(mixed))
    _number_parents(tree, nodes, same, numbers)


def _mark(node: int, flags: bytearray, parents: Sequence[int]) -> None:
    """Set the flags of a node and of all nodes above it."""
    while not flags[node]:
        flags[node] = 1
        node = parents[node]


def _numbers_from(first: int) -> defaultdict[Hashable, int]:
    """Return a dict that numbers its keys."""
    return defaultdict(count(first).__next__)


def _parents(tree: Tree, nodes: slice) -> Iterator[int]:
    """Yield the nodes that have others below them, the last first."""
    above_one = map((1).__lt__, reversed(tree.spans[nodes]))
    return compress(range(nodes.stop - 1, nodes.start - 1, -1), above_one)


def _number_parents(
    tree: Tree, nodes: Iterable[int], column: array[int], numbers: Mapping[Hashable, int]
) -> None:
    """Replace the numbers of some nodes, children first, by those of their subtrees."""
    spans = tree.spans
    for node in nodes:
        end, child = node + spans[node], node + 1
        key = [column[node]]
        while child < end:
            key.append(column[child])
            child += spans[child]
        column[node] = numbers[tuple(key)]


def equal_start(first: Tree, one: int, second: Tree, other: int) -> int:
    """Return the number of nodes in the equal subtrees with which the children of two nodes start.

    The number of a subtree stands before those of the subtrees in it, so these need no comparison.
    """
    most = min(first.spans[one], second.spans[other]) - 1
    return equal_run(first.same, one + 1, second.same, other + 1, most)


class Occurrences:
    """Occurrences of subtrees in two trees.

    To count all takes most of the memory of a comparison, so at first only those that are asked for
    are counted.
    """

    def __init__(self, first: Tree, second: Tree) -> None:
        self._columns = first.same, second.same
        self._questions = 0
        self._unique: set[int] | None = None

    def unique(self, numbers: Iterable[int]) -> set[int]:
        """Return those of some numbers of subtrees that occur once in each tree."""
        self._questions += 1
        if self._questions < _FEW_QUESTIONS:
            return _unique_in(self._columns, {*numbers})
        if self._unique is None:
            self._unique = _unique_in(self._columns, {*self._columns[0]})
        return self._unique.intersection(numbers)


def _unique_in(columns: Iterable[array[int]], numbers: set[int]) -> set[int]:
    for column in columns:
        counts = Counter(filter(numbers.__contains__, column))
        numbers = {number for number, times in counts.items() if times == 1}
    return numbers

"""Pairing of the nodes of two numbered trees."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import TypeAlias

from callscope.read.diff.numbering import Occurrences, Shapes, equal_start
from callscope.read.diff.sequences import common, equal_end
from callscope.read.diff.tree import NO_NODE, Tree

_Keys: TypeAlias = Callable[[Tree, "array[int]"], Sequence[Hashable]]


class Pairing:
    """Pairing of the nodes of two trees.

    Args:
        first: the first tree.
        second: the second tree.
        shapes: the shapes of both.
    """

    def __init__(self, first: Tree, second: Tree, shapes: Shapes) -> None:
        self._first = first
        self._second = second
        self._levels: Sequence[_Keys] = (
            Tree.numbers,
            lambda tree, nodes: [*map(tree.single, nodes)],
            lambda tree, nodes: [*map(tree.invocation, nodes)],
            lambda tree, nodes: [shapes.of(tree, node) for node in nodes],
            lambda tree, nodes: [*map(tree.site, nodes)],
        )
        """Functions returning a key for each node; nodes with equal keys belong together."""

    def pair(self) -> None:
        """Fill `Tree.partners` and `Tree.moved` of both trees."""
        first, second = self._first, self._second
        for tree in first, second:
            tree.partners = array("i", [NO_NODE]) * len(tree)
            tree.moved = set()
        if first.same[0] == second.same[0]:
            self._pair(0, 0, len(first))
            return
        occurrences = Occurrences(first, second)
        left: list[int] = []
        right: list[int] = []
        stack = [(0, 0)]
        while stack:
            one, other = stack.pop()
            alike = equal_start(first, one, second, other)
            self._pair(one, other, 1)
            self._pair(one + 1, other + 1, alike)
            ones = first.children(one, one + 1 + alike)
            others = second.children(other, other + 1 + alike)
            ours, theirs = first.numbers(ones), second.numbers(others)
            stop = equal_end(ours, theirs)
            only_here = {*ours[: len(ours) - stop]} ^ {*theirs[: len(theirs) - stop]}
            elsewhere = occurrences.unique(only_here) if one else set[int]()
            if stop and not elsewhere:
                self._pair(ones[-stop], others[-stop], one + first.spans[one] - ones[-stop])
                ones, others = ones[:-stop], others[:-stop]
            stack += self._pair_children(ones, others, elsewhere)
            left += [node for node in ones if first.partners[node] == NO_NODE]
            right += [node for node in others if second.partners[node] == NO_NODE]
        self._pair_moved(left, right)

    def _pair(self, one: int, other: int, count: int) -> None:
        """Pair `count` nodes in a row."""
        self._first.partners[one : one + count] = array("i", range(other, other + count))
        self._second.partners[other : other + count] = array("i", range(one, one + count))

    def _pair_children(
        self, ones: array[int], others: array[int], elsewhere: AbstractSet[int]
    ) -> list[tuple[int, int]]:
        """Pair children of a pair of nodes, and return the pairs that differ.

        Args:
            ones: children in the first tree.
            others: children in the second tree.
            elsewhere: numbers of the subtrees that match another, at another place.
        """
        first, second = self._first, self._second
        if elsewhere:
            ones = array("i", [node for node in ones if first.same[node] not in elsewhere])
            others = array("i", [node for node in others if second.same[node] not in elsewhere])
        different: list[tuple[int, int]] = []
        start_one = start_other = count = 0
        """Equal nodes in a row, which are paired at once."""
        for one, other in self._belonging(ones, others, self._levels):
            if first.same[one] != second.same[other]:
                self._pair(one, other, 1)
                different.append((one, other))
                continue
            if (one - count, other - count) != (start_one, start_other):
                self._pair(start_one, start_other, count)
                start_one, start_other, count = one, other, 0
            count += first.spans[one]
        self._pair(start_one, start_other, count)
        return different

    def _belonging(
        self, ones: array[int], others: array[int], levels: Sequence[_Keys]
    ) -> Iterator[tuple[int, int]]:
        """Yield the pairs of two lists of siblings, the closest first."""
        if not ones or not others or not levels:
            return
        keys, *rest = levels
        at_one = at_other = 0
        pairs = common(keys(self._first, ones), keys(self._second, others))
        for i, j in chain(pairs, [(len(ones), len(others))]):
            if i > at_one and j > at_other:
                yield from self._belonging(ones[at_one:i], others[at_other:j], rest)
            if i < len(ones):
                yield ones[i], others[j]
            at_one, at_other = i + 1, j + 1

    def _pair_moved(self, left: Iterable[int], right: Iterable[int]) -> None:
        """Pair equal subtrees at different places, the largest first.

        Args:
            left: tops of subtrees of the first tree without a partner.
            right: tops of subtrees of the second tree without a partner.
        """
        first, second = self._first, self._second
        places: dict[int, deque[int]] = {}
        for node in _below(second, right):
            if second.is_call(node):
                places.setdefault(second.same[node], deque()).append(node)
        nodes = [node for node in _below(first, left) if first.same[node] in places]
        for node in sorted(nodes, key=first.spans.__getitem__, reverse=True):
            if first.partners[node] != NO_NODE:
                continue
            candidates = places[first.same[node]]
            while candidates and second.partners[candidates[0]] != NO_NODE:
                candidates.popleft()
            if candidates:
                other = candidates.popleft()
                first.moved.add(node)
                second.moved.add(other)
                self._pair(node, other, first.spans[node])


def _below(tree: Tree, tops: Iterable[int]) -> Iterator[int]:
    """Yield the tops and all nodes below them."""
    return chain.from_iterable(range(top, top + tree.spans[top]) for top in tops)

"""Alignment of two call trees."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from callscope.read.diff.change import Change, described
from callscope.read.diff.nodes import Node, Numbering, split_object
from callscope.read.diff.sequences import common
from callscope.trace import Call
from callscope.trace.walk import walk

_LEVELS: Final = tuple(map(attrgetter, ("same", "single", "invocation", "shape", "site")))
_CONTENT: Final = ("instance", "arguments", "result", "error")


class Alignment:
    """Matching of the calls of two trees.

    It is done twice: first without objects, then with the objects matched by the first pass.

    Args:
        before: root of the first tree.
        after: root of the second tree.
        ignored: aspects in which calls may differ.
    """

    def __init__(self, before: Node, after: Node, ignored: Collection[str]) -> None:
        self.before: Node = before
        self.after: Node = after
        self._numbering = Numbering(ignored)
        # The order is fixed, so that the comparison is the same in both directions.
        self._number(None)
        self._is_swapped = _order(before) > _order(after)
        self._align()
        self.objects: dict[int, int] = self._guess_objects()
        self._number(self.objects)
        self._align()

    def _number(self, objects: dict[int, int] | None) -> None:
        self._numbering.number(self.before, objects)
        itself = None if objects is None else {n: n for n in objects.values()}
        self._numbering.number(self.after, itself)

    def _align(self) -> None:
        self.partners: dict[Node, Node] = {}
        """Matched nodes, in both directions."""
        self.moved: set[Node] = set()
        """Roots of subtrees that are elsewhere in the other tree."""
        self.lonely: set[Node] = set()
        """Nodes that the other tree lacks."""
        first, second = (self.after, self.before) if self._is_swapped else (self.before, self.after)
        elsewhere = _unique_pairs(first, second)
        left: list[Node] = []
        right: list[Node] = []
        stack = [(first, second)]
        while stack:
            one, other = stack.pop()
            self._pair(one, other)
            if one.same == other.same:
                for a, b in zip(one.walk(), other.walk(), strict=True):
                    self._pair(a, b)
                continue
            pairs = [
                *_belonging(
                    [c for c in one.children if elsewhere.get(c, c).parent in (one, other)],
                    [c for c in other.children if elsewhere.get(c, c).parent in (one, other)],
                    _LEVELS,
                )
            ]
            stack += pairs
            paired = {node for pair in pairs for node in pair}
            left += [child for child in one.children if child not in paired]
            right += [child for child in other.children if child not in paired]
        self._find_moved(_below(left), _below(right))

    def _pair(self, one: Node, other: Node) -> None:
        self.partners[one] = other
        self.partners[other] = one

    def _find_moved(self, left: list[Node], right: list[Node]) -> None:
        """Pair equal subtrees at different places, the largest first."""
        places: dict[int, deque[Node]] = {}
        for node in right:
            if node.call is not None:
                places.setdefault(node.same, deque()).append(node)
        for node in sorted(left, key=lambda node: -node.size):
            if node in self.partners:
                continue
            candidates = places.get(node.same, deque())
            while candidates and candidates[0] in self.partners:
                candidates.popleft()
            if candidates:
                other = candidates.popleft()
                self.moved |= {node, other}
                for one, two in zip(node.walk(), other.walk(), strict=True):
                    self._pair(one, two)
        self.lonely = {node for node in (*left, *right) if node not in self.partners}

    def _guess_objects(self) -> dict[int, int]:
        """Return the object of the second tree that matches each object of the first."""
        votes: Counter[tuple[int, int]] = Counter()
        for node in self.before.walk():
            partner = self.partners.get(node)
            if partner is not None and node.call is not None and partner.call is not None:
                votes.update(_met(node.call, partner.call))
        objects: dict[int, int] = {}
        matches: set[int] = set()
        # The second key makes the order the same in both directions.
        for one, other in sorted(votes, key=lambda pair: (-votes[pair], sum(pair))):
            if one not in objects and other not in matches:
                objects[one] = other
                matches.add(other)
        return objects

    @property
    def same(self) -> int:
        """Number of calls without a difference."""
        count = 0
        inside: set[Node] = set()
        for node in self.before.walk():
            if node in self.moved or node.parent in inside:
                inside.add(node)
            elif node.call is not None and node in self.partners:
                count += not self.aspects(node)
        return count

    def aspects(self, node: Node) -> tuple[str, ...]:
        """Return the aspects that differ between a call of the first tree and its partner."""
        partner = self.partners[node]
        if node.single == partner.single:
            return ()
        ours = self._numbering.content(node.call, lambda n: self.objects.get(n, -n))
        matches = {*self.objects.values()}
        theirs = self._numbering.content(partner.call, lambda n: n if n in matches else -n)
        return tuple(name for name, a, b in zip(_CONTENT, ours, theirs, strict=True) if a != b)

    def changes(self) -> Iterator[Change]:
        """Yield the differences in the order of the merged tree."""
        for node, is_after, _ in self.walk():
            if node.call is None:
                continue
            if node in self.lonely:
                yield self._lonely_change(node, is_after=is_after)
            elif node in self.moved:
                if is_after:
                    yield Change("moved", self.partners[node].call, node.call, (), node.size)
            elif not is_after and (aspects := self.aspects(node)):
                yield Change("changed", node.call, self.partners[node].call, aspects)

    def _lonely_change(self, node: Node, *, is_after: bool) -> Change:
        calls = sum(below in self.lonely for below in node.walk())
        if is_after:
            return Change("added", None, node.call, (), calls)
        return Change("removed", node.call, None, (), calls)

    def walk(self, *, folds: bool = False) -> Iterator[tuple[Node, bool, bool]]:
        """Yield the merged nodes of both trees, whether each is of the second, and if it repeats.

        Of a pair in the same place, only the first is yielded. Below a lonely node, only moved
        nodes are yielded; below a moved or equal node, nothing.

        Args:
            folds: whether to yield nothing below a pair that repeats, that is, differs exactly as
                its preceding sibling.
        """
        return walk([(self.before, False, False)], lambda merged: self._below(merged, folds=folds))

    def _below(
        self, merged: tuple[Node, bool, bool], *, folds: bool
    ) -> Iterator[tuple[Node, bool, bool]]:
        node, is_after, repeats = merged
        if node in self.moved or (repeats and folds):
            return
        if node in self.lonely:
            below = node.children if node.call is None else _tops(node, self.moved)
            yield from ((child, is_after, False) for child in below)
        elif node.same != self.partners[node].same:
            yield from self._merged(node)

    def _merged(self, node: Node) -> Iterator[tuple[Node, bool, bool]]:
        """Yield the children of a pair; those the second lacks precede those the first lacks."""
        partner = self.partners[node]
        rest = iter(partner.children)
        last: tuple[int, int] | None = None
        for child in node.children:
            other = self.partners.get(child)
            kind = None
            if other is not None and other.parent is partner and child not in self.moved:
                for between in rest:
                    if between is other:
                        break
                    last = None
                    yield between, True, False
                kind = (child.same, other.same) if child.same != other.same else None
            yield child, False, kind is not None and kind == last
            last = kind
        for between in rest:
            yield between, True, False


def _unique_pairs(one: Node, other: Node) -> dict[Node, Node]:
    """Return pairs of equal nodes that occur once in each tree, at any place."""
    groups: dict[int, list[list[Node]]] = {}
    for side, top in enumerate((one, other)):
        for node in top.walk():
            if node.call is not None:
                groups.setdefault(node.same, [[], []])[side].append(node)
    pairs: dict[Node, Node] = {}
    for ours, theirs in groups.values():
        if len(ours) == len(theirs) == 1:
            pairs[ours[0]], pairs[theirs[0]] = theirs[0], ours[0]
    return pairs


def _tops(node: Node, moved: Collection[Node]) -> Iterator[Node]:
    nodes = walk(node.children, lambda child: () if child in moved else child.children)
    return (below for below in nodes if below in moved)


def _below(tops: Iterable[Node]) -> list[Node]:
    return [node for top in tops for node in top.walk()]


def _belonging(
    ones: Sequence[Node], others: Sequence[Node], levels: Sequence[Any]
) -> Iterator[tuple[Node, Node]]:
    """Yield the matches between two lists of siblings, the closest first."""
    if not ones or not others or not levels:
        return
    key, rest = levels[0], levels[1:]
    at_one = at_other = 0
    for i, j in [
        *common([*map(key, ones)], [*map(key, others)]),
        (len(ones), len(others)),
    ]:
        yield from _belonging(ones[at_one:i], others[at_other:j], rest)
        if i < len(ones):
            yield ones[i], others[j]
        at_one, at_other = i + 1, j + 1


def _met(one: Call, other: Call) -> Iterator[tuple[int, int]]:
    """Yield the pairs of instance numbers that two calls have in the same places."""
    if one.instance is not None and other.instance is not None:
        yield one.instance, other.instance
    values = [(value, other.arguments.get(name)) for name, value in one.arguments.items()]
    for ours, theirs in [*values, (one.result, other.result)]:
        a, b = split_object(ours), split_object(theirs)
        if a is not None and b is not None and a[0] == b[0]:
            yield a[1], b[1]


def _order(top: Node) -> tuple[int, list[tuple[int, str, int]]]:
    """Return a sort key for two trees, independent of which comes first."""
    return top.size, [
        (len(node.children), "" if node.call is None else described(node.call), node.size)
        for node in top.walk()
    ]

"""Alignment of two call trees."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Final, NamedTuple

from callscope.read.diff.change import Change, described
from callscope.read.diff.contents import Content, Contents
from callscope.read.diff.numbering import Shapes, equal_start, number, number_with_objects
from callscope.read.diff.objects import matching_objects
from callscope.read.diff.pairing import Pairing
from callscope.read.diff.sequences import equal_run
from callscope.read.diff.tree import NO_NODE, Tree

_ASPECTS: Final = ("instance", "arguments", "result", "error")


class Place(NamedTuple):
    """A node of the merged tree, or equal siblings in a row."""

    node: int
    is_after: bool = False
    """True for a node of the second tree."""
    repeats: bool = False
    """True for a pair that differs exactly as its preceding sibling."""
    same: int = 0
    """Number of calls in the node and its next siblings that do not differ; else 0."""


class Alignment:
    """Matching of the calls of two trees.

    It is done twice: first without objects, then with the objects matched by the first pass.

    Args:
        before: the first tree.
        after: the second tree.
        ignored: aspects in which calls may differ.
    """

    def __init__(self, before: Tree, after: Tree, ignored: Collection[str]) -> None:
        self.before: Tree = before
        self.after: Tree = after
        contents = self._contents = Contents(ignored, (before.table, after.table))
        for tree in before, after:
            tree.number_contents(contents)
        number((before, after), contents)
        # The order is fixed, so that the comparison is the same in both directions.
        sides = (after, before) if _is_greater(before, after) else (before, after)
        pairing = Pairing(*sides, Shapes(sides, contents))
        pairing.pair()
        number_with_objects(before, after, contents, matching_objects(before, after, contents))
        pairing.pair()

    def aspects(self, node: int) -> tuple[str, ...]:
        """Return the aspects that differ between a call of the first tree and its partner."""
        before, after, partner = self.before, self.after, self.before.partners[node]
        if before.single(node) == after.single(partner):
            return ()
        ours, theirs = self._keys(before, node), self._keys(after, partner)
        return tuple(name for name, a, b in zip(_ASPECTS, ours, theirs, strict=True) if a != b)

    def _keys(self, tree: Tree, node: int) -> tuple[Hashable, ...]:
        content = Content.of_row(tree.table, tree.rows[node])
        return tree.object(node), *self._contents.keys(content, tree.renumber)

    def changes(self) -> Iterator[Change]:
        """Yield the differences in the order of the merged tree."""
        for node, is_after, _, same in self.walk():
            tree = self.after if is_after else self.before
            partner = tree.partners[node]
            if same or not tree.is_call(node):
                continue
            if partner == NO_NODE:
                yield self._lonely_change(tree, node)
            elif node in tree.moved:
                if is_after:
                    calls = self.before.call(partner), tree.call(node)
                    yield Change("moved", *calls, (), tree.calls(node))
            elif aspects := self.aspects(node):
                yield Change("changed", tree.call(node), self.after.call(partner), aspects)

    def _lonely_change(self, tree: Tree, node: int) -> Change:
        calls = tree.partners[tree.below(node)].count(NO_NODE)
        if tree is self.after:
            return Change("added", None, tree.call(node), (), calls)
        return Change("removed", tree.call(node), None, (), calls)

    def walk(self, *, folds: bool = False) -> Iterator[Place]:
        """Yield the nodes of both trees, merged.

        Of a pair in the same place, only the first is yielded, and of equal siblings in a row only
        the first pair. Below a lonely node, only moved nodes are yielded; below a moved or equal
        node, nothing.

        Args:
            folds: whether to yield nothing below a pair that repeats.
        """
        top = Place(0, same=self.before.calls(0) if self._is_same(0, 0) else 0)
        stack: list[Iterator[Place]] = [iter([top])]
        while stack:
            place = next(stack[-1], None)
            if place is None:
                stack.pop()
                continue
            yield place
            if not place.same and not (place.repeats and folds):
                stack.append(self._below(place))

    def _is_same(self, node: int, partner: int) -> bool:
        return self.before.same[node] == self.after.same[partner]

    def _below(self, place: Place) -> Iterator[Place]:
        node, is_after = place.node, place.is_after
        tree = self.after if is_after else self.before
        if node in tree.moved:
            return
        if tree.partners[node] == NO_NODE:
            below = _moved_below(tree, node) if tree.is_call(node) else tree.children(node)
            yield from (Place(child, is_after) for child in below)
        else:
            yield from _joined(self._merged(node))

    def _merged(self, node: int) -> Iterator[Place]:
        """Yield the children of a pair; those the second lacks precede those the first lacks."""
        before, after, partner = self.before, self.after, self.before.partners[node]
        alike = equal_start(before, node, after, partner) if node else 0
        if alike:
            yield Place(node + 1, same=alike)
        rest = iter(after.children(partner, partner + 1 + alike))
        last: tuple[int, int] | None = None
        for child in before.children(node, node + 1 + alike):
            other = before.partners[child]
            if other == NO_NODE or after.parents[other] != partner or child in before.moved:
                yield Place(child)
                last = None
                continue
            for between in rest:
                if between == other:
                    break
                yield Place(between, is_after=True)
                last = None
            if self._is_same(child, other):
                yield Place(child, same=before.calls(child))
                last = None
                continue
            kind = before.same[child], after.same[other]
            yield Place(child, repeats=kind == last)
            last = kind
        for between in rest:
            yield Place(between, is_after=True)


def _joined(places: Iterable[Place]) -> Iterator[Place]:
    """Yield places, of which equal siblings in a row are one."""
    node = same = 0
    for place in places:
        if place.same:
            node = node if same else place.node
            same += place.same
            continue
        if same:
            yield Place(node, same=same)
            same = 0
        yield place
    if same:
        yield Place(node, same=same)


def _moved_below(tree: Tree, node: int) -> Iterator[int]:
    """Yield the topmost moved nodes below a node."""
    end = node + tree.spans[node]
    while node < end:
        if node in tree.moved:
            yield node
            node += tree.spans[node]
        else:
            node += 1


def _is_greater(before: Tree, after: Tree) -> bool:
    """Compare two trees by their sizes, and then by the first nodes with different texts."""
    if before.calls(0) != after.calls(0):
        return before.calls(0) > after.calls(0)
    node, end = 0, min(len(before), len(after))
    while True:
        alike = end - node
        for ours, theirs in (
            (before.same, after.same),
            (before.contents, after.contents),
            (before.instances, after.instances),
        ):
            alike = equal_run(ours, node, theirs, node, alike)
        node += alike
        if node == end:
            return len(before) > len(after)
        one, other = _order(before, node), _order(after, node)
        if one != other:
            return one > other
        node += 1


def _order(tree: Tree, node: int) -> tuple[int, str, int]:
    text = described(tree.call(node)) if tree.is_call(node) else ""
    return len(tree.children(node)), text, tree.calls(node)

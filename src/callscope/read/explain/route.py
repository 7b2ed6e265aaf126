"""Routes of calls within one object: ``__call__`` > ``_call_impl`` > ``forward``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from callscope.introspect.bytecode import functions_of, read
from callscope.introspect.classes import mro, namespace, qualified_name
from callscope.read.explain.chain import Chains


class Step(NamedTuple):
    """A method on a route."""

    defining_class: str
    """Module-qualified name of the class that defines it."""
    method: str


class Route(NamedTuple):
    """The shortest path from one method of an object to another, by calls on the object."""

    steps: tuple[Step, ...]


_Node = tuple[int, str]


class Routes:
    """Finder of the routes from one method to others, based on their code."""

    def __init__(self, cls: type, chains: Chains) -> None:
        self._chains = chains
        self._mro = mro(cls)
        self._places = {qualified_name(base): index for index, base in enumerate(self._mro)}

    def find(self, start: str, targets: Collection[str]) -> tuple[Route, ...]:
        """Return the route from `start` to each reachable target, in the order of the code.

        Among several routes, it is the one with the fewest methods that are not targets.
        """
        first = self._first(start)
        if first is None:
            return ()
        before: dict[_Node, _Node | None] = {first: None}
        rows = [first]
        while rows:
            ahead: list[_Node] = []
            for node in rows:
                self._follow(node, {*targets, start}, before, ahead)
            rows = ahead
        ends = [n for n in self._in_order(first) if n in before and n[1] in targets and n != first]
        ways = [self._way(node, before) for node in ends if node[1] != start]
        # A route to a method covers the routes to the methods on it.
        return tuple(
            Route(way) for way in ways if not any(way == w[: len(way)] for w in ways if w != way)
        )

    def _follow(
        self,
        begin: _Node,
        targets: Collection[str],
        before: dict[_Node, _Node | None],
        others: list[_Node],
    ) -> None:
        """Follow a method to all targets, and add the other methods seen to `others`."""
        reached, seen = [begin], []
        for node in reached:
            for ahead in self._ahead(node):
                if ahead in before:
                    continue
                if ahead[1] in targets:
                    before[ahead] = node
                    reached.append(ahead)
                else:
                    seen.append((node, ahead))
        for node, ahead in reversed(seen):
            if ahead not in before:
                before[ahead] = node
                others.append(ahead)

    def _way(self, node: _Node | None, before: dict[_Node, _Node | None]) -> tuple[Step, ...]:
        way = []
        while node is not None:
            way.append(Step(qualified_name(self._mro[node[0]]), node[1]))
            node = before[node]
        return tuple(reversed(way))

    def _in_order(self, first: _Node) -> list[_Node]:
        """Return all reachable methods, in the order the code first reaches them."""
        seen: dict[_Node, None] = {}
        stack = [first]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen[node] = None
                stack += reversed(self._ahead(node))
        return [*seen]

    def _first(self, name: str) -> _Node | None:
        entries = self._chains.code.defining(name)
        return (entries[0][0], name) if entries else None

    def _raw(self, node: _Node) -> Any:
        return namespace(self._mro[node[0]])[node[1]]

    def _ahead(self, node: _Node) -> list[_Node]:
        """Return the methods that a node calls or looks up on its object, in code order."""
        raw = self._raw(node)
        steps = [
            (called.line, (self._places[qualified_name(to)], called.method))
            for called, to in self._chains.nexts(node[0], raw)
            if to is not None and qualified_name(to) in self._places
        ]
        for function in functions_of(raw):
            reading = read(function.__code__)
            for use in reading.uses:
                names = self._listed(use.name) if reading.gets_by_name else ()
                for name in (use.name, *names) if use.fate != "kept" else ():
                    first = self._first(name)
                    if first is not None and any(functions_of(self._raw(first))):
                        steps.append((use.line, first))
        return [ahead for _, ahead in sorted(steps, key=lambda pair: pair[0])]

    def _listed(self, name: str) -> tuple[str, ...]:
        """Return the method names that a class attribute lists, as in Django's views."""
        first = self._first(name)
        value = () if first is None else self._raw(first)
        is_list = type(value) is list or type(value) is tuple
        return tuple(item for item in value if type(item) is str) if is_list else ()

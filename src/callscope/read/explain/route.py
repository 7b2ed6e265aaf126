"""Where a call of an object leads on the object: ``__call__`` > ``_call_impl`` > ``forward``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from callscope.introspect.bytecode import functions_of, read
from callscope.introspect.classes import mro, namespace, qualified_name
from callscope.read.explain.chain import Chains


class Step(NamedTuple):
    """A method on the way."""

    defining_class: str
    """Module-qualified name of the class that defines it."""
    method: str


class Route(NamedTuple):
    """The shortest way from one method of an object to another, by calls on the object."""

    steps: tuple[Step, ...]


_Node = tuple[int, str]


class Routes:
    """Finds the ways from one method to others, as their code says."""

    def __init__(self, cls: type, chains: Chains) -> None:
        self._chains = chains
        self._mro = mro(cls)
        self._places = {qualified_name(base): index for index, base in enumerate(self._mro)}

    def of(self, start: str, wanted: Collection[str]) -> tuple[Route, ...]:
        """Return the way to each of the wanted methods that one leads to, in the order of the code.

        Of several ways it is the one that passes the fewest methods which are not wanted.
        """
        first = self._first(start)
        if first is None:
            return ()
        before: dict[_Node, _Node | None] = {first: None}
        rows = [first]
        while rows:
            ahead: list[_Node] = []
            for node in rows:
                self._follow(node, {*wanted, start}, before, ahead)
            rows = ahead
        found = [n for n in self._in_order(first) if n in before and n[1] in wanted and n != first]
        ways = [self._way(node, before) for node in found if node[1] != start]
        # The way to a method goes through those on it.
        return tuple(
            Route(way) for way in ways if not any(way == w[: len(way)] for w in ways if w != way)
        )

    def _follow(
        self,
        begin: _Node,
        wanted: Collection[str],
        before: dict[_Node, _Node | None],
        others: list[_Node],
    ) -> None:
        """Go on from a method to all that are wanted, and note the others that are seen."""
        reached, seen = [begin], []
        for node in reached:
            for ahead in self._ahead(node):
                if ahead in before:
                    continue
                if ahead[1] in wanted:
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
        """Return all that is led to, each where the code first comes to it."""
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
        """Return the methods that one calls or looks up on its object, in the order of the code."""
        raw = self._raw(node)
        found = [
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
                        found.append((use.line, first))
        return [ahead for _, ahead in sorted(found, key=lambda pair: pair[0])]

    def _listed(self, name: str) -> tuple[str, ...]:
        """Return the names of methods that a class attribute lists, as Django's views do."""
        first = self._first(name)
        value = () if first is None else self._raw(first)
        is_list = type(value) is list or type(value) is tuple
        return tuple(item for item in value if type(item) is str) if is_list else ()

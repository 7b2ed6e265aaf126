"""Calls as comparable nodes: equal nodes have the same number."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from callscope.trace import Call, Text, TraceData, Value
from callscope.trace.walk import walk

Aspect = Literal["arguments", "result", "error"]

_OBJECT: Final = re.compile(r"(.*[^#])#(\d+)", re.DOTALL)
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")


def split_object(value: Value) -> tuple[str, int] | None:
    """Return class and instance number of a traced object passed as a value: ``LSTMCell#2``."""
    match = _OBJECT.fullmatch(value) if type(value) is Text else None
    return None if match is None else (match[1], int(match[2]))


class Node:
    """A call; or a thread, or a whole trace, for which `call` is None."""

    __slots__ = (
        *("call", "children", "parent", "size", "thread"),
        *("invocation", "same", "shape", "single", "site"),
    )

    def __init__(self, call: Call | None, parent: Node | None, thread: str = "") -> None:
        self.call = call
        self.thread = thread
        self.parent = parent
        self.children: list[Node] = []
        self.size = 0
        """Number of calls in it."""
        self.site = 0
        """Equal for calls of one site on objects of one class."""
        self.shape = 0
        """Equal if the nested calls have the same sites, too."""
        self.invocation = 0
        """Equal for calls of one site on the same object with the same arguments."""
        self.single = 0
        """Equal for calls that differ at most in their children."""
        self.same = 0
        """Equal for calls that do not differ at all."""
        if parent is not None:
            parent.children.append(self)

    def walk(self) -> Iterator[Node]:
        """Return the node and its descendants, parents first."""
        return walk([self])


def tree(trace: TraceData) -> Node:
    """Return a trace as a node, with its threads below it, and their calls below those."""
    top = Node(None, None)
    numbers: dict[int, int] = {}
    threads: dict[tuple[int, str], Node] = {}
    nodes: dict[Call, Node] = {}
    for call in walk(trace.roots):
        if call.parent is None:
            number = numbers.setdefault(call.pid, len(numbers) + 1)
            key = call.pid, call.thread
            if key not in threads:
                threads[key] = Node(None, top, f"process {number}, thread {call.thread}")
            nodes[call] = Node(call, threads[key])
        else:
            nodes[call] = Node(call, nodes[call.parent])
    top.children.sort(key=lambda node: node.thread)  # their calls may come in any order
    return top


class Numbering:
    """Numbering of the nodes of two trees: equal nodes get the same number.

    Args:
        ignored: aspects in which calls may differ.
    """

    def __init__(self, ignored: Collection[str]) -> None:
        self._ignored = ignored
        self._numbers: dict[Hashable, int] = {}

    def number(self, top: Node, objects: Mapping[int, int] | None) -> None:
        """Number a tree.

        Args:
            top: the root of the tree.
            objects: mapping of instance numbers; None to ignore objects.
        """

        def renumber(number: int) -> int:
            return 0 if objects is None else objects.get(number, -number)

        for node in reversed([*top.walk()]):
            node.size = sum(child.size for child in node.children) + (node.call is not None)
            node.site = self._intern("site", *_site(node))
            content = self.content(node.call, renumber)
            node.invocation = self._intern("invocation", node.site, *content[:2])
            node.single = self._intern("single", node.invocation, *content[2:])
            node.shape = self._intern("shape", node.site, *(c.shape for c in node.children))
            node.same = self._intern("same", node.single, *(c.same for c in node.children))

    def _intern(self, *key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def content(
        self, call: Call | None, renumber: Callable[[int], int]
    ) -> tuple[Hashable, Hashable, Hashable, Hashable]:
        """Return the object, arguments, result and error of a call for comparison."""
        if call is None:
            return None, None, None, None
        number = call.instance
        arguments: Hashable = None
        if "arguments" not in self._ignored:
            arguments = tuple(
                sorted((name, comparable(v, renumber)) for name, v in call.arguments.items())
            )
        result = None if "result" in self._ignored else comparable(call.result, renumber)
        error: Hashable = None
        if "error" not in self._ignored:
            exc = call.error
            error = call.finished if exc is None else (exc.type, _without_address(exc.message))
        return None if number is None else renumber(number), arguments, result, error


def _site(node: Node) -> Sequence[Hashable]:
    call = node.call
    if call is None:
        return ("thread", node.thread)
    return call.defining_class, call.method, call.runtime_class, call.instance is None


def comparable(value: Value, renumber: Callable[[int], int]) -> tuple[str, str]:
    """Return a sortable key that is equal for equal values, ignoring addresses."""
    named = split_object(value)
    if named is not None:
        return "object", f"{named[0]}#{renumber(named[1])}"
    if type(value) is Text:
        return "text", _without_address(value)
    return type(value).__name__, repr(value)


def _without_address(text: Any) -> str:
    return _ADDRESS.sub("0x...", str(text))

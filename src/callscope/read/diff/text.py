"""Differences as text, each at its place in the merged tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from callscope.trace import Call, Names, call_text, outcome_text, value_text
from callscope.trace.text import MAX_INDENT, indent, one_line

if TYPE_CHECKING:
    from callscope.read.diff.alignment import Alignment
    from callscope.read.diff.change import Change
    from callscope.read.diff.nodes import Node

_MOST_BELOW: Final = 8
"""Most calls shown below one that was added or removed."""
_MOST_ABOVE: Final = 8
"""Most calls shown in an unbroken chain that leads to a difference."""
_KINDS: Final = ("changed", "added", "removed", "moved")


def text(changes: Sequence[Change], same: int, aligned: Alignment, max_lines: int | None) -> str:
    """Return the differences at their places, and their number."""
    lines = []
    if changes:
        tree = _Tree(aligned)
        lines = [*islice(tree.lines(), max_lines)]
        if tree.is_cut():
            lines.append(_what_is_cut(changes[tree.position :]))
        lines.append("")
    return "\n".join([*lines, _counts(changes, same)])


def _counts(changes: Sequence[Change], number_same: int) -> str:
    calls = Counter[str]()
    for change in changes:
        calls[change.kind] += change.calls
    parts = [f"{_calls(calls[kind])} {kind}" for kind in _KINDS if calls[kind]]
    same = f"{_calls(number_same)} the same"
    return ", ".join([*parts, same]) if parts else f"no differences: {same}"


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _what_is_cut(rest: Sequence[Change]) -> str:
    sites = Counter((change.after or change.before) for change in rest)
    by_site = Counter[str]()
    for call, count in sites.items():
        if call is not None:
            by_site[one_line(call.site)] += count
    most = ", ".join(f"{site} ({count:,})" for site, count in by_site.most_common(5))
    return f"... {len(rest):,} more differences are not shown, of {most}"


class _Fold(NamedTuple):
    """Consecutive calls of which only the number is shown."""

    kind: str
    """``"same"`` for calls that do not differ, ``"alike"`` for those that differ alike."""
    depth: int
    number: int

    def line(self) -> str:
        """Return the line that is shown instead."""
        if self.kind == "same":
            note = f"{_calls(self.number)} the same"
        elif self.number == 1:
            note = "the next call differs in the same way, with all that it led to"
        else:
            note = f"the next {self.number:,} calls differ in the same way, each with all that it led to"
        return f"  {indent(self.depth)}= {note}"


class _Tree:
    """The merged tree, with equal calls folded."""

    def __init__(self, aligned: Alignment) -> None:
        self._aligned = aligned
        self._names = Names()
        for top in (aligned.before, aligned.after):
            for node in top.walk():
                if node.call is not None:
                    self._names.add(node.call.defining_class)
                    self._names.add(node.call.runtime_class)
        self.position = 0
        """Number of differences whose lines have been yielded."""
        self._is_done = False

    def is_cut(self) -> bool:
        """Return whether there are more lines."""
        return not self._is_done

    def lines(self) -> Iterator[str]:
        """Yield the lines."""
        above: list[str] = []
        for is_context, line in self._marked():
            if is_context:
                above.append(line)
                continue
            yield from _shortened(above)
            above.clear()
            yield line
        self._is_done = True

    def _marked(self) -> Iterator[tuple[bool, str]]:
        """Yield whether each line only shows the context of the next, and the line."""
        aligned = self._aligned
        folded: _Fold | None = None
        starts: dict[int, int] = {}
        """Number of differences shown before the last call of each depth."""
        for node, is_after, repeats in aligned.walk(folds=True):
            kind, depth = "alike" if repeats else "same", _depth(node)
            is_folded = repeats or self._is_same(node)
            if folded is not None and (not is_folded or folded[:2] != (kind, depth)):
                yield False, folded.line()
                folded = None
            if is_folded:
                count = 0 if folded is None else folded.number
                if repeats:
                    self.position += (self.position - starts[depth]) // (count + 1)
                folded = _Fold(kind, depth, count + (1 if repeats else node.size))
                continue
            starts[depth] = self.position
            is_context = self._is_context(node)
            for line in self._node_lines(node, is_after=is_after):
                yield is_context, line
        if folded is not None:
            yield False, folded.line()

    def _is_same(self, node: Node) -> bool:
        partner = self._aligned.partners.get(node)
        is_moved = node in self._aligned.moved
        return partner is not None and node.same == partner.same and not is_moved

    def _is_context(self, node: Node) -> bool:
        aligned = self._aligned
        is_paired = node in aligned.partners and node not in aligned.moved
        return is_paired and node.call is not None and not aligned.aspects(node)

    def _node_lines(self, node: Node, *, is_after: bool) -> Iterator[str]:
        aligned = self._aligned
        if node.call is None:
            if node.thread and any(child.size for child in node.children):
                yield f"  {one_line(node.thread)}"
        elif node in aligned.lonely:
            self.position += 1
            yield from self._lonely("+" if is_after else "-", node)
        elif node in aligned.moved:
            self.position += is_after
            within = f", with {_calls(node.size - 1)} below" if node.size > 1 else ""
            where = f"moved here{within}" if is_after else "moved away"
            yield f"{self._line('>' if is_after else '<', node)}  ({where})"
        else:
            yield from self._paired(node, node.call)

    def _lonely(self, mark: str, top: Node) -> Iterator[str]:
        inside = [node for node in top.walk() if node in self._aligned.lonely]
        for node in inside[: _MOST_BELOW + 1]:
            yield self._line(mark, node)
        more = len(inside) - _MOST_BELOW - 1
        if more > 0:
            yield f"{mark} {indent(_depth(top) + 1)}... {_calls(more)} more below"

    def _paired(self, node: Node, call: Call) -> Iterator[str]:
        aspects = self._aligned.aspects(node)
        other = self._aligned.partners[node].call
        assert other is not None
        self.position += bool(aspects)
        yield self._line("~" if aspects else " ", node)
        before = "  " * (min(_depth(node), MAX_INDENT) + 3)
        for aspect, ours, theirs in _details(aspects, call, other, self._aligned.objects):
            yield f"{before}{aspect}: {ours} => {theirs}"

    def _line(self, mark: str, node: Node) -> str:
        assert node.call is not None
        description = call_text(node.call, self._names) + outcome_text(node.call)
        return f"{mark} {indent(_depth(node))}{description}"


def _depth(node: Node) -> int:
    return 0 if node.call is None else node.call.depth


def _shortened(above: list[str]) -> Iterator[str]:
    """Yield the lines of a chain of calls; of a long one, only the first and last lines."""
    if len(above) <= _MOST_ABOVE:
        yield from above
        return
    half = _MOST_ABOVE // 2
    yield from above[:half]
    between = len(above) - 2 * half
    yield f"  ... {_calls(between)} between, each of which led to the next"
    yield from above[-half:]


def _details(
    aspects: tuple[str, ...], one: Call, other: Call, objects: dict[int, int]
) -> Iterator[tuple[str, str, str]]:
    """Yield the differences between two calls of one site: name, first and second value."""
    from callscope.read.diff.nodes import comparable

    for aspect in aspects:
        if aspect == "instance":
            yield "object", f"#{one.instance}", f"#{other.instance}"
        elif aspect == "arguments":
            for name in {**one.arguments, **other.arguments}:
                has = name in one.arguments, name in other.arguments
                ours, theirs = one.arguments.get(name), other.arguments.get(name)
                same = comparable(ours, lambda n: objects.get(n, -n)) == comparable(
                    theirs, lambda n: n if n in {*objects.values()} else -n
                )
                if has != (True, True) or not same:
                    yield (
                        one_line(name),
                        value_text(ours) if has[0] else "(left out)",
                        value_text(theirs) if has[1] else "(left out)",
                    )
        else:
            yield aspect, _outcome(one, aspect), _outcome(other, aspect)


def _outcome(call: Call, aspect: str) -> str:
    if aspect == "result":
        return value_text(call.result)
    return outcome_text(call).strip(" !") if call.error or not call.finished else "none"

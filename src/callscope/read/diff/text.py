"""Differences as text, each at its place in the merged tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from callscope.read.diff.contents import Renumber, comparable
from callscope.read.diff.tree import NO_NODE
from callscope.trace import Call, Names, call_text, outcome_text, value_text
from callscope.trace.text import MAX_INDENT, calls_text, indent, one_line

if TYPE_CHECKING:
    from callscope.read.diff.alignment import Alignment
    from callscope.read.diff.change import Change
    from callscope.read.diff.tree import Tree

_MOST_BELOW: Final = 8
"""Most calls shown below one that was added or removed."""
_MOST_ABOVE: Final = 8
"""Most calls shown in an unbroken chain that leads to a difference."""
_KINDS: Final = ("changed", "added", "removed", "moved")


def text(changes: Sequence[Change], same: int, aligned: Alignment, max_lines: int | None) -> str:
    """Return the differences at their places, and their number."""
    lines = []
    if changes:
        merged = _MergedTree(aligned)
        lines = [*islice(merged.lines(), max_lines)]
        if merged.is_cut():
            lines.append(_what_is_cut(changes[merged.position :]))
        lines.append("")
    return "\n".join([*lines, _counts(changes, same)])


def _counts(changes: Sequence[Change], number_same: int) -> str:
    calls = Counter[str]()
    for change in changes:
        calls[change.kind] += change.calls
    parts = [f"{calls_text(calls[kind])} {kind}" for kind in _KINDS if calls[kind]]
    same = f"{calls_text(number_same)} the same"
    return ", ".join([*parts, same]) if parts else f"no differences: {same}"


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
            note = f"{calls_text(self.number)} the same"
        elif self.number == 1:
            note = "the next call differs in the same way, with all that it led to"
        else:
            note = f"the next {self.number:,} calls differ in the same way, each with all that it led to"
        return f"  {indent(self.depth)}= {note}"


class _MergedTree:
    """The merged tree, with equal calls folded."""

    def __init__(self, aligned: Alignment) -> None:
        self._aligned = aligned
        self._names = Names()
        for tree in aligned.before, aligned.after:
            for index in {*islice(tree.table.callee, len(tree.table))}:
                callee = tree.table.callees[index]
                self._names.add(callee.defining_class)
                self._names.add(callee.runtime_class)
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
        for node, is_after, repeats, same in aligned.walk(folds=True):
            tree = aligned.after if is_after else aligned.before
            kind, depth = "alike" if repeats else "same", tree.depth(node)
            is_folded = repeats or same > 0
            if folded is not None and (not is_folded or folded[:2] != (kind, depth)):
                yield False, folded.line()
                folded = None
            if is_folded:
                count = 0 if folded is None else folded.number
                if repeats:
                    self.position += (self.position - starts[depth]) // (count + 1)
                folded = _Fold(kind, depth, count + (1 if repeats else same))
                continue
            starts[depth] = self.position
            is_context = not is_after and self._is_context(node)
            for line in self._node_lines(tree, node, is_after=is_after):
                yield is_context, line
        if folded is not None:
            yield False, folded.line()

    def _is_context(self, node: int) -> bool:
        tree = self._aligned.before
        is_paired = tree.partners[node] != NO_NODE and node not in tree.moved
        return is_paired and tree.is_call(node) and not self._aligned.aspects(node)

    def _node_lines(self, tree: Tree, node: int, *, is_after: bool) -> Iterator[str]:
        if not tree.is_call(node):
            if name := tree.threads.get(node):
                yield f"  {one_line(name)}"
        elif tree.partners[node] == NO_NODE:
            self.position += 1
            yield from self._lonely("+" if is_after else "-", tree, node)
        elif node in tree.moved:
            self.position += is_after
            size = tree.calls(node)
            within = f", with {calls_text(size - 1)} below" if size > 1 else ""
            where = f"moved here{within}" if is_after else "moved away"
            yield f"{self._line('>' if is_after else '<', tree, node)}  ({where})"
        else:
            yield from self._paired(node)

    def _lonely(self, mark: str, tree: Tree, top: int) -> Iterator[str]:
        below = range(top, top + tree.spans[top])
        inside = [node for node in below if tree.partners[node] == NO_NODE]
        for node in inside[: _MOST_BELOW + 1]:
            yield self._line(mark, tree, node)
        more = len(inside) - _MOST_BELOW - 1
        if more > 0:
            yield f"{mark} {indent(tree.depth(top) + 1)}... {calls_text(more)} more below"

    def _paired(self, node: int) -> Iterator[str]:
        before, after = self._aligned.before, self._aligned.after
        aspects = self._aligned.aspects(node)
        self.position += bool(aspects)
        yield self._line("~" if aspects else " ", before, node)
        space = "  " * (min(before.depth(node), MAX_INDENT) + 3)
        calls = before.call(node), after.call(before.partners[node])
        for aspect, ours, theirs in _details(aspects, *calls, before.renumber, after.renumber):
            yield f"{space}{aspect}: {ours} => {theirs}"

    def _line(self, mark: str, tree: Tree, node: int) -> str:
        call = tree.call(node)
        description = call_text(call, self._names) + outcome_text(call)
        return f"{mark} {indent(tree.depth(node))}{description}"


def _shortened(above: list[str]) -> Iterator[str]:
    """Yield the lines of a chain of calls; of a long one, only the first and last lines."""
    if len(above) <= _MOST_ABOVE:
        yield from above
        return
    half = _MOST_ABOVE // 2
    yield from above[:half]
    between = len(above) - 2 * half
    yield f"  ... {calls_text(between)} between, each of which led to the next"
    yield from above[-half:]


def _details(
    aspects: tuple[str, ...],
    one: Call,
    other: Call,
    renumber_one: Renumber,
    renumber_other: Renumber,
) -> Iterator[tuple[str, str, str]]:
    """Yield the differences between two calls of one site: name, first and second value."""
    for aspect in aspects:
        if aspect == "instance":
            yield "object", f"#{one.instance}", f"#{other.instance}"
        elif aspect == "arguments":
            for name in {**one.arguments, **other.arguments}:
                has = name in one.arguments, name in other.arguments
                ours, theirs = one.arguments.get(name), other.arguments.get(name)
                same = comparable(ours, renumber_one) == comparable(theirs, renumber_other)
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

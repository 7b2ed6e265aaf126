"""The tree of calls with one line per call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeAlias

from callscope.introspect.summaries.texts import cut
from callscope.read.formats.tree.drawing import DURATION, GAP, Style, branches
from callscope.read.formats.tree.fitting import squeezed
from callscope.trace import NO_ROW, UNFINISHED, Names, Table
from callscope.trace.table_text import TableText
from callscope.trace.text import MAX_INDENT, calls_text, deep, duration_text, whole_call
from callscope.trace.walk import walk

_MAX_COLUMN: Final = 90

_Node: TypeAlias = tuple[int, tuple[bool, ...], int]


class WholeTree:
    """Lines of a tree, one per call.

    Args:
        table: the calls.
        names: the names of their classes.
        style: the strings to draw with.
        max_depth: number of levels below the roots; None for all.
        width: number of columns that a line may take; None for any.
    """

    def __init__(
        self, table: Table, names: Names, style: Style, max_depth: int | None, width: int | None
    ) -> None:
        self._table = table
        self._text = TableText(table, names)
        self._style = style
        self._max_depth = max_depth
        self._room = None if width is None else max(0, width - DURATION - len(GAP))
        self._counted = 0
        """Number of calls that are not shown, but counted in the line above."""

    def lines(
        self, threads: Iterable[tuple[str, Sequence[int]]], most: int | None, count: int
    ) -> list[str]:
        """Return the lines of the calls of all threads and of those below.

        Args:
            threads: label and roots of each thread.
            most: number of calls to show; None for all.
            count: number of calls that there are.
        """
        lines: list[str] = []
        shown = 0
        for label, roots in threads:
            if label:
                lines.append(label)
            nodes = [*islice(self._walk(roots), None if most is None else most - shown)]
            shown += len(nodes)
            lines += self._with_durations(nodes)
        if shown + self._counted < count:
            more = count - shown - self._counted
            lines.append(f"... {more:,} more calls; trace.save('all.txt') writes them all")
        return lines

    def _with_durations(self, nodes: Sequence[_Node]) -> list[str]:
        texts = [self._line(*node) for node in nodes]
        widest = max(map(len, texts), default=0)
        column = min(widest, _MAX_COLUMN) if self._room is None else self._room
        return [
            f"{text:<{column}}{GAP}{self._duration(row):>{DURATION}}".rstrip()
            for text, (row, *_) in zip(texts, nodes, strict=True)
        ]

    def _line(self, row: int, are_last: tuple[bool, ...], below: int) -> str:
        text = self._text
        start = branches(are_last, self._style) + deep(self._table.depth[row])
        end = f" ({calls_text(below)} below)" if below else ""
        site, arguments, outcome = text.site(row), text.arguments(row), text.outcome(row)
        if self._room is not None:
            fixed = len(start) + len(whole_call(site, "", text.object(row))) + len(end)
            arguments, outcome = squeezed(arguments, outcome, self._room - fixed)
        line = f"{start}{whole_call(site, arguments, text.object(row))}{outcome}{end}"
        return line if self._room is None else cut(line, self._room)

    def _walk(self, roots: Iterable[int]) -> Iterator[_Node]:
        """Yield each row; for it and each of its parents, whether it is the last child; and the
        number of calls below it that are left out.

        For a call deeper than `MAX_INDENT`, only its outermost parents and itself are included.
        """
        table = self._table

        def below(node: _Node) -> Iterator[_Node]:
            row, last, is_cut = node
            if is_cut:
                return
            above, children = last[: MAX_INDENT - 1], table.children(row)
            for child in children:
                yield child, (*above, child == children[-1]), self._left_out(child, deepest)

        for root in roots:
            deepest = None if self._max_depth is None else table.depth[root] + self._max_depth
            top: _Node = root, (), self._left_out(root, deepest)
            yield from walk([top], below)

    def _left_out(self, row: int, deepest: int | None) -> int:
        """Return the number of calls below another if they are too deep to be shown; else 0."""
        table = self._table
        if deepest is None or table.depth[row] < deepest or table.links()[0][row] == NO_ROW:
            return 0
        count = sum(1 for _ in table.preorder([row])) - 1
        self._counted += count
        return count

    def _duration(self, row: int) -> str:
        table = self._table
        end_ns = table.end_ns[row]
        if end_ns == UNFINISHED:
            return ""
        return duration_text(end_ns - table.start_ns[row], self._style.micro)

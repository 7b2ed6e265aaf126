"""The folded tree of calls, with one line per row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

from callscope.introspect.summaries.texts import cut
from callscope.read.folding.differences import first_difference
from callscope.read.folding.rows import Folding, Row
from callscope.read.formats.tree.drawing import DURATION, GAP, Style, branches
from callscope.read.formats.tree.row_text import RowTexts
from callscope.trace import Names, Table
from callscope.trace.text import MAX_INDENT, calls_text, duration_text, spread_text

_LEAST_ROOM: Final = 30
"""Columns that the text of a row has, however narrow the terminal."""
_ROOM_BESIDE_SPREAD: Final = 40
"""Columns that it must have where the spread of durations is shown, too."""
_INDENT_SHARE: Final = 6
"""Part of the columns that a level may take, so that branches take half of a line at most."""
_DEPTH: Final = 12
"""Columns that the depth of a row takes beside the branches."""
_LONGEST_NOTE: Final = 48


class _Node(NamedTuple):
    """Row at its place in the tree."""

    row: Row
    are_last: tuple[bool, ...] = ()
    """For it and each of the rows above, whether it is the last below another."""
    depth: int = 0
    usual: Mapping[int, int] = MappingProxyType({})
    """For the rows beside it, the subtree that is most frequent, by the site of its first call."""
    rest: str = ""
    """Text in place of the rows below."""


class FoldedTree:
    """Lines of a folded tree, one per row.

    Args:
        table: the calls.
        names: the names of their classes.
        style: the strings to draw with.
        max_depth: number of levels below the first; None for all.
        width: number of columns of a line.
    """

    def __init__(
        self, table: Table, names: Names, style: Style, max_depth: int | None, width: int
    ) -> None:
        self._table = table
        self._folding = Folding(table)
        self._texts = RowTexts(table, names, style)
        self._style = style
        self._max_depth = max_depth
        self._width = width
        self._shown: set[int] = set()
        """Numbers of the subtrees that are shown."""
        self._count = 0
        """Number of rows that are shown."""
        self._is_cut = False
        """True if there are more rows."""

    def lines(
        self, threads: Iterable[tuple[str, Sequence[int]]], most: int | None = None
    ) -> list[str]:
        """Return the lines of the calls of all threads and of those below, at most so many.

        Args:
            threads: label and roots of each thread.
            most: number of rows; None for all.
        """
        sections = [(label, self._nodes_of(roots, most)) for label, roots in threads]
        nodes = [node for _, some in sections for node in some]
        durations = [self._durations(node.row) for node in nodes]
        spread = max((len(GAP + each) for _, each in durations if each), default=0)
        room = self._width - DURATION - len(GAP)
        if room - spread < _ROOM_BESIDE_SPREAD:
            durations = [(total, "") for total, _ in durations]
        else:
            room -= spread
        texts = [self._text(node, max(room, _LEAST_ROOM)) for node in nodes]
        column = max(map(len, texts), default=0)
        lines = [
            f"{text:<{column}}{GAP}{total:>{DURATION}}{GAP}{each}".rstrip()
            for text, (total, each) in zip(texts, durations, strict=True)
        ]
        return [*_labelled(sections, iter(lines))]

    def closing(self, count: int) -> Iterator[str]:
        """Yield lines that tell what was folded, after `lines`; `count` is the number of calls."""
        if self._is_cut:
            yield "... more rows; trace.save('all.txt') writes all calls"
        rows = "1 row" if self._count == 1 else f"{self._count:,} rows"
        yield f"{calls_text(count)} in {rows}; one by one: trace.tree(fold=False), or view --all"

    def _nodes_of(self, roots: Sequence[int], most: int | None) -> list[_Node]:
        walk = self._walk(self._folding.rows(roots))
        nodes = [*islice(walk, None if most is None else most - self._count)]
        self._count += len(nodes)
        self._is_cut = self._is_cut or next(walk, None) is not None
        return nodes

    def _walk(self, rows: Sequence[Row]) -> Iterator[_Node]:
        folding = self._folding
        stack = [*self._nodes(rows, None)][::-1]
        while stack:
            node = stack.pop()
            rest = self._rest(node) if folding.has_rows_below(node.row) else ""
            yield node._replace(rest=rest)
            if not rest:
                stack += [*self._nodes(folding.below(node.row), node)][::-1]

    def _rest(self, node: _Node) -> str:
        """Return a text in place of the rows below another; empty if they are shown."""
        row = node.row
        if self._max_depth is not None and node.depth >= self._max_depth:
            return f" ({calls_text(self._calls_below(row))} below)"
        if row.parts:
            return ""
        number = self._folding.numbers[row.stay[0][0]]
        if number in self._shown:
            return " (as above)"
        self._shown.add(number)
        return ""

    def _calls_below(self, row: Row) -> int:
        if row.parts:
            return sum(
                len(part.stay) * part.repeats + self._calls_below(part) for part in row.parts
            )
        preorder = self._table.preorder([row.stay[-1][0]])
        return row.repeats * (sum(1 for _ in preorder) - 1)

    def _nodes(self, rows: Sequence[Row], above: _Node | None) -> Iterator[_Node]:
        """Yield the nodes of all rows below another, or of the first rows."""
        depth = 0 if above is None else above.depth + 1
        outer = () if above is None else above.are_last[: MAX_INDENT - 1]
        usual = self._usual(rows)
        for place, row in enumerate(rows):
            are_last = () if above is None else (*outer, place == len(rows) - 1)
            yield _Node(row, are_last, depth, usual)

    def _usual(self, rows: Sequence[Row]) -> dict[int, int]:
        """Return the subtree that is most frequent, and not single, by the site of its first call."""
        counts: Counter[int] = Counter()
        for row in rows:
            if not row.parts:
                counts[self._folding.numbers[row.stay[0][0]]] += row.times
        usual: dict[int, int] = {}
        for number, count in counts.most_common():
            if count > 1:
                usual.setdefault(self._folding.kinds.kind(number).site, number)
        return usual

    def _notes(self, row: Row, usual: Mapping[int, int]) -> tuple[str, str]:
        """Return how a row differs from the usual one of its site: if it is below, and if not."""
        if row.parts:
            return "", ""
        call = row.stay[0][0]
        other = usual.get(self._folding.kinds.kind(call).site)
        if other is None or self._folding.numbers[call] == other:
            return "", ""
        difference = first_difference(self._folding, call, other)
        if difference is None:
            return "", ""
        style, texts, aspect = self._style, self._texts, difference.aspect
        if difference.call == call:
            if self._table.error_of(call) is not None:
                return "", ""  # the row always shows it
            return "", f"  {style.differs} {texts.aspect(call, aspect).lstrip()}"
        sign = style.differs if aspect != "site" else "-" if difference.is_missing else "+"
        return cut(f"  {sign} {texts.difference(difference)}", _LONGEST_NOTE), ""

    def _text(self, node: _Node, room: int) -> str:
        levels = min(MAX_INDENT, (room - _DEPTH) // _INDENT_SHARE)
        are_last = node.are_last
        if len(are_last) > levels:
            are_last = (*are_last[: levels - 1], are_last[-1])
        start = branches(are_last, self._style)
        if node.depth > levels:
            start += f"(depth {node.depth:,}) "
        note, hint = self._notes(node.row, node.usual)
        return start + self._texts.row(node.row).fit(room - len(start), note + node.rest, hint)

    def _durations(self, row: Row) -> tuple[str, str]:
        """Return the total duration of a row, and the least, median and most of its repeats."""
        durations = self._folding.durations(row)
        if not durations:
            return "", ""
        total = duration_text(sum(durations), self._style.micro)
        is_one = row.repeats == 1
        return total, "" if is_one else spread_text(*_spread(durations), self._style.micro)


def _labelled(
    sections: Iterable[tuple[str, Sequence[_Node]]], lines: Iterator[str]
) -> Iterator[str]:
    """Yield lines, with the label of each section before its own."""
    for label, nodes in sections:
        if label and nodes:
            yield label
        yield from islice(lines, len(nodes))


def _spread(durations: Sequence[int]) -> tuple[int, int, int]:
    """Return the least, the median and the greatest of some durations."""
    ordered = sorted(durations)
    return ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1]

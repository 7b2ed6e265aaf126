"""The stable outline of a trace, for tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from callscope.read.formats.tree.drawing import by_thread
from callscope.trace import NO_ROW, Table, TraceData
from callscope.trace.table_text import TableText, names_of
from callscope.trace.text import indent, missing


def outline(trace: TraceData) -> str:
    """Return the calls as stable text, without times or addresses."""
    table = trace.table
    text = TableText(table, names_of(table))
    lines = []
    for label, roots in by_thread(table, table.roots()):
        if label:
            lines.append(label)
        lines += [_outlined(table, row, text) for row in table.preorder(roots)]
    return "\n".join([*lines, *missing(trace.lost, trace.left_out)])


def window(table: Table, rows: Collection[int]) -> str:
    """Return the outline of some calls of a trace."""
    text = TableText(table, names_of(table, rows))
    outermost = min((table.depth[row] for row in rows), default=0)
    lines = []
    for label, roots in by_thread(table, table.roots()):
        visible = [row for row in table.preorder(roots) if row in rows]
        if label and visible:
            lines.append(label)
        lines += [_outlined(table, row, text, outermost) for row in visible]
    return "\n".join(lines)


def last_of(table: Table, rows: Sequence[int], most: int) -> set[int]:
    """Return the last of some calls and their ancestors, at most `most` in total."""
    chosen: set[int] = set()
    for last in reversed(rows):
        row = last
        while row != NO_ROW and row not in chosen and len(chosen) < most:
            chosen.add(row)
            row = table.parent[row]
    return chosen


def _outlined(table: Table, row: int, text: TableText, outermost: int = 0) -> str:
    return f"{indent(table.depth[row] - outermost)}{text.line(row)}"

"""A trace as text: the stable outline for tests, and the tree with durations for people."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from callscope.introspect.classes import bare_name, outer_name
from callscope.trace import NO_ROW, UNFINISHED, Names, Table, TraceData
from callscope.trace.table_text import TableText, names_of
from callscope.trace.text import (
    MAX_INDENT,
    deep,
    duration_text,
    indent,
    missing,
    one_line,
    process_details,
)
from callscope.trace.walk import walk

MAX_LINES: Final = 2_000
"""Number of calls that `print(trace)` shows."""

_GAP: Final = 2
_NO_DETAILS: Final[Mapping[int, str]] = MappingProxyType({})
_MAX_COLUMN: Final = 90


_Node: TypeAlias = tuple[int, tuple[bool, ...]]


class _Style(NamedTuple):
    """The strings used to draw branches."""

    branch: str
    last: str
    bar: str
    space: str
    micro: str


_UNICODE: Final = _Style("├─ ", "└─ ", "│  ", "   ", "µs")
_ASCII: Final = _Style("|- ", "`- ", "|  ", "   ", "us")


def outline(trace: TraceData) -> str:
    """Return the calls as stable text, without times or addresses."""
    table = trace.table
    text = TableText(table, names_of(table))
    lines = []
    for label, roots in _by_thread(table):
        if label:
            lines.append(label)
        lines += [_outlined(table, row, text) for row in table.preorder(roots)]
    return "\n".join([*lines, *missing(trace.lost, trace.left_out)])


def window(table: Table, rows: Collection[int]) -> str:
    """Return the outline of some calls of a trace."""
    text = TableText(table, names_of(table, rows))
    outermost = min((table.depth[row] for row in rows), default=0)
    lines = []
    for label, roots in _by_thread(table):
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


def tree(
    trace: TraceData,
    *,
    max_lines: int | None = MAX_LINES,
    encoding: str | None = None,
    count: int | None = None,
) -> str:
    """Return the calls as a tree with durations, and where the classes come from.

    Args:
        trace: the trace to show.
        max_lines: number of calls to show; None shows all.
        encoding: encoding of the output, by default that of `sys.stdout`; if it has no
            line-drawing characters, ASCII is used.
        count: number of calls, if these are only the first of a trace.
    """
    if not len(trace):
        return "\n".join([_nothing(trace), *missing(trace.lost, trace.left_out)])
    table, names = trace.table, names_of(trace.table)
    text, style = TableText(table, names), _style(encoding or getattr(sys.stdout, "encoding", None))
    lines: list[str] = []
    written, count = 0, len(trace) if count is None else count
    for label, roots in _by_thread(table, process_details(trace.header)):
        if label:
            lines.append(label)
        most = None if max_lines is None else max_lines - written
        rows = [
            (f"{_branches(last, style)}{deep(table.depth[row])}{text.line(row)}", row)
            for row, last in islice(_walk(table, roots), most)
        ]
        written += len(rows)
        lines += _with_durations(table, rows, style)
    if written < count:
        lines.append(f"... {count - written:,} more calls; trace.save('all.txt') writes them all")
    return "\n".join([*lines, *missing(trace.lost, trace.left_out), "", *_where(names)])


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write the whole tree as text."""
    text = tree(trace, max_lines=None, encoding="utf-8")
    file.write(f"{text}\n".encode())


def _nothing(trace: TraceData) -> str:
    targets = " and ".join(trace.header.targets) or "the declared classes"
    return one_line(f"No calls were recorded of {targets}.{trace.absence()}")


def _by_thread(
    table: Table, details: Mapping[int, str] = _NO_DETAILS
) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield a label and the roots of each thread; a single thread needs no label.

    Processes are numbered by position, as their process IDs change from run to run.
    """
    if len(table.strands) == 1:
        yield "", table.roots()
        return
    processes: dict[int, dict[str, list[int]]] = {}
    of_strand: dict[int, list[int]] = {}
    for root in table.roots():
        index = table.strand[root]
        if index not in of_strand:
            strand = table.strands[index]
            threads = processes.setdefault(strand.pid, {})
            of_strand[index] = threads.setdefault(strand.thread, [])
        of_strand[index].append(root)
    for number, (pid, threads) in enumerate(processes.items(), 1):
        for thread, roots in threads.items():
            name = f"process {number}{details.get(pid, '')}"
            names = [name] if len(processes) > 1 else []
            names += [f"thread {one_line(thread)}"] if len(threads) > 1 else []
            yield ", ".join(names), roots


def _walk(table: Table, roots: Iterable[int]) -> Iterator[_Node]:
    """Yield each row and, for it and each of its parents, whether it is the last child.

    For a call deeper than `MAX_INDENT`, only its outermost parents and itself are included.
    """

    def below(node: _Node) -> Iterator[_Node]:
        row, last = node
        above, children = last[: MAX_INDENT - 1], table.children(row)
        for child in children:
            yield child, (*above, child == children[-1])

    for root in roots:
        top: _Node = root, ()
        yield from walk([top], below)


def _branches(last: tuple[bool, ...], style: _Style) -> str:
    if not last:
        return ""
    above = "".join(style.space if is_last else style.bar for is_last in last[:-1])
    return above + (style.last if last[-1] else style.branch)


def _with_durations(table: Table, lines: list[tuple[str, int]], style: _Style) -> list[str]:
    column = min(max((len(text) for text, _ in lines), default=0), _MAX_COLUMN)
    gap = " " * _GAP
    return [
        f"{text:<{column}}{gap}{duration_text(_duration_ns(table, row), style.micro):>9}".rstrip()
        for text, row in lines
    ]


def _duration_ns(table: Table, row: int) -> int | None:
    end_ns = table.end_ns[row]
    return None if end_ns == UNFINISHED else end_ns - table.start_ns[row]


def _where(names: Names) -> Iterator[str]:
    """Yield a line per module with its classes."""
    modules: dict[str, list[str]] = {}
    for qualified in names:
        modules.setdefault(outer_name(qualified), []).append(bare_name(qualified))
    for module, classes in modules.items():
        yield one_line(f"{', '.join(classes)}: {module}")


def _style(encoding: str | None) -> _Style:
    try:
        "".join(_UNICODE).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _UNICODE

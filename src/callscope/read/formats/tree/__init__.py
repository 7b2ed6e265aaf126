"""A trace as text for people: the tree of calls with durations."""

from __future__ import annotations

from typing import BinaryIO, Final

from callscope.read.formats.tree.drawing import by_thread, style_of, terminal_width, where
from callscope.read.formats.tree.whole import WholeTree
from callscope.trace import TraceData
from callscope.trace.table_text import names_of
from callscope.trace.text import calls_text, missing, one_line, process_details

MAX_LINES: Final = 2_000
"""Number of calls, or of rows, that `print(trace)` shows."""
_MOST_UNFOLDED: Final = 40
"""Number of calls that are shown one by one if nothing else is asked for."""


def tree(
    trace: TraceData,
    *,
    fold: bool | None = None,
    max_depth: int | None = None,
    width: int | None = None,
    max_lines: int | None = MAX_LINES,
    encoding: str | None = None,
    count: int | None = None,
) -> str:
    """Return the calls as a tree with durations, and where the classes come from.

    Args:
        trace: the trace to show.
        fold: see `Trace.tree`.
        max_depth: see `Trace.tree`.
        width: see `Trace.tree`.
        max_lines: number of calls or rows to show; None shows all.
        encoding: encoding of the output, by default that of `sys.stdout`; if it has no
            line-drawing characters, ASCII is used.
        count: number of calls, if these are only the first of a trace.
    """
    if not len(trace):
        return "\n".join([_nothing(trace), *missing(trace.lost, trace.left_out)])
    table, names, style = trace.table, names_of(trace.table), style_of(encoding)
    count = len(trace) if count is None else count
    threads = by_thread(table, table.roots(), process_details(trace.header))
    if count > _MOST_UNFOLDED if fold is None else fold:
        from callscope.read.formats.tree.folded import FoldedTree

        width = terminal_width() if width is None else width
        folded = FoldedTree(table, names, style, max_depth, width)
        lines = [*folded.lines(threads, max_lines), *folded.closing(count)]
    else:
        whole = WholeTree(table, names, style, max_depth, width)
        lines = whole.lines(threads, max_lines, count)
    return "\n".join([*lines, *missing(trace.lost, trace.left_out), "", *where(names, width)])


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write the whole tree as text."""
    text = tree(trace, fold=False, max_lines=None, encoding="utf-8")
    file.write(f"{text}\n".encode())


def _nothing(trace: TraceData) -> str:
    if trace.chosen_from:
        return f"None of {calls_text(trace.chosen_from)} meets the criteria."
    targets = " and ".join(trace.header.targets) or "the declared classes"
    return one_line(f"No calls were recorded of {targets}.{trace.absence()}")

"""Branches, columns and labels of printed trees."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from callscope.introspect.classes import bare_name, outer_name
from callscope.trace import Names, Table
from callscope.trace.text import one_line

GAP: Final = "  "
"""Space before the column of durations."""
DURATION: Final = 9
"""Width of the column of durations."""

_NO_DETAILS: Final[Mapping[int, str]] = MappingProxyType({})
_NO_TERMINAL: Final = (100, 24)


class Style(NamedTuple):
    """The strings used to draw trees."""

    branch: str
    last: str
    bar: str
    space: str
    micro: str
    times: str
    differs: str


_UNICODE: Final = Style("├─ ", "└─ ", "│  ", "   ", "µs", "×", "≠")
_ASCII: Final = Style("|- ", "`- ", "|  ", "   ", "us", "x", "!=")


def style_of(encoding: str | None) -> Style:
    """Return the strings for an encoding; by default, that of `sys.stdout`."""
    try:
        "".join(_UNICODE).encode(encoding or getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _UNICODE


def terminal_width() -> int:
    """Return the number of columns of the terminal; 100 if there is none."""
    return shutil.get_terminal_size(_NO_TERMINAL).columns


def branches(are_last: Sequence[bool], style: Style) -> str:
    """Return the branches before a node.

    Args:
        are_last: for each node below the root down to this one, whether it is the last child.
        style: the strings to use.
    """
    if not are_last:
        return ""
    above = "".join(style.space if is_last else style.bar for is_last in are_last[:-1])
    return above + (style.last if are_last[-1] else style.branch)


def by_thread(
    table: Table, roots: Sequence[int], details: Mapping[int, str] = _NO_DETAILS
) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield a label and the roots of each thread; a single thread needs no label.

    Processes are numbered by position, as their process IDs change from run to run.
    """
    if len(table.strands) == 1:
        yield "", roots
        return
    processes: dict[int, dict[str, list[int]]] = {}
    of_strand: dict[int, list[int]] = {}
    for root in roots:
        index = table.strand[root]
        if index not in of_strand:
            strand = table.strands[index]
            threads = processes.setdefault(strand.pid, {})
            of_strand[index] = threads.setdefault(strand.thread, [])
        of_strand[index].append(root)
    for number, (pid, threads) in enumerate(processes.items(), 1):
        for thread, its_roots in threads.items():
            name = f"process {number}{details.get(pid, '')}"
            names = [name] if len(processes) > 1 else []
            names += [f"thread {one_line(thread)}"] if len(threads) > 1 else []
            yield ", ".join(names), its_roots


def where(names: Names, width: int | None) -> Iterator[str]:
    """Yield a line per module with its classes; several lines if it is wider than some columns."""
    modules: dict[str, list[str]] = {}
    for qualified in names:
        modules.setdefault(outer_name(qualified), []).append(bare_name(qualified))
    for module, classes in modules.items():
        line = one_line(f"{', '.join(classes)}: {module}")
        if width is None or len(line) <= width:
            yield line
        else:
            yield from textwrap.wrap(line, width, subsequent_indent="  ", break_long_words=False)

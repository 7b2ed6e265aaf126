"""A trace as text: the stable outline for tests, and the tree with durations for people."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import BinaryIO, Final, NamedTuple

from callscope.introspect.classes import bare_name, outer_name
from callscope.trace import Call, Names, TraceData, call_text, outcome_text
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
    names = Names.from_calls(trace.calls)
    lines = []
    for label, roots in _by_thread(trace):
        if label:
            lines.append(label)
        lines += [_outlined(call, names) for call, _ in _walk(roots)]
    return "\n".join([*lines, *missing(trace.lost, trace.left_out)])


def window(trace: TraceData, calls: Collection[Call]) -> str:
    """Return the outline of some calls of a trace."""
    names = Names.from_calls(calls)
    outermost = min((call.depth for call in calls), default=0)
    lines = []
    for label, roots in _by_thread(trace):
        visible = [call for call, _ in _walk(roots) if call in calls]
        if label and visible:
            lines.append(label)
        lines += [_outlined(call, names, outermost) for call in visible]
    return "\n".join(lines)


def last_of(calls: Sequence[Call], most: int) -> set[Call]:
    """Return the last of some calls and their ancestors, at most `most` in total."""
    chosen: set[Call] = set()
    for last in reversed(calls):
        call: Call | None = last
        while call is not None and call not in chosen and len(chosen) < most:
            chosen.add(call)
            call = call.parent
    return chosen


def _outlined(call: Call, names: Names, outermost: int = 0) -> str:
    return f"{indent(call.depth - outermost)}{call_text(call, names)}{outcome_text(call)}"


def tree(
    trace: TraceData, *, max_lines: int | None = MAX_LINES, encoding: str | None = None
) -> str:
    """Return the calls as a tree with durations, and where the classes come from.

    Args:
        trace: the trace to show.
        max_lines: number of calls to show; None shows all.
        encoding: encoding of the output, by default that of `sys.stdout`; if it has no
            line-drawing characters, ASCII is used.
    """
    if not len(trace):
        return "\n".join([_nothing(trace), *missing(trace.lost, trace.left_out)])
    names = Names.from_calls(trace.calls)
    style = _style(encoding or getattr(sys.stdout, "encoding", None))
    lines: list[str] = []
    count = 0
    for label, roots in _by_thread(trace, process_details(trace.header)):
        if label:
            lines.append(label)
        rows = [
            (f"{_branches(last, style)}{_call_line(call, names)}", call)
            for call, last in islice(_walk(roots), None if max_lines is None else max_lines - count)
        ]
        count += len(rows)
        lines += _with_durations(rows, style)
    if count < len(trace):
        lines.append(
            f"... {len(trace) - count:,} more calls; trace.save('all.txt') writes them all"
        )
    return "\n".join([*lines, *missing(trace.lost, trace.left_out), "", *_where(names)])


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write the whole tree as text."""
    text = tree(trace, max_lines=None, encoding="utf-8")
    file.write(f"{text}\n".encode())


def _nothing(trace: TraceData) -> str:
    targets = " and ".join(trace.header.targets) or "the declared classes"
    return one_line(f"No calls were recorded of {targets}.{trace.absence()}")


def _by_thread(
    trace: TraceData, details: Mapping[int, str] = _NO_DETAILS
) -> Iterator[tuple[str, Sequence[Call]]]:
    """Yield a label and the roots of each thread; a single thread needs no label.

    Processes are numbered by position, as their process IDs change from run to run.
    """
    processes: dict[int, dict[str, list[Call]]] = {}
    for root in trace.roots:
        processes.setdefault(root.pid, {}).setdefault(root.thread, []).append(root)
    for number, (pid, threads) in enumerate(processes.items(), 1):
        for thread, roots in threads.items():
            name = f"process {number}{details.get(pid, '')}"
            names = [name] if len(processes) > 1 else []
            names += [f"thread {one_line(thread)}"] if len(threads) > 1 else []
            yield ", ".join(names), roots


def _walk(roots: Sequence[Call]) -> Iterator[tuple[Call, tuple[bool, ...]]]:
    """Yield each call and, for it and each of its parents, whether it is the last child.

    For a call deeper than `MAX_INDENT`, only its outermost parents and itself are included.
    """
    return walk([(root, ()) for root in roots], _below)


def _below(node: tuple[Call, tuple[bool, ...]]) -> Iterator[tuple[Call, tuple[bool, ...]]]:
    call, last = node
    above, children = last[: MAX_INDENT - 1], call.children
    for child in children:
        yield child, (*above, child is children[-1])


def _call_line(call: Call, names: Names) -> str:
    return f"{deep(call.depth)}{call_text(call, names)}{outcome_text(call)}"


def _branches(last: tuple[bool, ...], style: _Style) -> str:
    if not last:
        return ""
    above = "".join(style.space if is_last else style.bar for is_last in last[:-1])
    return above + (style.last if last[-1] else style.branch)


def _with_durations(rows: list[tuple[str, Call]], style: _Style) -> list[str]:
    column = min(max((len(text) for text, _ in rows), default=0), _MAX_COLUMN)
    gap = " " * _GAP
    return [
        f"{text:<{column}}{gap}{duration_text(call.duration_ns, style.micro):>9}".rstrip()
        for text, call in rows
    ]


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

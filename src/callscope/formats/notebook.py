"""Traces and calls as notebooks show them: HTML without scripts, in which all text is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from callscope.formats.tree import duration_text
from callscope.trace import Call, Names, Trace, call_text, outcome_text

if TYPE_CHECKING:
    from typing import Any

MAX_CALLS: Final = 500
"""How many calls a notebook shows."""
_OPEN_DEPTH: Final = 4
"""Calls up to this depth are unfolded at first."""

_LEAF: Final = '<div style="margin-left:1.2em">{}</div>'
_BRANCH: Final = (
    '<details style="margin-left:1.2em"{}><summary style="margin-left:-1.1em">{}</summary>'
)


def trace_html(trace: Trace) -> str:
    """Return a trace as HTML: a tree whose branches can be folded."""
    names = Names.of(trace.calls)
    shown = min(len(trace), MAX_CALLS)
    title = f"{len(trace):,} call{'' if len(trace) == 1 else 's'}"
    if shown < len(trace):
        title += f", of which {shown:,} are shown; trace.save('trace.html') writes them all"
    if trace.lost:
        title += f"; {trace.lost:,} more were made and not kept"
    if trace.left_out:
        title += f"; {sum(trace.left_out.values()):,} more were left out"
    return _framed(title, "".join(_nested(trace.roots, names, shown)))


def call_html(call: Call) -> str:
    """Return a call as HTML, with what it led to."""
    below = [call]
    for each in below:
        below.extend(each.children[: MAX_CALLS - len(below)])
    return _framed("", "".join(_nested([call], Names.of(below), MAX_CALLS)))


def text_html(text: str) -> str:
    """Return text as HTML, as it is."""
    return f'<pre style="line-height:1.3">{_escaped(text)}</pre>'


def _framed(title: str, body: str) -> str:
    heading = f"<div>{_escaped(title)}</div>" if title else ""
    return f'<div style="font-family:monospace;white-space:pre-wrap">{heading}{body}</div>'


def _nested(roots: Sequence[Call], names: Names, most: int) -> Iterator[str]:
    top = roots[0].depth if roots else 0
    # None closes a branch; no recursion, for depth.
    stack: list[Call | None] = [*reversed(roots)]
    while stack:
        call = stack.pop()
        if call is None:
            yield "</details>"
            continue
        if most <= 0:
            continue
        most -= 1
        if not call.children:
            yield _LEAF.format(_line(call, names))
            continue
        opened = " open" if call.depth - top < _OPEN_DEPTH else ""
        yield _BRANCH.format(opened, _line(call, names))
        stack.append(None)
        stack.extend(reversed(call.children))


def _line(call: Call, names: Names) -> str:
    text = _escaped(call_text(call, names))
    outcome = _escaped(outcome_text(call))
    color = "#b00020" if call.error is not None else "inherit"
    duration = _escaped(duration_text(call.duration_ns))
    return (
        f'{text}<span style="color:{color}">{outcome}</span>'
        f'  <span style="opacity:.6">{duration}</span>'
    )


def _escaped(text: Any) -> str:
    return escape(str(text), quote=True).encode("utf-8", "backslashreplace").decode()

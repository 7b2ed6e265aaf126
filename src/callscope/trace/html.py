"""HTML of calls for notebooks: no scripts, all text escaped."""

# ruff: noqa: D102  # the properties are those of `Call`

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice
from typing import Final, Protocol

from callscope.errors import encodable
from callscope.trace.text import Described, Names, call_text, duration_text, outcome_text
from callscope.trace.walk import walk

MAX_CALLS: Final = 500
"""Maximum number of calls a notebook shows."""
_OPEN_DEPTH: Final = 4
"""Depth down to which calls are initially expanded."""

_LEAF: Final = '<div style="margin-left:1.2em">{}</div>'
_BRANCH: Final = (
    '<details style="margin-left:1.2em"{}><summary style="margin-left:-1.1em">{}</summary>'
)
_END: Final = "</details>"


class Branch(Described, Protocol):
    """Call attributes shown in HTML, in addition to those of its text."""

    @property
    def depth(self) -> int: ...
    @property
    def duration_ns(self) -> int | None: ...
    @property
    def children(self) -> Sequence[Branch]: ...


def call_html(call: Branch) -> str:
    """Return a call and its descendants as HTML."""
    below: list[Branch] = [call]
    for branch in below:
        below.extend(branch.children[: MAX_CALLS - len(below)])
    return framed("", "".join(nested([call], Names.from_calls(below), MAX_CALLS)))


def text_html(text: str) -> str:
    """Return text as preformatted HTML."""
    return f'<pre style="line-height:1.3">{_escaped(text)}</pre>'


def framed(title: str, body: str) -> str:
    """Return HTML under a title, in a monospace font."""
    heading = f"<div>{_escaped(title)}</div>" if title else ""
    return f'<div style="font-family:monospace;white-space:pre-wrap">{heading}{body}</div>'


def nested(roots: Sequence[Branch], names: Names, most: int) -> Iterator[str]:
    """Yield the HTML of call trees, for at most `most` calls."""
    top = roots[0].depth if roots else 0
    branches = 0
    for call in islice(walk(roots), most):
        depth = call.depth - top
        yield _END * (branches - depth)
        branches = depth
        if call.children:
            attribute = " open" if depth < _OPEN_DEPTH else ""
            yield _BRANCH.format(attribute, _line(call, names))
            branches += 1
        else:
            yield _LEAF.format(_line(call, names))
    yield _END * branches


def _line(call: Branch, names: Names) -> str:
    text = _escaped(call_text(call, names))
    outcome = _escaped(outcome_text(call))
    color = "#b00020" if call.error is not None else "inherit"
    duration = _escaped(duration_text(call.duration_ns))
    return (
        f'{text}<span style="color:{color}">{outcome}</span>'
        f'  <span style="opacity:.6">{duration}</span>'
    )


def _escaped(text: object) -> str:
    return encodable(escape(str(text)))

"""HTML of traces in notebooks."""

from __future__ import annotations

from callscope.trace import TraceData
from callscope.trace.html import MAX_CALLS, framed, nested
from callscope.trace.table_text import names_of
from callscope.trace.text import calls_text


def trace_html(trace: TraceData) -> str:
    """Return a trace as HTML: a tree with foldable branches."""
    count = min(len(trace), MAX_CALLS)
    roots = [trace.calls[row] for row in trace.table.roots()[:count]]
    title = calls_text(len(trace))
    if count < len(trace):
        title += f", of which {count:,} are shown; trace.save('trace.html') writes them all"
    if trace.lost:
        title += f"; {trace.lost:,} more were made and not kept"
    if trace.left_out:
        title += f"; {sum(trace.left_out.values()):,} more were left out"
    return framed(title, "".join(nested(roots, names_of(trace.table), count)))

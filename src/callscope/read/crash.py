"""Calls that were running when an exception ended the program."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from callscope.trace import NO_ROW, Call, CallError, TraceData


def crash_branch(trace: TraceData, errors: Collection[CallError]) -> Sequence[Call]:
    """Return the calls that an exception ended as it propagated, outermost first.

    Args:
        trace: the calls recorded until then.
        errors: the exception that ended the program and its causes, as recorded in the trace.
    """
    table = trace.table
    ended = [row for row, outcome in enumerate(table.outcome) if outcome in errors]
    roots = [row for row in ended if table.parent[row] == NO_ROW]
    # Later calls, made while the exception propagates, are cleanup: the last child counts.
    last_child = {table.parent[row]: row for row in ended}
    branch: list[Call] = []
    row = max(roots, key=table.end_ns.__getitem__, default=None)
    while row is not None:
        branch.append(trace.calls[row])
        row = last_child.get(row)
    return branch

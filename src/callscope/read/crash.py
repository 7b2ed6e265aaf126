"""Calls that were running when an exception ended the program."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from callscope.trace import Call, CallError, TraceData


def crash_branch(trace: TraceData, errors: Collection[CallError]) -> Sequence[Call]:
    """Return the calls that an exception ended as it propagated, outermost first.

    Args:
        trace: the calls recorded until then.
        errors: the exception that ended the program and its causes, as recorded in the trace.
    """
    ended = [root for root in trace.roots if root.error in errors]
    branch: list[Call] = []
    call = max(ended, key=_end_ns, default=None)
    while call is not None:
        branch.append(call)
        # Later calls, made while the exception propagates, are cleanup.
        call = next((c for c in reversed(call.children) if c.error in errors), None)
    return branch


def _end_ns(call: Call) -> int:
    return call.start_ns + (call.duration_ns or 0)

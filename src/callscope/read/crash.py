"""In which calls a program was when an exception ended it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from callscope.trace import Call, CallError, TraceData


def crash_branch(trace: TraceData, errors: Collection[CallError]) -> Sequence[Call]:
    """Return the calls that an exception ended on its way out, the outermost first.

    Args:
        trace: what was recorded until then.
        errors: the exception that ended the program, and those it came from, as a trace has them.
    """
    ended = [root for root in trace.roots if root.error in errors]
    branch: list[Call] = []
    call = max(ended, key=_end_ns, default=None)
    while call is not None:
        branch.append(call)
        # What is called later, as the exception passes by, is cleaning up.
        call = next((c for c in reversed(call.children) if c.error in errors), None)
    return branch


def _end_ns(call: Call) -> int:
    return call.start_ns + (call.duration_ns or 0)

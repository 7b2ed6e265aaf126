"""Traced calls that a thread is in."""

from __future__ import annotations

from callscope.recording.lifecycle import RUNNING
from callscope.trace import Call


def current() -> tuple[Call, ...]:
    """Return the traced calls that this thread is in now, the innermost last.

    They belong to the recording that began last, as far as it keeps them, and are not `finished`
    yet. In a task, calls of other tasks are not included; the call that made the task is the
    `parent` of its first call. Empty if nothing records.

    It takes about ten microseconds, plus about two, once, for each call recorded since the trace
    was last read. Use it in a log message or an assertion rather than in an inner loop.
    """
    for recording in reversed(RUNNING):
        calls = recording.open_calls()
        if calls is not None:
            return calls
    return ()

"""In which traced calls a thread is."""

from __future__ import annotations

from callscope.recording.lifecycle import RUNNING
from callscope.trace import Call


def current() -> tuple[Call, ...]:
    """Return the traced calls that this thread is in now, the innermost last.

    They are calls of the recording that was begun last, as far as it keeps them, and are not
    `finished` yet. In a task, what other tasks are in is not among them; what made the task is the
    `parent` of its first call. Empty where nothing records.

    It takes some ten microseconds, and once, for each call that was recorded since the trace was
    read last, what reading takes: about two microseconds. So it may be asked in a log message or an
    assertion, and rather not in an inner loop.
    """
    for recording in reversed(RUNNING):
        calls = recording.open_calls()
        if calls is not None:
            return calls
    return ()

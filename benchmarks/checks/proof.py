"""Proof that a case did its work: without it, a broken case would give a good figure."""

from __future__ import annotations

import sys
import threading
import types
from collections import Counter

from benchmarks.workloads.program import Program


class CaseError(Exception):
    """A case did something else than what it is there to measure."""


def check_frames(bare: Program, program: Program, *, wrappers: int) -> None:
    """Check which Python functions one pass runs.

    Args:
        bare: the same program, as written; may be the very same one where nothing wraps it.
        program: as the case arranged it.
        wrappers: how many functions run around each call.

    Raises:
        CaseError: if another number does, or the methods do not run as often as they should.
    """
    counts = _count_frames(program)
    if program.has_own_classes:
        codes = {site.function.__code__ for site in program.sites}
        methods = sum(count for code, count in counts.items() if code in codes)
        if methods != program.frames:
            msg = f"the methods ran {methods} times in one pass, not {program.frames}"
            raise CaseError(msg)
    added = counts.total() - _count_frames(bare).total()
    if bare is not program and added != wrappers * program.calls:
        msg = f"{added} wrappers ran in one pass of {program.calls} calls, not {wrappers} for each"
        raise CaseError(msg)


def _count_frames(program: Program) -> Counter[types.CodeType]:
    ran: list[types.CodeType] = []

    def note(frame: types.FrameType, event: str, _: object) -> None:
        if event == "call":
            ran.append(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        program.run(1)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return Counter(ran)

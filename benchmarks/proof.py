"""Proof that a case did its work: without it, a broken case would give a good figure."""

from __future__ import annotations

import functools
import sys
import types
from collections import Counter
from collections.abc import Callable

from benchmarks.seed import Seed


class CaseError(Exception):
    """A case did something else than what it is there to measure."""


def check_frames(seed: Seed, *, wrappers: int) -> None:
    """Check which Python functions one pass runs.

    Args:
        seed: the classes, as the case arranged them.
        wrappers: how many functions run besides the four methods.

    Raises:
        CaseError: if another number does, or a method does not run exactly once.
    """
    counts = _count_frames(functools.partial(seed.passes, seed.my_layer, 1))
    counts.pop(seed.passes.__code__)
    for site in seed.sites:
        times = counts.pop(site.function.__code__, 0)
        if times != 1:
            msg = f"{site.name} ran {times} times in one pass"
            raise CaseError(msg)
    if counts.total() != wrappers:
        names = ", ".join(code.co_qualname for code in counts)
        msg = f"{counts.total()} wrappers ran in one pass, not {wrappers}: {names}"
        raise CaseError(msg)


def _count_frames(work: Callable[[], None]) -> Counter[types.CodeType]:
    counts: Counter[types.CodeType] = Counter()

    def count(frame: types.FrameType, event: str, _: object) -> None:
        if event == "call":
            counts[frame.f_code] += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counts

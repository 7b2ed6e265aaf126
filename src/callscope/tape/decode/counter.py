"""How calls are counted where none of them is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from callscope.introspect.sites import Site
from callscope.tape.decode.filter import SiteOptions, is_asked_for
from callscope.tape.records import RAISE, RESULT, RESUME, SUSPEND, UNKNOWN, Layout
from callscope.tape.thread_tape import ThreadTape
from callscope.tape.threads import Batch
from callscope.trace import Recorded

_Open: TypeAlias = tuple[Layout, Any, Any]
"""A call that has begun and not ended: layout, identity of the object, token if suspendable."""

_BEFORE: Final[_Open] = (UNKNOWN, None, None)


class CallCounter:
    """Counts the calls on the tapes, in a fraction of the time that reading them takes.

    Args:
        sites: the sites whose calls are counted.
    """

    def __init__(self, sites: Mapping[Site, SiteOptions]) -> None:
        self._sites = sites
        self._open: dict[ThreadTape, list[_Open]] = {}
        self._suspended: dict[Any, _Open] = {}
        self._last_batch = 0
        self.kept = 0
        self.lost: int = 0
        """Number of calls made; none is kept."""

    @property
    def left_out(self) -> dict[str, int]:
        """Nothing is left out: all is counted."""
        return {}

    def feed(self, batch: Batch) -> None:
        """Count the calls in a batch, unless that was done.

        An interrupt may end it anywhere: then nothing of it was done. See `TapeReader`.
        """
        if batch.number <= self._last_batch:
            return
        counted, opened, suspended = 0, {**self._open}, {**self._suspended}
        for chunk in batch.chunks:
            stack = opened[chunk.tape] = [*opened.get(chunk.tape, ())]
            counted += self._count(chunk.records, stack, suspended)
        for tape in batch.ended:
            opened.pop(tape, None)
        # One step.
        self._open, self._suspended = opened, suspended
        self.lost += counted
        self._last_batch = batch.number

    def end(self) -> None:
        """Take note that there is no more; nothing is held back."""

    def recorded(self) -> Recorded:
        """Return no call, and how many there were."""
        return Recorded((), self.lost)

    def _count(self, records: list[Any], stack: list[_Open], suspended: dict[Any, _Open]) -> int:
        # As `ThreadDecoder.parse` splits them, but nothing is made of them.
        counted, position, end = 0, 0, len(records)
        while position < end:
            first = records[position]
            if type(first) is int:
                _close(stack)
                position += 1
                continue
            if type(first) is Layout:
                identity = records[position + 1]
                is_asked = is_asked_for(self._sites, first.site, records[position + 2])
                if is_asked and not _repeats(first, identity, stack):
                    counted += 1
                token = records[position + first.size - 4] if first.is_suspendable else None
                stack.append((first, identity, token))
            elif first is RESULT or first is RAISE:
                _close(stack)
            elif first is SUSPEND:
                _suspend(records[position + 2], stack, suspended)
            elif first is RESUME:
                stack.append(suspended.pop(records[position + 2], _BEFORE))
            position += first.size
        return counted


def _suspend(token: Any, stack: list[_Open], suspended: dict[Any, _Open]) -> None:
    for index in reversed(range(len(stack))):
        if stack[index][2] is token:
            suspended[token] = stack.pop(index)
            return


def _repeats(layout: Layout, identity: Any, stack: list[_Open]) -> bool:
    if not stack:
        return False
    above, of_above, _ = stack[-1]
    return bool(above.covers) and layout.is_covered(above, identity, of_above)


def _close(stack: list[_Open]) -> None:
    if stack:  # without anything open, what ends here began before the counting did
        stack.pop()

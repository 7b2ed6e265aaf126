"""`CallCounter`: counts calls without decoding them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from callscope.introspect.sites import Site
from callscope.tape.decode.filter import SiteOptions, is_asked_for
from callscope.tape.records import RAISE, RESULT, RESUME, SUSPEND, UNKNOWN, Layout
from callscope.tape.thread_tape import ThreadTape
from callscope.tape.threads import Batch
from callscope.trace import Recorded, Table

_Open: TypeAlias = tuple[Layout, Any, Any]
"""An open call: layout, identity of the object, token if suspendable."""

_BEFORE: Final[_Open] = (UNKNOWN, None, None)


class CallCounter:
    """Counter of the calls on the tapes, much faster than decoding them.

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
        """Always empty: every call is counted."""
        return {}

    def feed(self, batch: Batch) -> None:
        """Count the calls in a batch, unless they are counted already.

        An interrupt may end it at any point, and then it has no effect. See `TapeDecoder`.
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
        """Do nothing: no records are pending."""

    def recorded(self) -> Recorded:
        """Return no calls, and the number of calls made."""
        return Recorded(Table(), self.lost)

    def _count(self, records: list[Any], stack: list[_Open], suspended: dict[Any, _Open]) -> int:
        # Splits records like `ThreadDecoder.parse`, but builds nothing from them.
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
    if stack:  # if none is open, the call that ends began before counting did
        stack.pop()

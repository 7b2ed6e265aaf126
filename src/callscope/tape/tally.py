"""How calls are counted where none of them is read."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final, TypeAlias

from callscope.hierarchy import Site, class_ref
from callscope.tape.records import RAISE, RESULT, RESUME, SUSPEND, Layout
from callscope.tape.threads import Batch, ThreadTape
from callscope.trace import Recorded

_Open: TypeAlias = tuple[Layout, Any, Any]
"""A call that has begun and not ended: layout, identity of the object, token if suspendable."""

# For what was suspended when the counting began, and has begun before that.
_UNKNOWN: Final[_Open] = (Layout(class_ref(object).site("?"), (), (), ()), None, None)


class Tally:
    """Counts the calls on the tapes, in a fraction of the time that reading them takes.

    Args:
        sites: the sites whose calls are counted.
    """

    def __init__(self, sites: Container[Site]) -> None:
        self._sites = sites
        self._open: dict[ThreadTape, list[_Open]] = {}
        self._suspended: dict[Any, _Open] = {}
        self.lost = 0
        """Number of calls made; none is kept."""

    def feed(self, batch: Batch) -> None:
        """Count the calls in a batch."""
        for chunk in batch.chunks:
            self._count(chunk.records, self._open.setdefault(chunk.tape, []))
        for tape in batch.ended:
            self._open.pop(tape, None)

    def end(self) -> None:
        """Take note that there is no more; nothing is held back."""

    def recorded(self) -> Recorded:
        """Return no call, and how many there were."""
        return Recorded((), self.lost)

    def _count(self, records: list[Any], stack: list[_Open]) -> None:
        # As `ThreadReader.parse` splits them, but nothing is made of them.
        position, end = 0, len(records)
        while position < end:
            first = records[position]
            if type(first) is Layout:
                identity = records[position + 1]
                if first.site in self._sites and not _repeats(first, identity, stack):
                    self.lost += 1
                token = records[position + first.size - 4] if first.is_suspendable else None
                stack.append((first, identity, token))
                position += first.size
            elif type(first) is int or first is RAISE:
                _close(stack)
                position += 1
            else:
                if first is RESULT:
                    _close(stack)
                elif first is SUSPEND:
                    self._suspend(records[position + 2], stack)
                elif first is RESUME:
                    stack.append(self._suspended.pop(records[position + 2], _UNKNOWN))
                position += 3

    def _suspend(self, token: Any, stack: list[_Open]) -> None:
        for index in reversed(range(len(stack))):
            if stack[index][2] is token:
                self._suspended[token] = stack.pop(index)
                return


def _repeats(layout: Layout, identity: Any, stack: list[_Open]) -> bool:
    """Tell whether a call only goes on with another that is counted already."""
    if not stack:
        return False
    above, of_above, _ = stack[-1]
    return bool(above.covers) and layout in above.covers and of_above is identity


def _close(stack: list[_Open]) -> None:
    if stack:  # without anything open, what ends here began before the counting did
        stack.pop()

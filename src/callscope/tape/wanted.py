"""What one recording keeps of all that stands on the tapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from callscope.errors import PredicateWarning, warn
from callscope.hierarchy import Site
from callscope.trace import Call

if TYPE_CHECKING:
    from callscope.options import Capture

OnFull = Literal["stop", "drop_oldest"]


class Asked(NamedTuple):
    """What a recording asked of one site."""

    capture: Capture
    redact: frozenset[str]


class Wanted(NamedTuple):
    """What one recording keeps of all that stands on the tapes."""

    sites: Mapping[Site, Asked]
    """The sites asked for so far."""
    where: Callable[[Call], bool] | None
    max_calls: int | None
    on_full: OnFull


class Limit:
    """Which of the calls that were asked for are kept."""

    def __init__(self, wanted: Wanted) -> None:
        self._where = wanted.where
        self._most = wanted.max_calls
        self._stops = wanted.on_full == "stop"
        self._count = 0
        self.lost = 0

    def may_be_reached(self, more: int) -> bool:
        """Tell whether so many more calls may be more than are kept."""
        return self._most is not None and self._count + more >= self._most

    def _is_full(self) -> bool:
        return self._stops and self._most is not None and self._count >= self._most

    def refuses(self) -> bool:
        """Tell, before anything of a call is read, that it cannot be kept, and count it."""
        if self._where is None and self._is_full():
            self.lost += 1
            return True
        return False

    def admits(self, call: Call) -> bool:
        """Decide whether a call that has just begun is kept, and count it."""
        if self._where is not None:
            try:
                if not self._where(call):
                    return False
            except Exception as error:
                self._where = None
                warn(f"where= raised {error!r}; it is no longer asked.", PredicateWarning)
        if self._is_full():
            self.lost += 1
            return False
        self._count += 1
        return True

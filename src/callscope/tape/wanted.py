"""What one recording keeps of all that stands on the tapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from callscope.errors import PredicateWarning, is_interrupt, shown, warn
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
        self.count = 0
        """Number of calls that are kept."""
        self.lost = 0
        """Number of calls that there was no room for."""

    def may_be_reached(self, more: int) -> bool:
        """Tell whether so many more calls may be more than are kept."""
        return self._most is not None and self.count + more >= self._most

    def is_full(self) -> bool:
        """Tell whether there is no room for another call."""
        return self._stops and self._most is not None and self.count >= self._most

    def refuses_all(self) -> bool:
        """Tell, before anything of a call is read, that it cannot be kept."""
        return self._where is None and self.is_full()

    def is_asked_for(self, call: Call) -> bool:
        """Tell whether a call that has just begun is one that the recording wants."""
        if self._where is not None:
            try:
                return bool(self._where(call))
            except BaseException as error:
                if is_interrupt(error):
                    raise
                self._where = None
                warn(f"where= raised {shown(error)}; it is no longer asked.", PredicateWarning)
        return True

"""What one recording wants woven."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from callscope.options import CAPTURES, Options
from callscope.registry import REGISTRY, Declaration
from callscope.shadow import Recipe, is_compiling
from callscope.sites import Site
from callscope.tape.wanted import Asked

if TYPE_CHECKING:
    from callscope.options import Capture
    from callscope.tape.around import Around


class Plan:
    """What one recording wants woven.

    Args:
        declared: returns the hierarchies it wants, as they are at the moment.
        capture: how much of arguments and results is captured.
        redact: names of arguments that are hidden in addition to the default ones.
        is_live: tells whether each event of a site is delivered as it happens.
        around: what a sink does in the threads of calls.
        keeps: whether all calls are kept, whatever that sink says.
    """

    def __init__(
        self,
        declared: Callable[[], list[Declaration]],
        capture: Capture,
        redact: tuple[str, ...],
        *,
        is_live: Callable[[Site], bool],
        around: Around | None = None,
        keeps: bool = True,
    ) -> None:
        self.declared = declared
        self.sites: dict[Site, Asked] = {}
        """The sites it has asked for so far; its trace holds calls of these only."""
        self._capture: Capture = capture
        self._redact = redact
        self._is_live = is_live
        self._around = around
        self._keeps = keeps

    def want(self, cls: type, site: Site, options: Options) -> Recipe:
        """Ask for a site, and return what its shadow is to write for this recording."""
        # The least revealing of what the class says of itself and what is asked for.
        spoken = [options, *REGISTRY.own_options(cls)]
        captures: list[Capture] = [
            self._capture,
            *(o.capture for o in spoken if o.capture is not None),
        ]
        capture: Capture = min(captures, key=CAPTURES.index)
        redact = {*self._redact, *(name for o in spoken for name in o.redact)}
        self.sites[site] = Asked(capture, frozenset(redact))
        captured = () if capture == "none" else (capture,)
        compiles = is_compiling() is not None
        around = self._around
        return Recipe(
            captured,
            tuple(sorted(redact)),
            self._is_live(site),
            compiles,
            notes=around is not None,
            is_current=around is not None and around.makes_current,
            skips=around is not None and around.skips and not self._keeps,
        )

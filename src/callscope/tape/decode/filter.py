"""Filter of one recording: the calls it keeps of all on the tapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from callscope.introspect.sites import ClassRef, Site, Strangers

if TYPE_CHECKING:
    from callscope.declare.options import Capture
    from callscope.tape.decode.sampling import Sampling
    from callscope.trace import Call

OnFull = Literal["stop", "drop_oldest"]


class SiteOptions(NamedTuple):
    """Options of one recording for one site."""

    capture: Capture
    redact: frozenset[str]
    strangers: Strangers | None = None
    """Objects whose calls are not requested; None if those of all objects are."""


def is_asked_for(sites: Mapping[Site, SiteOptions], site: Site, cls: ClassRef | None) -> bool:
    """Return whether a recording was asked for calls of a site on objects of a class.

    Args:
        sites: the requested sites.
        site: one method of one class.
        cls: class of the object; None if there is none.
    """
    asked = sites.get(site)
    return asked is not None and (asked.strangers is None or not asked.strangers.has(cls))


class Filter(NamedTuple):
    """Options that decide which calls one recording keeps."""

    sites: Mapping[Site, SiteOptions]
    """The sites requested so far."""
    where: Callable[[Call], bool] | None
    max_calls: int | None
    on_full: OnFull
    sampling: Sampling | None = None

    def is_limit_reached(self, count: int) -> bool:
        """Return whether this number of calls reaches the limit."""
        return self.max_calls is not None and count >= self.max_calls

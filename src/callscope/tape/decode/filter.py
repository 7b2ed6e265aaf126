"""Filter of one recording: the calls it keeps of all on the tapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from callscope.errors import PredicateWarning, is_interrupt, shown, warn
from callscope.introspect.sites import ClassRef, Site, Strangers
from callscope.tape.decode.sampling import KEPT, SampleDecision, Sampling, TokenBucket
from callscope.trace import Call

if TYPE_CHECKING:
    from callscope.declare.options import Capture

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


class Limit:
    """Limits that decide which requested calls are kept, with their counters."""

    def __init__(self, wanted: Filter) -> None:
        self._where = wanted.where
        self._most = wanted.max_calls
        self._stops = wanted.on_full == "stop"
        self._sampling = wanted.sampling
        self.quotas: dict[str, TokenBucket] = {}
        """Use of `sample` and `max_per_second` so far, by name of the site."""
        self.left_out: dict[str, int] = {}
        """Number of calls that these left out, by qualified name of the site."""
        self.count: int = 0
        """Number of calls that are kept."""
        self.lost = 0
        """Number of calls lost because the limit was reached."""

    def verdict(self, site: Site, start_ns: int, parent: Call | None) -> SampleDecision:
        """Return whether a call is in the sample; its use of the quotas is not noted yet."""
        if self._sampling is None:
            return KEPT
        keeps, quotas = self._sampling.decide(site, start_ns, parent, self.quotas)
        name = str(site)
        return SampleDecision(
            keeps, quotas, {} if keeps else {name: self.left_out.get(name, 0) + 1}
        )

    @property
    def takes_all_that_fits(self) -> bool:
        """True if every call within the limit is kept."""
        return self._where is None and self._sampling is None

    def may_be_reached(self, more: int) -> bool:
        """Return whether `more` further calls could reach the limit."""
        return self._most is not None and self.count + more >= self._most

    def is_full(self) -> bool:
        """Return whether there is no room for another call."""
        return self._stops and self._most is not None and self.count >= self._most

    def refuses_all(self) -> bool:
        """Return whether no call can be kept, which is known before a call is decoded."""
        return self._where is None and self.is_full()

    def is_asked_for(self, call: Call) -> bool:
        """Return whether `where` accepts a call that has just begun."""
        if self._where is not None:
            try:
                return bool(self._where(call))
            except BaseException as error:
                if is_interrupt(error):
                    raise
                self._where = None
                warn(f"where= raised {shown(error)}; it is no longer called.", PredicateWarning)
        return True

"""`Limit`: decides call by call what one recording keeps, and counts it."""

from __future__ import annotations

from callscope.errors import PredicateWarning, is_interrupt, shown, warn
from callscope.introspect.sites import Site
from callscope.tape.decode.filter import Filter
from callscope.tape.decode.sampling import KEPT, SampleDecision, TokenBucket
from callscope.trace import Call


class Limit:
    """Limits that decide which requested calls are kept, with their counters.

    Args:
        call_filter: the options.
    """

    def __init__(self, call_filter: Filter) -> None:
        self._filter = call_filter
        self._where = call_filter.where
        self._stops = call_filter.on_full == "stop"
        self._sampling = call_filter.sampling
        self.buckets: dict[str, TokenBucket] = {}
        """Use of `sample` and `max_per_second` so far, by name of the site."""
        self.left_out: dict[str, int] = {}
        """Number of calls that these left out, by qualified name of the site."""
        self.count: int = 0
        """Number of calls that are kept."""
        self.lost = 0
        """Number of calls lost because the limit was reached."""

    def decide(self, site: Site, start_ns: int, parent: Call | None) -> SampleDecision:
        """Decide whether a call is in the sample; what it takes of the buckets is not noted yet."""
        if self._sampling is None:
            return KEPT
        keeps, buckets = self._sampling.decide(site, start_ns, parent, self.buckets)
        name = str(site)
        return SampleDecision(
            keeps, buckets, {} if keeps else {name: self.left_out.get(name, 0) + 1}
        )

    @property
    def takes_all_that_fits(self) -> bool:
        """True if every call within the limit is kept."""
        return self._where is None and self._sampling is None

    def may_be_reached(self, more: int) -> bool:
        """Return whether `more` further calls could reach the limit."""
        return self._filter.is_limit_reached(self.count + more)

    def is_full(self) -> bool:
        """Return whether there is no room for another call."""
        return self._stops and self._filter.is_limit_reached(self.count)

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

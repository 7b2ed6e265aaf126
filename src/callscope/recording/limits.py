"""Limits on the calls that a recording keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from callscope.introspect.sites import Site
from callscope.tape.decode.filter import Filter, OnFull, SiteOptions
from callscope.tape.decode.sampling import Sampling
from callscope.trace import Call

if TYPE_CHECKING:
    from callscope.declare.options import Share

DEFAULT_MAX_CALLS: Final = 1_000_000
"""Number of calls that a recording keeps in memory by default."""


class Limits(NamedTuple):
    """Limits on the calls that a recording keeps."""

    where: Callable[[Call], bool] | None = None
    max_calls: int | None = DEFAULT_MAX_CALLS
    """None for no limit; 0 only counts."""
    on_full: OnFull = "stop"
    sample: Share | None = None
    """Fraction to keep; None keeps all."""
    max_per_second: Share | None = None

    def wanted(self, sites: Mapping[Site, SiteOptions]) -> Filter:
        """Return the filter for some sites."""
        sampling = None
        if self.sample is not None or self.max_per_second is not None:
            sampling = Sampling(self.sample, self.max_per_second)
        return Filter(sites, self.where, self.max_calls, self.on_full, sampling)

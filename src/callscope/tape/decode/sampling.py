"""Which calls are left out on purpose, with all that they lead to: samples and rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from callscope.introspect.classes import bare_name, matches
from callscope.introspect.sites import Site
from callscope.trace import Call, MadeCall

if TYPE_CHECKING:
    from callscope.declare.options import Share

OUTERMOST: Final = ""
"""Stands for the outermost calls in the place of a site's name."""

# Stands for the parent below a call that was left out, and so for all that it leads to.
LEFT_OUT: Final = MadeCall("?", "?", "?", None, None, None, 0, "?", None)
LEFT_OUT._call_id = 1 << 62  # so that it never counts as one of the oldest

_SECOND_NS: Final = 1_000_000_000
_MASK: Final = (1 << 64) - 1


class TokenBucket(NamedTuple):
    """What has been made use of, for the calls of one kind."""

    drawn: int = 0
    """Number of calls that were to be sampled."""
    credit: float = -1.0
    """How many calls more may be kept at this moment; negative before the first."""
    last_ns: int = 0
    """When that was so."""


class SampleDecision(NamedTuple):
    """Whether a call is kept, and what is to be noted then."""

    keeps: bool
    quotas: Mapping[str, TokenBucket]
    left_out: Mapping[str, int]


KEPT: Final = SampleDecision(keeps=True, quotas={}, left_out={})
"""Where nothing is sampled."""


class Sampling:
    """Decides which calls are kept; the same calls, at the same times, are decided on alike.

    Args:
        sample: the part of the calls to keep, from 0 to 1.
        max_per_second: how many calls to keep in each second.
    """

    def __init__(self, sample: Share | None, max_per_second: Share | None) -> None:
        self._sample = _by_pattern(sample)
        self._rate = _by_pattern(max_per_second)
        self._limits: dict[Site, tuple[float | None, float | None]] = {}
        self._outermost = self._sample.get(OUTERMOST), self._rate.get(OUTERMOST)

    def decide(
        self, site: Site, start_ns: int, parent: Call | None, spent: Mapping[str, TokenBucket]
    ) -> tuple[bool, dict[str, TokenBucket]]:
        """Return whether to keep a call, and the quotas that it changes.

        Args:
            site: of the call.
            start_ns: when it began.
            parent: what it hangs below.
            spent: the quotas as they are, by the name of the site, or `OUTERMOST`.
        """
        if parent is LEFT_OUT:
            return False, {}
        quotas: dict[str, TokenBucket] = {}
        asked = [(str(site), self._limits_of(site))]
        if parent is None:
            asked.append((OUTERMOST, self._outermost))
        keep = True
        for name, (share, rate) in asked:
            if not keep or (share is None and rate is None):
                continue
            quota = spent.get(name, TokenBucket())
            if share is not None:
                keep = _draw(name, quota.drawn) < share
                quota = quota._replace(drawn=quota.drawn + 1)
            if keep and rate is not None:
                quota, keep = _spend(quota, rate, start_ns)
            quotas[name] = quota
        return keep, quotas

    def _limits_of(self, site: Site) -> tuple[float | None, float | None]:
        limits = self._limits.get(site)
        if limits is None:
            limits = _first_fit(self._sample, site), _first_fit(self._rate, site)
            self._limits[site] = limits
        return limits


def _by_pattern(share: Share | None) -> dict[str, float]:
    if share is None:
        return {}
    return dict(share) if isinstance(share, Mapping) else {OUTERMOST: share}


def _first_fit(by_pattern: Mapping[str, float], site: Site) -> float | None:
    short = f"{bare_name(site.defining.name)}.{site.method}"
    for pattern, value in by_pattern.items():
        if pattern and (matches(short, (pattern,)) or matches(str(site), (pattern,))):
            return value
    return None


def _draw(name: str, number: int) -> float:
    """Return a number from 0 to 1 that looks random and is always the same.

    The mixing is that of splitmix64 (https://prng.di.unimi.it/splitmix64.c).
    """
    seed = int.from_bytes(name.encode("utf-8", "surrogatepass")[-8:], "big")
    mixed = (seed + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) / (_MASK + 1)


def _spend(quota: TokenBucket, rate: float, now_ns: int) -> tuple[TokenBucket, bool]:
    """Take one from a bucket that fills at the rate and holds what one second brings."""
    most = max(1.0, rate)
    credit = quota.credit
    if credit < 0:
        credit = most
    else:
        credit = min(most, credit + max(0, now_ns - quota.last_ns) * rate / _SECOND_NS)
    keep = credit >= 1 - 1e-9  # sums of parts fall short by a little
    last_ns = max(now_ns, quota.last_ns)
    return quota._replace(credit=max(0.0, credit - keep), last_ns=last_ns), keep

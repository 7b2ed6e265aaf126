"""Sampling and rate limits: calls left out on purpose, together with their descendants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from callscope.introspect.classes import bare_name, matches
from callscope.introspect.sites import Site
from callscope.trace import Call, Table

if TYPE_CHECKING:
    from callscope.declare.options import Share

OUTERMOST: Final = ""
"""Name for the outermost calls, in place of a site's name."""

# Parent of the calls below one that was left out, so that they are left out, too.
LEFT_OUT: Final = Call(Table(), 0)
LEFT_OUT._table.call_id.append(1 << 62)  # so that it never counts as one of the oldest

_SECOND_NS: Final = 1_000_000_000
_MASK: Final = (1 << 64) - 1


class TokenBucket(NamedTuple):
    """State of sampling and rate limit for the calls of one site, or the outermost ones."""

    drawn: int = 0
    """Number of sampling decisions made."""
    credit: float = -1.0
    """Number of calls that may be kept at `last_ns`; negative before the first."""
    last_ns: int = 0
    """Time to which `credit` refers."""


class SampleDecision(NamedTuple):
    """Decision whether a call is kept, with the changes to note."""

    keeps: bool
    buckets: Mapping[str, TokenBucket]
    left_out: Mapping[str, int]


KEPT: Final = SampleDecision(keeps=True, buckets={}, left_out={})
"""Decision if nothing is sampled."""


class Sampling:
    """Sampling rules; the same calls at the same times get the same decisions.

    Args:
        sample: fraction of the calls to keep, from 0 to 1.
        max_per_second: number of calls to keep per second.
    """

    def __init__(self, sample: Share | None, max_per_second: Share | None) -> None:
        self._sample = _by_pattern(sample)
        self._rate = _by_pattern(max_per_second)
        self._limits: dict[Site, tuple[float | None, float | None]] = {}
        self._outermost = self._sample.get(OUTERMOST), self._rate.get(OUTERMOST)

    def decide(
        self, site: Site, start_ns: int, parent: Call | None, spent: Mapping[str, TokenBucket]
    ) -> tuple[bool, dict[str, TokenBucket]]:
        """Return whether to keep a call, and the buckets that it changes.

        Args:
            site: site of the call.
            start_ns: start of the call.
            parent: parent of the call.
            spent: the current buckets, by name of the site or `OUTERMOST`.
        """
        if parent is LEFT_OUT:
            return False, {}
        buckets: dict[str, TokenBucket] = {}
        asked = [(str(site), self._limits_of(site))]
        if parent is None:
            asked.append((OUTERMOST, self._outermost))
        keep = True
        for name, (share, rate) in asked:
            if not keep or (share is None and rate is None):
                continue
            bucket = spent.get(name, TokenBucket())
            if share is not None:
                keep = _draw(name, bucket.drawn) < share
                bucket = bucket._replace(drawn=bucket.drawn + 1)
            if keep and rate is not None:
                bucket, keep = _spend(bucket, rate, start_ns)
            buckets[name] = bucket
        return keep, buckets

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
    """Return a deterministic pseudo-random number from 0 to 1.

    The mixing is that of splitmix64 (https://prng.di.unimi.it/splitmix64.c).
    """
    seed = int.from_bytes(name.encode("utf-8", "surrogatepass")[-8:], "big")
    mixed = (seed + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) / (_MASK + 1)


def _spend(bucket: TokenBucket, rate: float, now_ns: int) -> tuple[TokenBucket, bool]:
    """Take one token from a bucket that fills at `rate` and holds one second's worth."""
    most = max(1.0, rate)
    credit = bucket.credit
    if credit < 0:
        credit = most
    else:
        credit = min(most, credit + max(0, now_ns - bucket.last_ns) * rate / _SECOND_NS)
    keep = credit >= 1 - 1e-9  # tolerance for rounding
    last_ns = max(now_ns, bucket.last_ns)
    return bucket._replace(credit=max(0.0, credit - keep), last_ns=last_ns), keep

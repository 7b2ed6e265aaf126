"""How often each site was called, and how long that took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from callscope.trace import Call, Names, Trace


class SiteSummary(NamedTuple):
    """The calls of one site; times in nanoseconds, of the calls that ended."""

    site: str
    """The defining class, with its module where another class shares its name, and the method."""
    calls: int
    errors: int
    total_ns: int
    """Time in the site's calls and all that they called; a recursion counts again at each level."""
    self_ns: int
    """Time in the site's calls without the traced calls within."""

    @property
    def mean_ns(self) -> float:
        """Mean duration of a call, in nanoseconds."""
        return self.total_ns / self.calls


class Summary(NamedTuple):
    """The sites of a trace, those with most time of their own first."""

    sites: Sequence[SiteSummary]
    calls: int
    lost: int
    """Number of calls that were made and not kept: `max_calls` was reached, or a disk was full."""

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def summarize(trace: Trace) -> Summary:
    """Return the number of calls and the times per site."""
    calls = trace.calls
    names = Names.of(calls)
    by_site: dict[str, list[Call]] = {}
    for call in calls:
        by_site.setdefault(f"{names.show(call.defining_class)}.{call.method}", []).append(call)
    sites = [_summarize_site(site, group) for site, group in by_site.items()]
    sites.sort(key=lambda site: site.self_ns, reverse=True)
    return Summary(sites, len(calls), trace.lost)


def _summarize_site(site: str, calls: list[Call]) -> SiteSummary:
    return SiteSummary(
        site=site,
        calls=len(calls),
        errors=sum(call.error is not None for call in calls),
        total_ns=sum(call.duration_ns or 0 for call in calls),
        self_ns=sum(call.self_ns or 0 for call in calls),
    )


def _lines(summary: Summary) -> Iterator[str]:
    width = max((len(site.site) for site in summary.sites), default=4)
    yield f"{'site':<{width}} {'calls':>9} {'errors':>7} {'total ms':>10} {'self ms':>10} {'mean us':>10}"
    for site in summary.sites:
        yield (
            f"{site.site:<{width}} {site.calls:>9,} {site.errors:>7,} {site.total_ns / 1e6:>10.3f}"
            f" {site.self_ns / 1e6:>10.3f} {site.mean_ns / 1e3:>10.3f}"
        )
    lost = f"; {summary.lost:,} more were made and not kept" if summary.lost else ""
    yield f"{summary.calls:,} call{'' if summary.calls == 1 else 's'}{lost}"

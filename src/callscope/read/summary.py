"""Number of calls and times, per site and per class of objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from callscope.errors import MissingExtraError, OptionError, one_line
from callscope.read.call_groups import CallGroup, CallGroups
from callscope.read.distributions import Durations, Numbers
from callscope.trace import Cost, Names, Part, TraceData
from callscope.trace.html import text_html
from callscope.trace.text import calls_text

if TYPE_CHECKING:
    from pandas import DataFrame

By = Literal["site", "class"]


class Times(NamedTuple):
    """The figures that a site and a class have in common; see `SiteSummary`."""

    calls: int
    errors: int
    total_ns: int
    self_ns: int
    mean_ns: float
    p50_ns: int
    p95_ns: int
    waiting_ns: int


class SiteSummary(NamedTuple):
    """The calls of one site; times in nanoseconds, of the calls that ended."""

    site: str
    """The defining class, with its module where another class shares its name, and the method."""
    calls: int
    errors: int
    """Number of calls that an exception ended."""
    total_ns: int
    """Time running in the site's calls and in all that they called; in a recursion, only the
    outermost call counts."""
    self_ns: int
    """Time running in the site's calls, without nested traced calls."""
    mean_ns: float
    """Mean running time of a call; every call counts, as in `p50_ns` and `p95_ns`."""
    p50_ns: int
    """The median: half of the calls ran no longer."""
    p95_ns: int
    """95 of 100 calls ran no longer."""
    waiting_ns: int
    """Time that coroutines and generators were suspended; not part of any other figure."""


class ClassSummary(NamedTuple):
    """The calls on objects of one class, wherever the methods are defined; see `SiteSummary`."""

    runtime_class: str
    """The class of the objects, with its module where another class shares its name."""
    instances: int
    """Number of objects that were called."""
    calls: int
    errors: int
    total_ns: int
    """Time running in calls on its objects and in all that they called, each moment once."""
    self_ns: int
    mean_ns: float
    p50_ns: int
    p95_ns: int
    waiting_ns: int


class Summary(NamedTuple):
    """The sites and the classes of a trace, by descending self time."""

    sites: Sequence[SiteSummary]
    classes: Sequence[ClassSummary]
    calls: int
    lost: int
    """Number of calls made but not recorded: `max_calls` was reached, or a disk was full."""
    left_out: int
    """Number of calls that `sample` or `max_per_second` left out on purpose."""
    recording_ns: int | None
    """Minimum cost of the recording itself, subtracted from the other times; None if nothing was
    subtracted. See `Trace.cost`."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-compatible dicts and lists."""
        return {
            **self._asdict(),
            "sites": [site._asdict() for site in self.sites],
            "classes": [entry._asdict() for entry in self.classes],
        }

    def to_frame(self, by: By = "site") -> DataFrame:
        """Return the figures as a `pandas` data frame, one row per site or per class.

        For another library, build its data frame from the lists in `to_dict`:
        ``polars.DataFrame(summary.to_dict()["sites"])``.

        Raises:
            MissingExtraError: if `pandas` is not installed.
            OptionError: if `by` is neither ``"site"`` nor ``"class"``.
        """
        if by not in get_args(By):
            msg = f"by must be {' or '.join(map(repr, get_args(By)))}, got {by!r}."
            raise OptionError(msg)
        try:
            from pandas import DataFrame
        except ImportError:
            raise MissingExtraError.for_feature("summary.to_frame()", "pandas") from None
        if by == "site":
            return DataFrame(self.sites, columns=list(SiteSummary._fields))
        return DataFrame(self.classes, columns=list(ClassSummary._fields))

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def _repr_html_(self) -> str:
        return text_html(str(self))

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001  # IPython's
        printer.text(str(self))


def summarize(trace: TraceData, *, corrected: bool = True) -> Summary:
    """Return the number of calls and the times per site and per class.

    Args:
        trace: the trace to summarize.
        corrected: whether the cost of recording is subtracted, as far as it is known.
    """
    return summarize_parts(trace, [Part(trace.table)], corrected=corrected)


def summarize_parts(trace: TraceData, parts: Iterable[Part], *, corrected: bool) -> Summary:
    """Return the summary of calls that come in parts.

    Args:
        trace: what is known of the whole trace; its calls do not count.
        parts: the calls.
        corrected: see `summarize`.
    """
    cost = trace.header.cost if corrected else None
    groups, calls = CallGroups(cost or Cost(0, 0, 0)), 0
    for table, first, staying in parts:
        if calls:
            groups.pack()
        groups.add(table, staying)
        calls += len(table) - first
    recording_ns = None if cost is None else round(groups.recording_ns)
    return _summary(trace, groups.groups(), calls, recording_ns)


def _summary(
    trace: TraceData, groups: Sequence[CallGroup], calls: int, recording_ns: int | None
) -> Summary:
    names = Names.from_calls(group.callee for group in groups)
    sites = [
        SiteSummary(f"{names.show(defining)}.{method}", *_times(alike, "is_outermost_of_site"))
        for (defining, method), alike in _grouped(groups, _site).items()
    ]
    classes = [
        ClassSummary(
            names.show(runtime),
            Numbers.count(group.instances for group in alike),
            *_times(alike, "is_outermost_of_class"),
        )
        for runtime, alike in _grouped(groups, _runtime_class).items()
    ]
    return Summary(
        sorted(sites, key=_self_ns, reverse=True),
        sorted(classes, key=_self_ns, reverse=True),
        calls,
        trace.lost,
        sum(trace.left_out.values()),
        recording_ns,
    )


def _site(group: CallGroup) -> tuple[str, str]:
    return group.callee.site


def _runtime_class(group: CallGroup) -> str:
    return group.callee.runtime_class


def _self_ns(summary: SiteSummary | ClassSummary) -> int:
    return summary.self_ns


def _grouped(groups: Iterable[CallGroup], key: Any) -> Mapping[Any, list[CallGroup]]:
    alike: dict[Any, list[CallGroup]] = {}
    for group in groups:
        alike.setdefault(key(group), []).append(group)
    return alike


def _times(groups: Sequence[CallGroup], is_outermost: str) -> Times:
    finished = [group for group in groups if group.finished]
    count = sum(group.calls for group in finished)
    ran = sum(group.running_ns for group in finished)
    p50_ns, p95_ns = Durations.percentiles((group.durations for group in finished), 50, 95)
    outermost = (group.running_ns for group in groups if getattr(group, is_outermost))
    return Times(
        sum(group.calls for group in groups),
        sum(group.errors for group in groups),
        round(sum(outermost)),
        round(sum(group.self_ns for group in groups)),
        ran / count if count else 0.0,
        p50_ns,
        p95_ns,
        sum(group.waiting_ns for group in groups),
    )


_HEADINGS: Final = ("calls", "errors", "total ms", "self ms", "mean us", "p50 us", "p95 us")


def _lines(summary: Summary) -> Iterator[str]:
    waits = any(site.waiting_ns for site in summary.sites)
    headings = [*_HEADINGS, *(["waiting ms"] if waits else [])]
    rows = [(one_line(site.site), _cells(site, waits=waits)) for site in summary.sites]
    yield from _table("site", headings, rows)
    rows = [
        (one_line(entry.runtime_class), [f"{entry.instances:,}", *_cells(entry, waits=waits)])
        for entry in summary.classes
    ]
    if rows:
        yield ""
        yield from _table("class", ["objects", *headings], rows)
        yield ""
    if summary.recording_ns is not None:
        took = f"{summary.recording_ns / 1e6:,.3f} ms"
        yield f"recording itself took at least {took}, which is taken off the times above"
    lost = f"; {summary.lost:,} more were made and not kept" if summary.lost else ""
    left_out = f"; {summary.left_out:,} more were left out" if summary.left_out else ""
    yield f"{calls_text(summary.calls)}{lost}{left_out}"


def _cells(times: SiteSummary | ClassSummary, *, waits: bool) -> list[str]:
    waiting = [f"{times.waiting_ns / 1e6:,.3f}"] if waits else []
    return [
        f"{times.calls:,}",
        f"{times.errors:,}",
        *(f"{ns / 1e6:,.3f}" for ns in (times.total_ns, times.self_ns)),
        *(f"{ns / 1e3:,.3f}" for ns in (times.mean_ns, times.p50_ns, times.p95_ns)),
        *waiting,
    ]


def _table(
    first: str, headings: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]
) -> Iterator[str]:
    width = max(len(first), *(len(name) for name, _ in rows), 0)
    widths = [
        max(len(heading), *(len(cells[column]) for _, cells in rows)) if rows else len(heading)
        for column, heading in enumerate(headings)
    ]
    for name, cells in [(first, headings), *rows]:
        line = "".join(f"  {cell:>{wide}}" for cell, wide in zip(cells, widths, strict=True))
        yield f"{name:<{width}}{line}"

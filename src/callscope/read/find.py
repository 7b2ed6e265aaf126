"""Criteria of `Trace.find`, answered from the columns of a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from itertools import compress, count
from typing import NamedTuple

from callscope.errors import SiteWarning, nearest_first, some_of, warn
from callscope.introspect.classes import bare_name, qualified_name
from callscope.trace import Call, Callee, CallError, Table, TraceData


class Criteria(NamedTuple):
    """Criteria that a call meets or not by itself; see `Trace.find`."""

    site: str | type
    method: str | None
    defining_class: str | type | None
    runtime_class: str | type | None
    instance: int | None
    error: str | type | bool | None

    def rows(self, table: Table) -> Iterable[int]:
        """Return the rows of the calls that meet all of them."""
        callees = {index for index, callee in enumerate(table.callees) if self._is_of(callee)}
        rows: Iterable[int] = compress(count(), map(callees.__contains__, table.callee))
        if self.instance is not None:
            rows = [row for row in rows if (table.instance[row] or None) == self.instance]
        if self.error is not None:
            rows = [row for row in rows if _has_error(table.error_of(row), self.error)]
        return rows

    def _is_of(self, callee: Callee) -> bool:
        defining, runtime = self.defining_class, self.runtime_class
        return (
            _is_site(*callee.site, self.site)
            and (self.method is None or fnmatchcase(callee.method, self.method))
            and (defining is None or _is_class(callee.defining_class, defining))
            and (runtime is None or _is_class(callee.runtime_class, runtime))
        )


def find_calls(
    trace: TraceData,
    criteria: Criteria,
    within: Call | None,
    where: Callable[[Call], bool] | None,
) -> list[Call]:
    """Return the calls that match all criteria; see `Trace.find`."""
    rows = criteria.rows(trace.table)
    if within is not None:
        rows = filter(_rows_below(trace, within).__contains__, rows)
    calls = map(trace.calls.__getitem__, rows)
    matches = [*calls] if where is None else [call for call in calls if where(call)]
    if not matches and criteria.site != "*":
        warn_if_unknown(trace, criteria.site)
    return matches


def _rows_below(trace: TraceData, call: Call) -> set[int]:
    """Return the rows of all descendants of a call; none if the trace does not hold it."""
    table = trace.table
    if call not in trace.calls:
        return set()
    top = trace.calls.index(call)
    rows = {top}
    for row in range(top + 1, len(table)):
        if table.parent[row] in rows:
            rows.add(row)
    return rows - {top}


def warn_if_unknown(trace: TraceData, site: str | type) -> None:
    """Warn if no site known to the trace matches."""
    sites = {*_sites(trace.table), *trace.sites()}
    if not sites or any(_is_site(*pair, site) for pair in sites):
        return
    name = bare_name(qualified_name(site)) if isinstance(site, type) else site
    names = sorted(f"{bare_name(cls)}.{method}" for cls, method in sites)
    there_are = some_of(nearest_first(names, (name,)))
    warn(f"No site matches {name!r}; there are {there_are}.", SiteWarning)


def _sites(table: Table) -> set[tuple[str, str]]:
    """Return the sites of the calls, and those in the metadata of their classes."""
    callees: list[Callee] = [table.callees[index] for index in {*table.callee}]
    metadata = {id(callee.class_metadata): callee.class_metadata for callee in callees}
    owned = (own for classes in metadata.values() if classes for own in classes.sites)
    return {callee.site for callee in callees} | {
        (site.defining_class, site.method) for own in owned for site in own
    }


def _is_site(defining_class: str, method: str, criterion: str | type) -> bool:
    """Return whether a site is the given one, fits the pattern, or is a method of the class."""
    if isinstance(criterion, type):
        return defining_class == qualified_name(criterion)
    return fnmatchcase(f"{bare_name(defining_class)}.{method}", criterion)


def _is_class(name: str, criterion: str | type) -> bool:
    """Return whether a qualified name is that of a class, or fits a pattern."""
    if isinstance(criterion, type):
        return name == qualified_name(criterion)
    return fnmatchcase(name, criterion) or fnmatchcase(bare_name(name), criterion)


def _has_error(error: CallError | None, criterion: str | type | bool) -> bool:  # noqa: FBT001  # True means any
    """Return whether a call ended with an error of a class, with any error, or with none."""
    if error is None or isinstance(criterion, bool):
        return (error is not None) is criterion
    if isinstance(criterion, type):
        return error.type == qualified_name(criterion).removeprefix("builtins.")
    return _is_class(error.type, criterion)

"""Criteria of `Trace.find`."""

from __future__ import annotations

from fnmatch import fnmatchcase

from callscope.errors import SiteWarning, nearest_first, some_of, warn
from callscope.introspect.classes import bare_name, qualified_name
from callscope.trace import Call, TraceData


def warn_if_unknown(trace: TraceData, site: str | type) -> None:
    """Warn if no site known to the trace matches."""
    sites = {(call.defining_class, call.method) for call in trace.calls}
    for metadata in {id(m): m for call in trace.calls if (m := call._class_metadata)}.values():
        sites.update((s.defining_class, s.method) for own in metadata.sites for s in own)
    sites.update(trace.sites())
    if not sites or any(is_site(*pair, site) for pair in sites):
        return
    name = bare_name(qualified_name(site)) if isinstance(site, type) else site
    names = sorted(f"{bare_name(cls)}.{method}" for cls, method in sites)
    there_are = some_of(nearest_first(names, (name,)))
    warn(f"No site matches {name!r}; there are {there_are}.", SiteWarning)


def is_site(defining_class: str, method: str, criterion: str | type) -> bool:
    """Return whether a site is the given one, fits the pattern, or is a method of the class."""
    if isinstance(criterion, type):
        return defining_class == qualified_name(criterion)
    return fnmatchcase(f"{bare_name(defining_class)}.{method}", criterion)


def is_class(name: str, criterion: str | type) -> bool:
    """Return whether a qualified name is that of a class, or fits a pattern."""
    if isinstance(criterion, type):
        return name == qualified_name(criterion)
    return fnmatchcase(name, criterion) or fnmatchcase(bare_name(name), criterion)


def has_error(call: Call, criterion: str | type | bool) -> bool:  # noqa: FBT001  # True means any
    """Return whether a call ended with an error of a class, with any error, or with none."""
    if call.error is None or isinstance(criterion, bool):
        return (call.error is not None) is criterion
    if isinstance(criterion, type):
        return call.error.type == qualified_name(criterion).removeprefix("builtins.")
    return is_class(call.error.type, criterion)

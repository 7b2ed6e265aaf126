"""Search for calls of a trace by site, class, object, error and position."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from callscope.errors import SiteWarning, nearest_first, some_of, warn
from callscope.introspect.classes import bare_name, qualified_name
from callscope.trace import Call, TraceData


def find(
    trace: TraceData,
    site: str | type,
    *,
    method: str | None,
    defining_class: str | type | None,
    runtime_class: str | type | None,
    instance: int | None,
    error: str | type | bool | None,
    within: Call | None,
    where: Callable[[Call], bool] | None,
) -> list[Call]:
    """Return the calls that match all criteria; see `Trace.find`."""
    below = None if within is None else _below(within)
    calls = [
        call
        for call in trace.calls
        if _is_site(call.defining_class, call.method, site)
        and (method is None or fnmatchcase(call.method, method))
        and (defining_class is None or _is_class(call.defining_class, defining_class))
        and (runtime_class is None or _is_class(call.runtime_class, runtime_class))
        and (instance is None or call.instance == instance)
        and (error is None or _has_error(call, error))
        and (below is None or call in below)
        and (where is None or where(call))
    ]
    if not calls and site != "*":
        _warn_if_unknown(trace, site)
    return calls


def _warn_if_unknown(trace: TraceData, site: str | type) -> None:
    """Warn if no site known to the trace matches."""
    known = {(call.defining_class, call.method) for call in trace.calls}
    for metadata in {id(f): f for call in trace.calls if (f := call._class_metadata)}.values():
        known.update((s.defining_class, s.method) for sites in metadata.sites for s in sites)
    known.update(trace.sites())
    if not known or any(_is_site(*each, site) for each in known):
        return
    name = bare_name(qualified_name(site)) if isinstance(site, type) else site
    names = sorted(f"{bare_name(cls)}.{method}" for cls, method in known)
    there_are = some_of(nearest_first(names, (name,)))
    warn(f"No site matches {name!r}; there are {there_are}.", SiteWarning)


def _is_site(defining_class: str, method: str, wanted: str | type) -> bool:
    if isinstance(wanted, type):
        return defining_class == qualified_name(wanted)
    return fnmatchcase(f"{bare_name(defining_class)}.{method}", wanted)


def _is_class(name: str, wanted: str | type) -> bool:
    if isinstance(wanted, type):
        return name == qualified_name(wanted)
    return fnmatchcase(name, wanted) or fnmatchcase(bare_name(name), wanted)


def _has_error(call: Call, wanted: str | type | bool) -> bool:  # noqa: FBT001  # True means any
    if call.error is None or isinstance(wanted, bool):
        return (call.error is not None) is wanted
    if isinstance(wanted, type):
        return call.error.type == qualified_name(wanted).removeprefix("builtins.")
    return _is_class(call.error.type, wanted)


def _below(outer: Call) -> set[Call]:
    """Return the calls that a call led to, directly or not."""
    waiting = [*outer._children]
    below: set[Call] = set()
    while waiting:
        call = waiting.pop()
        below.add(call)
        waiting += call._children
    return below

"""Findings on template methods: `__call__`, which leads to ``call`` or ``forward``.

The methods it should lead to are read from its code, see `callscope.introspect.bytecode`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PureWindowsPath
from typing import Final, NamedTuple

from callscope.introspect.classes import bare_name
from callscope.read.findings.finding import Finding
from callscope.read.findings.objects import CALL, Objects, is_same_object, led, names
from callscope.trace import Call, ClassMetadata, SiteMetadata, Text

# Classes that torch.fx passes instead of values when it only inspects a model.
_STAND_IN: Final = re.compile(r"<?([\w.]+\.)?Proxy\b")
_INSTALLED: Final = frozenset(("site-packages", "dist-packages"))


def find_bypassed(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each method that `__call__` leads to but that ran without it."""
    groups: dict[tuple[str, ...], list[Call]] = {}
    for call in objects.calls:
        metadata = call._class_metadata
        if metadata is None or call.instance is None or call.method not in metadata.template:
            continue
        template = _template(metadata)
        if template is not None and _is_bypass(objects, call, template):
            parent = call.parent
            by = "" if parent is None else parent.defining_class
            within = "" if parent is None else parent.method
            groups.setdefault((call.defining_class, call.method, by, within), []).append(call)
    for calls in groups.values():
        yield _bypassed(calls)


def _template(metadata: ClassMetadata) -> SiteMetadata | None:
    """Return the `__call__` that objects of a class run first."""
    sites = (metadata.site(index, CALL) for index in range(len(metadata.mro)))
    return next(filter(None, sites), None)


def _is_bypass(objects: Objects, call: Call, template: SiteMetadata) -> bool:
    if objects.ancestors.outer(call) is not None:
        return False  # an object may call its own methods
    if any(type(v) is Text and _STAND_IN.match(v) for v in call.arguments.values()):
        return False
    if objects.templates_of(call).may_lead_to(call):
        return False
    parent = call.parent
    return parent is None or not _is_by_its_author(parent.defining_class, parent.file, template)


def _is_by_its_author(name: str, file: str | None, template: SiteMetadata) -> bool:
    """Return whether a class and a template belong to the same installed package.

    The author of a template may bypass it, and knows what that skips.
    """
    is_one_package = name.partition(".")[0] == template.defining_class.partition(".")[0]
    path = PureWindowsPath(file or "")  # accepts slashes of both kinds
    return is_one_package and not _INSTALLED.isdisjoint(path.parts)


def _bypassed(calls: list[Call]) -> Finding:
    first, parent = calls[0], calls[0].parent
    metadata = first._class_metadata
    template = None if metadata is None else _template(metadata)
    assert template is not None
    ran, through = first.site, f"{bare_name(template.defining_class)}.{CALL}"
    where = first if parent is None else parent
    by = "" if parent is None else f" by {parent.site}"
    return Finding(
        id="template-bypassed",
        severity="warning",
        message=f"{ran} was run directly{by} and not through {through}, so what that does besides"
        " was left out.",
        advice=f"Call the object itself: obj(...) and not obj.{first.method}(...).",
        classes=tuple(dict.fromkeys((where.defining_class, first.runtime_class))),
        method=first.method,
        file=where.file,
        line=where.line,
        calls=tuple(calls),
    )


def find_not_reached(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each override of `__call__` that never reaches the template it hides."""
    groups: dict[tuple[str, str], list[Call]] = {}
    reaching: set[tuple[str, str]] = set()
    for call in objects.calls:
        metadata, site = call._class_metadata, call._site_metadata
        if call.method != CALL or metadata is None or site is None or not metadata.hidden:
            continue
        if site != _template(metadata) or not call.finished or call.error is not None:
            continue
        hidden = _hidden(metadata, call.mro_index)
        if hidden is None or site.code is None or site.code.calls_next:
            continue
        if _is_by_its_author(site.defining_class, site.file, hidden):
            continue
        key = call.defining_class, hidden.defining_class
        groups.setdefault(key, []).append(call)
        if call in objects.ancestors.leading:
            reaching.add(key)
    for key, calls in groups.items():
        if key not in reaching:
            yield _not_reached(key, calls)


def _hidden(metadata: ClassMetadata, mro_index: int | None) -> SiteMetadata | None:
    """Return the next `__call__` in the MRO that is a template."""
    after = len(metadata.mro) if mro_index is None else mro_index + 1
    for index in range(after, len(metadata.mro)):
        site = metadata.site(index, CALL)
        if site is not None and (site.code is None or not site.code.is_abstract):
            return site
    return None


def _not_reached(key: tuple[str, str], calls: list[Call]) -> Finding:
    override, hidden = map(bare_name, key)
    metadata = calls[0]._class_metadata
    leads = () if metadata is None else metadata.hidden
    return Finding(
        id="template-not-reached",
        severity="warning",
        message=f"{override}.{CALL} never reached {hidden}.{CALL}, which it overrides and which does"
        f" more than to run {names(leads)}.",
        advice=f"Call super().{CALL}(...) in {override}.{CALL}, or override {names(leads, 'or')}"
        " instead.",
        classes=key,
        method=CALL,
        file=calls[0].file,
        line=calls[0].line,
        calls=tuple(calls),
    )


class _Drop(NamedTuple):
    """A `__call__` that returned None, and the call it led to, which did not."""

    template: Call
    led: Call


def find_dropped(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each `__call__` that returns None though the method it runs does not."""
    groups: dict[tuple[str, str, str], list[_Drop]] = {}
    returning: set[tuple[str, str, str]] = set()
    for call in objects.calls:
        metadata = call._class_metadata
        if call.method != CALL or metadata is None or not call.finished or call.error is not None:
            continue
        for method in metadata.template:
            key = call.defining_class, method, call.runtime_class
            if call.result is not None:
                returning.add(key)
                continue
            results = [c for c in led(call, method) if c.result is not None]
            if results and not _consumes(call, method) and not _is_passed_on(call, method):
                groups.setdefault(key, []).append(_Drop(call, results[0]))
    merged: dict[tuple[str, str], list[_Drop]] = {}
    for key, drops in groups.items():
        if key not in returning:
            merged.setdefault(key[:2], []).extend(drops)
    for drops in merged.values():
        yield _dropped(drops)


def _consumes(call: Call, method: str) -> bool:
    """Return whether the code of a `__call__` uses the result itself."""
    site = call._site_metadata
    return site is None or site.code is None or method in site.code.consumes


def _is_passed_on(call: Call, method: str) -> bool:
    """Return whether a nested `__call__` already returned None, and so dropped the result."""
    return any(
        c.method == CALL and c.result is None and led(c, method)
        for c in call._children
        if is_same_object(c, call)
    )


def _dropped(drops: list[_Drop]) -> Finding:
    template, led = drops[0]
    return Finding(
        id="result-dropped",
        severity="warning",
        message=f"{template.site} returned None, though {led.site} returned a result to it.",
        advice=f"Return what self.{led.method}(...) returns in {template.site}, or return nothing"
        f" from {led.site}.",
        classes=tuple(dict.fromkeys((template.defining_class, led.defining_class))),
        method=CALL,
        file=template.file,
        line=template.line,
        calls=tuple(drop.template for drop in drops),
    )

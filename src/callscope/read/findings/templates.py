"""Findings on template methods: `__call__`, which leads to ``call`` or ``forward``.

The methods it should lead to are read from its code, see `callscope.introspect.bytecode`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import PureWindowsPath
from typing import Final

from callscope.introspect.classes import bare_name
from callscope.read.findings.finding import Finding
from callscope.read.findings.objects import CALL, Objects, names, site_name
from callscope.read.findings.template_calls import TemplateCalls
from callscope.trace import NO_ROW, Callee, ClassMetadata, SiteMetadata, Text

# Classes that torch.fx passes instead of values when it only inspects a model.
_STAND_IN: Final = re.compile(r"<?([\w.]+\.)?Proxy\b")
_INSTALLED: Final = frozenset(("site-packages", "dist-packages"))


def find_bypassed(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each method that `__call__` leads to but that ran without it."""
    table = objects.table
    templates = [*map(_template_of, table.callees)]
    direct = [row for row in objects.outermost(templates) if _is_run_from_outside(objects, row)]
    template_calls = TemplateCalls(objects, {objects.numbers[row] for row in direct})

    @cache
    def is_by_its_author(parent: int, callee: int) -> bool:
        by, template = table.callees[parent], templates[callee]
        file = None if by.site_metadata is None else by.site_metadata.file
        return template is not None and _is_by_its_author(by.defining_class, file, template)

    groups: dict[tuple[str, ...], list[int]] = {}
    for row in direct:
        callee, parent = objects.callee(row), table.parent[row]
        has_parent = parent != NO_ROW
        if template_calls.may_lead_to(row) or (
            has_parent and is_by_its_author(table.callee[parent], table.callee[row])
        ):
            continue
        by = objects.callee(parent).site if has_parent else ("", "")
        groups.setdefault((*callee.site, *by), []).append(row)
    for rows in groups.values():
        yield _bypassed(objects, rows)


def _template_of(callee: Callee) -> SiteMetadata | None:
    """Return the `__call__` that should lead to a method; None if it is an ordinary method."""
    metadata = callee.class_metadata
    if metadata is None or callee.method not in metadata.template:
        return None
    return _template(metadata)


def _template(metadata: ClassMetadata) -> SiteMetadata | None:
    """Return the `__call__` that objects of a class run first."""
    sites = (metadata.site(index, CALL) for index in range(len(metadata.mro)))
    return next(filter(None, sites), None)


def _is_run_from_outside(objects: Objects, row: int) -> bool:
    """Return whether a method was run, with ordinary values, by something else than its object."""
    if not objects.table.instance[row] or objects.ancestors.nearest(row) != NO_ROW:
        return False
    values = (objects.table.arguments_of(row) or {}).values()
    return not any(type(v) is Text and _STAND_IN.match(v) for v in values)


def _is_by_its_author(name: str, file: str | None, template: SiteMetadata) -> bool:
    """Return whether a class and a template belong to the same installed package.

    The author of a template may bypass it, and knows what that skips.
    """
    is_one_package = name.partition(".")[0] == template.defining_class.partition(".")[0]
    path = PureWindowsPath(file or "")  # accepts slashes of both kinds
    return is_one_package and not _INSTALLED.isdisjoint(path.parts)


def _bypassed(objects: Objects, rows: list[int]) -> Finding:
    callee, parent = objects.callee(rows[0]), objects.table.parent[rows[0]]
    template = _template_of(callee)
    assert template is not None
    ran, through = site_name(callee), f"{bare_name(template.defining_class)}.{CALL}"
    where = callee if parent == NO_ROW else objects.callee(parent)
    by, site = "" if parent == NO_ROW else f" by {site_name(where)}", where.site_metadata
    return Finding(
        id="template-bypassed",
        severity="warning",
        message=f"{ran} was run directly{by} and not through {through}, so what that does besides"
        " was left out.",
        advice=f"Call the object itself: obj(...) and not obj.{callee.method}(...).",
        classes=tuple(dict.fromkeys((where.defining_class, callee.runtime_class))),
        method=callee.method,
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=objects.calls(rows),
    )


def find_not_reached(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each override of `__call__` that never reaches the template it hides."""
    table = objects.table
    hidden = [*map(_hidden_by, table.callees)]
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    keys: dict[int, tuple[str, str]] = {}
    for row in filter(objects.has_returned, objects.rows(hidden)):
        callee, template = objects.callee(row), hidden[table.callee[row]]
        assert template is not None
        keys[row] = callee.defining_class, template.defining_class
        groups[keys[row]].append(row)
    reaching = {keys[row] for row in _leading(objects, keys)}
    for key, rows in groups.items():
        if key not in reaching:
            yield _not_reached(objects, key, rows)


def _hidden_by(callee: Callee) -> SiteMetadata | None:
    """Return the template that a `__call__` hides and does not lead to; None if it may do so."""
    metadata, site = callee.class_metadata, callee.site_metadata
    if callee.method != CALL or metadata is None or site is None or not metadata.hidden:
        return None
    hidden = _next_template(metadata, callee.mro_index)
    if hidden is None or site.code is None or site.code.calls_next:
        return None
    is_first = site == _template(metadata)
    return (
        hidden
        if is_first and not _is_by_its_author(site.defining_class, site.file, hidden)
        else None
    )


def _next_template(metadata: ClassMetadata, mro_index: int | None) -> SiteMetadata | None:
    """Return the next `__call__` in the MRO that is a template."""
    after = len(metadata.mro) if mro_index is None else mro_index + 1
    for index in range(after, len(metadata.mro)):
        site = metadata.site(index, CALL)
        if site is not None and (site.code is None or not site.code.is_abstract):
            return site
    return None


def _leading(objects: Objects, rows: Collection[int]) -> Iterator[int]:
    """Yield those of some calls that led to another `__call__` on their object."""
    numbers = {objects.numbers[row] for row in rows}
    for row in objects.template_rows if numbers else ():
        if objects.numbers[row] in numbers:
            outer = objects.ancestors.nearest(row, CALL)
            if outer in rows:
                yield outer


def _not_reached(objects: Objects, key: tuple[str, str], rows: list[int]) -> Finding:
    override, hidden = map(bare_name, key)
    callee = objects.callee(rows[0])
    metadata, site = callee.class_metadata, callee.site_metadata
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
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=objects.calls(rows),
    )

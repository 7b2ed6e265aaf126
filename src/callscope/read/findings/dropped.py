"""Findings on results: a `__call__` returns None though the method it runs does not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

from callscope.read.findings.finding import Finding
from callscope.read.findings.objects import CALL, Objects, site_name
from callscope.trace import NO_ROW, UNFINISHED, Callee

_Key: TypeAlias = tuple[str, str, str]
"""Class that defines a `__call__`, the method it leads to, and the class of the object."""


def find_dropped(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each `__call__` that returns None though the method it runs does not."""
    table = objects.table
    keys = [*map(_keys, table.callees)]
    returning = {key for i, own in enumerate(keys) if own and i in objects.returning for key in own}

    @cache
    def above_results(method: str) -> set[int]:
        return _above_results(objects, method)

    suspects = [
        [k for k in own if k not in returning and not _consumes(callee, k) and above_results(k[1])]
        for callee, own in zip(table.callees, keys, strict=True)
    ]
    groups: dict[_Key, list[int]] = {}
    for row in objects.rows(suspects):
        if table.outcome[row] is None and table.end_ns[row] != UNFINISHED:
            for key in suspects[table.callee[row]]:
                if row in above_results(key[1]) and not _is_passed_on(objects, row, key[1]):
                    groups.setdefault(key, []).append(row)
    merged: dict[tuple[str, str], list[int]] = {}
    for (defining_class, method, _), rows in groups.items():
        merged.setdefault((defining_class, method), []).extend(rows)
    for (_, method), rows in merged.items():
        yield _dropped(objects, rows, method)


def _keys(callee: Callee) -> list[_Key]:
    metadata = callee.class_metadata
    if callee.method != CALL or metadata is None:
        return []
    return [(callee.defining_class, method, callee.runtime_class) for method in metadata.template]


def _consumes(callee: Callee, key: _Key) -> bool:
    """Return whether the code of a `__call__` uses the result itself."""
    site = callee.site_metadata
    return site is None or site.code is None or key[1] in site.code.consumes


def _above_results(objects: Objects, method: str) -> set[int]:
    """Return the calls that led, on their object, to a call of a method that returned something.

    Those further up than another call of the method are not included.
    """
    table, numbers = objects.table, objects.numbers
    above: set[int] = set()
    returning = [c.method == method and i in objects.returning for i, c in enumerate(table.callees)]
    for row in objects.rows(returning):
        parent = table.parent[row] if objects.has_result(row) else NO_ROW
        while parent != NO_ROW and numbers[parent] == numbers[row] and parent not in above:
            above.add(parent)
            is_same_method = objects.callee(parent).method == method
            parent = NO_ROW if is_same_method else table.parent[parent]
    return above


def _is_passed_on(objects: Objects, row: int, method: str) -> bool:
    """Return whether a nested `__call__` already returned None, and so dropped the result."""
    return any(
        objects.callee(child).method == CALL
        and not objects.has_result(child)
        and objects.led(child, method)
        for child in objects.table.children(row)
        if objects.is_nested(child)
    )


def _dropped(objects: Objects, rows: list[int], method: str) -> Finding:
    template = objects.callee(rows[0])
    led = objects.callee(next(filter(objects.has_result, objects.led(rows[0], method))))
    site = template.site_metadata
    return Finding(
        id="result-dropped",
        severity="warning",
        message=f"{site_name(template)} returned None, though {site_name(led)} returned a result to"
        " it.",
        advice=f"Return what self.{method}(...) returns in {site_name(template)}, or return nothing"
        f" from {site_name(led)}.",
        classes=tuple(dict.fromkeys((template.defining_class, led.defining_class))),
        method=CALL,
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=objects.calls(rows),
    )

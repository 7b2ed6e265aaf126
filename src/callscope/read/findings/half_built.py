"""Findings on objects used before their `__init__` was done, or after it had raised."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from callscope.introspect.classes import bare_name
from callscope.read.findings.constructions import INIT, Construction, definers, init_code
from callscope.read.findings.finding import Finding, Severity
from callscope.read.findings.objects import Objects, site_name
from callscope.trace import NO_ROW, UNFINISHED


def find_before(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each method that needed an attribute not yet set by `__init__`.

    A method that runs within `__init__` is ordinary. It is a mistake if a base's `__init__` calls
    a method that a subclass overrides and the override needs an attribute that its own `__init__`
    has not set yet.
    """
    table = objects.table
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    led: dict[tuple[str, str, str, str], int] = {}
    for construction in objects.recorded_constructions if objects.lacking else ():
        for row, name in objects.lacking.get(construction.number, {}).items():
            callee = objects.callee(row)
            if callee.method == INIT:
                continue
            outer = objects.ancestors.nearest(row, INIT)
            below = None if outer == NO_ROW else objects.callee(outer).mro_index
            setter = _setter(construction, name, below)
            is_early = (
                table.start_ns[row] < table.start_ns[construction.row]
                if outer == NO_ROW
                else _ended_construction(objects, row, construction)
            )
            if setter is None or not is_early:
                continue
            key = callee.defining_class, callee.method, setter, name
            groups.setdefault(key, []).append(row)
            led.setdefault(key, outer)
    for key, rows in groups.items():
        yield _before(objects, key, rows, led[key])


def _setter(construction: Construction, name: str, below: int | None) -> str | None:
    """Return the class whose `__init__` sets an attribute and had not finished."""
    for index in definers(construction.metadata):
        code = init_code(construction.metadata, index)
        is_later = below is None or index < below
        if is_later and code is not None and name in code.sets:
            return construction.metadata.mro[index]
    return None


def _ended_construction(objects: Objects, row: int, construction: Construction) -> bool:
    """Return whether the exception of a call ended the construction of the object."""
    error_of = objects.table.error_of
    is_within = construction.row in objects.ancestors.lineage(row, INIT)
    return is_within and error_of(construction.row) == error_of(row)


def _before(
    objects: Objects, key: tuple[str, str, str, str], rows: list[int], outer: int
) -> Finding:
    defining, method, setter, name = key
    site = objects.callee(rows[0]).site_metadata
    ran, sets = f"{bare_name(defining)}.{method}", f"{bare_name(setter)}.__init__"
    why = "" if outer == NO_ROW else f", for {site_name(objects.callee(outer))} calls it"
    return Finding(
        id="method-before-init",
        severity="error",
        message=f"{ran} ran before {sets} had set {name!r}{why}.",
        advice=f"Set {name!r} before super().__init__(...) is called in {sets}, or as a class"
        " attribute, or call the method later.",
        classes=tuple(dict.fromkeys((defining, setter))),
        method=method,
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=objects.calls(rows),
    )


def find_after(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each method that ran on an object whose `__init__` had raised."""
    groups: dict[tuple[str, str], list[int]] = {}
    begun: dict[tuple[str, str], int] = {}
    for row in _calls_on_half_built(objects):
        callee = objects.callee(row)
        if callee.method == INIT:
            continue
        failed = _begun_before(objects, row)
        if failed == NO_ROW or not _had_raised(objects, failed, row):
            continue
        outer = objects.ancestors.nearest(row)
        while outer != NO_ROW and objects.callee(outer).method == INIT:
            outer = objects.ancestors.nearest(outer)
        if outer != NO_ROW:
            continue  # reported for the outermost call
        key = callee.defining_class, callee.method
        groups.setdefault(key, []).append(row)
        begun.setdefault(key, failed)
    for key, rows in groups.items():
        yield _after(objects, key, rows, begun[key])


def _calls_on_half_built(objects: Objects) -> Iterator[int]:
    """Yield the calls on objects of which an `__init__` has raised."""
    failed = {*objects.failed}
    half_built = {
        number
        for number, constructions in (objects.constructions if failed else {}).items()
        if any(construction.row in failed for construction in constructions)
    }
    if half_built:
        numbers = zip(range(len(objects.table)), objects.numbers, strict=False)
        yield from (row for row, number in numbers if number in half_built)


def _begun_before(objects: Objects, row: int) -> int:
    """Return the last `__init__` that constructed the object before a call on it, or `NO_ROW`."""
    start_ns = objects.table.start_ns
    constructions = objects.constructions[objects.numbers[row]]
    before = bisect_left(constructions, start_ns[row], key=lambda c: start_ns[c.row])
    return constructions[before - 1].row if before else NO_ROW


def _had_raised(objects: Objects, row: int, later: int) -> bool:
    """Return whether a call raised before a later call began."""
    table = objects.table
    end_ns = table.end_ns[row]
    has_ended = end_ns != UNFINISHED and end_ns <= table.start_ns[later]
    return has_ended and table.error_of(row) is not None


def _after(objects: Objects, key: tuple[str, str], rows: list[int], failed: int) -> Finding:
    has_raised = any(objects.table.error_of(row) is not None for row in rows)
    severity: Severity = "error" if has_raised else "warning"
    site = objects.callee(rows[0]).site_metadata
    error = objects.table.error_of(failed)
    raised = "" if error is None else bare_name(error.type)
    runtime_class = objects.callee(failed).runtime_class
    name = bare_name(runtime_class)
    return Finding(
        id="method-after-failed-init",
        severity=severity,
        message=f"{bare_name(key[0])}.{key[1]} ran on a {name} whose __init__ had raised {raised}.",
        advice=f"Let nothing keep a {name} before its __init__ has returned.",
        classes=tuple(dict.fromkeys((key[0], runtime_class))),
        method=key[1],
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=objects.calls(rows),
    )

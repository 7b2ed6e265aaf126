"""Findings on `__init__`: an `__init__` of the MRO never ran, or ran twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from callscope.introspect.classes import bare_name
from callscope.read.findings.constructions import INIT, init_code, skipped
from callscope.read.findings.finding import Finding, Severity
from callscope.read.findings.objects import ANY, Objects, names
from callscope.trace import NO_ROW, UNFINISHED, Callee, ClassMetadata


class _Break(NamedTuple):
    """Point at which the chain of `__init__` ended in one construction."""

    last: int
    """MRO index of the last class whose `__init__` ran before the first that did not."""
    skipped: tuple[int, ...]
    """MRO indexes of those that did not run."""
    severity: Severity
    lacks: list[str]
    """Attributes that the object lacks because of it."""


def find_missing(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each class at which the chain of `super().__init__()` breaks."""
    table = objects.table
    judged: dict[tuple[object, ...], _Break | None] = {}
    breaks: dict[tuple[str, ...], tuple[ClassMetadata, _Break, list[int]]] = {}
    for construction in objects.recorded_constructions:
        if table.end_ns[construction.row] == UNFINISHED:
            continue
        missed = frozenset(objects.lacking.get(construction.number, {}).values())
        has_raised = table.error_of(construction.row) is not None
        callees = [table.callee[row] for row in construction.inits]
        pattern = *callees, has_raised, missed
        if pattern not in judged:
            ran = [table.callees[callee] for callee in callees]
            judged[pattern] = _broken(construction.metadata, ran, missed, has_raised=has_raised)
        broken, metadata = judged[pattern], construction.metadata
        if broken is None:
            continue
        key = tuple(metadata.mro[i] for i in (broken.last, *broken.skipped))
        first = breaks.setdefault(key, (metadata, broken, []))
        first[2].append(construction.row)
        if broken.severity == "error" and first[1].severity == "warning":
            breaks[key] = metadata, broken, first[2]
    for metadata, broken, rows in breaks.values():
        yield _missing(objects, metadata, broken, rows)


def _broken(
    metadata: ClassMetadata, ran: Sequence[Callee], missed: frozenset[str], *, has_raised: bool
) -> _Break | None:
    """Return where the chain of a construction that ended is broken, if that is a mistake."""
    indexes = {callee.mro_index for callee in ran}
    left_out = skipped(metadata, indexes)
    if not left_out:
        return None
    last = max(i for i in indexes if i is not None and i < left_out[0])
    code = init_code(metadata, last)
    if has_raised and (code is None or code.calls_next):
        return None  # it may have been about to run
    judged = _judge(metadata, ran, left_out, missed, has_raised=has_raised)
    return None if judged is None else _Break(last, left_out, *judged)


def _judge(
    metadata: ClassMetadata,
    ran: Sequence[Callee],
    left_out: tuple[int, ...],
    missed: frozenset[str],
    *,
    has_raised: bool,
) -> tuple[Severity, list[str]] | None:
    """Judge whether a skipped `__init__` is a mistake, and what the object lacks because of it.

    Many classes skip an `__init__` on purpose and set some of its attributes themselves. For
    these, only an attribute that was actually missed is reported.
    """
    codes = [code for i in left_out if (code := init_code(metadata, i)) is not None]
    if len(codes) < len(left_out):
        return None
    sets = dict.fromkeys(name for code in codes for name in code.sets if name != ANY)
    sites = [callee.site_metadata for callee in ran]
    done = {name for site in sites if site and site.code for name in site.code.sets}
    missing = [name for name in sets if name in missed and name not in done]
    if missing or has_raised:
        return ("error", missing or [*sets]) if sets else None
    if ANY in done:
        return None
    lacks = [name for name in sets if name not in done and name not in metadata.provided]
    is_redone = any(name in done for name in sets)
    goes_on = any((callee.mro_index or 0) > left_out[0] for callee in ran)
    if is_redone or (not lacks and (goes_on or sets)):
        return None
    return ("error", lacks) if lacks else ("warning", [])


def _missing(objects: Objects, metadata: ClassMetadata, broken: _Break, rows: list[int]) -> Finding:
    mro, last, lacks = metadata.mro, broken.last, broken.lacks
    site = metadata.site(last, INIT)
    breaker = bare_name(mro[last])
    never_ran = [f"{bare_name(mro[i])}.__init__" for i in broken.skipped]
    owner = "it" if last == 0 else bare_name(mro[0])
    for_want = f", so {owner} has no {names([*map(repr, lacks)])}" if lacks else ""
    code = init_code(metadata, last)
    if code is not None and code.calls_next:
        between = [bare_name(name) for name in mro[last : broken.skipped[0]]]
        why = f"{breaker}.__init__ can lead on, but did not lead there"
        advice = f"Let {names(between)} call super().__init__(...) whatever happens."
    else:
        why = f"{breaker}.__init__ does not call super().__init__()"
        advice = f"Call super().__init__(...) in {breaker}.__init__."
    return Finding(
        id="super-init-missing",
        severity=broken.severity,
        message=f"{names(never_ran)} never ran for {bare_name(mro[0])}: {why}{for_want}.",
        advice=advice,
        classes=(mro[last], *(mro[i] for i in broken.skipped)),
        method=INIT,
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=objects.calls(rows),
    )


def find_twice(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each class whose `__init__` ran twice while one object was made."""
    groups: dict[tuple[str, ...], list[tuple[int, Callee]]] = {}
    for construction in objects.recorded_constructions:
        begin, *nested = (objects.callee(row).mro_index for row in construction.inits)
        if begin in nested:
            continue  # the whole object is initialized again
        runs: dict[int | None, list[int]] = {}
        for row in filter(objects.has_returned, construction.inits):
            runs.setdefault(objects.callee(row).mro_index, []).append(row)
        for rows in runs.values():
            if len(rows) == 1:
                continue
            led = [(row, objects.ancestors.nearest(row, INIT)) for row in rows]
            by = [(row, objects.callee(outer)) for row, outer in led if outer != NO_ROW]
            # Anything below another that ran twice is caused by that one.
            own = [(row, outer) for row, outer in by if len(runs.get(outer.mro_index, ())) <= 1]
            callee = objects.callee(rows[0])
            code = None if callee.site_metadata is None else callee.site_metadata.code
            if len(own) > 1 and not (code is not None and code.is_empty):
                key = callee.defining_class, *(outer.defining_class for _, outer in own)
                groups.setdefault(key, []).extend(own)
    for key, led_by in groups.items():
        yield _twice(objects, key, led_by)


def _twice(objects: Objects, key: tuple[str, ...], led_by: Sequence[tuple[int, Callee]]) -> Finding:
    twice, by = bare_name(key[0]), [*dict.fromkeys(map(bare_name, key[1:]))]
    runtime_class = objects.callee(led_by[0][0]).runtime_class
    site = led_by[1][1].site_metadata
    times = f"{len(key) - 1} times"
    led = names([f"{name}.__init__" for name in by])
    advice = (
        f"Call super().__init__(...) in {led}, and no class by name."
        if len(by) > 1
        else f"Call it once in {led}."
    )
    return Finding(
        id="init-ran-twice",
        severity="warning",
        message=f"{twice}.__init__ ran {times.replace('2 times', 'twice')} while one"
        f" {bare_name(runtime_class)} was made, led to by {led}.",
        advice=advice,
        classes=tuple(dict.fromkeys((*reversed(key[1:]), key[0]))),
        method=INIT,
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=objects.calls([row for row, _ in led_by]),
    )

"""Findings on `__init__`: an `__init__` of the MRO never ran, or ran twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from callscope.introspect.classes import bare_name
from callscope.read.findings.finding import Finding, Severity
from callscope.read.findings.objects import (
    ANY,
    INIT,
    Construction,
    Objects,
    lacked,
    names,
)
from callscope.trace import Call, CodeMetadata


class _Break(NamedTuple):
    """Point at which the chain of `__init__` ended in one construction."""

    last: int
    """MRO index of the last class whose `__init__` ran before the first that did not."""
    skipped: tuple[int, ...]
    """MRO indexes of those that did not run."""


def find_missing(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each class at which the chain of `super().__init__()` breaks."""
    breaks: dict[tuple[str, ...], tuple[Construction, _Break, Severity, list[str], list[Call]]] = {}
    for construction in objects.constructions():
        broken = _broken(construction)
        judged = None if broken is None else _judge(objects, construction, broken)
        if broken is None or judged is None:
            continue
        severity, lacks = judged
        key = tuple(construction.metadata.mro[i] for i in (broken.last, *broken.skipped))
        entry = breaks.get(key)
        if entry is None:
            breaks[key] = construction, broken, severity, lacks, [construction.call]
        else:
            entry[4].append(construction.call)
            if severity == "error" and entry[2] == "warning":
                breaks[key] = construction, broken, severity, lacks, entry[4]
    for construction, broken, severity, lacks, calls in breaks.values():
        yield _missing(construction, broken, severity, lacks, calls)


def _broken(construction: Construction) -> _Break | None:
    if not construction.call.finished:
        return None
    ran = {call.mro_index for call in construction.inits}
    skipped = tuple(
        i for i in construction.definers() if i not in ran and not construction.is_abstract(i)
    )
    if not skipped:
        return None
    last = max(i for i in ran if i is not None and i < skipped[0])
    code = construction.code(last)
    if construction.call.error is not None and (code is None or code.calls_next):
        return None  # it may have been about to run
    return _Break(last, skipped)


def _judge(
    objects: Objects, construction: Construction, broken: _Break
) -> tuple[Severity, list[str]] | None:
    """Judge whether a skipped `__init__` is a mistake, and what the object lacks because of it.

    Many classes skip an `__init__` on purpose and set some of its attributes themselves. For
    these, only an attribute that was actually missed is reported.
    """
    codes = [code for i in broken.skipped if (code := construction.code(i)) is not None]
    if len(codes) < len(broken.skipped):
        return None
    sets = dict.fromkeys(name for code in codes for name in code.sets if name != ANY)
    done = {name for call in construction.inits if (code := _code(call)) for name in code.sets}
    missed = {lacked(call) for call in objects.failed_of(construction.call)}
    missing = [name for name in sets if name in missed and name not in done]
    if missing or construction.call.error is not None:
        return ("error", missing or [*sets]) if sets else None
    if ANY in done:
        return None
    lacks = [
        name for name in sets if name not in done and name not in construction.metadata.provided
    ]
    is_redone = any(name in done for name in sets)
    goes_on = any((call.mro_index or 0) > broken.skipped[0] for call in construction.inits)
    if is_redone or (not lacks and (goes_on or sets)):
        return None
    return ("error", lacks) if lacks else ("warning", [])


def _code(call: Call) -> CodeMetadata | None:
    return None if call._site_metadata is None else call._site_metadata.code


def _missing(
    construction: Construction,
    broken: _Break,
    severity: Severity,
    lacks: list[str],
    calls: list[Call],
) -> Finding:
    mro, last = construction.metadata.mro, broken.last
    site = construction.metadata.site(last, INIT)
    breaker = bare_name(mro[last])
    skipped = [f"{bare_name(mro[i])}.__init__" for i in broken.skipped]
    owner = "it" if last == 0 else bare_name(mro[0])
    for_want = f", so {owner} has no {names([*map(repr, lacks)])}" if lacks else ""
    code = construction.code(last)
    if code is not None and code.calls_next:
        between = [bare_name(name) for name in mro[last : broken.skipped[0]]]
        why = f"{breaker}.__init__ can lead on, but did not lead there"
        advice = f"Let {names(between)} call super().__init__(...) whatever happens."
    else:
        why = f"{breaker}.__init__ does not call super().__init__()"
        advice = f"Call super().__init__(...) in {breaker}.__init__."
    return Finding(
        id="super-init-missing",
        severity=severity,
        message=f"{names(skipped)} never ran for {bare_name(mro[0])}: {why}{for_want}.",
        advice=advice,
        classes=(mro[last], *(mro[i] for i in broken.skipped)),
        method=INIT,
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=tuple(calls),
    )


def find_twice(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each class whose `__init__` ran twice while one object was made."""
    groups: dict[tuple[str, ...], list[tuple[Call, Call]]] = {}
    for construction in objects.constructions():
        runs: dict[int | None, list[Call]] = {}
        for call in construction.inits:
            if call.finished and call.error is None:
                runs.setdefault(call.mro_index, []).append(call)
        if any(call.mro_index == construction.call.mro_index for call in construction.inits[1:]):
            continue  # the whole object is initialized again
        for calls in runs.values():
            if len(calls) == 1:
                continue
            led = [(c, objects.ancestors.init(c)) for c in calls]
            # Anything below another that ran twice is caused by that one.
            own = [(c, by) for c, by in led if by and len(runs.get(by.mro_index, ())) <= 1]
            code = _code(calls[0])
            if len(own) > 1 and not (code is not None and code.is_empty):
                key = calls[0].defining_class, *(by.defining_class for _, by in own)
                groups.setdefault(key, []).extend(own)
    for key, led_by in groups.items():
        yield _twice(key, led_by)


def _twice(key: tuple[str, ...], led_by: list[tuple[Call, Call]]) -> Finding:
    twice, *by = dict.fromkeys(map(bare_name, key))
    calls = [call for call, _ in led_by]
    site = led_by[1][1]._site_metadata
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
        f" {bare_name(calls[0].runtime_class)} was made, led to by {led}.",
        advice=advice,
        classes=tuple(dict.fromkeys((*reversed(key[1:]), key[0]))),
        method=INIT,
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=tuple(calls),
    )

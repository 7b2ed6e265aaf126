"""Findings on objects used before their `__init__` was done, or after it had raised."""

from __future__ import annotations

from collections.abc import Iterator

from callscope.introspect.classes import bare_name
from callscope.read.findings.finding import Finding, Severity
from callscope.read.findings.objects import INIT, Construction, Objects, lacked
from callscope.trace import Call


def find_before(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each method that needed an attribute not yet set by `__init__`.

    A method that runs within `__init__` is ordinary. It is a mistake if a base's `__init__` calls
    a method that a subclass overrides and the override needs an attribute that its own `__init__`
    has not set yet.
    """
    groups: dict[tuple[str, str, str, str], list[Call]] = {}
    led: dict[tuple[str, str, str, str], Call | None] = {}
    for construction in objects.constructions():
        for call in objects.failed_of(construction.call):
            name = lacked(call)
            if name is None or call.method == INIT:
                continue
            outer = objects.ancestors.init(call)
            setter = _setter(construction, name, None if outer is None else outer.mro_index)
            is_early = (
                call.start_ns < construction.call.start_ns
                if outer is None
                else _ended_construction(objects, call, construction)
            )
            if setter is None or not is_early:
                continue
            key = call.defining_class, call.method, setter, name
            groups.setdefault(key, []).append(call)
            led.setdefault(key, outer)
    for key, calls in groups.items():
        yield _before(key, calls, led[key])


def _setter(construction: Construction, name: str, below: int | None) -> str | None:
    """Return the class whose `__init__` sets an attribute and had not finished."""
    for index in construction.definers():
        code = construction.code(index)
        is_later = below is None or index < below
        if is_later and code is not None and name in code.sets:
            return construction.metadata.mro[index]
    return None


def _ended_construction(objects: Objects, call: Call, construction: Construction) -> bool:
    """Return whether the exception of a call ended the construction of the object."""
    inits = objects.ancestors.inits(call)
    return (
        any(init is construction.call for init in inits) and construction.call.error == call.error
    )


def _before(key: tuple[str, str, str, str], calls: list[Call], outer: Call | None) -> Finding:
    defining, method, setter, name = key
    site = calls[0]._site_metadata
    ran, sets = f"{bare_name(defining)}.{method}", f"{bare_name(setter)}.__init__"
    why = f", for {bare_name(outer.defining_class)}.__init__ calls it" if outer is not None else ""
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
        calls=tuple(calls),
    )


def find_after(objects: Objects) -> Iterator[Finding]:
    """Yield a finding for each method that ran on an object whose `__init__` had raised."""
    groups: dict[tuple[str, str], list[Call]] = {}
    begun: dict[tuple[str, str], Call] = {}
    for call in objects.half_built():
        if call.method == INIT:
            continue
        failed = objects.begun_before(call)
        if failed is None or failed.error is None or (failed._end_ns or 0) > call.start_ns:
            continue
        outer = objects.ancestors.outer(call)
        while outer is not None and outer.method == INIT:
            outer = objects.ancestors.outer(outer)
        if outer is not None:
            continue  # reported for the outermost call
        key = call.defining_class, call.method
        groups.setdefault(key, []).append(call)
        begun.setdefault(key, failed)
    for key, calls in groups.items():
        yield _after(key, calls, begun[key])


def _after(key: tuple[str, str], calls: list[Call], failed: Call) -> Finding:
    severity: Severity = "error" if any(call.error for call in calls) else "warning"
    site = calls[0]._site_metadata
    error = "" if failed.error is None else bare_name(failed.error.type)
    name = bare_name(failed.runtime_class)
    return Finding(
        id="method-after-failed-init",
        severity=severity,
        message=f"{bare_name(key[0])}.{key[1]} ran on a {name} whose __init__ had raised {error}.",
        advice=f"Let nothing keep a {name} before its __init__ has returned.",
        classes=tuple(dict.fromkeys((key[0], failed.runtime_class))),
        method=key[1],
        file=None if site is None else site.file,
        line=None if site is None else site.line,
        calls=tuple(calls),
    )

"""Reasons why a recording holds less than was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from callscope.declare.instrumentation import present_text
from callscope.declare.registry import REGISTRY, Declaration
from callscope.errors import nearest_first, some_of
from callscope.introspect.classes import bare_name


def absence(
    declarations: Sequence[Declaration], problems: Sequence[str] | None, patterns: tuple[str, ...]
) -> str:
    """Return what could have been recorded when no call was.

    Args:
        declarations: the hierarchies that are recorded.
        problems: why targets were not traced; None without a target.
        patterns: patterns of the hierarchies to record.
    """
    if declarations:
        methods = tuple(dict.fromkeys(m for d in declarations for m in d.options.methods))
        classes = {id(c): c for d in declarations for c in (*d.classes(), *d.bases())}
        return present_text(classes.values(), methods)
    if problems is not None:
        return "".join(f" {problem}" for problem in problems)
    names = [declaration.name for declaration in REGISTRY.declarations()]
    if not names:
        return " Nothing is declared: decorate a class with @traced, or name one: record(Layer)."
    there_are = some_of(nearest_first(names, patterns))
    return f" {', '.join(map(repr, patterns))} matches none of them; there are {there_are}."


def misfits(
    patterns: Iterable[tuple[str, Iterable[str]]], sites: Iterable[tuple[str, str]]
) -> Iterator[str]:
    """Yield a message for each pattern that matches no site.

    Args:
        patterns: an option, and its patterns.
        sites: class and method of each site of the recording; without any, nothing is said.
    """
    names = sorted(f"{bare_name(cls)}.{method}" for cls, method in sites)
    for option, globs in patterns:
        for pattern in globs if names else ():
            if not any(fnmatchcase(name, pattern) for name in names):
                there_are = some_of(nearest_first(names, (pattern,)))
                yield f"{option}: no site matches {pattern!r}; there are {there_are}."

"""Selection of calls by name."""

from __future__ import annotations

from fnmatch import fnmatchcase

from callscope.introspect.classes import bare_name
from callscope.trace import NO_ROW, Callee, Table
from callscope.trace.text import numbered


def topmost(table: Table, pattern: str) -> list[int]:
    """Return the rows of the calls that a name fits, and of which none is below another.

    Args:
        table: the calls.
        pattern: an `fnmatch` pattern of sites, of classes of objects, or of objects: ``LSTM#3``.
    """
    pairs = [*zip(table.callee[: len(table)], table.instance, strict=False)]
    fits = {pair: _fits(table.callees[pair[0]], pair[1], pattern) for pair in {*pairs}}
    rows: list[int] = []
    is_within = bytearray(len(pairs))
    for row, (pair, parent) in enumerate(zip(pairs, table.parent, strict=False)):
        if parent != NO_ROW and is_within[parent]:
            is_within[row] = 1
        elif fits[pair]:
            is_within[row] = 1
            rows.append(row)
    return rows


def _fits(callee: Callee, instance: int, pattern: str) -> bool:
    runtime_class = bare_name(callee.runtime_class)
    site = f"{bare_name(callee.defining_class)}.{callee.method}"
    names = site, runtime_class, numbered(runtime_class, instance)
    return any(fnmatchcase(name, pattern) for name in names)

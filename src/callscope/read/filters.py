"""A trace of some of the calls of another; see `Trace.filter`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeAlias

from callscope.declare.options import must_be
from callscope.errors import OptionError
from callscope.introspect.classes import bare_name, qualified_name
from callscope.read.find import Criteria, warn_if_unknown
from callscope.trace import NO_ROW, UNFINISHED, Arguments, Call, Callee, Recorded, Table, TraceData
from callscope.trace.text import numbered

_Name: TypeAlias = str | type


class Filter(NamedTuple):
    """Criteria of the calls that are kept, and names of the arguments that are not."""

    site: _Name = "*"
    object: _Name | int | None = None
    depth: int | None = None
    min_ns: int | None = None
    within: Call | _Name | None = None
    error: _Name | bool | None = None
    hide: Collection[str] = ()

    def check(self) -> None:
        """Raise an `OptionError` if a criterion is of the wrong type."""
        for name in ("depth", "min_ns"):
            number = getattr(self, name)
            if number is not None and type(number) is not int:
                raise OptionError(must_be(name, "an integer", number))
        if not isinstance(self.object, str | type | int | None):
            allowed = "a class, a name such as 'LSTM#3', a pattern, or a number"
            raise OptionError(must_be("object", allowed, self.object))
        if not isinstance(self.within, Call | str | type | None):
            allowed = "a call, a class, a name such as 'LSTM#3', or a pattern"
            raise OptionError(must_be("within", allowed, self.within))

    def apply(self, trace: TraceData) -> Recorded:
        """Return what is kept of a trace."""
        table = trace.table
        rows = Criteria(self.site, None, None, None, None, self.error).rows(table)
        for is_kept in self._tests(trace):
            rows = filter(is_kept, rows)
        rows = [*rows]
        if not rows and self.site != "*":
            warn_if_unknown(trace, self.site)
        chosen = _chosen(table, rows)
        if self.hide:
            _hide(chosen, {self.hide} if isinstance(self.hide, str) else self.hide)
        return Recorded(
            chosen, trace.lost, trace.left_out, trace.sites, is_final=True, chosen_from=len(table)
        )

    def _tests(self, trace: TraceData) -> Iterator[Callable[[int], bool | int]]:
        """Yield functions that tell whether a row meets a criterion."""
        table = trace.table
        if self.object is not None:
            yield _of_object(table, self.object).__getitem__
        if self.within is not None:
            yield _within(trace, self.within).__getitem__
        if (depth := self.depth) is not None:
            yield lambda row: table.depth[row] <= depth
        if (least := self.min_ns) is not None:
            ends, starts = table.end_ns, table.start_ns
            yield lambda row: ends[row] == UNFINISHED or ends[row] - starts[row] >= least


def _of_object(table: Table, name: _Name | int, *, has_sites: bool = False) -> bytearray:
    """Return, for each row, whether a name is that of its object, or of the object's class.

    Args:
        table: the calls.
        name: a class, the number of an object, or a pattern of either.
        has_sites: whether the name may be that of a site, too.
    """
    pairs = [*zip(table.callee[: len(table)], table.instance, strict=False)]
    fits = {
        (index, instance): _fits(table.callees[index], instance, name, has_sites=has_sites)
        for index, instance in {*pairs}
    }
    return bytearray(map(fits.__getitem__, pairs))


def _fits(callee: Callee, instance: int, name: _Name | int, *, has_sites: bool) -> bool:
    runtime_class = callee.runtime_class
    if isinstance(name, int):
        return instance == name
    if isinstance(name, type):
        return runtime_class == qualified_name(name)
    bare = bare_name(runtime_class)
    names = [bare, runtime_class, numbered(bare, instance)]
    if has_sites:
        names.append(f"{bare_name(callee.defining_class)}.{callee.method}")
    return any(fnmatchcase(text, name) for text in names)


def _within(trace: TraceData, top: Call | _Name) -> bytearray:
    """Return, for each row, whether it is a call, or one of a name, or below one."""
    table = trace.table
    if isinstance(top, Call):
        flags = bytearray(len(table))
        if top in trace.calls:
            flags[trace.calls.index(top)] = 1
    else:
        flags = _of_object(table, top, has_sites=True)
    for row, parent in enumerate(table.parent[: len(table)]):
        if parent >= 0 and flags[parent]:
            flags[row] = 1
    return flags


def _chosen(table: Table, rows: Sequence[int]) -> Table:
    """Return a table of some rows; each call is below the nearest of those above it."""
    chosen = table.reordered(rows)
    places = array("i", [NO_ROW]) * len(table)
    for place, row in enumerate(rows):
        places[row] = place
    above = array("i", [NO_ROW]) * len(table)
    for row, parent in enumerate(table.parent[: len(table)]):
        if parent >= 0:
            above[row] = above[parent] if places[parent] == NO_ROW else places[parent]
    chosen.parent = array("i", map(above.__getitem__, rows))
    chosen.set_depths()
    return chosen


def _hide(table: Table, names: Collection[str]) -> None:
    """Leave out arguments of some names."""
    kept = [_kept(callee.argument_names or (), names) for callee in table.callees]
    table.callees = [
        callee
        if callee.argument_names is None
        else callee._replace(argument_names=(*map(callee.argument_names.__getitem__, places),))
        for callee, places in zip(table.callees, kept, strict=True)
    ]
    for row, values in enumerate(table.arguments):
        table.arguments[row] = _shown(values, kept[table.callee[row]], names)


def _shown(values: Arguments, places: Sequence[int], names: Collection[str]) -> Arguments:
    if isinstance(values, dict):
        return {name: value for name, value in values.items() if not _is_hidden(name, names)}
    return values and (*map(values.__getitem__, places),)


def _kept(names: Sequence[str], hidden: Collection[str]) -> list[int]:
    return [place for place, name in enumerate(names) if not _is_hidden(name, hidden)]


def _is_hidden(name: str, hidden: Collection[str]) -> bool:
    return name in hidden or any(fnmatchcase(name, pattern) for pattern in hidden)

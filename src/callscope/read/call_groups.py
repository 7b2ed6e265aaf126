"""Groups of calls that count alike in a summary."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

from callscope.read.measure import measure, parents_in_thread
from callscope.trace import Callee, CallError, Cost, Table
from callscope.trace.kernels import KERNELS

_NO_PATH: Final = -1


class CallGroup:
    """Calls of one callee that count alike: columns of their objects and times."""

    def __init__(self, callee: Callee, *, finished: bool, outermost: tuple[bool, bool]) -> None:
        self.callee = callee
        self.finished = finished
        self.is_outermost_of_site: bool = outermost[0]
        """True if no call of the same site is an ancestor in the same thread."""
        self.is_outermost_of_class: bool = outermost[1]
        """True if no call on objects of the same class is an ancestor in the same thread."""
        self.instances: list[int] = []
        self.running_ns: list[float] = []
        """Running times, in ascending order."""
        self.self_ns: list[float] = []
        self.errors = 0
        self.waiting_ns = 0


def group_calls(table: Table, cost: Cost) -> tuple[list[CallGroup], float]:
    """Return groups of calls, in the order they began; and the cost of recording all calls.

    Args:
        table: the calls.
        cost: cost of recording one call, which is not included in the times.
    """
    parents = parents_in_thread(table)
    times = measure(table, parents, cost)
    grouping = _Grouping(table.callees)
    paths = array("i", bytes(4 * len(table)))
    KERNELS.enter_paths(paths, parents, _kinds(table, times.unfinished), grouping.enter)
    parts = _Parts(paths, grouping.group_of)
    for group, instances in parts.of(table.instance):
        group.instances.extend(instances)
    for group, running_ns in parts.of(times.running_ns):
        group.running_ns.extend(running_ns)
    for group, self_ns in parts.of(times.self_ns):
        group.self_ns.extend(self_ns)
    if CallError in {*map(type, table.outcome)}:
        for path, outcome in zip(paths, table.outcome, strict=True):
            if type(outcome) is CallError:
                grouping.group_of[path].errors += 1
    for row in table.suspensions:
        grouping.group_of[paths[row]].waiting_ns += table.waiting_ns(row)
    groups = grouping.groups()
    for group in groups:
        group.running_ns.sort()
    return groups, times.recording_ns


def _kinds(table: Table, unfinished: Iterable[int]) -> array[int]:
    """Return the index of each callee; for the unfinished calls, a second range of numbers."""
    kinds = table.callee[:]
    for row in unfinished:
        kinds[row] += len(table.callees)
    return kinds


class _Parts:
    """Columns taken apart by the path of each row.

    Args:
        paths: numbers of the paths, by row.
        group_of: the group of each path.
    """

    def __init__(self, paths: array[int], group_of: Sequence[CallGroup]) -> None:
        self._paths = paths
        self._group_of = group_of
        sizes = array("q", bytes(8 * len(group_of)))
        KERNELS.count_numbers(paths, sizes)
        self._bounds = array("q", accumulate(sizes, initial=0))

    def of(self, column: array[Any]) -> Iterator[tuple[CallGroup, array[Any]]]:
        """Yield the group and the entries of each path."""
        target = array(column.typecode, bytes(8 * len(self._paths)))
        KERNELS.scatter(self._paths, self._bounds[:-1], column, target)
        for group, bounds in zip(self._group_of, pairwise(self._bounds), strict=True):
            if bounds[0] < bounds[1]:
                yield group, target[slice(*bounds)]


class _Grouping:
    """Paths and groups of the calls of a table, made when needed.

    A path is a call with its ancestors in one thread. Paths through the same sites and classes are
    one, so there are few, however deep a recursion.
    """

    def __init__(self, callees: Sequence[Callee]) -> None:
        self._callees = callees
        sites: dict[tuple[str, str], int] = {}
        classes: dict[str, int] = {}
        self._bits = [
            (
                1 << 2 * sites.setdefault(callee.site, len(sites)),
                2 << 2 * classes.setdefault(callee.runtime_class, len(classes)),
            )
            for callee in callees
        ]
        self._paths: dict[tuple[int, int], int] = {}
        self._active = {_NO_PATH: 0}
        """By path, bits of its sites and classes."""
        self._groups: dict[tuple[int, bool, bool], CallGroup] = {}
        self.group_of: list[CallGroup] = []
        """Groups by path."""

    def enter(self, path: int, kind: int) -> int:
        """Return the number of the path to a call, given that of its parent; see `_kinds`."""
        active = self._active[path]
        number = self._paths.get((active, kind))
        if number is None:
            later, index = divmod(kind, len(self._callees))
            site, runtime_class = self._bits[index]
            number = self._paths[active, kind] = len(self.group_of)
            self._active[number] = active | site | runtime_class
            outermost = not active & site, not active & runtime_class
            group = self._groups.setdefault(
                (kind, *outermost),
                CallGroup(self._callees[index], finished=not later, outermost=outermost),
            )
            self.group_of.append(group)
        return number

    def groups(self) -> list[CallGroup]:
        """Return the groups, in the order their first calls began."""
        return [*self._groups.values()]

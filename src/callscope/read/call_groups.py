"""Groups of calls that count alike in a summary."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

from callscope.read.distributions import Durations, Numbers
from callscope.read.measure import Measure, parents_in_thread
from callscope.trace import Callee, CallError, Cost, Table
from callscope.trace.kernels import KERNELS

_NO_PATH: Final = -1
_UNFINISHED: Final = 1 << 30


class CallGroup:
    """Calls of one callee that count alike."""

    def __init__(self, callee: Callee, *, finished: bool, outermost: tuple[bool, bool]) -> None:
        self.callee = callee
        self.finished = finished
        self.is_outermost_of_site: bool = outermost[0]
        """True if no call of the same site is an ancestor in the same thread."""
        self.is_outermost_of_class: bool = outermost[1]
        """True if no call on objects of the same class is an ancestor in the same thread."""
        self.instances: Numbers = Numbers()
        self.durations: Durations = Durations()
        """Running times."""
        self.calls: int = 0
        self.errors: int = 0
        self.waiting_ns: int = 0
        self.running_ns: float = 0.0
        self.self_ns: float = 0.0


class CallGroups:
    """Groups of calls, which come in one or more parts.

    Args:
        cost: cost of recording one call, which is not included in the times.
    """

    def __init__(self, cost: Cost) -> None:
        self._measure = Measure(cost)
        self._grouping = _Grouping()

    @property
    def recording_ns(self) -> float:
        """Cost of recording all calls."""
        return self._measure.recording_ns

    def add(self, table: Table, staying: Sequence[int] = ()) -> None:
        """Add the calls of a part but for those that stay; see `Measure.add`."""
        parents = parents_in_thread(table)
        times = self._measure.add(table, parents, staying)
        grouping = self._grouping
        grouping.see(table.callees)
        paths = array("i", bytes(4 * len(table)))
        KERNELS.enter_paths(paths, parents, _kinds(table, times.unfinished), grouping.enter)
        self._add_outcomes(table, paths, {*staying})
        for row in staying:
            paths[row] = len(grouping.group_of)
        parts = _Parts(paths, grouping.group_of)
        for group, instances in parts.of(table.instance):
            group.instances.add(instances)
        for group, running_ns in parts.of(times.running_ns):
            group.calls += len(running_ns)
            group.running_ns += sum(running_ns)
            if group.finished:
                group.durations.add(running_ns)
        for group, self_ns in parts.of(times.self_ns):
            group.self_ns += sum(self_ns)

    def _add_outcomes(self, table: Table, paths: array[int], staying: Collection[int]) -> None:
        group_of = self._grouping.group_of
        if CallError in {*map(type, table.outcome)}:
            for row, outcome in enumerate(table.outcome):
                if type(outcome) is CallError and row not in staying:
                    group_of[paths[row]].errors += 1
        for row in table.suspensions:
            if row not in staying:
                group_of[paths[row]].waiting_ns += table.waiting_ns(row)

    def pack(self) -> None:
        """Take up less memory, before another part is added."""
        for group in self.groups():
            group.durations.pack()
            group.instances.pack()

    def groups(self) -> list[CallGroup]:
        """Return the groups, in the order their first calls began."""
        return self._grouping.groups()


def _kinds(table: Table, unfinished: Iterable[int]) -> array[int]:
    """Return the index of each callee; for the unfinished calls, in a second range of numbers."""
    kinds = table.callee[:]
    for row in unfinished:
        kinds[row] += _UNFINISHED
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
        sizes = array("q", bytes(8 * (len(group_of) + 1)))
        KERNELS.count_numbers(paths, sizes)
        self._bounds = array("q", accumulate(sizes, initial=0))

    def of(self, column: array[Any]) -> Iterator[tuple[CallGroup, array[Any]]]:
        """Yield the group and the entries of each path; not those of the number after the last."""
        target = array(column.typecode, bytes(8 * len(self._paths)))
        KERNELS.scatter(self._paths, self._bounds[:-1], column, target)
        for group, bounds in zip(self._group_of, pairwise(self._bounds), strict=False):
            if bounds[0] < bounds[1]:
                yield group, target[slice(*bounds)]


class _Grouping:
    """Paths and groups of calls, made when needed.

    A path is a call with its ancestors in one thread. Paths through the same sites and classes are
    one, so there are few, however deep a recursion.
    """

    def __init__(self) -> None:
        self._callees: Sequence[Callee] = ()
        self._sites: dict[tuple[str, str], int] = {}
        self._classes: dict[str, int] = {}
        self._bits: list[tuple[int, int]] = []
        """By callee, the bits of its site and its class."""
        self._paths: dict[tuple[int, int], int] = {}
        self._active = {_NO_PATH: 0}
        """By path, bits of its sites and classes."""
        self._groups: dict[tuple[int, bool, bool], CallGroup] = {}
        self.group_of: list[CallGroup] = []
        """Groups by path."""

    def see(self, callees: Sequence[Callee]) -> None:
        """Take the callees of a table, which are those of the tables before and new ones."""
        self._callees = callees
        sites, classes = self._sites, self._classes
        for callee in callees[len(self._bits) :]:
            site = sites.setdefault(callee.site, len(sites))
            runtime_class = classes.setdefault(callee.runtime_class, len(classes))
            self._bits.append((1 << 2 * site, 2 << 2 * runtime_class))

    def enter(self, path: int, kind: int) -> int:
        """Return the number of the path to a call, given that of its parent; see `_kinds`."""
        active = self._active[path]
        number = self._paths.get((active, kind))
        if number is None:
            later, index = divmod(kind, _UNFINISHED)
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

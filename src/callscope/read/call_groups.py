"""Groups of calls that count alike in a summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from callscope.read.measure import measure, parents_in_thread
from callscope.trace import NO_ROW, Callee, CallError, Cost, Table


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
    paths = [root := _Path(grouping)] * len(table)
    columns = zip(
        parents,
        _kinds(table, times.unfinished),
        table.instance,
        table.outcome,
        times.running_ns,
        times.self_ns,
        strict=True,
    )
    for row, (parent, kind, instance, outcome, running_ns, self_ns) in enumerate(columns):
        path = paths[row] = (root if parent == NO_ROW else paths[parent])[kind]
        group = path.group
        group.instances.append(instance)
        group.running_ns.append(running_ns)
        group.self_ns.append(self_ns)
        if type(outcome) is CallError:
            group.errors += 1
    for row in table.suspensions:
        paths[row].group.waiting_ns += table.waiting_ns(row)
    groups = grouping.groups()
    for group in groups:
        group.running_ns.sort()
    return groups, times.recording_ns


def _kinds(table: Table, unfinished: Iterable[int]) -> Iterable[int]:
    """Return the index of each callee; for the unfinished calls, a second range of numbers."""
    kinds = table.callee[:]
    for row in unfinished:
        kinds[row] += len(table.callees)
    return kinds


class _Path(dict[int, "_Path"]):
    """A call and its ancestors in one thread; its items are the paths of its children, by kind.

    Paths through the same sites and classes are one, so there are few, however deep a recursion.
    """

    __slots__ = ("_entered", "_grouping", "group")

    group: CallGroup
    """Group of the call; the path of no call has none."""

    def __init__(self, grouping: _Grouping, entered: int = 0) -> None:
        self._grouping = grouping
        self._entered = entered

    def __missing__(self, kind: int) -> _Path:
        path = self[kind] = self._grouping.path(self._entered, kind)
        return path


class _Grouping:
    """Paths and groups of the calls of a table, made when needed."""

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
        self._paths: dict[tuple[int, int], _Path] = {}
        self._groups: dict[tuple[int, bool, bool], CallGroup] = {}

    def path(self, entered: int, kind: int) -> _Path:
        """Return the path to a call.

        Args:
            entered: bits of the sites and classes of its ancestors.
            kind: see `_kinds`.
        """
        path = self._paths.get((entered, kind))
        if path is None:
            later, index = divmod(kind, len(self._callees))
            site, runtime_class = self._bits[index]
            path = self._paths[entered, kind] = _Path(self, entered | site | runtime_class)
            outermost = not entered & site, not entered & runtime_class
            path.group = self._groups.setdefault(
                (kind, *outermost),
                CallGroup(self._callees[index], finished=not later, outermost=outermost),
            )
        return path

    def groups(self) -> list[CallGroup]:
        """Return the groups, in the order their first calls began."""
        return [*self._groups.values()]

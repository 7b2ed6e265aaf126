"""Data of a trace: the calls of one recording at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from callscope.trace.call import Call, Calls
from callscope.trace.event import Event, EventKind
from callscope.trace.header import Header
from callscope.trace.table import UNFINISHED, Table


class Recorded(NamedTuple):
    """Calls of a recording, as far as they are decoded."""

    table: Table
    lost: int
    """Number of calls made but not kept: `max_calls` was reached, or a disk was full."""
    left_out: Mapping[str, int] = MappingProxyType({})
    """Number of calls left out on purpose, by qualified name of the site."""
    sites: Callable[[], Iterable[tuple[str, str]]] = tuple
    """Function returning the requested sites: qualified name of the class, and method."""
    absence: Callable[[], str] = str
    """Function returning a sentence, after a space, on why there may be no call; or ``""``."""
    is_final: bool = False
    """True if the recording has ended, so that reading it again gives the same result."""
    chosen_from: int = 0
    """Number of calls that a filter has chosen these from; 0 if there was none."""


class TraceData:
    """Calls of one recording at one moment, with the data that applies to all of them."""

    __slots__ = (
        "_snapshot",
        "_table",
        "absence",
        "calls",
        "chosen_from",
        "header",
        "left_out",
        "lost",
        "sites",
    )

    def __init__(self, header: Header, recorded: Recorded) -> None:
        self.header: Header = header
        self._table = recorded.table
        self._snapshot: Table | None = recorded.table if recorded.is_final else None
        self.calls: Calls = Calls(recorded.table)
        """All calls, in the order they began."""
        self.lost: int = recorded.lost
        """Number of calls made but not kept: `max_calls` was reached, or a disk was full."""
        self.left_out: Mapping[str, int] = recorded.left_out
        """Number of calls left out on purpose, by qualified name of the site."""
        self.sites: Callable[[], Iterable[tuple[str, str]]] = recorded.sites
        """Function returning the requested sites; see `Recorded.sites`."""
        self.absence: Callable[[], str] = recorded.absence
        """Function returning why there may be no call; see `Recorded.absence`."""
        self.chosen_from: int = recorded.chosen_from
        """Number of calls that a filter has chosen these from; 0 if there was none."""

    @property
    def table(self) -> Table:
        """The calls as columns, which no longer change."""
        if self._snapshot is None:
            self._snapshot = self._table.snapshot(len(self.calls))
        return self._snapshot

    def __len__(self) -> int:
        return len(self.calls)

    @property
    def roots(self) -> Calls:
        """The calls without a parent, in the order they began."""
        return Calls(self._table, self._table.roots(len(self.calls)))

    def events(self) -> Iterator[Event]:
        """Yield the events of all calls in chronological order."""
        table = self.table
        instants = sorted(_instants(table), key=itemgetter(0))
        for seq, (ts_ns, kind, row) in enumerate(instants, 1):
            yield Event(kind, seq, ts_ns, Call(table, row))


def _instants(table: Table) -> list[tuple[int, EventKind, int]]:
    """Return the instants of all calls; those of equal times in the order of the tree."""
    instants: list[tuple[int, EventKind, int]] = []
    above: list[int] = []
    for row in table.preorder(table.roots()):
        while above and above[-1] != table.parent[row]:
            _add_end(instants, table, above.pop())
        instants.append((table.start_ns[row], "call", row))
        for number, ts_ns in enumerate(table.suspensions.get(row, ())):
            instants.append((ts_ns, "resume" if number % 2 else "suspend", row))
        above.append(row)
    while above:
        _add_end(instants, table, above.pop())
    return instants


def _add_end(instants: list[tuple[int, EventKind, int]], table: Table, row: int) -> None:
    end_ns = table.end_ns[row]
    if end_ns != UNFINISHED:
        instants.append((end_ns, "return" if table.error_of(row) is None else "raise", row))

"""Data of a trace: the calls of one recording at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from callscope.trace.call import Call
from callscope.trace.event import Event, EventKind
from callscope.trace.header import Header
from callscope.trace.table import Table


class Recorded(NamedTuple):
    """Calls of a recording, as far as they are decoded."""

    calls: Sequence[Call]
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


class TraceData:
    """Calls of one recording at one moment, with the data that applies to all of them."""

    __slots__ = ("_table", "absence", "calls", "header", "left_out", "lost", "sites")

    def __init__(self, header: Header, recorded: Recorded) -> None:
        self.header: Header = header
        self.calls: Sequence[Call] = recorded.calls
        """All calls, in the order they began."""
        self.lost: int = recorded.lost
        """Number of calls made but not kept: `max_calls` was reached, or a disk was full."""
        self.left_out: Mapping[str, int] = recorded.left_out
        """Number of calls left out on purpose, by qualified name of the site."""
        self.sites: Callable[[], Iterable[tuple[str, str]]] = recorded.sites
        """Function returning the requested sites; see `Recorded.sites`."""
        self.absence: Callable[[], str] = recorded.absence
        """Function returning why there may be no call; see `Recorded.absence`."""
        self._table: Table | None = None

    @property
    def table(self) -> Table:
        """The calls as columns."""
        if self._table is None:
            self._table = Table.from_calls(self.calls)
        return self._table

    def __len__(self) -> int:
        return len(self.calls)

    @property
    def roots(self) -> Sequence[Call]:
        """The calls without a parent, in the order they began."""
        return tuple(call for call in self.calls if call.parent is None)

    def events(self) -> Iterator[Event]:
        """Yield the events of all calls in chronological order."""
        instants = sorted(_instants(self.roots), key=itemgetter(0))
        for seq, (ts_ns, kind, call) in enumerate(instants, 1):
            yield Event(kind, seq, ts_ns, call)


def _instants(roots: Iterable[Call]) -> list[tuple[int, EventKind, Call]]:
    """Return the instants of all calls below the roots, in order, without recursion."""
    instants: list[tuple[int, EventKind, Call]] = []
    above: list[tuple[Call, Iterator[Call]]] = []
    rest = iter(roots)
    while True:
        for call in rest:
            instants.append((call._start_ns, "call", call))
            if call._suspensions:
                for suspended_ns, resumed_ns in call.suspensions:
                    instants.append((suspended_ns, "suspend", call))
                    if resumed_ns is not None:
                        instants.append((resumed_ns, "resume", call))
            if call._children:
                above.append((call, rest))
                rest = iter(call._children)
                break
            _add_end(instants, call)
        else:
            if not above:
                return instants
            call, rest = above.pop()
            _add_end(instants, call)


def _add_end(instants: list[tuple[int, EventKind, Call]], call: Call) -> None:
    if call._end_ns is not None:
        instants.append((call._end_ns, "return" if call._error is None else "raise", call))

"""Intervals that a timeline shows: calls and their suspensions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter, le
from typing import TYPE_CHECKING, BinaryIO, Final

from callscope.trace import UNFINISHED, Part, Table, TraceData

if TYPE_CHECKING:
    from callscope.read.formats.parquet.reader import ParquetTrace

NEVER: Final = math.inf


class Track:
    """A row of the timeline."""

    __slots__ = ("open", "text")

    def __init__(self, text: str) -> None:
        self.text: str = text
        """Text by which the events of a file refer to it."""
        self.open: list[Item] = []
        """Open items, the outermost first."""


class Item:
    """An interval on a track: a call, or a suspension of one."""

    __slots__ = ("end_ns", "is_call", "row", "start_ns", "track")

    def __init__(self, row: int, start_ns: int, end_ns: float, *, is_call: bool) -> None:
        self.row: int = row
        self.start_ns: int = start_ns
        self.end_ns: float = end_ns
        self.is_call: bool = is_call
        self.track: Track | None = None
        """The assigned track; None until it is placed."""


def are_plain(table: Table) -> bool:
    """Return whether the calls of a table nest on one track without further work.

    They ran in one thread, ended, were never suspended and took some time.
    """
    count = len(table)
    if not count or table.suspensions:
        return False
    is_one_thread = table.strand[:count] == array("i", table.strand[:1]) * count
    return is_one_thread and not any(map(le, table.end_ns, table.start_ns))


def write_timeline(
    trace: ParquetTrace,
    file: BinaryIO,
    write: Callable[[TraceData, BinaryIO], None],
    write_plain: Callable[[TraceData, Iterable[Part], BinaryIO], None],
) -> None:
    """Write a trace that does not fit in memory; but all at once if its calls are not plain.

    Args:
        trace: the trace.
        file: the file.
        write: writes a whole trace.
        write_plain: writes plain calls; of the trace that it is given, only the names are read.
    """
    names = _survey(trace.parts())
    if names is None:
        write(trace.read(), file)
    else:
        write_plain(trace.data(names), trace.parts(), file)


def _survey(parts: Iterable[Part]) -> Table | None:
    """Return a table with the names and the first time of all parts, if their calls are plain.

    It has no calls, but the callees and the strand of each. See `are_plain`.
    """
    names = last = Table()
    for part in parts:
        if not are_plain(part.table):
            return None
        last = part.table
        names.start_ns = names.start_ns or last.start_ns[:1]
    if len(last.strands) != 1:
        return None
    names.callees, names.strands = last.callees, last.strands
    names.callee, names.strand = array("i", range(len(last.callees))), array("i", [0])
    return names


def items_of(table: Table) -> list[Item]:
    """Return the items of all calls in the order they begin."""
    ends = (NEVER if end_ns == UNFINISHED else end_ns for end_ns in table.end_ns)
    items = [
        Item(row, start_ns, end_ns, is_call=True)
        for row, (start_ns, end_ns) in enumerate(zip(table.start_ns, ends, strict=False))
    ]
    items += (
        Item(row, begin_ns, end_ns, is_call=False)
        for row, instants in table.suspensions.items()
        for begin_ns, end_ns in _spans(instants)
    )
    items.sort(key=attrgetter("start_ns"))
    return items


def _spans(instants: list[int]) -> Iterator[tuple[int, float]]:
    """Yield begin and end of each suspension of a call."""
    yield from zip(instants[::2], instants[1::2], strict=False)
    if len(instants) % 2:
        yield instants[-1], NEVER

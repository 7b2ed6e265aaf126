"""Traces that do not fit in memory: questions that are answered by reading the file in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from callscope.errors import OptionError
from callscope.read.find import Criteria, warn_if_unknown
from callscope.read.formats.files import save_large
from callscope.read.formats.tree import tree
from callscope.read.summary import Summary, summarize_parts
from callscope.read.trace import Trace
from callscope.trace import NO_ROW, Call, Part, Recorded, Table, TableBuilder

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from callscope.read.formats.parquet.reader import ParquetTrace


class LargeTrace(Trace):
    """A trace in a file, of which `len`, `print`, `summary`, `find` and `save` read one part at a time.

    Formats that need all calls at once are refused; but of those that show a timeline, calls in
    several threads, suspended or unfinished ones are read at once. So they are for all else. The
    calls that `find` returns come with all that they led to; of their parents, the children are
    those calls alone. Its `where` is given a call whose children may be missing, and with `within`
    it raises an `OptionError`.

    Args:
        file: the file.
    """

    def __init__(self, file: ParquetTrace) -> None:
        super().__init__(file.header, self._read_all)
        self._file = file

    def _read_all(self) -> Recorded:
        data = self._file.read()
        return Recorded(data.table, data.lost, data.left_out, is_final=True)

    @property
    def lost(self) -> int:
        """See `Trace.lost`."""
        return self._file.lost

    @property
    def left_out(self) -> Mapping[str, int]:
        """See `Trace.left_out`."""
        return self._file.left_out

    def __len__(self) -> int:
        return len(self._file)

    def __str__(self) -> str:
        return tree(self._file.data(self._file.head()), fold=False, count=len(self))

    def summary(self, *, corrected: bool = True) -> Summary:
        """See `Trace.summary`."""
        whole = self._file.data(Table())
        return summarize_parts(whole, self._file.parts(), corrected=corrected)

    def save(self, path: str | PathLike[str]) -> Path:
        """See `Trace.save`; a format that needs all calls at once is refused.

        Raises:
            TraceFormatError: if no format has that suffix, or it needs all calls at once.
            TraceFileError: if the file cannot be written.
        """
        return save_large(self._file, path)

    def _processes(self) -> int:
        return len(self.header.origins)

    def _find(
        self,
        criteria: Criteria,
        within: Call | None,
        where: Callable[[Call], bool] | None,
    ) -> list[Call]:
        if within is not None:
            msg = (
                "within must be None for a trace that is read in parts. Use where, or call.parent."
            )
            raise OptionError(msg)
        kept = _Kept()
        for part in self._file.parts():
            rows = (row for row in criteria.rows(part.table) if row >= part.first)
            kept.add(part, (row for row in rows if where is None or where(Call(part.table, row))))
        if not kept.matches and criteria.site != "*":
            sites = kept.last.empty_copy()
            sites.callee.extend(range(len(sites.callees)))
            warn_if_unknown(self._file.data(sites), criteria.site)
        return kept.calls()


class _Kept:
    """Calls of parts of a trace that match, with all below and above them."""

    def __init__(self) -> None:
        self.matches: set[int] = set()
        """Numbers of the calls that match."""
        self.last: Table = Table()
        """The last part."""
        self._builder = TableBuilder()
        self._row_of: dict[int, int] = {}
        self._whole: set[int] = set()
        """First rows of the next part below which all calls are kept."""
        self._places: Sequence[int] = ()
        """Places of these rows among all calls."""
        self._order: list[int] = []
        """Places of the calls that are kept."""
        self._count = 0

    def add(self, part: Part, matches: Iterable[int]) -> None:
        """Add what is kept of a part."""
        table, first, staying = part
        self.last = table
        new = range(self._count, self._count + len(table) - first)
        places, matching = [*self._places, *new], {*matches}
        self.matches.update(map(table.call_id.__getitem__, matching))
        whole = self._whole
        if matching or whole:
            for row in range(first, len(table)):
                if row in matching or table.parent[row] in whole:
                    whole.add(row)
            for row in sorted(table.with_parents(whole)):
                self._keep(table, row, places[row])
        self._whole = {number for number, row in enumerate(staying) if row in whole}
        self._places = [places[row] for row in staying]
        self._count = new.stop

    def calls(self) -> list[Call]:
        """Return the calls that match, in the order they began."""
        # The parents of a call may have been kept after others that began later.
        order = sorted(range(len(self._order)), key=self._order.__getitem__)
        table = self._builder.table.reordered(order)
        table.keys = None
        return [
            Call(table, row) for row, number in enumerate(table.call_id) if number in self.matches
        ]

    def _keep(self, table: Table, row: int, place: int) -> None:
        number, parent = table.call_id[row], table.parent[row]
        if number in self._row_of:
            return
        self._order.append(place)
        builder = self._builder
        self._row_of[number] = kept = builder.append(
            number,
            table.start_ns[row],
            NO_ROW if parent == NO_ROW else self._row_of[table.call_id[parent]],
            builder.callee(table.callees[table.callee[row]]),
            builder.strand(table.strands[table.strand[row]]),
            table.instance[row],
            table.via_super[row],
            table.arguments[row],
        )
        builder.table.end_ns[kept] = table.end_ns[row]
        builder.table.outcome[kept] = table.outcome[row]
        if row in table.suspensions:
            builder.table.suspensions[kept] = table.suspensions[row]

"""Traces that do not fit in memory: questions that are answered by reading the file in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from callscope.errors import OptionError
from callscope.read.find import Criteria, warn_if_unknown
from callscope.read.formats.tree import MAX_LINES, tree
from callscope.read.part_summary import summarize_parts
from callscope.read.trace import Trace
from callscope.trace import NO_ROW, Call, Recorded, Table, TableBuilder

if TYPE_CHECKING:
    from callscope.read.formats.parquet.reader import ParquetTrace
    from callscope.read.summary import Summary


class LargeTrace(Trace):
    """A trace in a file, of which `print`, `len`, `summary` and `find` read one part at a time.

    All else reads the whole file into memory. The calls that `find` returns come with all that they
    led to; of their parents, the children are those calls alone. Its `where` is given a call whose
    children may be missing, and with `within` it raises an `OptionError`.

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
        table, _ = next(self._file.parts())
        return tree(self._file.data(table), max_lines=MAX_LINES, count=len(self))

    def summary(self, *, corrected: bool = True) -> Summary:  # noqa: ARG002  # as in `Trace`
        """Return what `Trace.summary` returns for ``corrected=False``."""
        return summarize_parts(self._file.data(Table()), self._file.parts())

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
        for table, first in self._file.parts():
            rows = (row for row in criteria.rows(table) if row >= first)
            kept.add(
                table, first, (row for row in rows if where is None or where(Call(table, row)))
            )
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
        """Numbers of calls below which all are kept."""

    def add(self, table: Table, first: int, matches: Iterable[int]) -> None:
        """Add what is kept of a part, in which the calls from `first` on are new."""
        self.last = table
        matching = {*matches}
        self.matches.update(map(table.call_id.__getitem__, matching))
        whole = {row for row in range(first) if table.call_id[row] in self._whole}
        if matching or whole:
            for row in range(first, len(table)):
                if row in matching or table.parent[row] in whole:
                    whole.add(row)
            for row in sorted(_with_parents(table, whole)):
                self._keep(table, row)
        self._whole = {*map(table.call_id.__getitem__, whole)}

    def calls(self) -> list[Call]:
        """Return the calls that match, in the order they began."""
        built = self._builder.table
        # The parents of a call may have been kept after others that began later.
        order = sorted(range(len(built)), key=lambda row: (built.start_ns[row], built.depth[row]))
        table = built.reordered(order)
        table.keys = None
        return [
            Call(table, row) for row, number in enumerate(table.call_id) if number in self.matches
        ]

    def _keep(self, table: Table, row: int) -> None:
        number, parent = table.call_id[row], table.parent[row]
        if number in self._row_of:
            return
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


def _with_parents(table: Table, rows: Iterable[int]) -> set[int]:
    chosen: set[int] = set()
    for row in rows:
        above = row
        while above != NO_ROW and above not in chosen:
            chosen.add(above)
            above = table.parent[above]
    return chosen

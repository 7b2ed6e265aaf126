"""Data of a page: a column per field of its calls, and a table of its texts.

A text is stored once, however many calls share it; a column is a list of small numbers.
The scripts of the page read this in `js/model.js`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import sub
from typing import TYPE_CHECKING, Any, Final

from callscope.read.findings import find_mistakes
from callscope.read.formats.html.texts import Numbers
from callscope.read.formats.html.typed import typed
from callscope.read.formats.html.values import Values, take
from callscope.read.summary import summarize
from callscope.trace import NO_ROW, UNFINISHED, Names, Table, TraceData
from callscope.trace.text import one_line, process_details
from callscope.trace.times import self_times

if TYPE_CHECKING:
    from callscope.read.summary import Summary

MAX_SPANS: Final = 200
"""Most suspensions drawn for one call; its waiting time includes all."""

MAX_FOUND: Final = 1_000
"""Most calls that a page can jump to from one finding."""

FIGURES: Final = (
    *("calls", "errors", "total_ns", "self_ns", "mean_ns", "p50_ns", "p95_ns", "waiting_ns"),
)
"""The fields of a `SiteSummary` that a page shows."""


def pack(trace: TraceData, max_calls: int | None) -> dict[str, Any]:
    """Return the data of a trace's page, ready for JSON.

    Args:
        trace: the trace to show.
        max_calls: most calls to include; None for all.
    """
    table, header = trace.table, trace.header
    findings = find_mistakes(trace)
    evidence = _evidence(table, findings)
    rows = choose(table, chain.from_iterable(evidence), max_calls)
    columns = Columns(table, rows, header.start_ns)
    return {
        "header": {
            "pid": header.pid,
            "startMs": header.start_unix_ns // 1_000_000,
            "python": one_line(header.python),
            "callscope": one_line(header.callscope),
            "targets": [one_line(target) for target in header.targets],
            "processes": process_details(header),
            "isFiltered": header.filtered,
        },
        "total": len(table),
        "lost": trace.lost,
        "leftOutOnPurpose": sum(trace.left_out.values()),
        "summary": _figures(summarize(trace)),
        "findings": [*map(columns.finding, findings, evidence)],
        **columns.tables(),
    }


def _figures(summary: Summary) -> dict[str, Any]:
    """Return the figures of a summary, each as a list of one number per site."""
    return {
        "recording": summary.recording_ns,
        "sites": [one_line(site.site) for site in summary.sites],
        "figures": {name: [getattr(site, name) for site in summary.sites] for name in FIGURES},
    }


def _evidence(table: Table, findings: Iterable[Any]) -> list[list[int]]:
    """Return the rows of the calls that each finding names."""
    numbers = [[call.call_id for call in one.calls[:MAX_FOUND]] for one in findings]
    named = {*chain.from_iterable(numbers)}
    ids = enumerate(table.call_id) if named else ()
    rows = {call_id: row for row, call_id in ids if call_id in named}
    return [[rows[call_id] for call_id in one] for one in numbers]


def choose(table: Table, focus: Iterable[int], max_calls: int | None) -> Sequence[int]:
    """Return at most `max_calls` rows: the first ones, and those in focus with their ancestors."""
    rows = range(len(table))
    if max_calls is None or len(rows) <= max_calls:
        return rows
    needed: set[int] = set()
    for row in focus:
        line = _line(table, row, needed)
        if len(needed) + len(line) <= max_calls:
            needed.update(line)
    if max(needed, default=0) < max_calls:
        return rows[:max_calls]
    others = (row for row in rows if row not in needed)
    return sorted(needed.union(islice(others, max_calls - len(needed))))


def _line(table: Table, row: int, boundary: Collection[int]) -> list[int]:
    """Return the rows of a call and its ancestors, up to the first in `boundary`."""
    line = []
    while row != NO_ROW and row not in boundary:
        line.append(row)
        row = table.parent[row]
    return line


class Columns:
    """The calls of a page; each column has a number per call.

    Args:
        table: all calls of the trace.
        rows: the calls to include, in order; see `Values` for those that are left out.
        start_ns: start of the recording.
    """

    def __init__(self, table: Table, rows: Sequence[int], start_ns: int) -> None:
        self._table = table
        self._start_ns = start_ns
        self._values = Values(table, rows)
        self._rows = rows[: len(self._values.results)]
        self._places = _places(self._rows, len(table))

    def finding(self, finding: Any, evidence: Iterable[int]) -> dict[str, Any]:
        """Return the page's data of a finding, with the indexes of its calls."""
        places = map(self._places.__getitem__, evidence)
        return {
            "id": one_line(finding.id),
            "severity": one_line(finding.severity),
            "message": one_line(finding.message),
            "advice": one_line(finding.advice),
            "file": None if finding.file is None else one_line(finding.file),
            "line": finding.line,
            "count": len(finding.calls),
            "calls": [place for place in places if place != -1],
        }

    def tables(self) -> dict[str, Any]:
        """Return the tables and columns, ready for JSON."""
        values = self._values
        tables, columns = self._names()
        columns |= self._numbers() | {
            "names": values.shapes,
            "arguments": values.arguments,
            "result": values.results,
        }
        return {
            "texts": [*values.texts.numbers],
            "names": [*values.names],
            **tables,
            "calls": {name: typed(column) for name, column in columns.items()},
            "errors": values.errors,
            "waits": dict(self._waits()),
            "leftOut": self._left_out(),
        }

    def _column(self, column: Sequence[int]) -> Sequence[int]:
        return take(column, self._rows)

    def _names(self) -> tuple[dict[str, Any], dict[str, Sequence[int]]]:
        """Return the tables of names, and the columns of indexes into them."""
        table = self._table
        callees, strands = self._column(table.callee), self._column(table.strand)
        classes: Numbers[str] = Numbers()
        sites: Numbers[tuple[Any, ...]] = Numbers()
        tracks: Numbers[tuple[int, str, str | None]] = Numbers()
        kinds: Numbers[tuple[int, int, int]] = Numbers()
        kind, track = {}, {}
        for index in dict.fromkeys(callees):
            callee = table.callees[index]
            metadata = callee.site_metadata
            file, line = (None, None) if metadata is None else (metadata.file, metadata.line)
            cls = classes[callee.defining_class]
            site = sites[cls, one_line(callee.method), _one_line(file), line]
            mro = -1 if callee.mro_index is None else callee.mro_index
            kind[index] = kinds[site, classes[callee.runtime_class], mro]
        for index in dict.fromkeys(strands):
            pid, thread, task = table.strands[index]
            track[index] = tracks[pid, one_line(thread), _one_line(task)]
        every = [table.callees[index] for index in {*table.callee}]
        names = Names(chain.from_iterable((one.defining_class, one.runtime_class) for one in every))
        return {
            "classes": [[one_line(name), names.show(name)] for name in classes],
            "sites": [*sites],
            "kinds": [*kinds],
            "tracks": [*tracks],
        }, {"kind": _renumbered(callees, kind), "track": _renumbered(strands, track)}

    def _numbers(self) -> dict[str, Sequence[int]]:
        """Return the columns of numbers."""
        table, column = self._table, self._column
        starts, ends = column(table.start_ns), column(table.end_ns)
        parents = map(self._places.__getitem__, column(table.parent))
        return {
            "id": _differences(column(table.call_id), 0),
            "instance": column(table.instance),
            "isSuper": column(table.via_super),
            # How many places before each call its parent stands; 0 for roots.
            "parent": [0 if above == -1 else place - above for place, above in enumerate(parents)],
            "start": _differences(starts, self._start_ns),
            "duration": _durations(starts, ends),
        }

    def _waits(self) -> Iterator[tuple[int, tuple[int, list[int]]]]:
        """Yield index, waiting time and suspensions of the calls that were suspended.

        A suspension is its offset from the call, and its length, which is -1 if it has no end.
        """
        for row in sorted(self._table.suspensions):
            if self._places[row] != -1:
                instants, start_ns = self._table.suspensions[row], self._table.start_ns[row]
                spans: list[int] = []
                for begin_ns in range(0, min(len(instants), 2 * MAX_SPANS), 2):
                    begin, *end = instants[begin_ns : begin_ns + 2]
                    spans += begin - start_ns, end[0] - begin if end else -1
                yield self._places[row], (self._table.waiting_ns(row), spans)

    def _left_out(self) -> dict[int, tuple[int, int | None]]:
        """Return, per call with nested calls left out, their number and the call's self time."""
        table, nearest = self._table, self._places[:]
        counts: Counter[int] = Counter()
        first = nearest.index(-1)
        for row, parent in enumerate(table.parent[first:], first):
            place = nearest[parent]
            if place != -1 and nearest[row] == -1:
                nearest[row] = place
                counts[place] += 1
        times = self_times(table) if counts else []
        rows = ((place, self._rows[place]) for place in sorted(counts))
        return {
            place: (counts[place], None if table.end_ns[row] == UNFINISHED else times[row])
            for place, row in rows
        }


def _places(rows: Sequence[int], count: int) -> array[int]:
    """Return the place of each row on the page, -1 for none; the last element is of `NO_ROW`."""
    places = array("i", [-1]) * (count + 1)
    if isinstance(rows, range):
        places[rows.start : rows.stop] = array("i", range(len(rows)))
    else:
        for place, row in enumerate(rows):
            places[row] = place
    return places


def _renumbered(column: Sequence[int], numbers: Mapping[int, int]) -> Sequence[int]:
    is_same = all(old == new for old, new in numbers.items())
    return column if is_same else [*map(numbers.__getitem__, column)]


def _differences(numbers: Sequence[int], first: int) -> list[int]:
    """Return the difference of each number from the one before it."""
    return [*map(sub, numbers, chain((first,), numbers))]


def _durations(starts: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Return the duration of each call; -1 if it never ended."""
    if UNFINISHED not in ends:
        return [*map(sub, ends, starts)]
    pairs = zip(ends, starts, strict=True)
    return [-1 if end_ns == UNFINISHED else end_ns - start_ns for end_ns, start_ns in pairs]


def _one_line(text: str | None) -> str | None:
    return None if text is None else one_line(text)

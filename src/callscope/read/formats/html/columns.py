"""Data of a page: a column per field of its calls, and a table of its texts.

A text is stored once, however many calls share it; a column is a list of small numbers.
The scripts of the page read this in `js/model.js`.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import sub
from typing import TYPE_CHECKING, Any, Final

from callscope.read.findings import find_mistakes
from callscope.read.formats.html.texts import Numbers, Texts
from callscope.read.summary import summarize
from callscope.trace import NO_ROW, UNFINISHED, CallError, Names, Table, TraceData, Value
from callscope.trace.text import one_line, process_details
from callscope.trace.times import self_times

if TYPE_CHECKING:
    from callscope.read.summary import Summary

MAX_TEXTS: Final = 32_000_000
"""Most characters of all texts of a page; calls beyond it are left out."""

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

    Calls that begin once the texts are too long for a page are left out.

    Args:
        table: all calls of the trace.
        rows: the calls to include, in order.
        start_ns: start of the recording.
    """

    def __init__(self, table: Table, rows: Sequence[int], start_ns: int) -> None:
        self._table = table
        self._start_ns = start_ns
        self._texts = Texts()
        self._argument_names: dict[int, list[int]] = {}
        self._bindings: Numbers[tuple[int, ...]] = Numbers()
        self._arguments: list[int] = []
        self._results: list[int] = []
        self._errors: dict[int, tuple[int, int]] = {}
        self._add_values(rows)
        self._rows = rows[: len(self._results)]
        # The last element belongs to `NO_ROW`.
        self._places = array("i", [-1]) * (len(table) + 1)
        for place, row in enumerate(self._rows):
            self._places[row] = place

    def _add_values(self, rows: Iterable[int]) -> None:
        """Add arguments and outcomes, until the texts are too long for a page."""
        table, texts = self._table, self._texts
        for place, row in enumerate(rows):
            if texts.size > MAX_TEXTS:
                return
            arguments, outcome, result = table.arguments[row], table.outcome[row], 0
            self._arguments.append(
                0 if arguments is None else 1 + self._binding(table.callee[row], arguments)
            )
            if isinstance(outcome, CallError):
                kind, message = map(one_line, outcome)
                self._errors[place] = texts.number(kind), texts.number(message)
            elif outcome is not None:
                result = 1 + texts.of_value(outcome)
            self._results.append(result)

    def _binding(self, callee: int, arguments: tuple[Value, ...] | dict[str, Value]) -> int:
        """Return the number of the arguments of a call."""
        texts = self._texts
        names: Iterable[int]
        if isinstance(arguments, dict):
            names = [texts.number(one_line(name)) for name in arguments]
            arguments = tuple(arguments.values())
        else:
            names = self._names_of(callee)
        numbers: list[int] = []
        for name, value in zip(names, arguments, strict=True):
            numbers += name, texts.of_value(value)
        return self._bindings[tuple(numbers)]

    def _names_of(self, callee: int) -> list[int]:
        """Return the numbers of the names of a callee's arguments."""
        numbers = self._argument_names.get(callee)
        if numbers is None:
            names = self._table.callees[callee].argument_names or ()
            numbers = [self._texts.number(one_line(name)) for name in names]
            self._argument_names[callee] = numbers
        return numbers

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
        table, column = self._table, self._column
        tables, columns = self._names()
        columns |= {
            "id": _differences(column(table.call_id), 0),
            "instance": column(table.instance),
            "isSuper": column(table.via_super),
            "parent": self._parents(),
            "start": _differences(column(table.start_ns), self._start_ns),
            "duration": self._durations(),
            "arguments": self._arguments,
            "result": self._results,
        }
        return {
            "texts": [*self._texts.numbers],
            "bindings": [*self._bindings],
            **tables,
            "calls": columns,
            "errors": self._errors,
            "waits": dict(self._waits()),
            "leftOut": self._left_out(),
        }

    def _column(self, column: Sequence[int]) -> list[int]:
        return [*map(column.__getitem__, self._rows)]

    def _names(self) -> tuple[dict[str, Any], dict[str, list[int]]]:
        """Return the tables of names, and the columns of indexes into them."""
        table = self._table
        callees, strands = self._column(table.callee), self._column(table.strand)
        classes: Numbers[str] = Numbers()
        sites: Numbers[tuple[Any, ...]] = Numbers()
        tracks: Numbers[tuple[int, str, str | None]] = Numbers()
        site, runtime, mro, track = {}, {}, {}, {}
        for index in dict.fromkeys(callees):
            callee = table.callees[index]
            metadata = callee.site_metadata
            file, line = (None, None) if metadata is None else (metadata.file, metadata.line)
            cls = classes[callee.defining_class]
            site[index] = sites[cls, one_line(callee.method), _one_line(file), line]
            runtime[index] = classes[callee.runtime_class]
            mro[index] = -1 if callee.mro_index is None else callee.mro_index
        for index in dict.fromkeys(strands):
            pid, thread, task = table.strands[index]
            track[index] = tracks[pid, one_line(thread), _one_line(task)]
        every = [table.callees[index] for index in {*table.callee}]
        names = Names(chain.from_iterable((one.defining_class, one.runtime_class) for one in every))
        return {
            "classes": [[one_line(name), names.show(name)] for name in classes],
            "sites": [*sites],
            "tracks": [*tracks],
        }, {
            "site": [*map(site.__getitem__, callees)],
            "runtime": [*map(runtime.__getitem__, callees)],
            "mro": [*map(mro.__getitem__, callees)],
            "track": [*map(track.__getitem__, strands)],
        }

    def _parents(self) -> list[int]:
        """Return how many places before each call its parent stands; 0 for roots."""
        places = map(self._places.__getitem__, self._column(self._table.parent))
        return [0 if above == -1 else place - above for place, above in enumerate(places)]

    def _durations(self) -> list[int]:
        """Return the duration of each call; -1 if it never ended."""
        ends, starts = self._column(self._table.end_ns), self._column(self._table.start_ns)
        pairs = zip(ends, starts, strict=True)
        return [-1 if end_ns == UNFINISHED else end_ns - start_ns for end_ns, start_ns in pairs]

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
        if len(self._rows) == len(table):
            return {}
        counts = [0] * len(self._rows)
        for row, parent in enumerate(table.parent):
            if nearest[row] == -1 and nearest[parent] != -1:
                nearest[row] = nearest[parent]
                counts[nearest[row]] += 1
        times = self_times(table) if any(counts) else []
        return {
            place: (count, None if table.end_ns[row] == UNFINISHED else times[row])
            for place, (row, count) in enumerate(zip(self._rows, counts, strict=True))
            if count
        }


def _differences(numbers: list[int], first: int) -> list[int]:
    """Return the difference of each number from the one before it."""
    return [*map(sub, numbers, [first, *numbers])]


def _one_line(text: str | None) -> str | None:
    return None if text is None else one_line(text)

"""Data of a page: a column per field of its calls, and a table of its texts.

A text is stored once, however many calls share it; a column is a list of small numbers.
The scripts of the page read this in `js/model.js`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from callscope.read.findings import find_mistakes
from callscope.read.summary import summarize
from callscope.trace import Call, Names, TraceData, value_text
from callscope.trace.text import one_line, process_details

if TYPE_CHECKING:
    from callscope.read.summary import Summary

MAX_TEXT: Final = 1_000
"""Most characters shown of one argument, result or error."""

MAX_TEXTS: Final = 32_000_000
"""Most characters of all texts of a page; calls beyond it are left out."""

MAX_SPANS: Final = 200
"""Most suspensions drawn for one call; its waiting time includes all."""

MAX_FOUND: Final = 1_000
"""Most calls that a page can jump to from one finding."""

FIELDS: Final = (
    *("id", "site", "runtime", "instance", "mro", "isSuper"),
    *("parent", "start", "duration", "track", "arguments", "result"),
)
"""The columns, in the order of `Columns._add`."""

FIGURES: Final = (
    *("calls", "errors", "total_ns", "self_ns", "mean_ns", "p50_ns", "p95_ns", "waiting_ns"),
)
"""The fields of a `SiteSummary` that a page shows."""

_T = TypeVar("_T")


def pack(trace: TraceData, max_calls: int | None) -> dict[str, Any]:
    """Return the data of a trace's page, ready for JSON.

    Args:
        trace: the trace to show.
        max_calls: most calls to include; None for all.
    """
    calls = trace.calls
    findings = find_mistakes(trace)
    evidence = [call for finding in findings for call in finding.calls[:MAX_FOUND]]
    columns = Columns(Names.from_calls(calls), trace.header.start_ns)
    columns.add_all(choose(calls, evidence, max_calls))
    if len(columns) < len(calls):
        columns.add_left_out(calls)
    header = trace.header
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
        "total": len(calls),
        "lost": trace.lost,
        "leftOutOnPurpose": sum(trace.left_out.values()),
        "summary": _figures(summarize(trace)),
        "findings": [columns.finding(finding) for finding in findings],
        **columns.tables(),
    }


def _figures(summary: Summary) -> dict[str, Any]:
    """Return the figures of a summary, each as a list of one number per site."""
    return {
        "recording": summary.recording_ns,
        "sites": [one_line(site.site) for site in summary.sites],
        "figures": {name: [getattr(site, name) for site in summary.sites] for name in FIGURES},
    }


def choose(calls: Sequence[Call], focus: Iterable[Call], max_calls: int | None) -> Sequence[Call]:
    """Return at most `max_calls` calls: the first ones, and those in focus with their ancestors."""
    if max_calls is None or len(calls) <= max_calls:
        return calls
    needed: set[Call] = set()
    for call in focus:
        line = _line(call, needed)
        if len(needed) + len(line) <= max_calls:
            needed.update(line)
    room = max_calls - len(needed)
    selection = []
    for call in calls:
        if call in needed:
            selection.append(call)
        elif room:
            selection.append(call)
            room -= 1
    return selection


def _line(call: Call | None, boundary: Collection[Call]) -> list[Call]:
    """Return a call and its ancestors, up to the first in `boundary`."""
    line = []
    while call is not None and call not in boundary:
        line.append(call)
        call = call.parent
    return line


class Numbers(dict[_T, int]):
    """Numbering of items from 0, in the order of their first lookup."""

    def __missing__(self, key: _T) -> int:
        self[key] = number = len(self)
        return number


class Columns:
    """The calls of a page; each column has a number per call."""

    def __init__(self, names: Names, start_ns: int) -> None:
        self._names = names
        self._start_ns = start_ns
        self._texts: Numbers[str] = Numbers()
        self._size = 0
        self._classes: Numbers[str] = Numbers()
        self._sites: Numbers[tuple[Any, ...]] = Numbers()
        self._tracks: Numbers[tuple[int, str, str | None]] = Numbers()
        self._bindings: Numbers[tuple[int, ...]] = Numbers()
        self._place: dict[Call, int] = {}
        self._rows: list[tuple[int, ...]] = []
        self._errors: dict[int, tuple[int, int]] = {}
        self._waits: dict[int, tuple[int, list[int]]] = {}
        self._left_out: dict[int, tuple[int, int | None]] = {}
        self._last = (0, 0)

    def __len__(self) -> int:
        return len(self._rows)

    def add_all(self, calls: Iterable[Call]) -> None:
        """Add calls, in the order they began, until their texts are too long for a page."""
        for call in calls:
            if self._size > MAX_TEXTS:
                return
            self._add(call)

    def add_left_out(self, calls: Iterable[Call]) -> None:
        """Store, per call with nested calls left out, their number and the call's self time."""
        nearest: dict[Call, Call] = {}
        counts: dict[Call, int] = {}
        for call in calls:
            parent = call.parent
            if call in self._place or parent is None:
                continue
            ancestor = parent if parent in self._place else nearest.get(parent)
            if ancestor is not None:
                nearest[call] = ancestor
                counts[ancestor] = counts.get(ancestor, 0) + 1
        self._left_out = {self._place[call]: (n, call.self_ns) for call, n in counts.items()}

    def finding(self, finding: Any) -> dict[str, Any]:
        """Return the page's data of a finding, with the indexes of its calls."""
        places = (self._place.get(call) for call in finding.calls[:MAX_FOUND])
        return {
            "id": one_line(finding.id),
            "severity": one_line(finding.severity),
            "message": one_line(finding.message),
            "advice": one_line(finding.advice),
            "file": None if finding.file is None else one_line(finding.file),
            "line": finding.line,
            "count": len(finding.calls),
            "calls": [place for place in places if place is not None],
        }

    def tables(self) -> dict[str, Any]:
        """Return the tables and columns, ready for JSON."""
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(FIELDS)
        return {
            "texts": list(self._texts),
            "classes": [[one_line(name), self._names.show(name)] for name in self._classes],
            "sites": list(self._sites),
            "tracks": list(self._tracks),
            "bindings": list(self._bindings),
            "calls": dict(zip(FIELDS, columns, strict=True)),
            "errors": self._errors,
            "waits": self._waits,
            "leftOut": self._left_out,
        }

    def _add(self, call: Call) -> None:
        place = len(self._rows)
        start_ns = call.start_ns - self._start_ns
        parent = None if call.parent is None else self._place.get(call.parent)
        duration_ns = call.duration_ns
        self._rows.append(
            (
                call.call_id - self._last[0],
                self._sites[self._site(call)],
                self._classes[call.runtime_class],
                call.instance or 0,
                -1 if call.mro_index is None else call.mro_index,
                int(call.via_super),
                0 if parent is None else place - parent,
                start_ns - self._last[1],
                -1 if duration_ns is None else duration_ns,
                self._tracks[call.pid, one_line(call.thread), _one_line(call.task)],
                0 if call._arguments is None else 1 + self._binding(call),
                0 if call.result is None else 1 + self._text(value_text(call.result)),
            )
        )
        self._place[call] = place
        self._last = call.call_id, start_ns
        if call.error is not None:
            self._errors[place] = (
                self._text(one_line(call.error.type)),
                self._text(one_line(call.error.message)),
            )
        if call.suspensions:
            self._waits[place] = call.waiting_ns, self._spans(call)

    def _site(self, call: Call) -> tuple[Any, ...]:
        cls = self._classes[call.defining_class]
        return cls, one_line(call.method), _one_line(call.file), call.line

    def _binding(self, call: Call) -> int:
        numbers: list[int] = []
        for name, value in call.arguments.items():
            numbers += self._text(one_line(name)), self._text(value_text(value))
        return self._bindings[tuple(numbers)]

    def _text(self, text: str) -> int:
        if len(text) > MAX_TEXT:
            text = f"{text[:MAX_TEXT]}… and {len(text) - MAX_TEXT:,} characters more"
        count = len(self._texts)
        number = self._texts[text]
        if number == count:
            self._size += len(text)
        return number

    @staticmethod
    def _spans(call: Call) -> list[int]:
        """Return offset and length of each suspension; offset from the call, length -1 if open."""
        spans: list[int] = []
        for begin, end in call.suspensions[:MAX_SPANS]:
            spans += begin - call.start_ns, -1 if end is None else end - begin
        return spans


def _one_line(text: str | None) -> str | None:
    return None if text is None else one_line(text)

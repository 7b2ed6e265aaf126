"""Lines of a JSON Lines trace: a header, metadata, one line per call, and an end.

::

    {"v": 2, "kind": "trace", "pid": 1, "start_ns": 5, "start_unix_ns": 7, ...}
    {"kind": "site", "defining_class": "app.Layer", "method": "call",
     "file": "/src/app.py", "line": 12,
     "code": {"calls_next": false, "is_empty": false, "is_abstract": false, "passes_on": false,
              "sets": [], "consumes": []}}
    {"kind": "class", "runtime_class": "app.MyLayer",
     "mro": ["app.MyLayer", "app.Layer", "builtins.object"],
     "sites": [["call"], ["__call__", "call"], []],
     "template": ["call"], "hidden": [], "provided": []}
    {"kind": "call", "ts_ns": 8, ..., "duration_ns": 4, "result": 7}
    {"kind": "call", "ts_ns": 9, ...}
    {"kind": "return", "ts_ns": 14, ...}
    {"kind": "end", "lost": 0}

The line of a call follows that of its parent. A saved trace has one for each call. It holds the end
of the call, and the times it was suspended and resumed. In a stream, a call that is still open when
its line is written has another line for each event that follows.

A site's line comes before its first call. It holds the method's source location and the analysis
of its code (each is null if not known). A class's line comes before the first call of one of its
objects, and after the lines of its sites. It holds the names of the classes in its MRO, and for
each of them its own methods that the recording could see. `callscope.trace.metadata` describes the
other fields; findings are derived from them. A line applies to the calls that follow, until
another line of the same site or class replaces it: a program may make two classes of one name. Both
kinds of line may have further keys, and a trace may have neither.

If calls were left out on purpose, the end also has ``"left_out": {"app.Layer.call": 8}``.
A trace without its last line belongs to a program that was killed or is still running.

In version 1, each event had a line of its own.

``event.schema.json`` beside this module is the schema of each line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from callscope.introspect.values import CallError, Text, Value
from callscope.trace.event import SCHEMA_VERSION, Event, finite
from callscope.trace.header import Header
from callscope.trace.table import UNFINISHED, Callee, Table

if TYPE_CHECKING:
    from callscope.trace.metadata import ClassMetadata, MetadataCache, SiteMetadata

_FILE: Final = Path(__file__).with_name("event.schema.json")
_ENDS: Final = ("return", "raise")
VIA_SUPER: Final = ',"via_super":true'
"""The field that is missing if it is false."""
TEXT_RESULT: Final = ',"text_result":true'
"""The field that marks a result that is a text."""
_NONE: Final[Mapping[str, int]] = MappingProxyType({})
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_quoted = json.encoder.encode_basestring_ascii


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of each line of a JSON Lines trace.

    The result of `Event.to_dict` conforms to it as well.
    """
    schema: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return schema


def header_line(header: Header) -> str:
    """Return the first line of a trace."""
    fields = header._asdict()
    fields["cost"] = header.cost and header.cost._asdict()
    fields["processes"] = [process._asdict() for process in header.processes]
    optional = Header._fields[Header._fields.index("cost") :]
    missing = [name for name in optional if fields[name] in (None, "", [])]
    stated = {name: fields[name] for name in fields if name not in missing}
    return _encode({"v": SCHEMA_VERSION, "kind": "trace", **stated}) + "\n"


def event_lines(events: Sequence[Event], cache: MetadataCache) -> Iterator[str]:
    """Yield the lines of events, each after the metadata of its site and class.

    A call that both begins and ends among the events takes one line.

    Args:
        events: in the order of the file.
        cache: metadata already in the file; new metadata is added to it.
    """
    whole, of_table = _whole_calls(events), None
    for event in events:
        table, row, kind = event.call._table, event.call._row, event.kind
        is_whole = (id(table), row) in whole
        if is_whole and kind != "call":
            continue
        if of_table is None or table is not of_table.table:
            # Only the texts of the last table are kept: a program may have any number of tasks.
            of_table = TableText(table)
        end = ""
        if kind == "call":
            yield from metadata_lines(table.callees[table.callee[row]], cache)
            end = arguments_text(table.arguments_of(row))
        if is_whole or kind in _ENDS:
            end += _outcome(table, row)
        yield (
            f'{{"kind":"{kind}","ts_ns":{event.ts_ns}'
            f"{of_table.common(row, is_last=is_whole or kind in _ENDS)}{end}}}\n"
        )


def _whole_calls(events: Sequence[Event]) -> set[tuple[int, int]]:
    """Return the tables and rows of the calls that begin and end, and are not suspended."""
    begun, ended, suspended = set[tuple[int, int]](), set[tuple[int, int]](), set[tuple[int, int]]()
    for event in events:
        kind = event.kind
        keys = begun if kind == "call" else ended if kind in _ENDS else suspended
        keys.add((id(event.call._table), event.call._row))
    return (begun & ended) - suspended


class TableText:
    """Text that all lines of a call share, for the calls of one table.

    Args:
        table: the table.
    """

    def __init__(self, table: Table) -> None:
        self.table: Table = table
        self._strands: dict[int, str] = {}
        self._callees: dict[int, tuple[str, str]] = {}
        self._rows: dict[int, str] = {}
        """Texts of the calls that have begun and not ended."""

    def strand(self, number: int) -> str:
        """Return the text of a strand."""
        text = self._strands.get(number)
        if text is None:
            pid, thread, task = self.table.strands[number]
            within = "" if task is None else f',"task":{_quoted(task)}'
            text = self._strands[number] = f',"pid":{pid},"thread":{_quoted(thread)}{within}'
        return text

    def callee(self, number: int) -> tuple[str, str]:
        """Return the text before and after the instance number."""
        text = self._callees.get(number)
        if text is None:
            method, defining, runtime, mro_index, *_ = self.table.callees[number]
            names = f',"method":{_quoted(method)},"defining_class":{_quoted(defining)}'
            before = f'{names},"runtime_class":{_quoted(runtime)},"instance":'
            text = self._callees[number] = before, f',"mro_index":{_scalar(mro_index)}'
        return text

    def common(self, row: int, *, is_last: bool) -> str:
        """Return the text of a call; `is_last` says that no line of it follows."""
        text = self._rows.pop(row, None) if is_last else self._rows.get(row)
        if text is None:
            text = self._new(row)
            if not is_last:
                self._rows[row] = text
        return text

    def _new(self, row: int) -> str:
        table = self.table
        before, after = self.callee(table.callee[row])
        parent = table.parent_of(row)
        parent_id = "null" if parent is None else parent[0].call_id[parent[1]]
        return (
            f'{self.strand(table.strand[row])},"call_id":{table.call_id[row]}'
            f',"parent_id":{parent_id},"depth":{table.depth[row]}'
            f"{before}{table.instance[row] or 'null'}{after}"
            f"{VIA_SUPER if table.via_super[row] else ''}"
        )


def metadata_lines(callee: Callee, cache: MetadataCache) -> Iterator[str]:
    """Yield the lines of a callee's metadata that are not in the file, and add it to the cache."""
    site, cls = callee.site_metadata, callee.class_metadata
    if site is not None and cache.get((site.defining_class, site.method)) is not site:
        yield from _site_lines(site, cache)
    if cls is not None and cache.get((cls.runtime_class,)) is not cls:
        yield from _class_lines(cls, cache)


def _outcome(table: Table, row: int) -> str:
    """Return the fields of the end of a call."""
    end_ns, outcome = table.end_ns[row], table.outcome[row]
    took_ns = "null" if end_ns == UNFINISHED else end_ns - table.start_ns[row]
    if isinstance(outcome, CallError):
        return f',"duration_ns":{took_ns},"error":{_encode(outcome._asdict())}'
    result = finite(outcome)
    mark = TEXT_RESULT if type(result) is Text else ""
    return f',"duration_ns":{took_ns},"result":{_scalar(result)}{mark}'


def arguments_text(arguments: Mapping[str, Value] | None) -> str:
    """Return the field of the arguments, and that of those among them that are texts."""
    if arguments is None:
        return ""
    pairs, texts = [], []
    for name, value in arguments.items():
        scalar = finite(value)
        pairs.append(f"{_quoted(name)}:{_scalar(scalar)}")
        if type(scalar) is Text:
            texts.append(name)
    return f',"arguments":{{{",".join(pairs)}}}{texts_text(texts)}'


def texts_text(names: Sequence[str]) -> str:
    """Return the field of the names of arguments that are texts."""
    return f',"texts":{_encode(names)}' if names else ""


def value_json(value: Value | CallError) -> str:
    """Return the JSON of a captured value or an error."""
    if isinstance(value, CallError):
        return _encode(value._asdict())
    return _scalar(finite(value))


def key_json(name: str) -> str:
    """Return the JSON of the name of an argument."""
    return f"{_quoted(name)}:"


def _scalar(value: Value) -> str:
    """Return the JSON of a value; faster than the encoder, whose setup takes most of its time."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quoted(value)
    return str(value) if type(value) is int else _encode(value)


def _class_lines(cls: ClassMetadata, cache: MetadataCache) -> Iterator[str]:
    key = (cls.runtime_class,)
    if cache.get(key) != cls:
        for own in cls.sites:
            for site in own:
                yield from _site_lines(site, cache)
        cache[key] = cls
        methods = [[site.method for site in own] for own in cls.sites]
        yield _line("class", {**cls._asdict(), "sites": methods})


def _site_lines(site: SiteMetadata, cache: MetadataCache) -> Iterator[str]:
    key = site.defining_class, site.method
    if cache.get(key) != site:
        cache[key] = site
        code = None if site.code is None else site.code._asdict()
        yield _line("site", {**site._asdict(), "code": code})


def _line(kind: str, fields: dict[str, Any]) -> str:
    return _encode({"kind": kind, **fields}) + "\n"


def end_line(lost: int, left_out: Mapping[str, int] = _NONE) -> str:
    """Return the last line of a trace."""
    more = {"left_out": dict(left_out)} if left_out else {}
    return _line("end", {"lost": lost, **more})

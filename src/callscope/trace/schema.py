"""Lines of a JSON Lines trace: a header, metadata, one line per event, and an end.

::

    {"v": 1, "kind": "trace", "pid": 1, "start_ns": 5, "start_unix_ns": 7, ...}
    {"v": 1, "kind": "site", "defining_class": "app.Layer", "method": "call",
     "file": "/src/app.py", "line": 12,
     "code": {"calls_next": false, "is_empty": false, "is_abstract": false, "passes_on": false,
              "sets": [], "consumes": []}}
    {"v": 1, "kind": "class", "runtime_class": "app.MyLayer",
     "mro": ["app.MyLayer", "app.Layer", "builtins.object"],
     "sites": [["call"], ["__call__", "call"], []],
     "template": ["call"], "hidden": [], "provided": []}
    {"v": 1, "kind": "call", "seq": 1, ...}
    {"v": 1, "kind": "return", "seq": 2, ...}
    {"v": 1, "kind": "end", "lost": 0}

A site's line comes before its first event. It holds the method's source location and the analysis
of its code (each is null if not known). A class's line comes before the first event of one of its
objects, and after the lines of its sites. It holds the names of the classes in its MRO, and for
each of them its own methods that the recording could see. `callscope.trace.metadata` describes the
other fields; findings are derived from them. A line applies to the events that follow, until
another line of the same site or class replaces it: a program may make two classes of one name. Both
kinds of line may have further keys, and a trace may have neither.

If calls were left out on purpose, the end also has ``"left_out": {"app.Layer.call": 8}``.
A trace without its last line belongs to a program that was killed or is still running.

``event.schema.json`` beside this module is the schema of each line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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
    return _line("trace", {name: fields[name] for name in fields if name not in missing})


def event_lines(events: Iterable[Event], cache: MetadataCache) -> Iterator[str]:
    """Yield the lines of events, each after the metadata of its site and class.

    The line of an event is `Event.to_dict` as JSON. Saving spends most of its time here, so the
    text common to the events of one site is encoded once.

    Args:
        events: in the order of the file.
        cache: metadata already in the file; new metadata is added to it.
    """
    of_table: _TableText | None = None
    for event in events:
        table, row, kind = event.call._table, event.call._row, event.kind
        if of_table is None or table is not of_table.table:
            # Only the texts of the last table are kept: a program may have any number of tasks.
            of_table = _TableText(table)
        if kind == "call":
            yield from _metadata_lines(table.callees[table.callee[row]], cache)
            end = _arguments(table.arguments_of(row))
        else:
            end = "" if kind in ("suspend", "resume") else _outcome(table, row)
        yield (
            f'{{"v":{SCHEMA_VERSION},"kind":"{kind}","seq":{event.seq},"ts_ns":{event.ts_ns}'
            f"{of_table.common(row, is_last=kind in _ENDS)}{end}}}\n"
        )


class _TableText:
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
        number, strand = table.callee[row], table.strand[row]
        where = self._strands.get(strand)
        if where is None:
            where = self._strands[strand] = _where(*table.strands[strand])
        what = self._callees.get(number)
        if what is None:
            what = self._callees[number] = _what(*table.callees[number][:4])
        parent = table.parent_of(row)
        parent_id = "null" if parent is None else parent[0].call_id[parent[1]]
        return (
            f'{where},"call_id":{table.call_id[row]},"parent_id":{parent_id}'
            f',"depth":{table.depth[row]}{what[0]}{table.instance[row] or "null"}{what[1]}'
            f"{'true' if table.via_super[row] else 'false'}"
        )


def _metadata_lines(callee: Callee, cache: MetadataCache) -> Iterator[str]:
    site, cls = callee.site_metadata, callee.class_metadata
    if site is not None and cache.get((site.defining_class, site.method)) is not site:
        yield from _site_lines(site, cache)
    if cls is not None and cache.get((cls.runtime_class,)) is not cls:
        yield from _class_lines(cls, cache)


def _where(pid: int, thread: str, task: str | None) -> str:
    return f',"pid":{pid},"thread":{_quoted(thread)},"task":{_scalar(task)}'


def _what(method: str, defining: str, runtime: str, mro_index: int | None) -> tuple[str, str]:
    """Return the text before the instance number, and between it and `via_super`."""
    return (
        (
            f',"method":{_quoted(method)},"defining_class":{_quoted(defining)}'
            f',"runtime_class":{_quoted(runtime)},"instance":'
        ),
        f',"mro_index":{_scalar(mro_index)},"via_super":',
    )


def _outcome(table: Table, row: int) -> str:
    """Return the fields that only the line of an end has."""
    end_ns, outcome = table.end_ns[row], table.outcome[row]
    took_ns = "null" if end_ns == UNFINISHED else end_ns - table.start_ns[row]
    if outcome is None:
        return f',"duration_ns":{took_ns},"result":null'
    if isinstance(outcome, CallError):
        return f',"duration_ns":{took_ns},"error":{_encode(outcome._asdict())}'
    result = finite(outcome)
    text = ',"texts":["result"]' if type(result) is Text else ""
    return f',"duration_ns":{took_ns},"result":{_scalar(result)}{text}'


def _arguments(arguments: Mapping[str, Value] | None) -> str:
    """Return the fields that only the line of a beginning has."""
    if arguments is None:
        return ""
    pairs, texts = [], []
    for name, value in arguments.items():
        scalar = finite(value)
        pairs.append(f"{_quoted(name)}:{_scalar(scalar)}")
        if type(scalar) is Text:
            texts.append(name)
    marks = f',"texts":{_encode(texts)}' if texts else ""
    return f',"arguments":{{{",".join(pairs)}}}{marks}'


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
    return _encode({"v": SCHEMA_VERSION, "kind": kind, **fields}) + "\n"


def end_line(lost: int, left_out: Mapping[str, int] = _NONE) -> str:
    """Return the last line of a trace."""
    more = {"left_out": dict(left_out)} if left_out else {}
    return _line("end", {"lost": lost, **more})

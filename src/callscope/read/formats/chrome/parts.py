"""The JSON fragments that events are built from; shared fragments are built once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from callscope.read.formats.json_text import INT64, quoted, value_json
from callscope.read.formats.timeline.numbers import Numbers
from callscope.trace import CallError, Header, Strand, Table, Value
from callscope.trace.table_text import names_of
from callscope.trace.text import missing

_MAX_PID: Final = 0xFFFF_FFFF
"""Largest process or thread number that Perfetto stores, in 32 bits."""
_ERROR: Final = '"cat":"error","cname":"terrible"'
_SHORT: Final = 64
_MOST_QUOTES: Final = 4096


class Head(NamedTuple):
    """Shared start of the events of one site on one track, for objects of one class."""

    some: str
    """JSON from the process up to the instance number."""
    nobody: str
    """The same, complete, for calls without an object."""


class _Quotes(dict[str, str]):
    """Texts as JSON; short ones, which recur often, are cached."""

    def __missing__(self, text: str) -> str:
        literal = quoted(text)
        if len(text) <= _SHORT and len(self) < _MOST_QUOTES:
            self[text] = literal
        return literal


class Parts:
    """The names, processes and tracks of one trace.

    Args:
        header: the header of the trace.
        table: its calls, or only their names; see `write_timeline`.
    """

    def __init__(self, header: Header, table: Table) -> None:
        self._header = header
        self._callees = table.callees
        self._names = names_of(table)
        self._numbers = Numbers(header, table, _MAX_PID, self._name_process)
        self._heads: dict[tuple[str, int], Head] = {}
        self._quotes: Mapping[str, str] = _Quotes()
        self._keys = [
            [f"{quoted(name)}:" for name in callee.argument_names or ()] for callee in table.callees
        ]
        self._new_names: list[str] = []
        self.start_ns: int = min([header.start_ns, *table.start_ns[:1]])
        """Zero point of all times."""

    def opening(self, lost: int, left_out: Mapping[str, int]) -> Iterator[str]:
        """Yield the file up to its first event, which is the process's name."""
        header, start_ns = self._header, self.start_ns
        parts = {
            "callscope": quoted(header.callscope),
            "python": quoted(header.python),
            "targets": f"[{','.join(map(quoted, header.targets))}]",
            "lost": str(lost),
            "left_out": str(sum(left_out.values())),
            "start_ns": str(start_ns),
            "start_unix_ns": str(header.start_unix_ns - header.start_ns + start_ns),
            "classes": self._class_table(),
        }
        lines = ",\n".join(f'"{name}":{value}' for name, value in parts.items())
        yield f'{{"displayTimeUnit":"ns","otherData":{{\n{lines}\n}},"traceEvents":[\n'
        self._numbers.process(header.pid)
        yield from (line.removeprefix(",\n") for line in self.new_names())
        yield from map(self._missing, missing(lost, left_out))

    def _class_table(self) -> str:
        pairs = (f"{quoted(self._names.show(name))}:{quoted(name)}" for name in sorted(self._names))
        return f"{{{','.join(pairs)}}}"

    def _missing(self, name: str) -> str:
        pid = self._numbers.process(self._header.pid)
        return (
            f',\n{{"ph":"i","s":"g","pid":{pid},"tid":{pid},"name":"{name}","cat":"lost","ts":0}}'
        )

    def new_names(self) -> list[str]:
        """Return the lines that name new processes and tracks."""
        lines = self._new_names[:]
        self._new_names.clear()
        return lines

    def _name_process(self, pid: int, name: str) -> None:
        self._name("process_name", pid, pid, quoted(name))

    def _name(self, what: str, pid: int, tid: int, name: str) -> None:
        args = f'"args":{{"name":{name}}}'
        self._new_names.append(f',\n{{"ph":"M","pid":{pid},"tid":{tid},"name":"{what}",{args}}}')

    def track(self, strand: Strand, number: int = 1) -> str:
        """Create a track, and return the JSON by which its events refer to it.

        Args:
            strand: the strand that it shows.
            number: number of tracks of that strand, including this one.
        """
        pid, tid, name, rank = self._numbers.new_thread(strand, number)
        self._name("thread_name", pid, tid, quoted(name))
        order = f'"name":"thread_sort_index","args":{{"sort_index":{rank}}}'
        self._new_names.append(f',\n{{"ph":"M","pid":{pid},"tid":{tid},{order}}}')
        return f'"pid":{pid},"tid":{tid}'

    def head(self, callee: int, track: str) -> Head:
        """Return the JSON that the calls of a callee on one track share."""
        key = track, callee
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._new_head(callee, track)
        return head

    def _new_head(self, callee: int, track: str) -> Head:
        method, defining, runtime, *_ = self._callees[callee]
        defining, runtime = self._names.show(defining), self._names.show(runtime)
        name, defining = quoted(f"{defining}.{method}"), quoted(defining)
        start = f'{track},"name":{name},"args":{{"defining_class":{defining},"object":'
        numbered = quoted(f"{runtime}#").removesuffix('"')
        return Head(f"{start}{numbered}", f"{start}{quoted(runtime)}")

    def keys(self, callee: int) -> list[str]:
        """Return the names of a callee's arguments as JSON, with colons."""
        return self._keys[callee]

    def call_json(self, table: Table, row: int, track: str) -> str:
        """Return the JSON of a call without its times."""
        callee, instance = table.callee[row], table.instance[row]
        arguments, outcome = table.arguments[row], table.outcome[row]
        head = self.head(callee, track)
        text = f'{head.some}{instance}"' if instance else head.nobody
        waits = f',"waiting_ns":{table.waiting_ns(row)}' if row in table.suspensions else ""
        if arguments:
            text += self._arguments(callee, arguments)
        if outcome is None:
            return f"{text}{waits}}}"
        if isinstance(outcome, CallError):
            kind, message = map(quoted, outcome)
            return f'{text}{waits},"error":{{"type":{kind},"message":{message}}}}},{_ERROR}'
        return f'{text},"result":{self.value(outcome)}{waits}}}'

    def _arguments(self, callee: int, arguments: tuple[Value, ...] | dict[str, Value]) -> str:
        if isinstance(arguments, dict):
            pairs = (f"{self._quotes[name]}:{self.value(v)}" for name, v in arguments.items())
        else:
            keys = zip(self._keys[callee], arguments, strict=True)
            pairs = (f"{key}{self.value(v)}" for key, v in keys)
        return f',"arguments":{{{",".join(pairs)}}}'

    def value(self, value: Value) -> str:
        """Return a captured value as JSON."""
        if type(value) is int and -INT64 < value < INT64:
            return str(value)
        return self._quotes[value] if isinstance(value, str) else value_json(value)

    def value_bytes(self, value: Value) -> bytes:
        """Return a captured value as JSON in UTF-8."""
        return self.value(value).encode()

"""The JSON fragments that events are built from; shared fragments are built once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import count
from typing import Final, NamedTuple, TypeAlias

from callscope.read.formats.json_text import INT64, quoted, value_json
from callscope.trace import Call, Header, Names, Value
from callscope.trace.text import missing, process_details

Lane: TypeAlias = tuple[int, str, str | None]
"""Process, thread and task, which run one call at a time, except for suspended calls."""

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
        start_ns: start of the first call.
        pids: the processes of all calls.
        classes: the classes that the calls mention.
    """

    def __init__(
        self, header: Header, start_ns: int, pids: Collection[int], classes: Collection[str]
    ) -> None:
        self._header = header
        self._classes = sorted(classes)
        self._names = Names(self._classes)
        # A thread's number must not equal that of a process, which its main thread uses.
        self._numbers = (number for number in count(1) if number not in {*pids, header.pid})
        self._pids: dict[int, int] = {}
        self._details = process_details(header)
        self._heads: dict[tuple[object, ...], Head] = {}
        self.quotes: Mapping[str, str] = _Quotes()
        """Texts as JSON."""
        self._new_names: list[str] = []
        self._tracks = 0
        self.start_ns: int = min(header.start_ns, start_ns)
        """Zero point of all times."""

    @staticmethod
    def lane(call: Call) -> Lane:
        """Return the lane that a call ran in."""
        return call._pid, call._thread, call._task

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
        self._pid(header.pid)
        yield from (line.removeprefix(",\n") for line in self.new_names())
        yield from map(self._missing, missing(lost, left_out))

    def _class_table(self) -> str:
        pairs = (f"{quoted(self._names.show(name))}:{quoted(name)}" for name in self._classes)
        return f"{{{','.join(pairs)}}}"

    def _missing(self, name: str) -> str:
        pid = self._pid(self._header.pid)
        return (
            f',\n{{"ph":"i","s":"g","pid":{pid},"tid":{pid},"name":"{name}","cat":"lost","ts":0}}'
        )

    def new_names(self) -> list[str]:
        """Return the lines that name new processes and tracks."""
        lines = self._new_names[:]
        self._new_names.clear()
        return lines

    def _pid(self, pid: int) -> int:
        alias = self._pids.get(pid)
        if alias is None:
            alias = self._pids[pid] = pid if 0 <= pid <= _MAX_PID else next(self._numbers)
            self._name("process_name", alias, alias, quoted(f"python{self._details.get(pid, '')}"))
        return alias

    def _name(self, what: str, pid: int, tid: int, name: str) -> None:
        args = f'"args":{{"name":{name}}}'
        self._new_names.append(f',\n{{"ph":"M","pid":{pid},"tid":{tid},"name":"{what}",{args}}}')

    def track(self, lane: Lane, number: int = 1) -> str:
        """Create a track, and return the JSON by which its events refer to it.

        Args:
            lane: the lane that it shows.
            number: number of tracks of that lane, including this one.
        """
        pid, thread, task = lane
        alias = self._pid(pid)
        is_main = thread == "MainThread" and task is None and number == 1
        tid = alias if is_main else next(self._numbers)
        name = (thread or "thread") if task is None else f"task {task}"
        self._name("thread_name", alias, tid, quoted(name if number == 1 else f"{name} / {number}"))
        self._tracks += 1
        order = f'"name":"thread_sort_index","args":{{"sort_index":{self._tracks}}}'
        self._new_names.append(f',\n{{"ph":"M","pid":{alias},"tid":{tid},{order}}}')
        return f'"pid":{alias},"tid":{tid}'

    def head(self, call: Call, track: str) -> Head:
        """Return the JSON that a call shares with others of its site on the same track."""
        key = track, call._method, call._defining_class, call._runtime_class
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._new_head(call, track)
        return head

    def _new_head(self, call: Call, track: str) -> Head:
        defining = self._names.show(call._defining_class)
        runtime = self._names.show(call._runtime_class)
        name, defining = quoted(f"{defining}.{call._method}"), quoted(defining)
        start = f'{track},"name":{name},"args":{{"defining_class":{defining},"object":'
        numbered = quoted(f"{runtime}#").removesuffix('"')
        return Head(f"{start}{numbered}", f"{start}{quoted(runtime)}")

    def call_json(self, call: Call, track: str) -> str:
        """Return the JSON of a call without its times."""
        head, instance = self.head(call, track), call._instance
        start = head.nobody if instance is None else f'{head.some}{instance}"'
        return start + self.ending(call)

    def ending(self, call: Call) -> str:
        """Return the JSON of a call that follows its object."""
        text = ""
        if call._arguments:
            quotes, as_json = self.quotes, self.value
            pairs = [
                # Most values are such integers, and this is a hot spot.
                f"{quotes[name]}:{v if type(v) is int and -INT64 < v < INT64 else as_json(v)}"
                for name, v in call._arguments.items()
            ]
            text = f',"arguments":{{{",".join(pairs)}}}'
        if call._result is not None:
            text += f',"result":{self.value(call._result)}'
        if call._suspensions:
            text += f',"waiting_ns":{call.waiting_ns}'
        if call._error is not None:
            kind, message = map(quoted, call._error)
            return f'{text},"error":{{"type":{kind},"message":{message}}}}},{_ERROR}'
        return text + "}"

    def value(self, value: Value) -> str:
        """Return a captured value as JSON."""
        return self.quotes[value] if isinstance(value, str) else value_json(value)

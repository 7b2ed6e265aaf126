"""JSON Lines, whole: see `callscope.trace.schema` for what the lines are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from callscope.errors import TraceFormatError
from callscope.trace import (
    SCHEMA_VERSION,
    Call,
    CallError,
    ClassFacts,
    Header,
    Recorded,
    SiteFacts,
    Text,
    Trace,
    Value,
)
from callscope.trace.schema import end_line, event_lines, header_line

_GZIP_MAGIC: Final = b"\x1f\x8b"
_SCALARS: Final = (str, int, float, bool, type(None))


def write(trace: Trace, file: BinaryIO) -> None:
    """Write a trace as JSON Lines."""
    file.write(header_line(trace.header).encode())
    file.writelines(line.encode() for line in event_lines(trace.events(), {}))
    file.write(end_line(trace.lost).encode())


def read(file: BinaryIO, name: str) -> Trace:
    """Read a trace from JSON Lines; errors call the file by its name."""
    header, recorded = _Loader(file, name).load()
    return Trace(header, lambda: recorded)


class _Loader:
    """Reads one file; what is wrong in it is named by its line."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._line = 0
        self._calls: list[Call] = []
        self._by_id: dict[int, Call] = {}
        self._lost = 0
        self._sites: dict[tuple[str, str], SiteFacts] = {}
        self._classes: dict[str, ClassFacts] = {}

    def load(self) -> tuple[Header, Recorded]:
        objects = self._objects()
        header = self._header(next(objects, None))
        for line in objects:
            self._take(line)
        return header, Recorded(self._calls, self._lost)

    def _objects(self) -> Iterator[dict[str, Any]]:
        for line in self._file:
            self._line += 1
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                # Only the last line can lack its end: the program was killed as it wrote.
                if not line.endswith(b"\n") and self._line > 1:
                    return
                if line.startswith(_GZIP_MAGIC):
                    msg = f"{self._name!r} is compressed. Give it a name that ends in '.jsonl.gz'."
                    raise TraceFormatError(msg) from None
                raise self._wrong("it is not JSON") from None
            if not isinstance(found, dict):
                raise self._wrong("it is not a JSON object")
            yield found

    def _wrong(self, why: str) -> TraceFormatError:
        where = f"{self._name!r}, line {self._line}"
        if self._line <= 1:
            return TraceFormatError(
                f"{where}: {why}, so this is no trace. Name a '.jsonl' file that callscope has written."
            )
        return TraceFormatError(
            f"{where}: {why}. Restore the file, or cut it off before this line."
        )

    def _header(self, line: dict[str, Any] | None) -> Header:
        if line is None:
            raise self._wrong("the file is empty")
        if line.get("kind") != "trace":
            raise self._wrong("it is not the header of a trace")
        if line.get("v") != SCHEMA_VERSION:
            found = line.get("v")
            msg = (
                f"{self._name!r} is a trace of schema version {found!r}, and this callscope"
                f" reads version {SCHEMA_VERSION}. Read it with the callscope that wrote it."
            )
            raise TraceFormatError(msg)
        targets = self._field(line, "targets", list)
        return Header(
            pid=self._field(line, "pid", int),
            start_ns=self._field(line, "start_ns", int),
            start_unix_ns=self._field(line, "start_unix_ns", int),
            python=self._field(line, "python", str),
            callscope=self._field(line, "callscope", str),
            targets=tuple(map(str, targets)),
            filtered=line.get("filtered") is True,
        )

    def _take(self, line: dict[str, Any]) -> None:
        kind = line.get("kind")
        if kind == "call":
            self._begin(line)
        elif kind in ("return", "raise"):
            self._end(line)
        elif kind == "suspend":
            self._running(line)._suspend(self._field(line, "ts_ns", int))
        elif kind == "resume":
            self._running(line)._resume(self._field(line, "ts_ns", int))
        elif kind == "site":
            self._take_site(line)
        elif kind == "class":
            self._take_class(line)
        elif kind == "end":
            self._lost = self._field(line, "lost", int)
        else:
            raise self._wrong(f"{kind!r} is no kind of event")

    def _take_site(self, line: dict[str, Any]) -> None:
        site = SiteFacts(
            self._field(line, "defining_class", str),
            self._field(line, "method", str),
            self._field(line, "file", str, optional=True),
            self._field(line, "line", int, optional=True),
        )
        self._sites[site.defining_class, site.method] = site

    def _take_class(self, line: dict[str, Any]) -> None:
        name = self._field(line, "runtime_class", str)
        mro = tuple(map(str, self._field(line, "mro", list)))
        methods = self._field(line, "sites", list)
        if len(methods) != len(mro) or not all(isinstance(names, list) for names in methods):
            raise self._wrong("'sites' is not a list of methods for each class of 'mro'")
        try:
            sites = tuple(
                tuple(self._sites[cls, str(method)] for method in names)
                for cls, names in zip(mro, methods, strict=True)
            )
        except KeyError as error:
            raise self._wrong(f"no line before it tells of site {error}") from None
        self._classes[name] = ClassFacts(name, mro, sites)

    def _begin(self, line: dict[str, Any]) -> None:
        call_id = self._field(line, "call_id", int)
        parent_id = self._field(line, "parent_id", int, optional=True)
        if call_id in self._by_id:
            raise self._wrong(f"call {call_id} begins a second time")
        if parent_id is not None and parent_id not in self._by_id:
            raise self._wrong(f"its parent, call {parent_id}, has not begun")
        arguments = self._field(line, "arguments", dict, optional=True)
        call = Call(
            self._field(line, "method", str),
            self._field(line, "defining_class", str),
            self._field(line, "runtime_class", str),
            self._field(line, "instance", int, optional=True),
            self._field(line, "mro_index", int, optional=True),
            None if arguments is None else self._values(arguments, line),
            self._field(line, "ts_ns", int),
            self._field(line, "thread", str),
            None if parent_id is None else self._by_id[parent_id],
        )
        call._call_id = call_id
        call._via_super = self._flag(line, "via_super")
        call._pid = self._field(line, "pid", int)
        call._task = self._field(line, "task", str, optional=True)
        call._site_facts = self._sites.get((call.defining_class, call.method))
        call._class_facts = self._classes.get(call.runtime_class)
        call._attach()
        self._by_id[call_id] = call
        self._calls.append(call)

    def _end(self, line: dict[str, Any]) -> None:
        call = self._running(line)
        error = self._field(line, "error", dict, optional=True)
        if error is not None:
            error = CallError(self._field(error, "type", str), self._field(error, "message", str))
        result = self._values({"result": line.get("result")}, line)["result"]
        call._end(self._field(line, "ts_ns", int), result, error)

    def _running(self, line: dict[str, Any]) -> Call:
        call = self._by_id.get(self._field(line, "call_id", int))
        if call is None or call.finished:
            raise self._wrong("its call is not running")
        return call

    def _values(self, values: dict[str, Any], line: dict[str, Any]) -> dict[str, Value]:
        texts = self._field(line, "texts", list, optional=True) or ()
        if not all(isinstance(value, _SCALARS) for value in values.values()):
            raise self._wrong("a captured value is no scalar")
        return {
            name: Text(value) if name in texts and isinstance(value, str) else value
            for name, value in values.items()
        }

    def _flag(self, line: dict[str, Any], name: str) -> bool:
        value = line.get(name)
        if isinstance(value, bool):
            return value
        raise self._wrong(f"{name!r} is {value!r:.40} and not true or false")

    def _field(self, line: dict[str, Any], name: str, kind: type, *, optional: bool = False) -> Any:
        value = line.get(name)
        if (optional and value is None) or (isinstance(value, kind) and type(value) is not bool):
            return value
        raise self._wrong(f"{name!r} is {value!r:.40} and not of type {kind.__name__}")

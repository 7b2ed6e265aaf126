"""JSON Lines, whole: see `callscope.trace.schema` for what the lines are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from callscope.errors import TraceFormatError
from callscope.trace import (
    SCHEMA_VERSION,
    Call,
    CallError,
    Cost,
    Header,
    Recorded,
    Text,
    Trace,
    Value,
)
from callscope.trace.schema import end_line, event_line, header_line

_SCALARS: Final = (str, int, float, bool, type(None))


def write(trace: Trace, file: BinaryIO) -> None:
    """Write a trace as JSON Lines."""
    file.write(header_line(trace.header._replace(cost=trace.cost)).encode())
    file.writelines(event_line(event).encode() for event in trace.events())
    file.write(end_line(trace.lost, trace.left_out).encode())


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
        self._left_out: dict[str, int] = {}

    def load(self) -> tuple[Header, Recorded]:
        objects = self._objects()
        header = self._header(next(objects, None))
        for line in objects:
            self._take(line)
        return header, Recorded(self._calls, self._lost, self._left_out)

    def _objects(self) -> Iterator[dict[str, Any]]:
        for line in self._file:
            self._line += 1
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                # Only the last line can lack its end: the program was killed as it wrote.
                if not line.endswith(b"\n") and self._line > 1:
                    return
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
            cost=self._cost(self._field(line, "cost", dict, optional=True)),
        )

    def _cost(self, cost: dict[str, Any] | None) -> Cost | None:
        if cost is None:
            return None
        return Cost(*(self._number(cost, name) for name in Cost._fields))

    def _number(self, line: dict[str, Any], name: str) -> float:
        value = line.get(name)
        if isinstance(value, (int, float)) and type(value) is not bool and 0 <= value < math.inf:
            return float(value)
        raise self._wrong(f"{name!r} is {value!r:.40} and no number of nanoseconds")

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
        elif kind == "end":
            self._lost = self._field(line, "lost", int)
            left_out = self._field(line, "left_out", dict, optional=True) or {}
            self._left_out = {name: self._field(left_out, name, int) for name in left_out}
        else:
            raise self._wrong(f"{kind!r} is no kind of event")

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

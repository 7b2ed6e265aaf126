"""Decoder of single lines, which needs only the standard library and explains errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import product
from typing import Any, Final, NoReturn

from callscope.errors import TraceFormatError
from callscope.read.formats.trace_builder import (
    TIMES,
    TOO_LONG,
    TraceBuilder,
    WrongLineError,
    to_cost,
    with_texts,
)
from callscope.trace import (
    SCHEMA_VERSION,
    CallError,
    ClassMetadata,
    CodeMetadata,
    Cost,
    Header,
    Process,
    SiteMetadata,
    Value,
)

CLASS_KEYS: Final = ClassMetadata._fields[3:]
"""Optional keys of a class line, in addition to its MRO and its sites."""

_VERSIONS: Final = range(1, SCHEMA_VERSION + 1)
_SCALARS: Final = (str, int, float, bool, type(None))

_CALL_KEYS: Final = (
    "ts_ns",
    "pid",
    "thread",
    "task",
    "call_id",
    "parent_id",
    "method",
    "defining_class",
    "runtime_class",
    "instance",
    "mro_index",
    "via_super",
)
_OPTIONAL: Final = {"task", "parent_id", "instance", "mro_index"}
_TEXTS: Final = {"thread", "task", "method", "defining_class", "runtime_class"}


def _type_of(key: str) -> type:
    return str if key in _TEXTS else bool if key == "via_super" else int


_CALL_TYPES: Final = frozenset(
    product(*((_type_of(k), type(None)) if k in _OPTIONAL else (_type_of(k),) for k in _CALL_KEYS))
)
"""The allowed combinations of types of the fields of a call."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _whole(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)


_decode: Final = json.JSONDecoder(parse_constant=_refuse).decode
# Python does not parse integers of many thousand digits. In an unused field such a number does no
# harm; in any other, a float is rejected as well.
_decode_digits: Final = json.JSONDecoder(parse_constant=_refuse, parse_int=_whole).decode


def parse(line: bytes) -> dict[str, Any]:
    """Return the JSON object in a line.

    Raises:
        WrongLineError: if there is none.
    """
    try:
        value = _json(line)
    except (ValueError, RecursionError):
        msg = "it is not JSON"
        raise WrongLineError(msg) from None
    if type(value) is not dict:
        msg = "it is not a JSON object"
        raise WrongLineError(msg)
    return value


def _json(line: bytes) -> Any:
    text = line.decode()
    try:
        return _decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _decode_digits(text)


def is_json(line: bytes) -> bool:
    """Return whether a line is JSON of any kind."""
    try:
        _json(line)
    except (ValueError, RecursionError):
        return False
    return True


def header(line: dict[str, Any], name: str) -> Header:
    """Return the header from the first line of a trace.

    Raises:
        WrongLineError: if it is not such a line.
        TraceFormatError: if the trace has another version; `name` is the file's name in errors.
    """
    if line.get("kind") != "trace":
        msg = "it is not the header of a trace"
        raise WrongLineError(msg)
    if line.get("v") not in _VERSIONS:
        msg = (
            f"{name!r} is a trace of schema version {line.get('v')!r:.40}, and this callscope"
            f" reads versions 1 to {SCHEMA_VERSION}. Read it with the callscope that wrote it."
        )
        raise TraceFormatError(msg)
    return Header(
        pid=_field(line, "pid", int),
        start_ns=_time(line, "start_ns"),
        start_unix_ns=_time(line, "start_unix_ns"),
        python=_field(line, "python", str),
        callscope=_field(line, "callscope", str),
        targets=tuple(_strings(line, "targets")),
        filtered=line.get("filtered") is True,
        cost=_cost(_field(line, "cost", dict, optional=True)),
        run=_field(line, "run", str, optional=True) or "",
        host=_field(line, "host", str, optional=True) or "",
        rank=_field(line, "rank", int, optional=True),
        command=_field(line, "command", str, optional=True) or "",
        processes=tuple(map(_process, _field(line, "processes", list, optional=True) or ())),
    )


def _process(line: Any) -> Process:
    if type(line) is not dict:
        msg = f"a process is {line!r:.40} and not a JSON object"
        raise WrongLineError(msg)
    return Process(
        pid=_field(line, "pid", int),
        host=_field(line, "host", str),
        rank=_field(line, "rank", int, optional=True),
        command=_field(line, "command", str),
        run=_field(line, "run", str),
    )


def _cost(cost: dict[str, Any] | None) -> Cost | None:
    return None if cost is None else to_cost(map(cost.get, Cost._fields))


def take(builder: TraceBuilder, line: dict[str, Any]) -> None:
    """Add a line that follows the header to `builder`.

    Raises:
        WrongLineError: if it is invalid.
    """
    kind = line.get("kind")
    if kind == "call":
        _begin(builder, line)
    elif kind in ("return", "raise"):
        _end(builder, line)
    elif kind == "suspend":
        builder.suspend(_field(line, "call_id", int), _time(line))
    elif kind == "resume":
        builder.resume(_field(line, "call_id", int), _time(line))
    elif kind == "site":
        _site(builder, line)
    elif kind == "class":
        _class(builder, line)
    elif kind == "end":
        left_out = _field(line, "left_out", dict, optional=True) or {}
        for site in left_out:
            _field(left_out, site, int)
        builder.end_all(_field(line, "lost", int), left_out)
    else:
        msg = f"{kind!r:.40} is not a kind of event"
        raise WrongLineError(msg)


def _begin(builder: TraceBuilder, line: dict[str, Any]) -> None:
    line.setdefault("via_super", False)
    fields: tuple[Any, ...] = tuple(map(line.get, _CALL_KEYS))
    if tuple(map(type, fields)) not in _CALL_TYPES:
        for key in _CALL_KEYS:
            _field(line, key, _type_of(key), optional=key in _OPTIONAL)
    ts_ns, pid, thread, task, call_id, parent_id, *names, instance, mro_index, via_super = fields
    _check_time(ts_ns)
    method, defining_class, runtime_class, thread = map(sys.intern, (*names, thread))
    arguments = _field(line, "arguments", dict, optional=True)
    builder.begin(
        ts_ns,
        pid,
        thread,
        task,
        call_id,
        parent_id,
        method,
        defining_class,
        runtime_class,
        instance,
        mro_index,
        via_super,
        None if arguments is None else _values(arguments, _texts(line)),
    )
    _complete(builder, line, call_id)


def _complete(builder: TraceBuilder, line: dict[str, Any], call_id: int) -> None:
    duration_ns = _field(line, "duration_ns", int, optional=True)
    suspensions = _field(line, "suspensions", list, optional=True) or ()
    if not all(type(ts_ns) is int and -TIMES <= ts_ns < TIMES for ts_ns in suspensions):
        msg = "'suspensions' is not a list of times"
        raise WrongLineError(msg)
    if duration_ns is not None or suspensions:
        texts = ("result",) if line.get("text_result") is True else ()
        builder.complete(call_id, duration_ns, _outcome(line, texts), suspensions)


def _end(builder: TraceBuilder, line: dict[str, Any]) -> None:
    is_text = line.get("text_result") is True
    texts = ("result",) if is_text else _texts(line)  # which version 1 has in its place
    builder.end(_field(line, "call_id", int), _time(line), _outcome(line, texts))


def _outcome(line: dict[str, Any], texts: Sequence[str]) -> Value | CallError:
    error = _field(line, "error", dict, optional=True)
    if error is not None:
        return CallError(_field(error, "type", str), _field(error, "message", str))
    return _values({"result": line.get("result")}, texts)["result"]


def _time(line: dict[str, Any], name: str = "ts_ns") -> int:
    ts_ns: int = _field(line, name, int)
    _check_time(ts_ns, name)
    return ts_ns


def _check_time(ts_ns: int, name: str = "ts_ns") -> None:
    if not -TIMES <= ts_ns < TIMES:
        msg = f"{name!r} {TOO_LONG}"
        raise WrongLineError(msg)


def _site(builder: TraceBuilder, line: dict[str, Any]) -> None:
    builder.site(
        SiteMetadata(
            _field(line, "defining_class", str),
            _field(line, "method", str),
            _field(line, "file", str, optional=True),
            _field(line, "line", int, optional=True),
            None if (code := _field(line, "code", dict, optional=True)) is None else _code(code),
        )
    )


def _code(code: dict[str, Any]) -> CodeMetadata:
    return CodeMetadata(
        _field(code, "calls_next", bool),
        _field(code, "is_empty", bool),
        _field(code, "is_abstract", bool),
        _field(code, "passes_on", bool),
        tuple(_strings(code, "sets")),
        tuple(_strings(code, "consumes")),
    )


def _class(builder: TraceBuilder, line: dict[str, Any]) -> None:
    methods = _field(line, "sites", list)
    if not all(type(names) is list for names in methods):
        msg = "'sites' is not a list of methods for each class of 'mro'"
        raise WrongLineError(msg)
    for names in methods:
        _strings({"sites": names}, "sites")
    details = [_strings(line, key) if key in line else [] for key in CLASS_KEYS]
    builder.cls(_field(line, "runtime_class", str), _strings(line, "mro"), methods, details)


def _texts(line: dict[str, Any]) -> list[str]:
    return _field(line, "texts", list, optional=True) or []


def _values(values: dict[str, Any], texts: Sequence[str]) -> dict[str, Value]:
    if not all(isinstance(value, _SCALARS) for value in values.values()):
        msg = "a captured value is not a scalar"
        raise WrongLineError(msg)
    return with_texts(values, texts) if texts else values


def _strings(line: dict[str, Any], name: str) -> list[str]:
    strings: list[str] = _field(line, name, list)
    if not all(type(item) is str for item in strings):
        msg = f"{name!r} is {strings!r:.40} and not a list of strings"
        raise WrongLineError(msg)
    return strings


def _field(line: dict[str, Any], name: str, kind: type, *, optional: bool = False) -> Any:
    value = line.get(name)
    if (optional and value is None) or type(value) is kind:
        return value
    if kind is bool:
        msg = f"{name!r} is {value!r:.40} and not true or false"
    else:
        msg = f"{name!r} is {value!r:.40} and not of type {kind.__name__}"
    raise WrongLineError(msg)

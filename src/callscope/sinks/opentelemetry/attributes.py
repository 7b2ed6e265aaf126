"""What a span says of a call.

The names are those of the semantic conventions, where they have one:
https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/ (stable since 1.33.0),
https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ and
https://opentelemetry.io/docs/specs/semconv/general/recording-errors/. All else begins with
``callscope.``.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from callscope.trace import Call, CallError, Value

Attributes: TypeAlias = dict[str, bool | int | float | str]

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.33.0"
# What protobuf has room for.
_LEAST_INT: Final = -(1 << 63)
_MOST_INT: Final = (1 << 63) - 1


def of_begin(call: Call) -> Attributes:
    """Return what is known as a call begins.

    Where there are more than the span's limit allows, the SDK drops those that were set first: so
    the arguments come first, and what tells which call it was comes last.
    """
    attributes: Attributes = {
        f"callscope.arguments.{_text(name)}": _value(value)
        for name, value in call.arguments.items()
    }
    if call.task is not None:
        attributes["callscope.task"] = _text(call.task)
    attributes["thread.name"] = _text(call.thread)
    attributes["callscope.via_super"] = call.via_super
    if call.mro_index is not None:
        attributes["callscope.mro_index"] = call.mro_index
    if call.instance is not None:
        attributes["callscope.instance"] = call.instance
    attributes["callscope.runtime_class"] = _text(call.runtime_class)
    attributes["callscope.defining_class"] = _text(call.defining_class)
    file, line = getattr(call, "file", None), getattr(call, "line", None)
    if file is not None:
        attributes["code.file.path"] = _text(file)
    if line is not None:
        attributes["code.line.number"] = line
    attributes["code.function.name"] = _text(f"{call.defining_class}.{call.method}")
    return attributes


def of_end(call: Call) -> Attributes:
    """Return what is known besides when a call has ended."""
    attributes: Attributes = {}
    if not call.finished:
        attributes["callscope.finished"] = False
    if call.result is not None:
        attributes["callscope.result"] = _value(call.result)
    if call.suspensions:
        attributes["callscope.suspensions"] = len(call.suspensions)
        attributes["callscope.waiting_ns"] = call.waiting_ns
    if call.error is not None:
        attributes["error.type"] = _text(call.error.type)
    return attributes


def of_error(error: CallError) -> Attributes:
    """Return what the event ``exception`` says."""
    attributes: Attributes = {"exception.type": _text(error.type)}
    if error.message:
        attributes["exception.message"] = _text(error.message)
    return attributes


def description(error: CallError) -> str:
    """Return why the span's status is that of an error."""
    return _text(f"{error.type}: {error.message}" if error.message else error.type)


def _value(value: Value) -> bool | int | float | str:
    if type(value) is int and not _LEAST_INT <= value <= _MOST_INT:
        return str(value)
    return value if isinstance(value, (bool, int, float)) else _text(str(value))


def _text(text: str) -> str:
    """Return what can be encoded: a program's strings may hold halves of surrogate pairs."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()

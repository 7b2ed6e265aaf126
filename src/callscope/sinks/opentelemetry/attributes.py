"""Span attributes of a call.

The names are those of the semantic conventions, where they exist:
https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/ (stable since 1.33.0),
https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ and
https://opentelemetry.io/docs/specs/semconv/general/recording-errors/. All others begin with
``callscope.``.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from callscope.errors import encodable
from callscope.trace import Call, CallError, Value

Attributes: TypeAlias = dict[str, bool | int | float | str]

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.33.0"
# Range of an int in protobuf.
_LEAST_INT: Final = -(1 << 63)
_MOST_INT: Final = (1 << 63) - 1


def begin_attributes(call: Call) -> Attributes:
    """Return the attributes known when a call begins.

    Beyond the span's limit, the SDK drops the attributes that were set first. So the arguments
    come first, and those that identify the call come last.
    """
    attributes: Attributes = {
        f"callscope.arguments.{encodable(name)}": _value(value)
        for name, value in call.arguments.items()
    }
    if call.task is not None:
        attributes["callscope.task"] = encodable(call.task)
    attributes["thread.name"] = encodable(call.thread)
    attributes["callscope.via_super"] = call.via_super
    if call.mro_index is not None:
        attributes["callscope.mro_index"] = call.mro_index
    if call.instance is not None:
        attributes["callscope.instance"] = call.instance
    attributes["callscope.runtime_class"] = encodable(call.runtime_class)
    attributes["callscope.defining_class"] = encodable(call.defining_class)
    file, line = getattr(call, "file", None), getattr(call, "line", None)
    if file is not None:
        attributes["code.file.path"] = encodable(file)
    if line is not None:
        attributes["code.line.number"] = line
    attributes["code.function.name"] = encodable(f"{call.defining_class}.{call.method}")
    return attributes


def end_attributes(call: Call) -> Attributes:
    """Return the further attributes known when a call ends."""
    attributes: Attributes = {}
    if not call.finished:
        attributes["callscope.finished"] = False
    if call.result is not None:
        attributes["callscope.result"] = _value(call.result)
    if call.suspensions:
        attributes["callscope.suspensions"] = len(call.suspensions)
        attributes["callscope.waiting_ns"] = call.waiting_ns
    if call.error is not None:
        attributes["error.type"] = encodable(call.error.type)
    return attributes


def error_attributes(error: CallError) -> Attributes:
    """Return the attributes of the event ``exception``."""
    attributes: Attributes = {"exception.type": encodable(error.type)}
    if error.message:
        attributes["exception.message"] = encodable(error.message)
    return attributes


def description(error: CallError) -> str:
    """Return the description of the span's error status."""
    return encodable(f"{error.type}: {error.message}" if error.message else error.type)


def _value(value: Value) -> bool | int | float | str:
    if type(value) is int and not _LEAST_INT <= value <= _MOST_INT:
        return str(value)
    return value if isinstance(value, (bool, int, float)) else encodable(str(value))

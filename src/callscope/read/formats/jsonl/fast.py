"""Fast decoder of many lines at once, with msgspec.

Lines that it rejects are left to the slow decoder, which accepts them or reports the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from callscope.read.formats.trace_builder import TIMES, TraceBuilder, with_texts
from callscope.trace import CallError, CodeMetadata, SiteMetadata, Text, Value

Scalar: TypeAlias = None | bool | int | float | str
Time: TypeAlias = Annotated[int, msgspec.Meta(ge=-TIMES, le=TIMES - 1)]
"""A time; larger ones could not be used in calculations."""


class RaisedError(Struct, gc=False):
    """The error of a call."""

    type: str
    message: str


class Begun(Struct, tag_field="kind", tag="call", gc=False, kw_only=True):
    """A line of kind "call"; its fields begin in the order of `TraceBuilder.begin`."""

    ts_ns: Time
    pid: int
    thread: str
    task: str | None = None
    call_id: int
    parent_id: int | None
    method: str
    defining_class: str
    runtime_class: str
    instance: int | None
    mro_index: int | None
    via_super: bool = False
    arguments: dict[str, Scalar] | None = None
    texts: list[str] | None = None
    duration_ns: Time | None = None
    result: Scalar = None
    error: RaisedError | None = None
    text_result: bool = False
    suspensions: list[Time] | None = None


class Returned(Struct, tag_field="kind", tag="return", gc=False):
    """A line of kind "return"."""

    ts_ns: Time
    call_id: int
    result: Scalar
    text_result: bool = False
    texts: list[str] | None = None
    """In version 1, ``["result"]`` if that is a text."""
    error: None = None


class Raised(Struct, tag_field="kind", tag="raise", gc=False):
    """A line of kind "raise"."""

    ts_ns: Time
    call_id: int
    error: RaisedError
    result: None = None


class Suspended(Struct, tag_field="kind", tag="suspend", gc=False):
    """A line of kind "suspend"."""

    ts_ns: Time
    call_id: int


class Resumed(Struct, tag_field="kind", tag="resume", gc=False):
    """A line of kind "resume"."""

    ts_ns: Time
    call_id: int


class Code(Struct, gc=False):
    """The code metadata of a site."""

    calls_next: bool
    is_empty: bool
    is_abstract: bool
    passes_on: bool
    sets: tuple[str, ...]
    consumes: tuple[str, ...]


class Site(Struct, tag_field="kind", tag="site", gc=False):
    """A line of kind "site"."""

    defining_class: str
    method: str
    file: str | None = None
    line: int | None = None
    code: Code | None = None


class Class(Struct, tag_field="kind", tag="class", gc=False):
    """A line of kind "class"."""

    runtime_class: str
    mro: list[str]
    sites: list[list[str]]
    template: list[str] = []
    hidden: list[str] = []
    provided: list[str] = []


class End(Struct, tag_field="kind", tag="end", gc=False):
    """A line of kind "end"."""

    lost: int
    left_out: dict[str, int] | None = None


_LINE: Final[Any] = msgspec.json.Decoder(
    Begun | Returned | Raised | Suspended | Resumed | Site | Class | End
)


def decode(lines: bytes) -> list[Any] | None:
    """Return the decoded lines; None if one needs the slow decoder."""
    if not (lines.isascii() or _is_utf8(lines)):  # msgspec does not check it in keys
        return None
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return list(_LINE.decode_lines(lines))
    return None


def _is_utf8(lines: bytes) -> bool:
    try:
        lines.decode()
    except UnicodeDecodeError:
        return False
    return True


def _outcome(
    result: Scalar, error: RaisedError | None = None, *, is_text: bool = False
) -> Value | CallError:
    if error is not None:
        return CallError(error.type, error.message)
    return Text(result) if is_text and type(result) is str else result


def link_whole(builder: TraceBuilder, events: list[Any]) -> bool:
    """Add decoded lines to `builder`, if all are of calls that have ended; else return False."""
    if {*map(type, events)} != {Begun}:
        return False
    # fmt: off
    (
        starts, pids, threads, tasks, call_ids, parent_ids, methods, definings, runtimes,
        instances, mro_indices, via_super, arguments, texts, durations, results, errors,
        text_results, suspensions,
    ) = zip(*map(astuple, events), strict=True)
    # fmt: on
    if None in durations or any(suspensions):
        return False
    if any(texts):
        arguments = tuple(
            with_texts(values, names) if names and values else values
            for values, names in zip(arguments, texts, strict=True)
        )
    if any(text_results) or any(errors):
        results = tuple(
            _outcome(result, error, is_text=is_text)
            for result, error, is_text in zip(results, errors, text_results, strict=True)
        )
    names = [None if values is None else tuple(values) for values in arguments]
    return builder.extend(
        starts,
        durations,
        [*zip(pids, threads, tasks, strict=True)],
        call_ids,
        parent_ids,
        zip(methods, definings, runtimes, mro_indices, names, strict=True),
        instances,
        via_super,
        [None if values is None else tuple(values.values()) for values in arguments],
        results,
    )


def link(builder: TraceBuilder, events: Iterator[Any]) -> None:
    """Add decoded lines to `builder`.

    Raises:
        WrongLineError: at the first invalid line, which is the last one consumed.
    """
    begin, end, complete = builder.begin, builder.end, builder.complete
    for event in events:
        kind = type(event)
        if kind is Begun:
            *fields, texts, duration_ns, result, error, text_result, suspensions = astuple(event)
            if texts and event.arguments:
                fields[-1] = with_texts(event.arguments, texts)
            begin(*fields)
            if duration_ns is not None or suspensions:
                outcome = _outcome(result, error, is_text=text_result)
                complete(event.call_id, duration_ns, outcome, suspensions)
        elif kind is Returned:
            is_text = event.text_result or "result" in (event.texts or ())
            end(event.call_id, event.ts_ns, _outcome(event.result, is_text=is_text))
        else:
            _take(builder, event)


def _take(builder: TraceBuilder, event: Any) -> None:
    match event:
        case Raised():
            builder.end(event.call_id, event.ts_ns, _outcome(None, event.error))
        case Suspended():
            builder.suspend(event.call_id, event.ts_ns)
        case Resumed():
            builder.resume(event.call_id, event.ts_ns)
        case Site():
            code = None if event.code is None else CodeMetadata(*astuple(event.code))
            site = SiteMetadata(event.defining_class, event.method, event.file, event.line, code)
            builder.site(site)
        case Class():
            details = (event.template, event.hidden, event.provided)
            builder.cls(event.runtime_class, event.mro, event.sites, details)
        case End():
            builder.end_all(event.lost, event.left_out)

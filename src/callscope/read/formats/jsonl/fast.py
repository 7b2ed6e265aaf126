"""Fast decoder of many lines at once, with msgspec, which creates the final objects directly.

Lines that it rejects are left to the slow decoder, which accepts them or reports the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from callscope.read.formats.json_text import INT64
from callscope.read.formats.trace_builder import (
    BEFORE_PARENT,
    NOT_RUNNING,
    TraceBuilder,
    WrongLineError,
    with_texts,
)
from callscope.trace import Call, CallError, ClassMetadata, CodeMetadata, SiteMetadata, Text

Scalar: TypeAlias = None | bool | int | float | str
Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)]
"""A time; larger ones could not be used in calculations."""

if TYPE_CHECKING:
    Null: TypeAlias = Any
    NoItems: TypeAlias = Any
else:
    Null, NoItems = None, tuple[()]
"""Types of the fields that a line cannot set: they accept nothing but the default."""

_NAMES: Final = (
    *("pid", "thread", "task", "call_id", "parent_id", "method", "defining_class"),
    *("runtime_class", "instance", "mro_index", "via_super", "arguments", "texts"),
)
_KEYS: Final = {"_start_ns": "ts_ns"} | {f"_{name}": name for name in _NAMES}
"""Keys of a line by the field of `LoadedCall` that they set; a line cannot set other fields."""


class LoadedCall(Call, Struct, tag_field="kind", tag="call", eq=False, rename=_KEYS):
    """A line of kind "call", which is the call itself: its fields are those that `Call` needs."""

    _start_ns: Int64
    _pid: int
    _thread: str
    _task: str | None
    _call_id: int
    _parent_id: int | None
    _method: str
    _defining_class: str
    _runtime_class: str
    _instance: int | None
    _mro_index: int | None
    _via_super: bool
    _arguments: dict[str, Scalar] | None = None
    _texts: list[str] | None = None
    # What other lines say.
    _parent: Null = None
    _depth: Annotated[int, msgspec.Meta(ge=0, le=0)] = 0
    _children: NoItems = ()
    _end_ns: Null = None
    _error: Null = None
    _result: Null = None
    _suspensions: Null = None
    _metadata: Any = None

    @property
    def _site_metadata(self) -> SiteMetadata | None:  # type: ignore[override]
        metadata: SiteMetadata | None = self._metadata.site(self._defining_class, self._method)
        return metadata

    @property
    def _class_metadata(self) -> ClassMetadata | None:  # type: ignore[override]
        metadata: ClassMetadata | None = self._metadata.cls(self._runtime_class)
        return metadata


class Returned(Struct, tag_field="kind", tag="return", gc=False):
    """A line of kind "return"."""

    ts_ns: Int64
    call_id: int
    result: Scalar
    texts: list[str] | None = None
    error: None = None


class RaisedError(Struct, gc=False):
    """The error of a line of kind "raise"."""

    type: str
    message: str


class Raised(Struct, tag_field="kind", tag="raise", gc=False):
    """A line of kind "raise"."""

    ts_ns: Int64
    call_id: int
    error: RaisedError
    result: None = None


class Suspended(Struct, tag_field="kind", tag="suspend", gc=False):
    """A line of kind "suspend"."""

    ts_ns: Int64
    call_id: int


class Resumed(Struct, tag_field="kind", tag="resume", gc=False):
    """A line of kind "resume"."""

    ts_ns: Int64
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
    LoadedCall | Returned | Raised | Suspended | Resumed | Site | Class | End
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


def link(builder: TraceBuilder, events: Iterator[Any]) -> None:  # noqa: C901, PLR0912
    """Add decoded lines to `builder`.

    Raises:
        WrongLineError: at the first invalid line, which is the last one consumed.
    """
    by_id, metadata = builder.by_id, builder.metadata
    add, share = builder.calls.append, builder.names.setdefault
    for event in events:
        kind = type(event)
        # The two frequent kinds inline the work of `TraceBuilder`, as an extra function call is too slow.
        if kind is LoadedCall:
            call_id, parent_id = event._call_id, event._parent_id
            if call_id in by_id:
                raise WrongLineError(f"call {call_id} begins a second time")
            if parent_id is not None:
                parent = by_id.get(parent_id)
                if parent is None:
                    raise WrongLineError(f"its parent, call {parent_id}, has not begun")
                if event._start_ns < parent._start_ns:
                    raise WrongLineError(BEFORE_PARENT)
                event._parent = parent
                event._depth = parent._depth + 1
                if parent._children:
                    parent._children.append(event)
                else:
                    parent._children = [event]
            event._metadata = metadata
            # Each line has strings of its own; many calls share the same few names.
            event._method = share(event._method, event._method)
            event._defining_class = share(event._defining_class, event._defining_class)
            event._runtime_class = share(event._runtime_class, event._runtime_class)
            event._thread = share(event._thread, event._thread)
            if event._texts and event._arguments:
                event._arguments = with_texts(event._arguments, event._texts)
            by_id[call_id] = event
            add(event)
        elif kind is Returned:
            call = by_id.get(event.call_id)
            if call is None or call._end_ns is not None:
                raise WrongLineError(NOT_RUNNING)
            if event.ts_ns < call._start_ns or call._suspensions:
                builder.end(event.call_id, event.ts_ns, None, None)
            call._end_ns = event.ts_ns
            result = event.result
            if result is not None:
                is_text = event.texts and type(result) is str and "result" in event.texts
                call._result = Text(result) if is_text else result
        else:
            _take(builder, event)
            metadata = builder.metadata


def _take(builder: TraceBuilder, event: Any) -> None:
    match event:
        case Raised():
            error = CallError(event.error.type, event.error.message)
            builder.end(event.call_id, event.ts_ns, None, error)
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

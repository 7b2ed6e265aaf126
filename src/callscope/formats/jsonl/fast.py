"""Takes many lines at once, with msgspec, which makes the very objects that are wanted.

Whatever it refuses is left to the slow way, which accepts it or says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from callscope.formats.links import (
    BEFORE_PARENT,
    NOT_RUNNING,
    Links,
    WrongLineError,
    with_texts,
)
from callscope.trace import Call, CallError, CodeFacts, SiteFacts, Text

Scalar: TypeAlias = None | bool | int | float | str

# Its fields are those of a `Call`, so that `Call`'s methods are its own. What stands in no line
# can be given nothing by one, either.
_FROM_LINE: Final[dict[str, Any]] = {
    "_start_ns": ("ts_ns", int),
    "_pid": ("pid", int),
    "_thread": ("thread", str),
    "_task": ("task", str | None),
    "_call_id": ("call_id", int),
    "_parent_id": ("parent_id", int | None),
    "_method": ("method", str),
    "_defining_class": ("defining_class", str),
    "_runtime_class": ("runtime_class", str),
    "_instance": ("instance", int | None),
    "_mro_index": ("mro_index", int | None),
    "_via_super": ("via_super", bool),
}
_AFTERWARDS: Final = (
    "parent",
    "end_ns",
    "error",
    "result",
    "suspensions",
    "site_facts",
    "class_facts",
)

LoadedCall: Final[Any] = msgspec.defstruct(
    "LoadedCall",
    [
        *((field, kind) for field, (_, kind) in _FROM_LINE.items()),
        ("_arguments", dict[str, Scalar] | None, None),
        ("_texts", list[str] | None, None),
        ("_depth", None, 0),
        ("_children", tuple[()], ()),
        *((f"_{name}", None, None) for name in _AFTERWARDS),
    ],
    bases=(Call, Struct),
    namespace={"__doc__": "A call that was read from a file."},
    module=__name__,
    tag_field="kind",
    tag="call",
    eq=False,
    rename={
        **{field: key for field, (key, _) in _FROM_LINE.items()},
        "_arguments": "arguments",
        "_texts": "texts",
    },
)


class Returned(Struct, tag_field="kind", tag="return", gc=False):
    """A line of kind "return"."""

    ts_ns: int
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

    ts_ns: int
    call_id: int
    error: RaisedError
    result: None = None


class Suspended(Struct, tag_field="kind", tag="suspend", gc=False):
    """A line of kind "suspend"."""

    ts_ns: int
    call_id: int


class Resumed(Struct, tag_field="kind", tag="resume", gc=False):
    """A line of kind "resume"."""

    ts_ns: int
    call_id: int


class Code(Struct, gc=False):
    """What the code of a site says."""

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


_DECODER: Final[Any] = msgspec.json.Decoder(
    LoadedCall | Returned | Raised | Suspended | Resumed | Site | Class | End
)


def decode(lines: bytes) -> list[Any] | None:
    """Return what stands in each of some lines; None if one is out of the ordinary."""
    try:
        found: list[Any] = _DECODER.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found


def link(links: Links, events: Iterator[Any]) -> None:  # noqa: C901, PLR0912  # see below
    """Take lines that were decoded.

    Raises:
        WrongLineError: at the first that makes no sense; it is the last that was taken.
    """
    by_id, named = links.by_id, links.named
    add = links.calls.append
    for event in events:
        kind = type(event)
        # The two that are frequent do here what `Links` does: a call more would be felt.
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
            names = event._method, event._defining_class, event._runtime_class, event._thread
            (
                event._method,
                event._defining_class,
                event._runtime_class,
                event._thread,
                event._site_facts,
                event._class_facts,
            ) = named.get(names) or links.name(names)
            if event._texts and event._arguments:
                event._arguments = with_texts(event._arguments, event._texts)
            by_id[call_id] = event
            add(event)
        elif kind is Returned:
            call = by_id.get(event.call_id)
            if call is None or call._end_ns is not None:
                raise WrongLineError(NOT_RUNNING)
            if event.ts_ns < call._start_ns or call._suspensions:
                links.end(event.call_id, event.ts_ns, None, None)
            call._end_ns = event.ts_ns
            result = event.result
            if result is not None:
                is_text = event.texts and type(result) is str and "result" in event.texts
                call._result = Text(result) if is_text else result
        else:
            _take(links, event)


def _take(links: Links, event: Any) -> None:
    match event:
        case Raised():
            error = CallError(event.error.type, event.error.message)
            links.end(event.call_id, event.ts_ns, None, error)
        case Suspended():
            links.suspend(event.call_id, event.ts_ns)
        case Resumed():
            links.resume(event.call_id, event.ts_ns)
        case Site():
            code = None if event.code is None else CodeFacts(*astuple(event.code))
            site = SiteFacts(event.defining_class, event.method, event.file, event.line, code)
            links.site(site)
        case Class():
            said = (event.template, event.hidden, event.provided)
            links.cls(event.runtime_class, event.mro, event.sites, said)
        case End():
            links.lost = event.lost

"""Fast decoder of many lines at once, with msgspec, which creates the final objects directly.

Lines that it rejects are left to the slow decoder, which accepts them or reports the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from callscope.read.formats.json_text import INT64
from callscope.read.formats.trace_builder import (
    BEFORE_PARENT,
    NOT_RUNNING,
    Links,
    WrongLineError,
    with_texts,
)
from callscope.trace import Call, CallError, ClassMetadata, CodeMetadata, SiteMetadata, Text

Scalar: TypeAlias = None | bool | int | float | str
Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)]
"""A time; larger ones could not be used in calculations."""

_NAMES: Final = ("_method", "_defining_class", "_runtime_class", "_thread")
"""Fields of a call with few distinct values, each shared by many calls."""

# The fields are those of a `Call`, so that `Call`'s methods work on them. A line cannot set the
# fields that are not listed here.
_FROM_LINE: Final[dict[str, Any]] = {
    "_start_ns": ("ts_ns", Int64),
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
_AFTERWARDS: Final = ("parent", "end_ns", "error", "result", "suspensions", "facts")


def _site_metadata(call: Any) -> SiteMetadata | None:
    found: SiteMetadata | None = call._facts.site(call._defining_class, call._method)
    return found


def _class_metadata(call: Any) -> ClassMetadata | None:
    found: ClassMetadata | None = call._facts.cls(call._runtime_class)
    return found


def _call_type(names: dict[str, Any]) -> Any:
    """Return a class of calls in which some fields accept only fixed values, which calls share."""
    return msgspec.defstruct(
        "LoadedCall",
        [
            *((field, names.get(field, kind)) for field, (_, kind) in _FROM_LINE.items()),
            ("_arguments", dict[str, Scalar] | None, None),
            ("_texts", list[str] | None, None),
            ("_depth", None, 0),
            ("_children", tuple[()], ()),
            *((f"_{name}", None, None) for name in _AFTERWARDS),
        ],
        bases=(Call, Struct),
        namespace={
            "__doc__": "A call that was read from a file.",
            "_site_metadata": property(_site_metadata),
            "_class_metadata": property(_class_metadata),
        },
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


_OTHERS: Final[Any] = Returned | Raised | Suspended | Resumed | Site | Class | End
_ANY_CALL: Final = _call_type({})
_ANY: Final[Any] = msgspec.json.Decoder(_ANY_CALL | _OTHERS)
_MOST_NAMES: Final = 5_000
_MOST_DECODERS: Final = 50


class Lines:
    """Decoder of lines.

    Creating a string costs more than recognizing it. So known names are compiled into a decoder,
    which reuses them; if it meets another name, a decoder without names takes over.
    """

    def __init__(self) -> None:
        self.call_type: Any = _ANY_CALL
        """The class of the calls decoded last."""
        self._names: dict[str, dict[str, None]] = {field: {} for field in _NAMES}
        self._known_type: Any = None
        self._known: Any = None
        self._made = 0

    def decode(self, lines: bytes) -> list[Any] | None:
        """Return the decoded lines; None if one needs the slow decoder."""
        if not (lines.isascii() or _is_utf8(lines)):  # msgspec does not check it in keys
            return None
        if self._known is not None:
            self.call_type = self._known_type
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return list(self._known.decode_lines(lines))
        self.call_type = _ANY_CALL
        try:
            found = list(_ANY.decode_lines(lines))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        self._learn(found)
        return found

    def _learn(self, events: list[Any]) -> None:
        calls = [event for event in events if type(event) is _ANY_CALL]
        for field, known in self._names.items():
            known.update(dict.fromkeys(map(attrgetter(field), calls)))
        self._made += 1
        if not calls:
            return
        if self._made > _MOST_DECODERS or max(map(len, self._names.values())) > _MOST_NAMES:
            self._known = None
            return
        names = {field: Literal[tuple(known)] for field, known in self._names.items()}
        self._known_type = _call_type(names)
        self._known = msgspec.json.Decoder(self._known_type | _OTHERS)


def _is_utf8(lines: bytes) -> bool:
    try:
        lines.decode()
    except UnicodeDecodeError:
        return False
    return True


def link(links: Links, events: Iterator[Any], call_type: Any) -> None:  # noqa: C901, PLR0912
    """Add decoded lines to `links`; `call_type` is the class of their calls.

    Raises:
        WrongLineError: at the first invalid line, which is the last one consumed.
    """
    by_id, facts = links.by_id, links.facts
    add = links.calls.append
    for event in events:
        kind = type(event)
        # The two frequent kinds inline the work of `Links`, as an extra function call is too slow.
        if kind is call_type:
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
            event._facts = facts
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
            facts = links.facts


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
            code = None if event.code is None else CodeMetadata(*astuple(event.code))
            site = SiteMetadata(event.defining_class, event.method, event.file, event.line, code)
            links.site(site)
        case Class():
            said = (event.template, event.hidden, event.provided)
            links.cls(event.runtime_class, event.mro, event.sites, said)
        case End():
            links.end_all(event.lost, event.left_out)

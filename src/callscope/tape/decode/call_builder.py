"""`CallBuilder`: builds `Call` objects from begin records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from callscope.introspect.identity import Numbers
from callscope.introspect.sites import ClassRef, Site
from callscope.introspect.summaries import REDACTED, ObjectMark, bounded, scrubbed, summarizer
from callscope.tape.decode.filter import SiteOptions
from callscope.tape.decode.metadata import MetadataReader
from callscope.tape.records import OMITTED, Layout
from callscope.trace import BuiltCall, Call, ClassMetadata, SiteMetadata, Text, Value

_AS_THEY_ARE: Final = frozenset({float, bool, type(None)})
"""Types of captured values that need no conversion."""
_LARGE: Final = 1 << 63
"""Integers of a smaller magnitude are shown unchanged."""


class _Shared(NamedTuple):
    """Fields shared by all calls of one layout on objects of one class."""

    method: str
    defining_class: str
    runtime_class: str
    mro_index: int | None
    facts: tuple[SiteMetadata, ClassMetadata]


class _Captured(NamedTuple):
    """Handling of the captured values of one layout."""

    is_kept: bool
    names: tuple[str, ...] | None
    """Names of the arguments; None if one is of ``*args`` or ``**kwargs``."""
    is_as_asked: bool
    """True if they were captured exactly as this recording asked for."""
    hides_result: bool
    """True if the method's name says that it returns a secret."""


class CallBuilder:
    """Builder of the calls of one recording.

    Args:
        sites: options of the requested sites; classes that are made later add more.
    """

    def __init__(self, sites: Mapping[Site, SiteOptions]) -> None:
        self._asked = sites
        self._facts = MetadataReader(sites)
        self._pid = os.getpid()
        self._shared: dict[tuple[Layout, ClassRef | None], _Shared] = {}
        self._captured: dict[Layout, _Captured] = {}
        self.numbers: Numbers = Numbers()
        """Serial numbers of the objects."""

    def refresh(self) -> None:
        """Clear the caches: sites may have been added, and classes named."""
        self._facts.refresh()
        self._shared.clear()
        self._captured.clear()

    def call(
        self,
        layout: Layout,
        identity: Any,
        runtime: ClassRef | None,
        values: list[Any],
        start_ns: int,
        thread: str,
        parent: Call | None,
    ) -> Call:
        """Return a call that has begun; it is not in its parent's children yet."""
        shared = self._shared.get((layout, runtime)) or self._share(layout, runtime)
        call = BuiltCall(
            shared.method,
            shared.defining_class,
            shared.runtime_class,
            None if identity is None else self.numbers[identity],
            shared.mro_index,
            self._arguments(layout, values),
            start_ns,
            thread,
            parent,
        )
        call._pid = self._pid
        call._site_metadata, call._class_metadata = shared.facts
        return call

    def value(self, layout: Layout, captured: Any) -> Value:
        """Return a captured value as this recording asked for it."""
        how = self._captured.get(layout) or self._capture(layout)
        if how.is_as_asked:
            kind = type(captured)
            if kind is str:
                return scrubbed(captured)
            if kind in _AS_THEY_ARE or (kind is int and -_LARGE < captured < _LARGE):
                return captured  # type: ignore[no-any-return]
        if not how.is_kept:
            return None
        asked = self._asked[layout.site]
        if not asked.redact <= layout.redact:
            return REDACTED  # captured by a shadow from before this recording, which hid less
        if len(layout.captured) > 1:
            captured = captured[layout.captured.index(asked.capture)]
        if type(captured) is ObjectMark:
            number = self.numbers.get(captured.ref)
            text: Text = captured.text
            return text if number is None else Text(f"{text[1:-1]}#{number}")
        return _plain(captured)

    def result(self, layout: Layout, captured: Any) -> Value:
        """Return a captured result; the method's name decides whether it is hidden."""
        how = self._captured.get(layout) or self._capture(layout)
        if how.is_kept and how.hides_result:
            return REDACTED
        return self.value(layout, captured)

    def _arguments(self, layout: Layout, values: list[Any]) -> dict[str, Value] | None:
        """Return the captured arguments by name."""
        how = self._captured.get(layout) or self._capture(layout)
        if not how.is_kept or not layout.captured:
            return None
        if how.names is None:
            return self._spread(layout, values)
        arguments: dict[str, Value] = {}
        for name, captured in zip(how.names, values, strict=True):
            if captured is not OMITTED:
                is_done = how.is_as_asked and type(captured) in _AS_THEY_ARE
                arguments[name] = captured if is_done else self.value(layout, captured)
        return arguments

    def _spread(self, layout: Layout, values: list[Any]) -> dict[str, Value]:
        """Return the arguments, with ``*args`` and ``**kwargs`` expanded."""
        arguments: dict[str, Value] = {}
        for field, captured in zip(layout.fields, values, strict=True):
            if captured is OMITTED:
                continue
            if field.kind == "value":
                arguments[field.name] = self.value(layout, captured)
            elif field.kind == "var_positional":
                for index, item in enumerate(captured):
                    arguments[f"{field.name}[{index}]"] = self.value(layout, item)
            else:
                for name, item in captured.items():
                    # A keyword may be named like a positional-only parameter.
                    key = f"**{name}" if name in arguments else name
                    arguments[key] = self.value(layout, item)
        return arguments

    def _share(self, layout: Layout, runtime: ClassRef | None) -> _Shared:
        site = layout.site
        defining = site.defining
        cls = runtime or defining
        found = self._shared[layout, runtime] = _Shared(
            site.method,
            defining.name,
            cls.name,
            cls.mro.index(defining) if defining in cls.mro else None,
            self._facts.known.get((site, cls)) or self._facts.of(site, cls),
        )
        return found

    def _capture(self, layout: Layout) -> _Captured:
        asked = self._asked[layout.site]
        is_kept = asked.capture != "none"
        is_plain = all(field.kind == "value" for field in layout.fields)
        found = self._captured[layout] = _Captured(
            is_kept,
            tuple(field.name for field in layout.fields) if is_plain else None,
            is_kept and asked.redact <= layout.redact and len(layout.captured) == 1,
            summarizer(tuple(sorted(asked.redact))).hides(layout.site.method),
        )
        return found


def _plain(captured: Any) -> Value:
    """Return a captured value, with texts scrubbed and integers bounded."""
    if type(captured) is str:
        return scrubbed(captured)
    return bounded(captured) if type(captured) is int else captured

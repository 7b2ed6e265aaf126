"""The calls of a trace, grouped by object for the detectors."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from callscope.trace import Call, ClassMetadata, CodeMetadata

INIT: Final = "__init__"
CALL: Final = "__call__"
ANY: Final = "*"
"""Marker among the attributes that code sets: it also sets others, which it does not name."""

_MOST_NAMES: Final = 3

_NO_ATTRIBUTE: Final = re.compile(r" has no attribute '([^']*)'")

_Key: TypeAlias = tuple[int, int]


class Construction(NamedTuple):
    """One construction of an object: its outermost `__init__` and nested calls on the object."""

    call: Call
    metadata: ClassMetadata
    inits: list[Call]
    """The calls of `__init__` on the object, the outermost first."""

    def definers(self) -> list[int]:
        """Return the MRO indexes of the classes whose `__init__` is traced."""
        return [i for i in range(len(self.metadata.mro)) if self.metadata.site(i, INIT) is not None]

    def is_abstract(self, mro_index: int) -> bool:
        """Return whether one class's `__init__` is abstract, not meant to run."""
        code = self.code(mro_index)
        return code is not None and code.is_abstract

    def code(self, mro_index: int) -> CodeMetadata | None:
        """Return the code metadata of one class's `__init__`; None if unknown."""
        site = self.metadata.site(mro_index, INIT)
        return None if site is None else site.code


class Templates:
    """The calls of `__call__` on one object, in the order they began."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._last_ends: list[float] = []
        """For each call, the latest end of all calls up to it."""
        self._first_without: dict[str, float] = {}

    def add(self, call: Call) -> None:
        """Add a call that began after the others."""
        end = math.inf if call._end_ns is None else call._end_ns
        self._calls.append(call)
        self._last_ends.append(max(end, *self._last_ends[-1:], 0))

    def may_lead_to(self, call: Call) -> bool:
        """Return whether one of them may have caused a call without being its ancestor.

        It may run in another thread, or have returned an object that makes the call later.
        """
        before = bisect_right(self._calls, call.start_ns, key=_start)
        if not before:
            return False
        is_running = self._last_ends[before - 1] >= call.start_ns
        return is_running or self._first_that_lacks(call.method) <= call.start_ns

    def _first_that_lacks(self, method: str) -> float:
        """Return the start of the first call that did not lead to the method; infinity if none."""
        start_ns = self._first_without.get(method)
        if start_ns is None:
            starts = (c.start_ns for c in self._calls if not led(c, method))
            start_ns = self._first_without[method] = next(starts, math.inf)
        return start_ns


class Ancestors:
    """The innermost calls on the same object that led to each call.

    Found in one traversal, as a call may have many ancestors, and each of these too.

    Args:
        calls: all calls of a trace.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self._outer: dict[Call, Call] = {}
        """Excludes those that are the direct parent."""
        self._init: dict[Call, Call] = {}
        self.leading: set[Call] = set()
        """The calls of `__call__` that led to another call on the same object."""
        self._open: dict[tuple[int, int | None, str], list[Call]] = {}
        waiting: list[Call | None] = [call for call in calls if call._parent is None]
        path: list[Call] = []
        while waiting:
            call = waiting.pop()
            if call is None:
                self._leave(path.pop())
                continue
            self._enter(call)
            path.append(call)
            waiting.append(None)
            waiting += call._children

    def _enter(self, call: Call) -> None:
        outer, init = self._open_of(call, ""), self._open_of(call, INIT)
        if outer and outer[-1] is not call._parent:
            self._outer[call] = outer[-1]
        if init:
            self._init[call] = init[-1]
        outer.append(call)
        if call._method == INIT:
            init.append(call)
        elif call._method == CALL:
            template = self._open_of(call, CALL)
            self.leading.update(template[-1:])
            template.append(call)

    def _leave(self, call: Call) -> None:
        self._open_of(call, "").pop()
        if call._method in (INIT, CALL):
            self._open_of(call, call._method).pop()

    def _open_of(self, call: Call, method: str) -> list[Call]:
        return self._open.setdefault((call._pid, call._instance, method), [])

    def outer(self, call: Call) -> Call | None:
        """Return the innermost call on the same object that led to a call."""
        parent = call._parent
        if parent is not None and is_same_object(parent, call):
            return parent
        return self._outer.get(call)

    def init(self, call: Call) -> Call | None:
        """Return the innermost `__init__` on the same object that led to a call."""
        return self._init.get(call)

    def inits(self, call: Call) -> Iterator[Call]:
        """Yield each `__init__` on the same object that led to a call, innermost first."""
        while (outer := self.init(call)) is not None:
            yield outer
            call = outer


class Objects:
    """The calls of a trace by object.

    Args:
        calls: all calls of a trace, in the order they began.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.ancestors: Ancestors = Ancestors(calls)
        self._constructions: dict[_Key, list[Construction]] = {}
        self._templates: dict[_Key, Templates] = {}
        self._failed: dict[_Key, list[Call]] = {}
        for call in calls:
            if call._instance is not None:
                self._take(call, (call._pid, call._instance))

    def _take(self, call: Call, key: _Key) -> None:
        if call._method == CALL:
            self._templates.setdefault(key, Templates()).add(call)
        if call._error is not None:
            self._failed.setdefault(key, []).append(call)
        if (
            call._method == INIT
            and call._class_metadata is not None
            and call._mro_index is not None
        ):
            outer = self.ancestors.init(call)
            constructions = self._constructions.setdefault(key, [])
            if outer is None or not constructions:
                constructions.append(Construction(call, call._class_metadata, [call]))
            else:
                constructions[-1].inits.append(call)

    def constructions(self) -> Iterator[Construction]:
        """Yield each construction of an object that was recorded from its beginning.

        It was not if the first traced `__init__` is not the one that runs first.
        """
        for constructions in self._constructions.values():
            for construction in constructions:
                definers = construction.definers()
                if definers and construction.call.mro_index == definers[0]:
                    yield construction

    def begun_before(self, call: Call) -> Call | None:
        """Return the last `__init__` that constructed the object before a call on it."""
        constructions = self._constructions.get(_key(call), [])
        before = bisect_left(constructions, call.start_ns, key=lambda c: c.call.start_ns)
        return constructions[before - 1].call if before else None

    def templates_of(self, call: Call) -> Templates:
        """Return the calls of `__call__` on the object that a call ran on."""
        return self._templates.get(_key(call)) or Templates()

    def half_built(self) -> Iterator[Call]:
        """Yield the calls on objects of which an `__init__` has raised."""
        failed = {
            key
            for key, constructions in self._constructions.items()
            if any(construction.call.error is not None for construction in constructions)
        }
        if failed:
            yield from (c for c in self.calls if c._instance is not None and _key(c) in failed)

    def failed_of(self, call: Call) -> Sequence[Call]:
        """Return the calls that raised on the object that a call ran on."""
        return self._failed.get(_key(call), ())


def _key(call: Call) -> _Key:
    return call._pid, call._instance or 0


def is_same_object(call: Call, other: Call) -> bool:
    """Return whether two calls ran on the same object."""
    return call._instance == other._instance and call._pid == other._pid


def led(template: Call, method: str) -> list[Call]:
    """Return the outermost calls of a method that a `__call__` led to on its object."""
    calls, waiting = [], [*template._children]
    while waiting:
        call = waiting.pop()
        if is_same_object(call, template):
            if call.method == method:
                calls.append(call)
            else:
                waiting += call._children
    return calls


def _start(call: Call) -> int:
    return call.start_ns


def lacked(call: Call) -> str | None:
    """Return the name of the missing attribute that made a call raise; None if there is none."""
    error = call.error
    if error is None or error.type != "AttributeError":
        return None
    match = _NO_ATTRIBUTE.search(error.message)
    return None if match is None else match[1]


def names(items: Sequence[str], joint: str = "and") -> str:
    """Join a few names as in a sentence."""
    more = len(items) - _MOST_NAMES
    visible = [*items[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])]
    return f" {joint} ".join(filter(None, (", ".join(visible[:-1]), visible[-1])))

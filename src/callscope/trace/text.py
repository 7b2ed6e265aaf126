"""Text of calls and values for people to read."""

# ruff: noqa: D102  # the properties are those of `Call`

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from callscope.errors import one_line as one_line  # noqa: PLC0414  # all ways of writing stand here
from callscope.introspect.classes import bare_name
from callscope.introspect.values import CallError, Text, Value
from callscope.trace.header import Header, Process


class OfClasses(Protocol):
    """What has a defining class and a runtime class: a call, or what many calls share."""

    @property
    def defining_class(self) -> str: ...
    @property
    def runtime_class(self) -> str: ...


class Described(OfClasses, Protocol):
    """Call attributes shown in text; see `Call`."""

    @property
    def method(self) -> str: ...
    @property
    def instance(self) -> int | None: ...
    @property
    def _arguments(self) -> Mapping[str, Value] | None: ...
    @property
    def result(self) -> Value: ...
    @property
    def error(self) -> CallError | None: ...
    @property
    def finished(self) -> bool: ...


class Names:
    """Display names of classes: bare, or with the module if two share the bare name."""

    def __init__(self, qualified_names: Iterable[str] = ()) -> None:
        self._by_bare: dict[str, set[str]] = {}
        for name in qualified_names:
            self.add(name)

    @classmethod
    def from_calls(cls, calls: Iterable[OfClasses]) -> Names:
        """Return the names of all classes of some calls, or of their callees."""
        pairs = ((call.defining_class, call.runtime_class) for call in calls)
        return cls(itertools.chain.from_iterable(pairs))

    def add(self, qualified: str) -> None:
        """Add a class."""
        self._by_bare.setdefault(bare_name(qualified), set()).add(qualified)

    def show(self, qualified: str) -> str:
        """Return the shortest name that no other added class has."""
        bare = bare_name(qualified)
        return one_line(qualified if len(self._by_bare.get(bare, ())) > 1 else bare)

    def __iter__(self) -> Iterator[str]:
        for names in self._by_bare.values():
            yield from sorted(names)


_NO_NAMES: Final = Names()


MAX_INDENT: Final = 100
"""Maximum levels of indentation; beyond, the text would grow quadratically with depth."""


def deep(depth: int) -> str:
    """Return the prefix of a call deeper than `MAX_INDENT`; empty for others."""
    return f"(depth {depth:,}) " if depth > MAX_INDENT else ""


def indent(depth: int) -> str:
    """Return two spaces per level, and the depth if it exceeds `MAX_INDENT`."""
    return "  " * min(depth, MAX_INDENT) + deep(depth)


def value_text(value: Value) -> str:
    """Return the text of a captured value."""
    return one_line(value) if type(value) is Text else repr(value)


def process_details(header: Header) -> dict[int, str]:
    """Return, by pid, the host, rank and command of each process, where they differ."""
    rows = {process.pid: _details(process) for process in header.origins}
    differs = [len(set(column)) > 1 for column in zip(*rows.values(), strict=True)]
    return {
        pid: "".join(f", {text}" for text in itertools.compress(row, differs) if text)
        for pid, row in rows.items()
    }


def _details(process: Process) -> tuple[str, str, str]:
    return (
        one_line(f"host {process.host}") if process.host else "",
        "" if process.rank is None else f"rank {process.rank}",
        one_line(process.command),
    )


def arguments_text(call: Described) -> str:
    """Return the arguments in parentheses; empty if they were not captured."""
    if call._arguments is None:
        return ""
    pairs = ", ".join(
        f"{one_line(name)}={value_text(value)}" for name, value in call._arguments.items()
    )
    return f"({pairs})"


def call_text(call: Described, names: Names = _NO_NAMES) -> str:
    """Return a call in one line: ``Layer.__call__(y=4) [MyLayer#1]``."""
    site = f"{names.show(call.defining_class)}.{one_line(call.method)}"
    return f"{site}{arguments_text(call)} [{object_text(call, names)}]"


def object_text(call: Described, names: Names = _NO_NAMES) -> str:
    """Return the object a call ran on: ``MyLayer#1``, or only the class if there is none."""
    runtime_class = names.show(call.runtime_class)
    return runtime_class if call.instance is None else f"{runtime_class}#{call.instance}"


def outcome_text(call: Described) -> str:
    """Return the outcome of a call: `` -> result``, `` !! Type: message``, `` ...`` or empty."""
    if not call.finished:
        return " ..."
    if call.error is not None:
        message = f": {one_line(call.error.message)}" if call.error.message else ""
        return f" !! {one_line(bare_name(call.error.type))}{message}"
    return "" if call.result is None else f" -> {value_text(call.result)}"


def missing(lost: int, left_out: Mapping[str, int]) -> list[str]:
    """Return clauses about the calls that are missing from a trace.

    Args:
        lost: see `Trace.lost`.
        left_out: see `Trace.left_out`.
    """
    counts = {"made and not kept": lost, "left out, as was asked for": sum(left_out.values())}
    return [
        f"{count:,} more call{' was' if count == 1 else 's were'} {what}"
        for what, count in counts.items()
        if count
    ]


def duration_text(duration_ns: int | None, micro: str = "µs") -> str:
    """Return a duration in a suitable unit: ``12.3 µs``; empty for None."""
    if duration_ns is None:
        return ""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000)):
        if duration_ns >= size:
            return f"{duration_ns / size:.2f} {unit}"
    return f"{duration_ns / 1_000:.1f} {micro}"

"""Text of calls and values for people to read."""

# ruff: noqa: D102  # the properties are those of `Call`

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, Protocol

from callscope.errors import one_line as one_line  # noqa: PLC0414  # all ways of writing stand here
from callscope.introspect.classes import bare_name
from callscope.introspect.values import CallError, Text, Value
from callscope.trace.header import Header, Process


class OfSite(Protocol):
    """Attributes that a call and its `Callee` have."""

    @property
    def defining_class(self) -> str: ...
    @property
    def runtime_class(self) -> str: ...
    @property
    def method(self) -> str: ...


class Described(OfSite, Protocol):
    """Call attributes shown in text; see `Call`."""

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
    def from_calls(cls, calls: Iterable[OfSite]) -> Names:
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
_WITHOUT_DIGITS: Final = 100


UNFINISHED_TEXT: Final = " ..."
"""Outcome of a call that has not ended."""

MAX_INDENT: Final = 100
"""Maximum levels of indentation; beyond, the text would grow quadratically with depth."""


def deep(depth: int) -> str:
    """Return the prefix of a call deeper than `MAX_INDENT`; empty for others."""
    return f"(depth {depth:,}) " if depth > MAX_INDENT else ""


@lru_cache(MAX_INDENT)
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
    return arguments_template(call._arguments) % (*map(value_text, call._arguments.values()),)


def arguments_template(names: Iterable[str]) -> str:
    """Return arguments in parentheses, with ``%s`` for the text of each value."""
    return f"({', '.join([one_line(name).replace('%', '%%') + '=%s' for name in names])})"


def call_text(call: Described, names: Names = _NO_NAMES) -> str:
    """Return a call in one line: ``Layer.__call__(y=4) [MyLayer#1]``."""
    return whole_call(site_text(call, names), arguments_text(call), object_text(call, names))


def whole_call(site: str, arguments: str, instance: str) -> str:
    """Return the text of a call, given that of its parts."""
    return f"{site}{arguments} [{instance}]"


def site_text(call: OfSite, names: Names = _NO_NAMES) -> str:
    """Return the class and the method: ``Layer.__call__``."""
    return f"{names.show(call.defining_class)}.{one_line(call.method)}"


def object_text(call: Described, names: Names = _NO_NAMES) -> str:
    """Return the object a call ran on: ``MyLayer#1``, or only the class if there is none."""
    return numbered(names.show(call.runtime_class), call.instance)


def numbered(runtime_class: str, instance: int | None) -> str:
    """Return the text of an object, given that of its class."""
    return f"{runtime_class}#{instance}" if instance else runtime_class


def outcome_text(call: Described) -> str:
    """Return the outcome of a call: `` -> result``, `` !! Type: message``, `` ...`` or empty."""
    if not call.finished:
        return UNFINISHED_TEXT
    return ended_text(call.result if call.error is None else call.error)


def ended_text(outcome: Value | CallError) -> str:
    """Return the text of the result of a call, or of the exception that ended it."""
    if isinstance(outcome, CallError):
        message = f": {one_line(outcome.message)}" if outcome.message else ""
        return f" !! {one_line(bare_name(outcome.type))}{message}"
    return "" if outcome is None else f" -> {value_text(outcome)}"


def calls_text(count: int) -> str:
    """Return a number of calls: ``1 call``, ``2 calls``."""
    return f"{count:,} call{'' if count == 1 else 's'}"


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
    unit, size, digits = _unit(duration_ns, micro)
    return f"{duration_ns / size:.{digits}f} {unit}"


def spread_text(least_ns: int, median_ns: int, most_ns: int, micro: str = "µs") -> str:
    """Return durations in the unit that suits their median: ``0.8/1.2/12.3 µs``."""
    unit, size, digits = _unit(median_ns, micro)
    values = (ns / size for ns in (least_ns, median_ns, most_ns))
    texts = [f"{value:.{digits if value < _WITHOUT_DIGITS else 0}f}" for value in values]
    return f"{'/'.join(texts)} {unit}"


def _unit(duration_ns: int, micro: str) -> tuple[str, int, int]:
    """Return a unit, its length in nanoseconds, and the number of digits after the point."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000)):
        if duration_ns >= size:
            return unit, size, 2
    return micro, 1_000, 1

"""`Trace`: the calls of one recording."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from callscope.hierarchy import bare_name, qualified_name
from callscope.trace.call import Call
from callscope.trace.event import Event, EventKind, Header

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    import pyarrow as pa

    from callscope.analyze.findings import Findings
    from callscope.analyze.summary import Summary


class Recorded(NamedTuple):
    """A recording's calls as they are known so far."""

    calls: Sequence[Call]
    lost: int
    """Number of calls that were made but not kept: `max_calls` was reached, or a disk was full."""


class Trace:
    """The calls of one recording, as a list, as a tree, and as text.

    It may be read while the recording still runs, and then holds what has happened so far.
    """

    def __init__(self, header: Header, read: Callable[[], Recorded]) -> None:
        self.header = header
        self._read = read
        self._calls: tuple[Call, ...] = ()

    @property
    def calls(self) -> Sequence[Call]:
        """Every call, in the order they began."""
        calls = self._read().calls
        known = self._calls
        if len(calls) != len(known) or (calls and calls[-1] is not known[-1]):
            self._calls = tuple(calls)
        return self._calls

    @property
    def roots(self) -> Sequence[Call]:
        """The calls that no other traced call led to, in the order they began."""
        return tuple(call for call in self.calls if call.parent is None)

    @property
    def lost(self) -> int:
        """Number of calls that were made but not kept: `max_calls` was reached, or a disk was full."""
        return self._read().lost

    def events(self) -> Iterator[Event]:
        """Yield the events of all calls in the order of time."""
        instants = sorted(_instants(self.roots), key=lambda instant: instant[0])
        for seq, (ts_ns, kind, call) in enumerate(instants, 1):
            yield Event(kind, seq, ts_ns, call)

    def find(
        self,
        site: str = "*",
        *,
        method: str | None = None,
        defining_class: str | type | None = None,
        runtime_class: str | type | None = None,
        instance: int | None = None,
        where: Callable[[Call], bool] | None = None,
    ) -> list[Call]:
        """Return the calls that fit everything asked for, in the order they began.

        Args:
            site: a site such as ``"Layer.__call__"``, or an `fnmatch` pattern of sites.
            method: name of the method, or a pattern.
            defining_class: the class that defines the method: the class itself, its bare or its
                module-qualified name, or a pattern of either.
            runtime_class: the class of the object, in the same forms.
            instance: the object's serial number.
            where: a function that is given each call and returns True to keep it.
        """
        return [
            call
            for call in self.calls
            if fnmatchcase(call.site, site)
            and (method is None or fnmatchcase(call.method, method))
            and (defining_class is None or _is_class(call.defining_class, defining_class))
            and (runtime_class is None or _is_class(call.runtime_class, runtime_class))
            and (instance is None or call.instance == instance)
            and (where is None or where(call))
        ]

    def outline(self) -> str:
        """Return the tree as stable text, with no time or address in it.

        Two spaces per depth, the site with its arguments, the object in brackets, then
        `` -> result`` where the result is not None, or `` !! Type: message``. Two runs of the
        same program give the same outline, so a test may compare it with a string.
        """
        text: str = _format("tree").outline(self)
        return text

    def summary(self) -> Summary:
        """Return the number of calls and the times per site."""
        summary: Summary = importlib.import_module("callscope.analyze.summary").summarize(self)
        return summary

    def findings(self) -> Findings:
        """Return the mistakes that the calls show, those of severity ``"error"`` first.

        A sequence of `Finding`: an ``__init__`` of the MRO that never ran or ran twice, an object
        used before it was ready, a template method that was bypassed, a result that was dropped.
        Each names the classes, the file and the line, the calls that show it, and what to do. It
        is empty for a trace that does not hold all calls, because of `max_calls` or `where`.
        """
        findings: Findings = importlib.import_module("callscope.analyze.findings").find(self)
        return findings

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the trace to a file in the format its suffix names, and return its path.

        Raises:
            TraceFormatError: if no format has that suffix.
            TraceFileError: if the file cannot be written.
        """
        saved: Path = importlib.import_module("callscope.formats").save(self, path)
        return saved

    def to_arrow(self) -> pa.Table:
        """Return the calls as a table of Arrow, one row each, in the order they began.

        The columns are named as the attributes of `Call`, and ``parent_id`` is the `call_id` of the
        parent. ``arguments`` and ``result`` are JSON; ``argument_texts`` lists the arguments whose
        strings stand for values that are no scalars, and ``result_is_text`` says it of the result.
        ``instants`` are the times at which a call was suspended, resumed, suspended...

        Raises:
            MissingExtraError: if pyarrow is not installed.
            TraceFormatError: if a number is too large for a column.
        """
        table: pa.Table = _format("parquet").to_arrow(self)
        return table

    def __str__(self) -> str:
        text: str = _format("tree").tree(self)
        findings = self.findings()
        return f"{text}\n\n{findings.brief()}" if findings else text

    def __len__(self) -> int:
        return len(self._read().calls)

    def __repr__(self) -> str:
        calls = len(self)
        return f"<Trace of {calls} call{'' if calls == 1 else 's'}>"


def _format(name: str) -> Any:
    # Formats import this module; they are found by name when they are asked for.
    return importlib.import_module(f"callscope.formats.{name}")


def _is_class(name: str, wanted: str | type) -> bool:
    if isinstance(wanted, type):
        return name == qualified_name(wanted)
    return fnmatchcase(name, wanted) or fnmatchcase(bare_name(name), wanted)


def _instants(roots: Iterable[Call]) -> Iterator[tuple[int, EventKind, Call]]:
    """Yield begin and end of every call below the roots, in order; no recursion, for depth."""
    stack: list[tuple[Call, Iterator[Call]]] = []
    rest = iter(roots)
    while True:
        call = next(rest, None)
        if call is not None:
            yield call.start_ns, "call", call
            for suspended_ns, resumed_ns in call.suspensions:
                yield suspended_ns, "suspend", call
                if resumed_ns is not None:
                    yield resumed_ns, "resume", call
            stack.append((call, rest))
            rest = iter(call.children)
        elif stack:
            call, rest = stack.pop()
            if call._end_ns is not None:
                yield call._end_ns, "return" if call.error is None else "raise", call
        else:
            return

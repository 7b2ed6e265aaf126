"""`Trace`: the calls of one recording."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from callscope.errors import SiteWarning, nearest_first, some_of, warn
from callscope.hierarchy import bare_name, qualified_name
from callscope.trace.call import Call
from callscope.trace.event import Cost, Event, EventKind, Header

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
    """Number of calls made but not kept: `max_calls` was reached, or a disk was full."""
    left_out: Mapping[str, int] = MappingProxyType({})
    """Number of calls that were left out on purpose, of each site by its qualified name."""
    sites: Callable[[], Iterable[tuple[str, str]]] = tuple
    """Returns the sites that the recording was asked for: qualified name of the class, and method."""
    absence: Callable[[], str] = str
    """Returns a sentence, after a space, on why there may be no call; or nothing."""


class Trace(Sequence[Call]):
    """The calls of one recording, as a list, as a tree, and as text.

    It is a sequence of its calls, in the order they began: it can be iterated, indexed and sliced,
    and is false while it is empty. Two traces are equal only if they are the same object.

    It may be read while the recording still runs, and then holds what has happened so far. What one
    call of a method returns, or one file holds, is what had happened at one moment.
    """

    def __init__(
        self,
        header: Header,
        read: Callable[[], Recorded],
        measure_cost: Callable[[], Cost] | None = None,
    ) -> None:
        self.header: Header = header
        self._read = read
        self._measure_cost = measure_cost
        self._calls: tuple[Call, ...] = ()
        self._whole: Trace | None = None
        """The trace that this one is a snapshot of."""

    @property
    def calls(self) -> Sequence[Call]:
        """Every call, in the order they began."""
        return self._as_tuple(self._read().calls)

    def _as_tuple(self, calls: Sequence[Call]) -> tuple[Call, ...]:
        known = self._calls
        if len(calls) != len(known) or (calls and calls[-1] is not known[-1]):
            self._calls = known = tuple(calls)
        return known

    def _snapshot(self) -> Trace:
        """Return the trace as it is now: what asks it more than once gets one answer."""
        if self._whole is not None:
            return self
        recorded = self._read()
        recorded = recorded._replace(calls=self._as_tuple(recorded.calls))
        snapshot = Trace(self.header, lambda: recorded)
        snapshot._whole = self
        return snapshot

    @property
    def roots(self) -> Sequence[Call]:
        """The calls that no other traced call led to, in the order they began."""
        return tuple(call for call in self.calls if call.parent is None)

    @property
    def lost(self) -> int:
        """Number of calls made but not kept: `max_calls` was reached, or a disk was full."""
        return self._read().lost

    @property
    def left_out(self) -> Mapping[str, int]:
        """Number of calls that `sample` and `max_per_second` left out, exactly, of each site.

        Sites are named with their module: ``"app.Layer.__call__"``.
        """
        return self._read().left_out

    @property
    def cost(self) -> Cost | None:
        """What recording itself took per call; None for a trace that does not say.

        It is measured when it is first asked for, by a summary or by saving, in the process that
        recorded; for a trace that is streamed to a file, when the recording begins.
        """
        if self._whole is not None:
            return self._whole.cost
        if self.header.cost is None and self._measure_cost is not None:
            self.header = self.header._replace(cost=self._measure_cost())
        return self.header.cost

    def events(self) -> Iterator[Event]:
        """Yield the events of all calls in the order of time."""
        instants = sorted(_instants(self.roots), key=itemgetter(0))
        for seq, (ts_ns, kind, call) in enumerate(instants, 1):
            yield Event(kind, seq, ts_ns, call)

    def find(
        self,
        site: str | type = "*",
        *,
        method: str | None = None,
        defining_class: str | type | None = None,
        runtime_class: str | type | None = None,
        instance: int | None = None,
        error: str | type | bool | None = None,
        within: Call | None = None,
        where: Callable[[Call], bool] | None = None,
    ) -> list[Call]:
        """Return the calls that fit everything asked for, in the order they began.

        There may be none. If the site is none that the trace knows of, as one that is misspelt, a
        `SiteWarning` names those that there are.

        Args:
            site: a site such as ``"Layer.__call__"``, or an `fnmatch` pattern of sites; or a class,
                for all methods that it defines.
            method: name of the method, or a pattern.
            defining_class: the class that defines the method: the class itself, its bare or its
                module-qualified name, or a pattern of either.
            runtime_class: the class of the object, in the same forms.
            instance: the object's serial number.
            error: True for calls that an exception ended, False for all others; or the class of
                the exception, in the same forms as other classes (subclasses do not count).
            within: a call of the trace; of what it led to, directly or not.
            where: a function that is given each call and returns True to keep it.
        """
        below = None if within is None else _below(within)
        found = [
            call
            for call in self.calls
            if _is_site(call.defining_class, call.method, site)
            and (method is None or fnmatchcase(call.method, method))
            and (defining_class is None or _is_class(call.defining_class, defining_class))
            and (runtime_class is None or _is_class(call.runtime_class, runtime_class))
            and (instance is None or call.instance == instance)
            and (error is None or _has_error(call, error))
            and (below is None or call in below)
            and (where is None or where(call))
        ]
        if not found and site != "*":
            self._warn_if_unknown(site)
        return found

    def _warn_if_unknown(self, site: str | type) -> None:
        """Warn if no site that the trace knows of fits."""
        known = {(call.defining_class, call.method) for call in self.calls}
        for facts in {id(f): f for call in self.calls if (f := call._class_facts)}.values():
            known.update((s.defining_class, s.method) for sites in facts.sites for s in sites)
        known.update(self._read().sites())
        if not known or any(_is_site(*each, site) for each in known):
            return
        name = bare_name(qualified_name(site)) if isinstance(site, type) else site
        names = sorted(f"{bare_name(cls)}.{method}" for cls, method in known)
        there_are = some_of(nearest_first(names, (name,)))
        warn(f"No site fits {name!r}; there are {there_are}.", SiteWarning)

    def outline(self) -> str:
        """Return the tree as stable text, with no time or address in it.

        Two spaces per depth, the site with its arguments, the object in brackets, then
        `` -> result`` where the result is not None, or `` !! Type: message``. Two runs of the
        same program give the same outline, so a test may compare it with a string.
        """
        text: str = _format("tree").outline(self._snapshot())
        return text

    def summary(self, *, corrected: bool = True) -> Summary:
        """Return the number of calls and the times per site, and per class of objects.

        Args:
            corrected: whether what recording itself took, as far as that is known (see `cost`),
                is taken off all times.
        """
        module = importlib.import_module("callscope.analyze.summary")
        summary: Summary = module.summarize(self._snapshot(), corrected=corrected)
        return summary

    def findings(self) -> Findings:
        """Return the mistakes that the calls show, those of severity ``"error"`` first.

        A sequence of `Finding`: an ``__init__`` of the MRO that never ran or ran twice, an object
        used before it was ready, a template method that was bypassed, a result that was dropped.
        Each names the classes, the file and the line, the calls that show it, and what to do. It
        is empty for a trace that does not hold all calls, because of `max_calls`, `where`, `sample`
        or `max_per_second`.
        """
        module = importlib.import_module("callscope.analyze.findings")
        findings: Findings = module.find(self._snapshot())
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
        table: pa.Table = _format("parquet").to_arrow(self._snapshot())
        return table

    def __str__(self) -> str:
        snapshot = self._snapshot()
        text: str = _format("tree").tree(snapshot)
        findings = snapshot.findings()
        return f"{text}\n\n{findings.brief()}" if findings else text

    def _repr_html_(self) -> str:
        html: str = _format("notebook").trace_html(self._snapshot())
        return html

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001  # IPython's
        printer.text(str(self))

    def __len__(self) -> int:
        return len(self._read().calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __contains__(self, call: object) -> bool:
        return call in self.calls

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | Sequence[Call]:
        return self.calls[index]

    def __reversed__(self) -> Iterator[Call]:
        return reversed(self.calls)

    def index(self, call: Call, start: int = 0, stop: int | None = None) -> int:
        """Return the place of a call in `calls`, as `list.index` does."""
        calls = self.calls
        return calls.index(call, start, len(calls) if stop is None else stop)

    def count(self, call: Call) -> int:
        """Return 1 for a call of the trace, else 0."""
        return self.calls.count(call)

    def __repr__(self) -> str:
        calls = len(self)
        return f"<Trace of {calls} call{'' if calls == 1 else 's'}>"


def _format(name: str) -> Any:
    # Formats import this module; they are found by name when they are asked for.
    return importlib.import_module(f"callscope.formats.{name}")


def _is_site(defining_class: str, method: str, wanted: str | type) -> bool:
    if isinstance(wanted, type):
        return defining_class == qualified_name(wanted)
    return fnmatchcase(f"{bare_name(defining_class)}.{method}", wanted)


def _is_class(name: str, wanted: str | type) -> bool:
    if isinstance(wanted, type):
        return name == qualified_name(wanted)
    return fnmatchcase(name, wanted) or fnmatchcase(bare_name(name), wanted)


def _has_error(call: Call, wanted: str | type | bool) -> bool:  # noqa: FBT001  # True means any
    if call.error is None or isinstance(wanted, bool):
        return (call.error is not None) is wanted
    if isinstance(wanted, type):
        return call.error.type == qualified_name(wanted).removeprefix("builtins.")
    return _is_class(call.error.type, wanted)


def _below(outer: Call) -> set[Call]:
    """Return the calls that a call led to, directly or not."""
    waiting = [*outer._children]
    below: set[Call] = set()
    while waiting:
        call = waiting.pop()
        below.add(call)
        waiting += call._children
    return below


def _instants(roots: Iterable[Call]) -> list[tuple[int, EventKind, Call]]:
    """Return begin and end of every call below the roots, in order; no recursion, for depth."""
    found: list[tuple[int, EventKind, Call]] = []
    above: list[tuple[Call, Iterator[Call]]] = []
    rest = iter(roots)
    while True:
        for call in rest:
            found.append((call._start_ns, "call", call))
            if call._suspensions:
                for suspended_ns, resumed_ns in call.suspensions:
                    found.append((suspended_ns, "suspend", call))
                    if resumed_ns is not None:
                        found.append((resumed_ns, "resume", call))
            if call._children:
                above.append((call, rest))
                rest = iter(call._children)
                break
            _add_end(found, call)
        else:
            if not above:
                return found
            call, rest = above.pop()
            _add_end(found, call)


def _add_end(found: list[tuple[int, EventKind, Call]], call: Call) -> None:
    if call._end_ns is not None:
        found.append((call._end_ns, "return" if call._error is None else "raise", call))

"""`Event`, `Call` and `Trace`: what people read after, and sinks receive during, a recording."""

from __future__ import annotations

import heapq
import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from callscope.hierarchy import bare_name, qualified_name

if TYPE_CHECKING:
    from os import PathLike

    from callscope.analyze.summary import Summary as TraceSummary

SCHEMA_VERSION: Final = 1

EventKind = Literal["call", "return", "raise"]


class Text(str):
    """What stands for a value that is no scalar: ``float32[32, 128]`` or ``<app.Config>``.

    It is a `str`, but is shown without quotes, so that it is never mistaken for a string that
    the program passed.
    """

    __slots__ = ()


Value: TypeAlias = None | bool | int | float | str | Text
"""A captured argument or result: a scalar as it was, anything else as `Text`."""


class CallError(NamedTuple):
    """The exception that ended a call."""

    type: str
    """Module-qualified name of its class; builtins without a module."""
    message: str


class Call:
    """One run of a site: which method, of which class, on which object, and what came of it.

    Calls are made by callscope and are read-only.
    """

    __slots__ = (
        "_arguments",
        "_call_id",
        "_children",
        "_defining_class",
        "_depth",
        "_end_ns",
        "_error",
        "_instance",
        "_method",
        "_mro_index",
        "_parent",
        "_result",
        "_runtime_class",
        "_start_ns",
        "_thread",
        "_via_super",
    )

    def __init__(
        self,
        method: str,
        defining_class: str,
        runtime_class: str,
        instance: int | None,
        mro_index: int | None,
        arguments: dict[str, Value] | None,
        start_ns: int,
        thread: str,
        parent: Call | None,
    ) -> None:
        self._method = method
        self._defining_class = defining_class
        self._runtime_class = runtime_class
        self._instance = instance
        self._mro_index = mro_index
        self._arguments = arguments
        self._start_ns = start_ns
        self._thread = thread
        self._parent = parent
        self._depth = 0 if parent is None else parent._depth + 1
        self._children: list[Call] = []
        self._call_id = 0
        self._end_ns: int | None = None
        self._error: CallError | None = None
        self._result: Value = None
        self._via_super = (
            parent is not None
            and parent._method == method
            and parent._instance == instance
            and parent._runtime_class == runtime_class
            and mro_index is not None
            and parent._mro_index is not None
            and parent._mro_index < mro_index
        )

    def _end(self, end_ns: int, result: Value = None, error: CallError | None = None) -> None:
        self._end_ns = end_ns
        self._result = result
        self._error = error

    def _attach(self) -> None:
        if self._parent is not None:
            self._parent._children.append(self)

    def _detach_children(self) -> None:
        """Make the children roots, for this call is dropped from its trace."""
        for child in self._children:
            child._parent = None

    def _measure_depth(self) -> None:
        """Set the depth anew, after the parent's, for a parent was dropped."""
        self._depth = 0 if self._parent is None else self._parent._depth + 1

    @property
    def call_id(self) -> int:
        """Number of the call in its trace, from 1, in the order the calls began."""
        return self._call_id

    @property
    def method(self) -> str:
        """Name of the method: ``"__call__"``."""
        return self._method

    @property
    def defining_class(self) -> str:
        """Module-qualified name of the class whose `__dict__` holds the method that ran."""
        return self._defining_class

    @property
    def runtime_class(self) -> str:
        """Module-qualified name of `type(self)`; for a classmethod, of the class it ran on."""
        return self._runtime_class

    @property
    def site(self) -> str:
        """The defining class's bare name and the method: ``"Layer.__call__"``."""
        return f"{bare_name(self._defining_class)}.{self._method}"

    @property
    def instance(self) -> int | None:
        """Serial number of the object in this trace, from 1; None where there is no object."""
        return self._instance

    @property
    def mro_index(self) -> int | None:
        """Place of the defining class in the runtime class's MRO; None if it is not in it."""
        return self._mro_index

    @property
    def via_super(self) -> bool:
        """True if an override of the same method, earlier in the MRO, led here on this object."""
        return self._via_super

    @property
    def arguments(self) -> Mapping[str, Value]:
        """Arguments by bound name, without `self` and without those left at their default.

        What `*args` took is named ``args[0]``, ``args[1]``; what `**kwargs` took keeps its name.
        Empty if the recording captured none.
        """
        return self._arguments or {}

    @property
    def result(self) -> Value:
        """What the method returned; None if it returned None, raised, or nothing was captured."""
        return self._result

    @property
    def error(self) -> CallError | None:
        """The exception that ended the call, or None."""
        return self._error

    @property
    def start_ns(self) -> int:
        """When the call began, in nanoseconds of `time.perf_counter_ns`."""
        return self._start_ns

    @property
    def duration_ns(self) -> int | None:
        """How long the call ran, in nanoseconds; None if it never ended."""
        return None if self._end_ns is None else self._end_ns - self._start_ns

    @property
    def self_ns(self) -> int | None:
        """The call's duration without its children's, in nanoseconds; None if it never ended."""
        if self._end_ns is None:
            return None
        return self._end_ns - self._start_ns - sum(c.duration_ns or 0 for c in self._children)

    @property
    def thread(self) -> str:
        """Name of the thread the call ran in."""
        return self._thread

    @property
    def task(self) -> str | None:
        """Name of the asyncio task the call ran in; None outside of one."""
        return None

    @property
    def parent(self) -> Call | None:
        """The traced call that was running when this one began, in the same thread."""
        return self._parent

    @property
    def children(self) -> Sequence[Call]:
        """The traced calls that began directly within this one, in order."""
        return tuple(self._children)

    @property
    def depth(self) -> int:
        """Number of parents above the call."""
        return self._depth

    @property
    def finished(self) -> bool:
        """False for a call that had not ended when the recording did."""
        return self._end_ns is not None

    def __repr__(self) -> str:
        return f"<Call {self._call_id}: {call_text(self)}{outcome_text(self)}>"


class Event:
    """One instant of a call: its begin (``"call"``) or its end (``"return"``, ``"raise"``)."""

    __slots__ = ("call", "kind", "pid", "seq", "ts_ns")

    def __init__(self, kind: EventKind, seq: int, ts_ns: int, pid: int, call: Call) -> None:
        self.kind: EventKind = kind
        """``"call"``, ``"return"`` or ``"raise"``."""
        self.seq: int = seq
        """Number of the event in its trace, from 1."""
        self.ts_ns: int = ts_ns
        """When it happened, in nanoseconds of `time.perf_counter_ns`."""
        self.pid: int = pid
        """The process it happened in."""
        self.call: Call = call
        """The call it is an instant of, as far as that is known at this event."""

    def to_dict(self) -> dict[str, Any]:
        """Return the event as the JSON object of the event schema, version 1."""
        call = self.call
        event: dict[str, Any] = {
            "v": SCHEMA_VERSION,
            "kind": self.kind,
            "seq": self.seq,
            "ts_ns": self.ts_ns,
            "pid": self.pid,
            "thread": call.thread,
            "task": call.task,
            "call_id": call.call_id,
            "parent_id": None if call.parent is None else call.parent.call_id,
            "depth": call.depth,
            "method": call.method,
            "defining_class": call.defining_class,
            "runtime_class": call.runtime_class,
            "instance": call.instance,
            "mro_index": call.mro_index,
            "via_super": call.via_super,
        }
        if self.kind == "call":
            if call._arguments is not None:
                event["arguments"] = dict(call._arguments)
                texts = [name for name, value in call._arguments.items() if type(value) is Text]
                if texts:
                    event["texts"] = texts
        else:
            event["duration_ns"] = call.duration_ns
            if call.error is not None:
                event["error"] = call.error._asdict()
            else:
                event["result"] = call.result
                if type(call.result) is Text:
                    event["texts"] = ["result"]
        return event

    def __repr__(self) -> str:
        return f"<Event {self.seq}: {self.kind} {call_text(self.call)}>"


class Sink(Protocol):
    """What receives events while the program runs; every method may raise, and is then not
    called again: the recording goes on without that sink."""

    def on_event(self, event: Event, /) -> None:
        """Take one event. Events of one thread come in order."""

    def flush(self) -> None:
        """Write out what is held back. Called after each batch of events."""

    def close(self) -> None:
        """Flush and let go of files and connections. Called once, at the end."""


class Header(NamedTuple):
    """What is said once about a whole trace."""

    pid: int
    """The process that was recorded."""
    start_ns: int
    """When the recording began, in nanoseconds of `time.perf_counter_ns`."""
    start_unix_ns: int
    """The same instant in nanoseconds since 1970, UTC."""
    python: str
    """Version of the Python that ran."""
    callscope: str
    """Version of callscope that recorded."""
    targets: tuple[str, ...]
    """The roots of the hierarchies that were asked for by name; empty for all declared."""


class Recorded(NamedTuple):
    """A recording's calls as they are known so far."""

    calls: Sequence[Call]
    lost: int
    """Number of calls that were made but not kept, for `max_calls` was reached."""


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
        """Number of calls that were made but not kept, for `max_calls` was reached."""
        return self._read().lost

    def events(self) -> Iterator[Event]:
        """Yield the events of all calls in the order of time."""
        by_thread: dict[str, list[Call]] = {}
        for root in self.roots:
            by_thread.setdefault(root.thread, []).append(root)
        instants = heapq.merge(*map(_instants, by_thread.values()), key=lambda item: item[0])
        for seq, (ts_ns, kind, call) in enumerate(instants, 1):
            yield Event(kind, seq, ts_ns, self.header.pid, call)

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

    def summary(self) -> TraceSummary:
        """Return the number of calls and the times per site."""
        summary: TraceSummary = importlib.import_module("callscope.analyze.summary").summarize(self)
        return summary

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the trace to a file in the format its suffix names, and return its path.

        Raises:
            TraceFormatError: if no format has that suffix.
            TraceFileError: if the file cannot be written.
        """
        saved: Path = importlib.import_module("callscope.formats").save(self, path)
        return saved

    def __str__(self) -> str:
        text: str = _format("tree").tree(self)
        return text

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
            stack.append((call, rest))
            rest = iter(call.children)
        elif stack:
            call, rest = stack.pop()
            if call._end_ns is not None:
                yield call._end_ns, "return" if call.error is None else "raise", call
        else:
            return


class Names:
    """How classes are shown: by their bare name, with the module where two share that name."""

    def __init__(self, qualified_names: Iterable[str] = ()) -> None:
        self._by_bare: dict[str, set[str]] = {}
        for name in qualified_names:
            self.add(name)

    @classmethod
    def of(cls, calls: Iterable[Call]) -> Names:
        """Return the names of all classes that some calls mention."""
        pairs = ((call.defining_class, call.runtime_class) for call in calls)
        return cls(itertools.chain.from_iterable(pairs))

    def add(self, qualified: str) -> None:
        """Take note of a class."""
        self._by_bare.setdefault(bare_name(qualified), set()).add(qualified)

    def show(self, qualified: str) -> str:
        """Return the shortest name that no other class noted so far goes by."""
        bare = bare_name(qualified)
        return qualified if len(self._by_bare.get(bare, ())) > 1 else bare

    def __iter__(self) -> Iterator[str]:
        for names in self._by_bare.values():
            yield from sorted(names)


_NO_NAMES: Final = Names()


def value_text(value: Value) -> str:
    """Return a captured value as people read it."""
    return str(value) if type(value) is Text else repr(value)


def arguments_text(call: Call) -> str:
    """Return the arguments in parentheses; nothing if they were not captured."""
    if call._arguments is None:
        return ""
    shown = ", ".join(f"{name}={value_text(value)}" for name, value in call._arguments.items())
    return f"({shown})"


def call_text(call: Call, names: Names = _NO_NAMES) -> str:
    """Return a call in one line: ``Layer.__call__(y=4) [MyLayer#1]``."""
    site = f"{names.show(call.defining_class)}.{call.method}"
    return f"{site}{arguments_text(call)} [{object_text(call, names)}]"


def object_text(call: Call, names: Names = _NO_NAMES) -> str:
    """Return the object a call ran on: ``MyLayer#1``, or only the class where there is none."""
    runtime_class = names.show(call.runtime_class)
    return runtime_class if call.instance is None else f"{runtime_class}#{call.instance}"


def outcome_text(call: Call) -> str:
    """Return what came of a call: `` -> result``, `` !! Type: message``, or nothing."""
    if not call.finished:
        return " ..."
    if call.error is not None:
        return f" !! {bare_name(call.error.type)}: {call.error.message}".rstrip(": ")
    return "" if call.result is None else f" -> {value_text(call.result)}"

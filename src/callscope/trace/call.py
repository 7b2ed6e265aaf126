"""`Call`: one run of a site."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from callscope.introspect.classes import bare_name
from callscope.introspect.values import CallError, Value
from callscope.trace.text import call_text, outcome_text

if TYPE_CHECKING:
    from callscope.trace.metadata import ClassMetadata, SiteMetadata


def _begin(interval: tuple[int, int]) -> int:
    return interval[0]


class Call:
    """One run of a site: which method, of which class, on which object, with which outcome.

    callscope makes the calls; they are read-only.
    """

    # Each subclass stores these in its own way: there is one subclass per source of calls.
    if TYPE_CHECKING:
        _arguments: dict[str, Value] | None
        _call_id: int
        _children: list[Call]
        _class_metadata: ClassMetadata | None
        _defining_class: str
        _depth: int
        _end_ns: int | None
        _error: CallError | None
        _instance: int | None
        _method: str
        _mro_index: int | None
        _parent: Call | None
        _pid: int
        _result: Value
        _runtime_class: str
        _site_metadata: SiteMetadata | None
        _start_ns: int
        _suspensions: list[list[int]] | None
        _task: str | None
        _thread: str
        _via_super: bool
    else:
        __slots__ = ()

    def _end(self, end_ns: int, result: Value = None, error: CallError | None = None) -> None:
        self._end_ns = end_ns
        self._result = result
        self._error = error

    def _spans(self) -> list[list[int]]:
        """Return the mutable list of suspension and resumption times."""
        if self._suspensions is None:
            self._suspensions = []
        return self._suspensions

    def _suspend(self, ts_ns: int) -> None:
        self._spans().append([ts_ns])

    def _resume(self, ts_ns: int) -> None:
        if self._suspensions and len(self._suspensions[-1]) == 1:
            self._suspensions[-1].append(ts_ns)

    def _shift(self, by_ns: int) -> None:
        """Move the call to another clock."""
        self._start_ns += by_ns
        if self._end_ns is not None:
            self._end_ns += by_ns
        for span in self._suspensions or ():
            span[:] = [ts_ns + by_ns for ts_ns in span]

    def _detach_children(self) -> None:
        """Make the children roots, because this call is dropped from its trace."""
        for child in self._children:
            child._parent = None

    def _measure_depth(self) -> None:
        """Recompute the depth after a parent was dropped; the parent's depth must be up to date."""
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
    def file(self) -> str | None:
        """Source file of the method, as its code object says; None if not known.

        Not known for a method in C and for a trace from before callscope stored it.
        """
        return None if self._site_metadata is None else self._site_metadata.file

    @property
    def line(self) -> int | None:
        """First line of the method's definition in `file`, from 1; None if not known.

        If the method has decorators, the line of the first.
        """
        return None if self._site_metadata is None else self._site_metadata.line

    @property
    def instance(self) -> int | None:
        """Serial number of the object in this trace, from 1; None where there is no object."""
        return self._instance

    @property
    def mro_index(self) -> int | None:
        """Index of the defining class in the runtime class's MRO; None if it is not in it."""
        return self._mro_index

    @property
    def via_super(self) -> bool:
        """True if an override of the same method, earlier in the MRO, led here on this object."""
        return self._via_super

    @property
    def arguments(self) -> Mapping[str, Value]:
        """Arguments by bound name, without `self` and without those left at their default.

        Values of `*args` are named ``args[0]``, ``args[1]``; those of `**kwargs` keep their names.
        Empty if the recording captured none.
        """
        return self._arguments or {}

    @property
    def result(self) -> Value:
        """Returned value; None if the method returned None, raised, or nothing was captured."""
        return self._result

    @property
    def error(self) -> CallError | None:
        """The exception that ended the call, or None."""
        return self._error

    @property
    def start_ns(self) -> int:
        """Start of the call, in nanoseconds of `time.perf_counter_ns`."""
        return self._start_ns

    @property
    def duration_ns(self) -> int | None:
        """Duration of the call, in nanoseconds; None if it never ended."""
        return None if self._end_ns is None else self._end_ns - self._start_ns

    @property
    def self_ns(self) -> int | None:
        """Duration of the call without its children, in nanoseconds; None if it never ended.

        A child's time in another thread, or while this call was suspended, is not subtracted.
        """
        running_ns = self.running_ns
        if running_ns is None:
            return None
        return max(0, running_ns - sum(map(self._shared_ns, self._children)))

    def _shared_ns(self, child: Call) -> int:
        """Return the time this ended call and a child both ran in one thread, in nanoseconds."""
        if child._thread != self._thread or child._pid != self._pid:
            return 0
        if not self._suspensions and not child._suspensions and child._end_ns is not None:
            return child._end_ns - child._start_ns
        ours, theirs = self._running(), child._running(self._end_ns)
        shared, first = 0, 0
        for start, end in theirs:
            first = max(first, bisect_right(ours, start, key=_begin) - 1)
            for index in range(first, len(ours)):
                if ours[index][0] >= end:
                    break
                shared += max(0, min(end, ours[index][1]) - max(start, ours[index][0]))
        return shared

    def _running(self, until_ns: int | None = None) -> list[tuple[int, int]]:
        """Return the intervals in which the call ran, up to `until_ns` if it never ended."""
        starts = [self._start_ns, *(span[1] for span in self._suspensions or () if len(span) > 1)]
        ends = [span[0] for span in self._suspensions or ()]
        last = until_ns if self._end_ns is None else self._end_ns
        if len(ends) < len(starts):
            ends.append(starts[-1] if last is None else last)
        return [*zip(starts, ends, strict=True)]

    @property
    def pid(self) -> int:
        """Number of the process the call ran in."""
        return self._pid

    @property
    def thread(self) -> str:
        """Name of the thread the call ran in."""
        return self._thread

    @property
    def task(self) -> str | None:
        """Name of the asyncio task the call ran in; None outside of one."""
        return self._task

    @property
    def suspensions(self) -> Sequence[tuple[int, int | None]]:
        """Suspension and resumption times of a coroutine or a generator, in nanoseconds.

        The last resumption is None if the call was still suspended when the recording ended.
        """
        spans = self._suspensions or ()
        return tuple((span[0], span[1] if len(span) > 1 else None) for span in spans)

    @property
    def waiting_ns(self) -> int:
        """Total time the call was suspended, in nanoseconds, up to its last resumption."""
        return sum(end - start for start, end in self.suspensions if end is not None)

    @property
    def running_ns(self) -> int | None:
        """Duration of the call without suspensions, in nanoseconds; None if it never ended."""
        return None if self._end_ns is None else self._end_ns - self._start_ns - self.waiting_ns

    @property
    def parent(self) -> Call | None:
        """The traced call that led to this one: the one running in the same thread; for a task, and
        for work started by `asyncio.to_thread` or `callscope.carry`, the one that started it.
        """
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

    def _repr_html_(self) -> str:
        from callscope.trace.html import call_html

        return call_html(self)


class BuiltCall(Call):
    """A call built from individual fields."""

    __slots__ = (
        "_arguments",
        "_call_id",
        "_children",
        "_class_metadata",
        "_defining_class",
        "_depth",
        "_end_ns",
        "_error",
        "_instance",
        "_method",
        "_mro_index",
        "_parent",
        "_pid",
        "_result",
        "_runtime_class",
        "_site_metadata",
        "_start_ns",
        "_suspensions",
        "_task",
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
        self._children = []
        self._call_id = 0
        self._end_ns = None
        self._error = None
        self._result = None
        self._task = None
        self._pid = 0
        self._site_metadata = None
        self._class_metadata = None
        self._suspensions = None
        self._via_super = (
            parent is not None
            and parent._method == method
            and parent._instance == instance
            and parent._runtime_class == runtime_class
            and mro_index is not None
            and parent._mro_index is not None
            and parent._mro_index < mro_index
        )

"""How tapes are read: records become calls and, where a sink listens, events."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from callscope.errors import PredicateWarning, warn
from callscope.hierarchy import Site
from callscope.identity import Numbers
from callscope.summarize import ObjectMark
from callscope.tape.records import ERROR, OMITTED, RAISE, RESULT, Layout
from callscope.tape.threads import Chunk, ThreadTape
from callscope.trace import Call, CallError, Event, EventKind, Recorded, Text, Value

if TYPE_CHECKING:
    from callscope.options import Capture

OnFull = Literal["stop", "drop_oldest"]

_UNKNOWN_ERROR: Final = CallError("BaseException", "")
# A call takes at least this many places: its begin record without values, and its return.
_LEAST_SIZE: Final = 5


class Step(NamedTuple):
    """Begin or end of a call, as read from the tape."""

    ts_ns: int
    kind: EventKind
    call: Call


class Wanted(NamedTuple):
    """What one recording keeps of all that stands on the tapes."""

    sites: Mapping[Site, Capture]
    """The sites asked for so far, and how much of each one's values."""
    where: Callable[[Call], bool] | None
    max_calls: int | None
    on_full: OnFull


class Listener(Protocol):
    """What follows a recording while it runs; raises nothing."""

    def on_event(self, event: Event, /) -> None:
        """Take one event."""

    def flush(self) -> None:
        """Note the end of a batch."""


class TapeReader:
    """Reads the tapes for one recording.

    Args:
        wanted: what to keep.
        keep: whether the calls are kept in memory, to be handed out by `recorded`.
        listener: is given each event as soon as it is read, and told after each batch; without
            one, nothing is read before somebody asks.
    """

    def __init__(
        self, wanted: Wanted, *, keep: bool = True, listener: Listener | None = None
    ) -> None:
        self._wanted = wanted
        self._keep = keep
        self._listener = listener
        self._reading: Iterator[Step] = iter(())
        self._numbers = Numbers()
        self._threads: dict[ThreadTape, _ThreadReader] = {}
        self._ended: list[ThreadTape] = []
        self._unread: deque[list[Chunk]] = deque()
        self._unread_size = 0
        self._calls: deque[Call] = deque()
        self._count = 0
        self._dropped = 0
        self._lost = 0
        self._where = wanted.where
        self._call_ids = itertools.count(1)
        self._event_ids = itertools.count(1)
        self._pid = os.getpid()
        self._lock = threading.RLock()

    def feed(self, chunks: list[Chunk]) -> None:
        """Take records; read them now if somebody listens or the limit may be reached."""
        with self._lock:
            if chunks:
                self._unread.append(chunks)
                self._unread_size += sum(len(chunk.records) for chunk in chunks)
            if self._listener is not None:
                self._read()
                self._listener.flush()
            elif self._may_be_full():
                self._read()

    def forget(self, tape: ThreadTape) -> None:
        """Let go of a thread that has ended, once all it wrote is read."""
        with self._lock:
            self._ended.append(tape)

    @property
    def lost(self) -> int:
        """Number of calls that were not kept; right at any time, though not all may be read."""
        return self._lost

    def recorded(self) -> Recorded:
        """Return the calls kept so far."""
        with self._lock:
            self._read()
            if self._dropped:
                for call in self._calls:
                    call._measure_depth()
            return Recorded(self._calls, self._lost)

    def _may_be_full(self) -> bool:
        limit = self._wanted.max_calls
        return limit is not None and self._count + self._unread_size // _LEAST_SIZE >= limit

    def _read(self) -> None:
        # What is being read is kept: an interrupt in a sink must not lose the rest.
        self._take_steps()
        while self._unread:
            self._reading = self._steps(self._unread.popleft())
            self._take_steps()
        self._unread_size = 0
        while self._ended:
            self._threads.pop(self._ended.pop(), None)
        if not self._keep:
            self._numbers.sweep()

    def _take_steps(self) -> None:
        for step in self._reading:
            self._take(step)

    def _steps(self, chunks: list[Chunk]) -> Iterator[Step]:
        steps = [self._thread(chunk.tape).steps(chunk.records) for chunk in chunks]
        if len(steps) == 1:
            return steps[0]
        # Each thread's steps are in order, and sorting leaves those of equal time as they are.
        merged = list(itertools.chain.from_iterable(steps))
        merged.sort(key=_time)
        return iter(merged)

    def _thread(self, tape: ThreadTape) -> _ThreadReader:
        thread = self._threads.get(tape)
        if thread is None:
            thread = self._threads[tape] = _ThreadReader(tape.thread, self)
        return thread

    def _take(self, step: Step) -> None:
        call = step.call
        if step.kind == "call":
            call._call_id = next(self._call_ids)
            if self._keep:
                call._attach()
                self._calls.append(call)
                self._drop_oldest()
        if self._listener is not None:
            self._listener.on_event(
                Event(step.kind, next(self._event_ids), step.ts_ns, self._pid, call)
            )

    def _drop_oldest(self) -> None:
        limit = self._wanted.max_calls
        if self._wanted.on_full == "drop_oldest" and limit is not None:
            while len(self._calls) > limit:
                self._calls.popleft()._detach_children()
                self._dropped += 1
                self._lost += 1

    def admit(self, call: Call) -> bool:
        """Decide whether a call that has just begun is kept."""
        if self._where is not None:
            try:
                if not self._where(call):
                    return False
            except Exception as error:
                self._where = None
                warn(f"where= raised {error!r}; it is no longer asked.", PredicateWarning)
        if self._full:
            self._lost += 1
            return False
        self._count += 1
        return True

    @property
    def _full(self) -> bool:
        limit = self._wanted.max_calls
        return self._wanted.on_full == "stop" and limit is not None and self._count >= limit

    def wants(self, site: Site) -> bool:
        """Tell whether the recording keeps calls of this site; count those it has no room for."""
        if site not in self._wanted.sites:
            return False
        if self._full and self._where is None:
            self._lost += 1
            return False
        return True

    def number(self, identity: Any) -> int | None:
        """Return the serial number of an object."""
        return None if identity is None else self._numbers[identity]

    def arguments(self, layout: Layout, values: list[Any]) -> dict[str, Value] | None:
        """Return the captured arguments by name."""
        if not layout.captured or self._wanted.sites[layout.site] == "none":
            return None
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
                    arguments[name] = self.value(layout, item)
        return arguments

    def value(self, layout: Layout, captured: Any) -> Value:
        """Return a captured value as this recording asked for it."""
        capture = self._wanted.sites[layout.site]
        if capture == "none":
            return None
        if len(layout.captured) > 1:
            captured = captured[layout.captured.index(capture)]
        if type(captured) is ObjectMark:
            number = self._numbers.get(captured.ref)
            text: Text = captured.text
            return text if number is None else Text(f"{text[1:-1]}#{number}")
        return captured  # type: ignore[no-any-return]


class _ThreadReader:
    """Reads one thread's records; what is open at the end of one chunk goes on in the next."""

    def __init__(self, thread: str, reader: TapeReader) -> None:
        self._thread = thread
        self._reader = reader
        # For each call that has begun and not ended: its layout and object, itself if it is kept,
        # and the kept call that its children hang below.
        self._open: list[tuple[Layout, Any, Call | None, Call | None]] = []
        self._raised: Call | None = None
        self._last_ns = 0

    def steps(self, records: list[Any]) -> Iterator[Step]:
        position, end = 0, len(records)
        while position < end:
            first = records[position]
            if first is not ERROR and self._raised is not None:
                # An interrupt kept the error record from being written.
                yield self._end_raised(self._last_ns, _UNKNOWN_ERROR)
            if type(first) is int:
                yield from self._end(first, None)
                position += 1
            elif type(first) is Layout:
                yield from self._begin(first, records[position + 1 : position + first.size])
                position += first.size
            elif first is RESULT:
                yield from self._end(records[position + 1], records[position + 2])
                position += 3
            elif first is RAISE:
                self._raised = self._open.pop()[2] if self._open else None
                position += 1
            else:
                if self._raised is not None:
                    yield self._end_raised(records[position + 1], records[position + 2])
                position += 3

    def _begin(self, layout: Layout, record: list[Any]) -> Iterator[Step]:
        identity, runtime, *values, start_ns = record
        self._last_ns = start_ns
        parent = self._open[-1][3] if self._open else None
        call = None
        if not self._repeats(layout, identity) and self._reader.wants(layout.site):
            call = self._call(layout, identity, runtime, values, start_ns, parent)
            if not self._reader.admit(call):
                call = None
        self._open.append((layout, identity, call, call or parent))
        if call is not None:
            yield Step(start_ns, "call", call)

    def _repeats(self, layout: Layout, identity: Any) -> bool:
        """Tell whether a call only goes on with another that is counted already."""
        if not self._open:
            return False
        above, above_identity = self._open[-1][:2]
        return layout in above.covers and above_identity is identity

    def _call(
        self,
        layout: Layout,
        identity: Any,
        runtime: Any,
        values: list[Any],
        start_ns: int,
        parent: Call | None,
    ) -> Call:
        defining = layout.site.defining
        runtime = runtime or defining
        mro = runtime.mro
        return Call(
            layout.site.method,
            defining.name,
            runtime.name,
            self._reader.number(identity),
            mro.index(defining) if defining in mro else None,
            self._reader.arguments(layout, values),
            start_ns,
            self._thread,
            parent,
        )

    def _end(self, end_ns: int, captured: Any) -> Iterator[Step]:
        self._last_ns = end_ns
        # Without an open call, this ends one that began before the recording did.
        if self._open:
            layout, _, call, _ = self._open.pop()
            if call is not None:
                call._end(
                    end_ns, None if captured is None else self._reader.value(layout, captured)
                )
                yield Step(end_ns, "return", call)

    def _end_raised(self, end_ns: int, error: CallError) -> Step:
        call, self._raised = self._raised, None
        assert call is not None
        self._last_ns = end_ns
        call._end(end_ns, error=error)
        return Step(end_ns, "raise", call)


def _time(step: Step) -> int:
    return step.ts_ns

"""How tapes are read: records become calls and, where somebody listens, events."""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections import deque
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from callscope.hierarchy import Site
from callscope.identity import Numbers
from callscope.summarize import REDACTED, ObjectMark, bounded
from callscope.tape.records import OMITTED, Layout
from callscope.tape.threads import Batch, ThreadTape
from callscope.tape.unwind import Instant, Open, ThreadReader
from callscope.tape.wanted import Limit, Wanted
from callscope.trace import Call, Event, EventKind, Recorded, Text, Value

# A call takes at least this many places: its begin record without values, and its return.
_LEAST_SIZE: Final = 6


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
        self._limit = Limit(wanted)
        self._numbers = Numbers()
        self._threads: dict[ThreadTape, ThreadReader] = {}
        self._thread_names: dict[str, int] = {}
        self._ended: set[ThreadTape] = set()
        self.suspended: dict[Any, Open] = {}
        """Calls that are suspended, by token; another thread may resume them."""
        self.makers: WeakKeyDictionary[Any, Call | None] = WeakKeyDictionary()
        """The innermost call that is kept around what each token stands for."""
        self._unread: deque[Batch] = deque()
        self._unread_size = 0
        self._instants: deque[Instant] = deque()
        self._calls: deque[Call] = deque()
        self._dropped = 0
        self._call_ids = itertools.count(1)
        self._event_ids = itertools.count(1)
        self.pid = os.getpid()
        self._lock = threading.RLock()

    def feed(self, batch: Batch) -> None:
        """Take records; read them now if somebody listens or the limit may be reached."""
        with self._lock:
            self._unread.append(batch)
            self._unread_size += sum(len(chunk.records) for chunk in batch.chunks)
            if self._listener is not None:
                self._read()
                self._listener.flush()
            elif self._limit.may_be_reached(self._unread_size // _LEAST_SIZE):
                self._read()

    @property
    def lost(self) -> int:
        """Number of calls that were not kept; right at any time, though not all may be read."""
        return self._limit.lost + self._dropped

    def recorded(self) -> Recorded:
        """Return the calls kept so far."""
        with self._lock:
            self._read()
            if sum(self._thread_names.values()) > 1:
                self._sort()
            if self._dropped:
                for call in self._calls:
                    call._measure_depth()
            return Recorded(self._calls, self.lost)

    def _sort(self) -> None:
        # A thread may read the clock and, before it writes, lose its turn to another.
        self._calls = deque(sorted(self._calls, key=_start))
        if self._listener is None:
            for number, call in enumerate(self._calls, self._dropped + 1):
                call._call_id = number

    def end(self) -> None:
        """Hold nothing back any more, for no thread will have something older."""
        self.feed(Batch([], [], math.inf))

    def _read(self) -> None:
        # What is being read stays where it is: an interrupt in a sink must not lose the rest.
        self._take_instants()
        while self._unread:
            batch = self._unread.popleft()
            for chunk in batch.chunks:
                self._thread(chunk.tape).parse(chunk.records)
            self._merge(batch.until_ns)
            self._ended.update(batch.ended)
            self._forget_ended()
        self._unread_size = 0
        if not self._keep:
            self._numbers.sweep()

    def _forget_ended(self) -> None:
        for tape in [*self._ended]:
            thread = self._threads.get(tape)
            if thread is None or not thread.parsed:
                self._threads.pop(tape, None)
                self._ended.remove(tape)

    def _merge(self, until_ns: float) -> None:
        """Take the instants of all threads in the order of time.

        Of several threads, one was asked for its records a little before the others. So nothing
        is taken that happened after the first was asked.
        """
        threads = [thread for thread in self._threads.values() if thread.parsed]
        if len(self._threads) == 1:
            until_ns = math.inf
        taken = [instant for thread in threads for instant in thread.take_until(until_ns)]
        if len(threads) > 1:
            taken.sort(key=_time)  # which leaves those of equal time as they are
        self._instants.extend(taken)
        self._take_instants()

    def _take_instants(self) -> None:
        while self._instants:
            instant = self._instants.popleft()
            instant.act(instant)

    def _thread(self, tape: ThreadTape) -> ThreadReader:
        thread = self._threads.get(tape)
        if thread is None:
            # Threads of one name are told apart: a pool may name all its workers alike.
            count = self._thread_names[tape.thread] = self._thread_names.get(tape.thread, 0) + 1
            name = tape.thread if count == 1 else f"{tape.thread} ({count})"
            thread = self._threads[tape] = ThreadReader(name, self)
        return thread

    def begin(self, call: Call) -> bool:
        """Keep a call that has begun, if the recording wants it."""
        if not self._limit.admits(call):
            return False
        call._call_id = next(self._call_ids)
        if self._keep:
            parent = call._parent
            if parent is not None and parent._call_id <= self._dropped:
                call._parent = None  # the oldest are dropped, and so their numbers are the lowest
            call._attach()
            self._calls.append(call)
            self._drop_oldest()
        self.tell("call", call.start_ns, call)
        return True

    def tell(self, kind: EventKind, ts_ns: int, call: Call) -> None:
        """Tell the listener of an event, if there is one."""
        if self._listener is not None:
            event = Event(kind, next(self._event_ids), ts_ns, call)
            self._listener.on_event(event)

    def _drop_oldest(self) -> None:
        limit = self._wanted.max_calls
        if self._wanted.on_full == "drop_oldest" and limit is not None:
            while len(self._calls) > limit:
                self._calls.popleft()._detach_children()
                self._dropped += 1

    def wants(self, site: Site) -> bool:
        """Tell whether the recording keeps calls of this site; count those it has no room for."""
        return site in self._wanted.sites and not self._limit.refuses()

    def number(self, identity: Any) -> int | None:
        """Return the serial number of an object."""
        return None if identity is None else self._numbers[identity]

    def arguments(self, layout: Layout, values: list[Any]) -> dict[str, Value] | None:
        """Return the captured arguments by name."""
        asked = self._wanted.sites[layout.site]
        if not layout.captured or asked.capture == "none":
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
                    # A keyword may be named like a positional-only parameter.
                    key = f"**{name}" if name in arguments else name
                    arguments[key] = self.value(layout, item)
        return arguments

    def value(self, layout: Layout, captured: Any) -> Value:
        """Return a captured value as this recording asked for it."""
        asked = self._wanted.sites[layout.site]
        if asked.capture == "none":
            return None
        if not asked.redact <= layout.redact:
            return REDACTED  # by a shadow from before this recording, which hid less
        if len(layout.captured) > 1:
            captured = captured[layout.captured.index(asked.capture)]
        if type(captured) is ObjectMark:
            number = self._numbers.get(captured.ref)
            text: Text = captured.text
            return text if number is None else Text(f"{text[1:-1]}#{number}")
        return bounded(captured) if type(captured) is int else captured


def _time(instant: Instant) -> int:
    return instant.ts_ns


def _start(call: Call) -> int:
    return call.start_ns

"""One thread's records, taken apart: calls begin, nest and end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from callscope.tape.opened import Open
from callscope.tape.plain import PlainRecords
from callscope.tape.records import (
    ERROR,
    MARK,
    RAISE,
    RESULT,
    RESUME,
    SUSPEND,
    UNKNOWN,
    UNKNOWN_ERROR,
    Layout,
)
from callscope.tape.sampling import KEPT, LEFT_OUT
from callscope.trace import Call, CallError

if TYPE_CHECKING:
    from callscope.tape.read import TapeReader


class Instant(NamedTuple):
    """A record as it stands on the tape, and what is to be done with it."""

    ts_ns: int
    act: Callable[[Instant], None]
    record: list[Any]


class Parsed(NamedTuple):
    """One thread's records, taken apart."""

    instants: list[Instant]
    last_ns: int
    """When the last of them happened."""


class ThreadReader:
    """Reads one thread's records; what is open at the end of one chunk goes on in the next.

    Each record is taken note of in one step: see `TapeReader`.

    Args:
        reader: who the calls are for.
        name: of the thread, or of the greenlet.
        within: reads the thread that the greenlet runs in; None for a thread.
        parent: reads the greenlet's parent.
    """

    def __init__(
        self,
        reader: TapeReader,
        name: str,
        within: ThreadReader | None,
        parent: ThreadReader | None,
    ) -> None:
        self._thread: str = name if within is None else within._thread
        self._task = None if within is None else name
        self._reader = reader
        self._parent = parent
        self._open: list[Open] = []
        self._raised: Call | None = None
        self._acts = {
            RAISE: self._raise,
            RESULT: self._return_result,
            ERROR: self._error,
            SUSPEND: self._suspend,
            RESUME: self._resume,
            MARK: self._mark,
        }
        self.last_ns: int = 0
        """When the last happened that was taken note of."""

    def plain(self) -> PlainRecords | None:
        """Return what takes plain records from here on; None if what is open is not plain."""
        is_plain = self._task is None and all(entered.context is None for entered in self._open)
        if not is_plain:
            return None
        return PlainRecords(
            self._reader,
            self._thread,
            self._open,
            self._raised,
            self.last_ns,
            self._reader.last_seq,
        )

    @property
    def open(self) -> Sequence[Open]:
        """The calls that have begun and not ended, the innermost last."""
        return self._open

    def parse(self, records: list[Any], before: Parsed) -> Parsed:
        """Split records of the tape into instants, which follow those from before."""
        position, end, last_ns = 0, len(records), before.last_ns
        parsed = [*before.instants]
        add = parsed.append
        while position < end:
            first = records[position]
            if type(first) is int:
                last_ns = first
                add(Instant(first, self._return, [first]))
                position += 1
                continue
            record = records[position : position + first.size]
            position += first.size
            if type(first) is Layout:
                last_ns = record[-1]
                add(Instant(last_ns, self._begin, record))
            else:
                if first is not RAISE:  # which has no time of its own
                    last_ns = record[1]
                add(Instant(last_ns, self._acts[first], record))
        return Parsed(parsed, last_ns)

    def _begin(self, instant: Instant) -> None:
        self._settle(instant)
        reader = self._reader
        layout, identity, runtime, *values, maker, start_ns = instant.record
        above = self._above()
        parent = self._led_to(maker, above.parent if above else None)
        task = above.task if above and self._open else self._task
        token = None
        if layout.is_suspendable:
            *values, token, task = values
        context = reader.context(values.pop()) if layout.notes else None
        is_asked = not self._repeats(layout, identity) and reader.wants(layout.site, runtime)
        verdict = reader.limit.verdict(layout.site, start_ns, parent) if is_asked else KEPT
        if not verdict.keeps:
            parent = LEFT_OUT
        is_wanted, call = is_asked and verdict.keeps, None
        if is_wanted and not reader.limit.refuses_all():
            call = reader.make.call(
                layout, identity, runtime, values, start_ns, self._thread, parent
            )
            call._task = task
            is_wanted = reader.limit.is_asked_for(call)
            # Only now, for the parent tells what led to the call, also if it is dropped by now.
            call._parent = reader.parent(parent)
        if not is_wanted or reader.limit.is_full():
            call = None
            reader.leave_out(context)
        parent = reader.parent(parent)
        runs_in = token if layout.is_coroutine else maker
        entered = Open(layout, identity, call, call or parent, task, token, runs_in)
        siblings: list[Call] = [] if parent is None or not reader.keeps else parent._children
        events = reader.event("call", start_ns, call, context)
        if token is not None:
            reader.makers[token] = call or parent
        # One step.
        del reader.instants[0]
        self.last_ns = start_ns
        self._open += (entered,)
        reader.limit.quotas |= verdict.quotas
        reader.limit.left_out |= verdict.left_out
        if is_wanted and call is None:
            reader.limit.lost += 1
        if call is not None:
            reader.limit.count += 1
            reader.last_id += 1
            call._call_id = reader.last_id
            if reader.keeps:
                siblings += (call,)
                reader.calls += (call,)
            reader.events += events

    def _above(self) -> Open | None:
        """Return the innermost call; outside all calls of a greenlet, that of its parent."""
        above = self._open or (() if self._parent is None else self._parent.open)
        return above[-1] if above else None

    def _led_to(self, maker: Any, parent: Call | None) -> Call | None:
        """Return what a call hangs below."""
        above = self._open or (() if self._parent is None else self._parent.open)
        if maker is None or any(entered.context is maker for entered in reversed(above)):
            return parent
        # It was led to from another task, or another thread.
        return self._reader.makers.get(maker, parent)

    def _mark(self, instant: Instant) -> None:
        self._settle(instant)
        self._reader.makers[instant.record[2]] = self._open[-1].parent if self._open else None
        # One step.
        del self._reader.instants[0]
        self.last_ns = instant.ts_ns

    def _suspend(self, instant: Instant) -> None:
        self._settle(instant)
        reader = self._reader
        token = instant.record[2]
        place = next((p for p, o in enumerate(self._open) if o.token is token), None)
        left = None if place is None else self._open[place]
        call = None if left is None else left.call
        spans: list[list[int]] = [] if call is None else call._spans()
        events = reader.event("suspend", instant.ts_ns, call)
        # One step.
        del reader.instants[0]
        self.last_ns = instant.ts_ns
        if place is not None and left is not None:
            del self._open[place]
            reader.suspended[token] = left
            spans += ([instant.ts_ns],)
            reader.events += events

    def _resume(self, instant: Instant) -> None:
        self._settle(instant)
        reader = self._reader
        token = instant.record[2]
        known = reader.suspended.get(token)
        entered = known or Open(UNKNOWN, None, None, None)
        call = entered.call
        spans = [] if call is None else call._spans()
        span = spans[-1] if spans and len(spans[-1]) == 1 else []
        events = reader.event("resume", instant.ts_ns, call)
        # One step.
        del reader.instants[0]
        self.last_ns = instant.ts_ns
        self._open += (entered,)
        if known is not None:
            del reader.suspended[token]
            span += (instant.ts_ns,)
            reader.events += events

    def _repeats(self, layout: Layout, identity: Any) -> bool:
        """Tell whether a call only goes on with another that is counted already."""
        if not self._open or not self._open[-1].layout.covers:
            return False
        above = self._open[-1]
        return layout.is_covered(above.layout, identity, above.identity)

    def _return(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, None)

    def _return_result(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, instant.record[2])

    def _end(self, end_ns: int, captured: Any, *, raised: bool = False) -> None:
        """Close the innermost call; without one, what ends began before the recording did."""
        reader = self._reader
        left = self._open[-1] if self._open else None
        call = None if left is None else left.call
        result = None
        if left is not None and call is not None and captured is not None:
            result = reader.make.result(left.layout, captured)
        events = () if raised else reader.event("return", end_ns, call)
        # One step.
        del reader.instants[0]
        self.last_ns = end_ns
        del self._open[-1:]
        if raised:
            self._raised = call
        elif call is not None:
            call._result = result
            call._end_ns = end_ns
            reader.events += events

    def _raise(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, None, raised=True)

    def _error(self, instant: Instant) -> None:
        if self._raised is not None:
            self._end_raised(instant.ts_ns, instant.record[2])
        # One step. An interrupt before it finds nothing raised any more.
        del self._reader.instants[0]
        self.last_ns = instant.ts_ns

    def _settle(self, instant: Instant) -> None:
        """End a call whose error record an interrupt kept from being written."""
        if self._raised is not None:
            self._end_raised(instant.ts_ns, UNKNOWN_ERROR)

    def _end_raised(self, end_ns: int, error: CallError) -> None:
        call = self._raised
        events = self._reader.event("raise", end_ns, call)
        # One step.
        self._raised = None
        if call is not None:
            call._error = error
            call._end_ns = end_ns
            self._reader.events += events

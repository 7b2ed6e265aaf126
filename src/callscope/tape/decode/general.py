"""`ThreadDecoder`, the general decoder of one thread's records: calls begin, nest and end."""

from __future__ import annotations

from typing import Any, NamedTuple

from callscope.tape.decode.fast import FastDecoder
from callscope.tape.decode.open_call import OpenCall
from callscope.tape.decode.sampling import KEPT, LEFT_OUT
from callscope.tape.decode.state import DecodeState, Instant
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
from callscope.trace import Call, CallError


class Parsed(NamedTuple):
    """One thread's records, split into instants."""

    instants: list[Instant]
    last_ns: int
    """Time of the last of them."""


class ThreadDecoder:
    """Decoder of one thread's records; calls open at the end of a chunk go on in the next.

    Each record is applied in one step: see `TapeReader`.

    Args:
        state: where the calls are added.
        name: name of the thread or greenlet.
        within: decoder of the thread that the greenlet runs in; None for a thread.
        parent: decoder of the greenlet's parent.
    """

    def __init__(
        self,
        state: DecodeState,
        name: str,
        within: ThreadDecoder | None,
        parent: ThreadDecoder | None,
    ) -> None:
        self._thread: str = name if within is None else within._thread
        self._task = None if within is None else name
        self._state = state
        self._parent = parent
        self._acts = {
            RAISE: self._raise,
            RESULT: self._return_result,
            ERROR: self._error,
            SUSPEND: self._suspend,
            RESUME: self._resume,
            MARK: self._mark,
        }
        # The three that follow are also set by `TapeReader`, in one step with what it commits.
        self.open: list[OpenCall] = []
        """The open calls, the innermost last."""
        self.raised: Call | None = None
        """The call whose error record is still to come."""
        self.last_ns: int = 0
        """Time of the last applied record."""

    def plain(self) -> FastDecoder | None:
        """Return a fast decoder that goes on from here; None if an open call is not plain."""
        is_plain = self._task is None and all(open_call.context is None for open_call in self.open)
        if not is_plain:
            return None
        return FastDecoder(
            self._state,
            self._thread,
            self.open,
            self.raised,
            self.last_ns,
        )

    def parse(self, records: list[Any], before: Parsed) -> Parsed:
        """Split records of the tape into instants, and append them to earlier ones."""
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
        state = self._state
        layout, identity, runtime, *values, maker, start_ns = instant.record
        above = self._above()
        parent = self._led_to(maker, above.parent if above else None)
        task = above.task if above and self.open else self._task
        token = None
        if layout.is_suspendable:
            *values, token, task = values
        context = state.context(values.pop()) if layout.notes else None
        is_asked = not self._repeats(layout, identity) and state.wants(layout.site, runtime)
        verdict = state.limit.verdict(layout.site, start_ns, parent) if is_asked else KEPT
        if not verdict.keeps:
            parent = LEFT_OUT
        is_wanted, call = is_asked and verdict.keeps, None
        if is_wanted and not state.limit.refuses_all():
            call = state.make.call(
                layout, identity, runtime, values, start_ns, self._thread, parent
            )
            call._task = task
            is_wanted = state.limit.is_asked_for(call)
            # Only now: `where` sees the parent even if it is dropped by now.
            call._parent = state.parent(parent)
        if not is_wanted or state.limit.is_full():
            call = None
            state.leave_out(context)
        parent = state.parent(parent)
        runs_in = token if layout.is_coroutine else maker
        open_call = OpenCall(layout, identity, call, call or parent, task, token, runs_in)
        siblings: list[Call] = [] if parent is None or not state.keeps else parent._children
        events, last_seq = state.event("call", start_ns, call, context)
        if token is not None:
            state.makers[token] = call or parent
        # One step.
        del state.instants[0]
        self.last_ns = start_ns
        self.open += (open_call,)
        state.limit.quotas |= verdict.quotas
        state.limit.left_out |= verdict.left_out
        if is_wanted and call is None:
            state.limit.lost += 1
        if call is not None:
            state.limit.count += 1
            state.last_id += 1
            call._call_id = state.last_id
            if state.keeps:
                siblings += (call,)
                state.calls += (call,)
            state.events += events
            state.last_seq = last_seq

    def _above(self) -> OpenCall | None:
        """Return the innermost call; if a greenlet has none, that of its parent."""
        above = self.open or (() if self._parent is None else self._parent.open)
        return above[-1] if above else None

    def _led_to(self, maker: Any, parent: Call | None) -> Call | None:
        """Return the parent of a call."""
        above = self.open or (() if self._parent is None else self._parent.open)
        if maker is None or any(open_call.context is maker for open_call in reversed(above)):
            return parent
        # The call was started from another task or thread.
        return self._state.makers.get(maker, parent)

    def _mark(self, instant: Instant) -> None:
        self._settle(instant)
        self._state.makers[instant.record[2]] = self.open[-1].parent if self.open else None
        # One step.
        del self._state.instants[0]
        self.last_ns = instant.ts_ns

    def _suspend(self, instant: Instant) -> None:
        self._settle(instant)
        state = self._state
        token = instant.record[2]
        place = next((p for p, o in enumerate(self.open) if o.token is token), None)
        left = None if place is None else self.open[place]
        call = None if left is None else left.call
        spans: list[list[int]] = [] if call is None else call._spans()
        events, last_seq = state.event("suspend", instant.ts_ns, call)
        # One step.
        del state.instants[0]
        self.last_ns = instant.ts_ns
        if place is not None and left is not None:
            del self.open[place]
            state.suspended[token] = left
            spans += ([instant.ts_ns],)
            state.events += events
            state.last_seq = last_seq

    def _resume(self, instant: Instant) -> None:
        self._settle(instant)
        state = self._state
        token = instant.record[2]
        known = state.suspended.get(token)
        open_call = known or OpenCall(UNKNOWN, None, None, None)
        call = open_call.call
        spans = [] if call is None else call._spans()
        span = spans[-1] if spans and len(spans[-1]) == 1 else []
        events, last_seq = state.event("resume", instant.ts_ns, call)
        # One step.
        del state.instants[0]
        self.last_ns = instant.ts_ns
        self.open += (open_call,)
        if known is not None:
            del state.suspended[token]
            span += (instant.ts_ns,)
            state.events += events
            state.last_seq = last_seq

    def _repeats(self, layout: Layout, identity: Any) -> bool:
        """Return whether a call only continues another that is already counted."""
        if not self.open or not self.open[-1].layout.covers:
            return False
        above = self.open[-1]
        return layout.is_covered(above.layout, identity, above.identity)

    def _return(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, None)

    def _return_result(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, instant.record[2])

    def _end(self, end_ns: int, captured: Any, *, raised: bool = False) -> None:
        """Close the innermost call; if there is none, it began before the recording did."""
        state = self._state
        left = self.open[-1] if self.open else None
        call = None if left is None else left.call
        result = None
        if left is not None and call is not None and captured is not None:
            result = state.make.result(left.layout, captured)
        events, last_seq = state.event("return", end_ns, None if raised else call)
        # One step.
        del state.instants[0]
        self.last_ns = end_ns
        del self.open[-1:]
        if raised:
            self.raised = call
        elif call is not None:
            call._result = result
            call._end_ns = end_ns
            state.events += events
            state.last_seq = last_seq

    def _raise(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, None, raised=True)

    def _error(self, instant: Instant) -> None:
        if self.raised is not None:
            self._end_raised(instant.ts_ns, instant.record[2])
        # One step. If an interrupt comes before it, `_raised` is None the next time.
        del self._state.instants[0]
        self.last_ns = instant.ts_ns

    def _settle(self, instant: Instant) -> None:
        """End a call whose error record an interrupt prevented."""
        if self.raised is not None:
            self._end_raised(instant.ts_ns, UNKNOWN_ERROR)

    def _end_raised(self, end_ns: int, error: CallError) -> None:
        call = self.raised
        events, last_seq = self._state.event("raise", end_ns, call)
        # One step.
        self.raised = None
        if call is not None:
            call._error = error
            call._end_ns = end_ns
            self._state.events += events
            self._state.last_seq = last_seq

"""`ThreadDecoder`, the general decoder of one thread's records: calls begin, nest and end."""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

from callscope.tape.decode.fast import FastDecoder, NativeDecoder
from callscope.tape.decode.open_call import OpenCall
from callscope.tape.decode.sampling import KEPT, LEFT_OUT
from callscope.tape.decode.state import DecodeState, Instant
from callscope.tape.engine import TAPE
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
from callscope.trace import NO_ROW, Arguments, Call, CallError, Table


class Parsed(NamedTuple):
    """One thread's records, split into instants."""

    instants: list[Instant]
    last_ns: int
    """Time of the last of them."""


class Begun(NamedTuple):
    """A call that has begun, except for its parent."""

    start_ns: int
    strand: int
    callee: int
    instance: int
    arguments: Arguments


class ThreadDecoder:
    """Decoder of one thread's records; calls open at the end of a chunk go on in the next.

    Each record is applied in one step: see `TapeDecoder`.

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
        # The three that follow are also set by `TapeDecoder`, in one step with what it commits.
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
        decoder = FastDecoder if TAPE.decode is None else NativeDecoder
        return decoder(
            self._state,
            self._state.rows.strand(self._thread, self._task),
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
        table, row = state.rows.table, len(state.rows.table)
        plan = None if self._repeats(layout, identity) else state.rows.plan(layout, runtime)
        decision = KEPT if plan is None else state.limit.decide(layout.site, start_ns, parent)
        if not decision.keeps:
            parent = LEFT_OUT
        is_selected, call = plan is not None and decision.keeps, None
        if plan is not None and is_selected and not state.limit.refuses_all():
            strand = state.rows.strand(self._thread, task)
            begun = Begun(start_ns, strand, *state.rows.row(plan, layout, identity, values))
            call = self._new_call(begun, parent)
            is_selected = state.limit.is_asked_for(call)
            # Only now: `where` sees the parent even if it is dropped by now.
            _set_row(table, row, begun, parent, is_root=state.parent(parent) is None)
        if not is_selected or state.limit.is_full():
            call = None
            state.leave_out(context)
        parent = state.parent(parent)
        runs_in = token if layout.is_coroutine else maker
        open_call = OpenCall(layout, identity, call, call or parent, task, token, runs_in)
        events, last_seq = state.event("call", start_ns, call, context)
        if token is not None:
            state.makers[token] = call or parent
        call_id = array("q", (state.last_id + 1,))
        # One step.
        del state.instants[0]
        self.last_ns = start_ns
        self.open += (open_call,)
        state.limit.buckets |= decision.buckets
        state.limit.left_out |= decision.left_out
        if is_selected and call is None:
            state.limit.lost += 1
        if call is not None:
            state.limit.count += 1
            state.last_id += 1
            call._table = table
            call._row = row
            table.call_id[row:] = call_id
            state.events += events
            state.last_seq = last_seq

    def _new_call(self, begun: Begun, parent: Call | None) -> Call:
        """Return a call that is not in the table yet; if `where` refuses it, it never will be."""
        state = self._state
        if state.call_filter.where is None:
            return Call(state.rows.table, len(state.rows.table))
        table = state.rows.table.empty_copy()
        _set_row(table, 0, begun, parent)
        table.call_id.append(state.last_id + 1)
        return Call(table, 0)

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
        times = _times(call)
        events, last_seq = state.event("suspend", instant.ts_ns, call)
        # One step.
        del state.instants[0]
        self.last_ns = instant.ts_ns
        if place is not None and left is not None:
            del self.open[place]
            state.suspended[token] = left
            times += (instant.ts_ns,)
            state.events += events
            state.last_seq = last_seq

    def _resume(self, instant: Instant) -> None:
        self._settle(instant)
        state = self._state
        token = instant.record[2]
        known = state.suspended.get(token)
        open_call = known or OpenCall(UNKNOWN, None, None, None)
        call = open_call.call
        times = _times(call)
        resumed = (instant.ts_ns,) if len(times) % 2 else ()
        events, last_seq = state.event("resume", instant.ts_ns, call)
        # One step.
        del state.instants[0]
        self.last_ns = instant.ts_ns
        self.open += (open_call,)
        if known is not None:
            del state.suspended[token]
            times += resumed
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
            result = state.rows.result(left.layout, captured)
        events, last_seq = state.event("return", end_ns, None if raised else call)
        # One step.
        del state.instants[0]
        self.last_ns = end_ns
        del self.open[-1:]
        if raised:
            self.raised = call
        elif call is not None:
            call._table.outcome[call._row] = result
            call._table.end_ns[call._row] = end_ns
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
            call._table.outcome[call._row] = error
            call._table.end_ns[call._row] = end_ns
            self._state.events += events
            self._state.last_seq = last_seq


def _set_row(
    table: Table, row: int, begun: Begun, parent: Call | None, *, is_root: bool = False
) -> None:
    """Set the fields of a call that has begun, in a row that does not count yet.

    If its parent has been dropped, the call is a root, but an override may have led to it.
    """
    start_ns, strand, callee, instance, arguments = begun
    place, depth, via_super = NO_ROW, 0, False
    if parent is not None:
        is_same = (parent.instance or 0) == instance
        via_super = is_same and parent._callee.leads_to(table.callees[callee])
    if parent is not None and not is_root:
        place, depth = table.place_of(parent._table, parent._row), parent.depth + 1
    table.set_row(row, start_ns, place, depth, callee, strand, instance, via_super, arguments)


def _times(call: Call | None) -> list[int]:
    """Return the list of the times at which a call was suspended and resumed, to be extended."""
    return [] if call is None else call._table.suspensions.setdefault(call._row, [])

"""`FastDecoder`: decodes a whole chunk of plain records; all others are left to `ThreadDecoder`.

Most records are plain: calls of functions that begin and end, one within another, in the only
thread. The result of a whole chunk is computed separately and then put in place in one step; see
`TapeReader`. So when the first event is delivered, its call already holds all that the chunk says
about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from callscope.tape.decode.open_call import OpenCall
from callscope.tape.decode.state import DecodeState
from callscope.tape.records import ERROR, RAISE, RESULT, UNKNOWN, UNKNOWN_ERROR, Layout
from callscope.trace import Call, CallError, Event, EventKind

_NOTHING: Final = OpenCall(UNKNOWN, None, None, None)


class FastDecoder:
    """Decoder of a chunk of one thread.

    Calls that were already open get their ends and children at once. If decoding is interrupted,
    the next run removes the children again and sets the same ends.

    Args:
        state: where the calls are added.
        thread: the thread's name.
        before: the calls that were already open.
        raised: the call whose error record is still to come.
        last_ns: time of the last record before the chunk.
    """

    def __init__(
        self,
        state: DecodeState,
        thread: str,
        before: Sequence[OpenCall],
        raised: Call | None,
        last_ns: int,
    ) -> None:
        self._state = state
        self._thread = thread
        # Plain tuples, which hold the first fields of `OpenCall`, are faster to make.
        self._open: list[Sequence[Any]] = [*before]
        self.raised: Call | None = raised
        """The call whose error record is still to come."""
        self.last_ns: int = last_ns
        """Time of the last decoded record."""
        self.calls: list[Call] = []
        """Requested calls that have begun."""
        self.events: list[Event] = []
        """Events for the receiver."""
        self.last_seq: int = state.last_seq
        """Number of the last event."""
        self._makes_events = state.receiver is not None

    @property
    def open(self) -> list[OpenCall]:
        """The open calls, the innermost last."""
        return [each if type(each) is OpenCall else OpenCall(*each) for each in self._open]

    def take(self, records: list[Any]) -> int:
        """Decode records up to the first that is not plain; return the number of places read."""
        position, end = 0, len(records)
        while position < end:
            first = records[position]
            if type(first) is int:
                self._end(first, None)
                position += 1
            elif type(first) is Layout:
                after = position + first.size
                if not self._begin(first, records, position, after):
                    break
                position = after
            elif first is RESULT:
                self._end(records[position + 1], records[position + 2])
                position += 3
            elif first is RAISE:
                self._settle(self.last_ns)
                self.raised = self._open.pop()[2] if self._open else None
                position += 1
            elif first is ERROR:
                self.last_ns = records[position + 1]
                self._settle(self.last_ns, records[position + 2])
                position += 3
            else:
                break
        return position

    def _begin(self, layout: Layout, records: list[Any], position: int, after: int) -> bool:
        """Decode the begin record between two positions; return False if it is not plain."""
        above = self._open[-1] if self._open else _NOTHING
        has_maker = records[after - 2] is not None
        if has_maker or layout.is_suspendable or layout.notes or above[0].covers:
            return False
        start_ns = self.last_ns = records[after - 1]
        if self.raised is not None:
            self._settle(start_ns)
        identity, call, parent = records[position + 1], None, above[3]
        state = self._state
        runtime = records[position + 2]
        if state.wants(layout.site, runtime):
            values = records[position + 3 : after - 2]
            call = state.make.call(
                layout, identity, runtime, values, start_ns, self._thread, parent
            )
            self.calls.append(call)
            call._call_id = state.last_id + len(self.calls)
            if parent is not None and state.keeps:
                parent._children.append(call)
            self._tell("call", start_ns, call)
        self._open.append((layout, identity, call, call or parent))
        return True

    def _end(self, end_ns: int, captured: Any) -> None:
        """Close the innermost call; if there is none, it began before the recording did."""
        if self.raised is not None:
            self._settle(end_ns)
        self.last_ns = end_ns
        if self._open:
            layout, _, call, *_ = self._open.pop()
            if call is not None:
                if captured is not None:
                    call._result = self._state.make.result(layout, captured)
                call._end_ns = end_ns
                self._tell("return", end_ns, call)

    def _settle(self, end_ns: int, error: CallError = UNKNOWN_ERROR) -> None:
        """End a call that has raised."""
        if self.raised is not None:
            self.raised._error, self.raised._end_ns = error, end_ns
            self._tell("raise", end_ns, self.raised)
            self.raised = None

    def _tell(self, kind: EventKind, ts_ns: int, call: Call) -> None:
        if self._makes_events:
            self.last_seq += 1
            self.events.append(Event(kind, self.last_seq, ts_ns, call))

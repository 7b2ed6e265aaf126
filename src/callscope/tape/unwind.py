"""One thread's records, taken apart: calls begin, nest and end."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.hierarchy import ClassRef, class_ref
from callscope.tape.records import (
    ERROR,
    MARK,
    RAISE,
    RESULT,
    RESUME,
    SUSPEND,
    UNKNOWN_ERROR,
    Layout,
)
from callscope.trace import Call, CallError

if TYPE_CHECKING:
    from callscope.tape.read import TapeReader


class Instant(NamedTuple):
    """A record as it stands on the tape, and what is to be done with it."""

    ts_ns: int
    act: Callable[[Instant], None]
    record: list[Any]


class Open(NamedTuple):
    """A call that has begun and not ended, as seen from one recording."""

    layout: Layout
    identity: Any
    call: Call | None
    """None if the recording does not keep it."""
    parent: Call | None
    """What the calls within hang below: the innermost call that is kept."""
    task: str | None = None
    """Name of the asyncio task it runs in."""
    token: Any = None
    """Stands for a call that can be suspended."""
    context: Any = None
    """Token of the innermost coroutine, or mark, in whose context it runs."""


# For what was suspended when the recording began, and has begun before that.
_UNKNOWN: Final = Layout(class_ref(object).site("?"), (), (), ())


class ThreadReader:
    """Reads one thread's records; what is open at the end of one chunk goes on in the next."""

    def __init__(self, thread: str, reader: TapeReader) -> None:
        self._thread = thread
        self._reader = reader
        self._open: list[Open] = []
        self._contexts: Counter[Any] = Counter()
        self._raised: Call | None = None
        self._last_ns = 0
        self._acts = {
            RESULT: self._return_result,
            ERROR: self._error,
            SUSPEND: self._suspend,
            RESUME: self._resume,
            MARK: self._mark,
        }
        self.parsed: deque[Instant] = deque()

    def take_until(self, until_ns: float) -> Iterator[Instant]:
        """Yield, and forget, the instants up to some time."""
        while self.parsed and self.parsed[0].ts_ns <= until_ns:
            yield self.parsed.popleft()

    def parse(self, records: list[Any]) -> None:
        """Split records of the tape into instants."""
        position, end, last_ns = 0, len(records), self._last_ns
        add = self.parsed.append
        while position < end:
            first = records[position]
            if type(first) is int:
                last_ns = first
                add(Instant(first, self._return, records[position : position + 1]))
                position += 1
            elif type(first) is Layout:
                record = records[position : position + first.size]
                last_ns = record[-1]
                add(Instant(last_ns, self._begin, record))
                position += first.size
            elif first is RAISE:
                add(Instant(last_ns, self._raise, records[position : position + 1]))
                position += 1
            else:
                last_ns = records[position + 1]
                add(Instant(last_ns, self._acts[first], records[position : position + 3]))
                position += 3
        self._last_ns = last_ns

    def _begin(self, instant: Instant) -> None:
        self._settle(instant)
        layout, identity, runtime, *values, maker, start_ns = instant.record
        above = self._open[-1] if self._open else None
        parent = above.parent if above else None
        task = above.task if above else None
        token = None
        if maker is not None and not self._contexts[maker]:
            # It was led to from another task, or another thread.
            parent = self._reader.makers.get(maker, parent)
        if layout.is_suspendable:
            *values, token, task = values
        call = None
        if not self._repeats(layout, identity) and self._reader.wants(layout.site):
            call = self._call(layout, identity, runtime, values, start_ns, parent)
            call._task = task
            call._pid = self._reader.pid
            if not self._reader.begin(call):
                call = None
        context = token if layout.is_coroutine else maker
        self._push(Open(layout, identity, call, call or parent, task, token, context))
        if token is not None:
            self._reader.makers[token] = call or parent

    def _push(self, entered: Open) -> None:
        self._open.append(entered)
        if entered.context is not None:
            self._contexts[entered.context] += 1

    def _left(self, left: Open) -> None:
        if left.context is not None:
            self._contexts[left.context] -= 1
            if not self._contexts[left.context]:
                del self._contexts[left.context]

    def _mark(self, instant: Instant) -> None:
        self._settle(instant)
        self._reader.makers[instant.record[2]] = self._open[-1].parent if self._open else None

    def _suspend(self, instant: Instant) -> None:
        self._settle(instant)
        _, _, token = instant.record
        found = next((o for o in reversed(self._open) if o.token is token), None)
        if found is not None:
            self._open.remove(found)
            self._left(found)
            self._reader.suspended[token] = found
            if found.call is not None:
                found.call._suspend(instant.ts_ns)
                self._reader.tell("suspend", instant.ts_ns, found.call)

    def _resume(self, instant: Instant) -> None:
        self._settle(instant)
        _, _, token = instant.record
        found = self._reader.suspended.pop(token, None) or Open(_UNKNOWN, None, None, None)
        self._push(found)
        if found.call is not None:
            found.call._resume(instant.ts_ns)
            self._reader.tell("resume", instant.ts_ns, found.call)

    def _repeats(self, layout: Layout, identity: Any) -> bool:
        """Tell whether a call only goes on with another that is counted already."""
        if not self._open:
            return False
        above = self._open[-1]
        return layout in above.layout.covers and above.identity is identity

    def _call(
        self,
        layout: Layout,
        identity: Any,
        runtime: ClassRef | None,
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

    def _return(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, None)

    def _return_result(self, instant: Instant) -> None:
        self._settle(instant)
        self._end(instant.ts_ns, instant.record[2])

    def _end(self, end_ns: int, captured: Any) -> None:
        ended = self._close()
        if ended is not None and ended.call is not None:
            call = ended.call
            call._end(
                end_ns, None if captured is None else self._reader.value(ended.layout, captured)
            )
            self._reader.tell("return", end_ns, call)

    def _close(self) -> Open | None:
        """Return what ends here; without anything open, that began before the recording did."""
        if not self._open:
            return None
        ended = self._open.pop()
        self._left(ended)
        return ended

    def _raise(self, instant: Instant) -> None:
        self._settle(instant)
        ended = self._close()
        self._raised = None if ended is None else ended.call

    def _error(self, instant: Instant) -> None:
        self._end_raised(instant.ts_ns, instant.record[2])

    def _settle(self, instant: Instant) -> None:
        """End a call whose error record an interrupt kept from being written."""
        if self._raised is not None:
            self._end_raised(instant.ts_ns, UNKNOWN_ERROR)

    def _end_raised(self, end_ns: int, error: CallError) -> None:
        call, self._raised = self._raised, None
        if call is not None:
            call._end(end_ns, error=error)
            self._reader.tell("raise", end_ns, call)

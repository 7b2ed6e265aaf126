"""`DecodeState`: state shared by the general and the fast decoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from callscope.introspect.sites import ClassRef, Site
from callscope.tape.context_hooks import ContextHook, context_for
from callscope.tape.decode.call_builder import CallBuilder
from callscope.tape.decode.event_receiver import EventReceiver
from callscope.tape.decode.filter import Filter, Limit, is_asked_for
from callscope.tape.decode.open_call import OpenCall
from callscope.trace import Call, Event, EventKind


class Instant(NamedTuple):
    """A record of the tape, with its time and the function that applies it."""

    ts_ns: int
    act: Callable[[Instant], None]
    record: list[Any]


class DecodeState:
    """Calls and events of one recording, as far as its tapes are decoded.

    Args:
        wanted: filter of the calls to keep.
        keep: whether the calls are kept in memory.
        receiver: receiver of the events; without one, no event is made.
        context_hook: the receiver's hook in the threads of calls.
    """

    def __init__(
        self,
        wanted: Filter,
        *,
        keep: bool,
        receiver: EventReceiver | None,
        context_hook: ContextHook | None,
    ) -> None:
        self.wanted: Filter = wanted
        self.keeps: bool = keep
        self.receiver: EventReceiver | None = receiver
        self.context_hook: ContextHook | None = context_hook
        self.limit: Limit = Limit(wanted)
        self.make: CallBuilder = CallBuilder(wanted.sites)
        """Builder of the calls."""
        self.suspended: dict[Any, OpenCall] = {}
        """Suspended calls by token; another thread may resume them."""
        self.makers: WeakKeyDictionary[Any, Call | None] = WeakKeyDictionary()
        """Innermost kept call at the coroutine or mark of each token."""
        self.instants: deque[Instant] = deque()
        """Ordered instants to apply, the next one first."""
        self.events: deque[Event] = deque()
        """Events that the receiver has not taken yet."""
        self.last_seq: int = 0
        """Number of the last event."""
        self.calls: deque[Call] = deque()
        self.last_id: int = 0
        """Number of the last call."""
        self.dropped: int = 0
        """Number of kept calls that were dropped to make room for others."""

    def context(self, noted: Any) -> Any:
        """Return the receiver's part of the context on the tape."""
        return context_for(self.context_hook, noted)

    def leave_out(self, context: object) -> None:
        """Tell the receiver that the call of this context will have no event."""
        if self.receiver is not None and context is not None:
            self.receiver.leave_out(context)

    def event(
        self, kind: EventKind, ts_ns: int, call: Call | None, context: object = None
    ) -> tuple[tuple[Event, ...], int]:
        """Return the next event, if any, and the `last_seq` with it.

        There is none without a receiver or a call.
        """
        last_seq = self.last_seq
        if self.receiver is None or call is None:
            return (), last_seq
        return (Event(kind, last_seq + 1, ts_ns, call, context),), last_seq + 1

    def parent(self, call: Call | None) -> Call | None:
        """Return a parent call; None if it has been dropped."""
        # The oldest calls are dropped, and they have the lowest numbers.
        dropped = call is not None and self.keeps and call._call_id <= self.dropped
        return None if dropped else call

    def wants(self, site: Site, cls: ClassRef | None) -> bool:
        """Return whether the recording was asked for calls of this site on objects of a class."""
        return is_asked_for(self.wanted.sites, site, cls)

"""State of a reading of tapes, which the general and the fast decoder share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from callscope.introspect.sites import ClassRef, Site
from callscope.tape.context_hooks import ContextHook, context_for
from callscope.tape.decode.call_builder import CallBuilder
from callscope.tape.decode.event_queue import EventQueue
from callscope.tape.decode.filter import Filter, Limit, is_asked_for
from callscope.tape.decode.open_call import OpenCall
from callscope.trace import Call, Event, EventKind


class Instant(NamedTuple):
    """A record as it stands on the tape, and what is to be done with it."""

    ts_ns: int
    act: Callable[[Instant], None]
    record: list[Any]


class DecodeState:
    """Calls and events of one recording, as far as its tapes are decoded.

    Args:
        wanted: what to keep.
        keep: whether the calls are kept in memory.
        listener: is given each event; without one, no event is made.
        around: what the listener does in the threads of calls.
    """

    def __init__(
        self, wanted: Filter, *, keep: bool, listener: EventQueue | None, around: ContextHook | None
    ) -> None:
        self.wanted: Filter = wanted
        self.keeps: bool = keep
        self.listener: EventQueue | None = listener
        self.around: ContextHook | None = around
        self.limit: Limit = Limit(wanted)
        self.make: CallBuilder = CallBuilder(wanted.sites)
        """Makes the calls."""
        self.suspended: dict[Any, OpenCall] = {}
        """Calls that are suspended, by token; another thread may resume them."""
        self.makers: WeakKeyDictionary[Any, Call | None] = WeakKeyDictionary()
        """The innermost call that is kept around what each token stands for."""
        self.instants: deque[Instant] = deque()
        """What has been taken apart and put in order; the first is the next to be taken note of."""
        self.events: deque[Event] = deque() if listener is None else listener.events
        self.calls: deque[Call] = deque()
        self.last_id: int = 0
        """Number of the last call."""
        self.dropped: int = 0
        """Number of calls that were kept and had to make room for others."""

    def context(self, entered: Any) -> Any:
        """Return what the listener has noted of a call's context, of what stands on the tape."""
        return context_for(self.around, entered)

    def leave_out(self, context: object) -> None:
        """Tell the listener that there will be no event of a call it has noted something of."""
        if self.listener is not None and context is not None:
            self.listener.leave_out(context)

    def event(
        self, kind: EventKind, ts_ns: int, call: Call | None, context: object = None
    ) -> tuple[Event, ...]:
        """Return the event to tell the listener of, if there is a listener and a call."""
        last_seq = self.last_seq
        if last_seq is None or call is None:
            return ()
        return (Event(kind, last_seq + 1, ts_ns, call, context),)

    @property
    def last_seq(self) -> int | None:
        """Number of the last event; None without a listener."""
        return None if self.listener is None else self.listener.delivered + len(self.events)

    def parent(self, call: Call | None) -> Call | None:
        """Return a call that another is to hang below, if it has not been dropped."""
        # The oldest are dropped, and so their numbers are the lowest.
        dropped = call is not None and self.keeps and call._call_id <= self.dropped
        return None if dropped else call

    def wants(self, site: Site, cls: ClassRef | None) -> bool:
        """Tell whether the recording was asked for calls of this site on objects of a class."""
        return is_asked_for(self.wanted.sites, site, cls)

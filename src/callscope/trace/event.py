"""Event (one instant of a call) and the protocol of sinks that receive events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from callscope.introspect.values import Text, Value

if TYPE_CHECKING:
    from callscope.trace.call import Call

SCHEMA_VERSION: Final = 2

EventKind = Literal["call", "return", "raise", "suspend", "resume"]


class _Marker:
    """Singleton that stays one object when pickled."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "SKIPPED"


SKIPPED: Final = _Marker()
"""Marker in place of a context: the sink does not need this call."""


class Event:
    """One instant of a call: its start (``"call"``), its end (``"return"``, ``"raise"``), or the
    suspension and resumption of a coroutine or generator (``"suspend"``, ``"resume"``).
    """

    __slots__ = ("call", "context", "kind", "seq", "ts_ns")

    def __init__(
        self, kind: EventKind, seq: int, ts_ns: int, call: Call, context: object = None
    ) -> None:
        self.kind: EventKind = kind
        """``"call"``, ``"return"``, ``"raise"``, ``"suspend"`` or ``"resume"``."""
        self.seq: int = seq
        """Number of the event in its trace, from 1."""
        self.ts_ns: int = ts_ns
        """Time of the event, in nanoseconds of `time.perf_counter_ns`."""
        self.call: Call = call
        """The call, as far as it is known at this event."""
        self.context: object = context
        """Context noted at the call's start by a sink that follows contexts; else None."""

    @property
    def pid(self) -> int:
        """Number of the process it happened in."""
        return self.call.pid

    def to_dict(self) -> dict[str, Any]:
        """Return the event as the JSON object of the event schema, version 2."""
        call = self.call
        event: dict[str, Any] = {
            "v": SCHEMA_VERSION,
            "kind": self.kind,
            "seq": self.seq,
            "ts_ns": self.ts_ns,
            "pid": self.pid,
            "thread": call.thread,
            "task": call.task,
            "call_id": call.call_id,
            "parent_id": None if call.parent is None else call.parent.call_id,
            "depth": call.depth,
            "method": call.method,
            "defining_class": call.defining_class,
            "runtime_class": call.runtime_class,
            "instance": call.instance,
            "mro_index": call.mro_index,
            "via_super": call.via_super,
        }
        if self.kind == "call":
            if call._arguments is not None:
                values = {name: finite(value) for name, value in call._arguments.items()}
                event["arguments"] = values
                texts = [name for name, value in values.items() if type(value) is Text]
                if texts:
                    event["texts"] = texts
        elif self.kind in ("return", "raise"):
            event["duration_ns"] = call.duration_ns
            if call.error is not None:
                event["error"] = call.error._asdict()
            else:
                event["result"] = result = finite(call.result)
                if type(result) is Text:
                    event["text_result"] = True
        return event

    def __repr__(self) -> str:
        return f"<Event {self.seq}: {self.kind} of {self.call!r}>"


def finite(value: Value) -> Value:
    """Return a value JSON can represent: infinity and NaN become text."""
    return Text(value) if type(value) is float and not math.isfinite(value) else value


class Sink(Protocol):
    """Receiver of events while the program runs.

    Events are queued, and the sink's own thread delivers them in batches. The program does not
    wait, however long the sink takes. If the queue is full, whole calls are left out; their number
    is part of the argument of ``on_end``, and one `SinkWarning` reports it. At the end of the
    recording, and of the program, the sink has `deadline_seconds` to take the remaining events, and
    as long again to close. Then it is abandoned, with a `SinkWarning`.

    A sink that raises anything is closed and not called again. There is one `SinkWarning`, and the
    program, the trace and the other sinks go on. Calls that a sink makes are not recorded. A sink
    may also have:

    - ``on_start(header)``, called once, first, and ``on_end(lost)``, called once after all events
      were delivered, with the number of calls the sink did not receive;
    - ``on_fork(header)``, called in a child process that the program has forked: data the sink has
      buffered belongs to the parent, and later events to the child;
    - an attribute ``deadline_seconds``, 5 by default;
    - an attribute ``live``: if true, events are delivered as they happen, and the program waits.
      A user interrupt (Ctrl-C) during delivery propagates to the program; the sink then goes on
      with the next event;
    - an attribute ``exits_first``: if true, recordings end before the exit handlers registered so
      far, which may shut down what the sink writes to, as `logging.shutdown` does;
    - an attribute ``lossless``: if true, events come in batches but none is left out, and the
      program may have to wait.
    """

    def on_event(self, event: Event, /) -> None:
        """Receive one event. Events of one thread come in order."""

    def flush(self) -> None:
        """Write out buffered data. Called after each batch of events."""

    def close(self) -> None:
        """Flush, and close files and connections. Called once, at the end."""

"""Event, one instant of a call; and the protocol of the sinks that receive events."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, Protocol

from callscope.introspect.values import Text, Value
from callscope.trace.call import Call

SCHEMA_VERSION: Final = 1

EventKind = Literal["call", "return", "raise", "suspend", "resume"]


class _Marker:
    """Stays the one object when pickled."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "SKIPPED"


SKIPPED: Final = _Marker()
"""Says of a call, in place of its context, that a sink has no use for it."""


class Event:
    """One instant of a call: its begin (``"call"``), its end (``"return"``, ``"raise"``), or where
    a coroutine or generator was suspended and resumed (``"suspend"``, ``"resume"``).
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
        """When it happened, in nanoseconds of `time.perf_counter_ns`."""
        self.call: Call = call
        """The call it is an instant of, as far as that is known at this event."""
        self.context: object = context
        """What a sink that follows the program's context noted as the call began; else None."""

    @property
    def pid(self) -> int:
        """The process it happened in."""
        return self.call.pid

    def to_dict(self) -> dict[str, Any]:
        """Return the event as the JSON object of the event schema, version 1."""
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
                    event["texts"] = ["result"]
        return event

    def __repr__(self) -> str:
        return f"<Event {self.seq}: {self.kind} of {self.call!r}>"


def finite(value: Value) -> Value:
    """Return a value that JSON has a form for: it has no number for infinity and NaN."""
    return Text(value) if type(value) is float and not math.isfinite(value) else value


class Sink(Protocol):
    """What receives events while the program runs.

    Events are put in line, and a thread of the sink's own hands them over in batches: however long
    the sink takes, the program does not wait. Where the line is full, whole calls are left out;
    their number is part of what ``on_end`` is given, and one `SinkWarning` tells of it. At the end
    of the recording, and of the program, the sink has `deadline_seconds` to take the rest, and as
    long again to close; then it is left alone, with a `SinkWarning`.

    A sink that raises, whatever it raises, is closed and not called again: there is one
    `SinkWarning`, and the program, the trace and the other sinks go on. Calls that a sink makes are
    not recorded. A sink may also have:

    - ``on_start(header)``, called once before all else, and ``on_end(lost)``, called once when all
      events were handed over, with the number of calls that it was not told of;
    - ``on_fork(header)``, called in a child process that the program has forked: what the sink
      holds back belongs to the parent, and what it is given from now on to the child;
    - an attribute ``deadline_seconds``, which is 5 by default;
    - an attribute ``live``: if that is true, events are handed over as they happen, and the program
      waits for it. An interrupt of the user's (Ctrl-C) that falls into it passes through to the
      program; the sink then goes on with the next event;
    - an attribute ``lossless``: if that is true, events come in batches, but nothing is left out,
      and the program may have to wait.
    """

    def on_event(self, event: Event, /) -> None:
        """Take one event. Events of one thread come in order."""

    def flush(self) -> None:
        """Write out what is held back. Called after each batch of events."""

    def close(self) -> None:
        """Flush and let go of files and connections. Called once, at the end."""

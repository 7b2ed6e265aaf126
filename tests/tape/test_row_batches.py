"""Batches of rows: their events are those that a decoder of single events would make."""

import contextlib
import threading
from types import coroutine

from hypothesis import example, given, settings
from hypothesis import strategies as st

import callscope
from callscope.trace import Event, RowBatch

FIELDS = (
    "call_id",
    "site",
    "runtime_class",
    "instance",
    "arguments",
    "result",
    "error",
    "start_ns",
    "duration_ns",
    "thread",
    "task",
    "depth",
    "via_super",
    "suspensions",
)


class Batches:
    """A sink that takes batches of rows, and events where there are no such batches."""

    lossless = True

    def __init__(self):
        self.received = []
        self.on_event = self.on_rows = self.received.append

    def flush(self):
        pass

    close = flush

    @property
    def events(self):
        """All events, those of batches among them."""
        return [
            event
            for received in self.received
            for event in ([received] if isinstance(received, Event) else received.events())
        ]


class Events(Batches):
    """A sink that takes only events."""

    def __init__(self):
        super().__init__()
        del self.on_rows


def fields(event):
    """Return all that an event says of itself and of its call."""
    call = event.call
    parent = None if call.parent is None else call.parent.call_id
    return event.kind, event.seq, event.ts_ns, parent, *(getattr(call, name) for name in FIELDS)


@coroutine
def pause():
    """Suspend what awaits it."""
    yield


def run(steps):
    """Run the steps of a program."""
    for kind, below in steps:
        if kind == "drain":
            Base.drain()
        elif kind == "thread":
            thread = threading.Thread(target=run_to_error, args=(below,))
            thread.start()
            thread.join()
        elif kind == "yields":
            list(Base().yields(below))
        elif kind == "awaits":
            awaited = Base().awaits(below)
            with contextlib.suppress(StopIteration):
                while True:
                    awaited.send(None)
        else:
            getattr(Derived(), kind)(below)


def run_to_error(steps):
    """Run the steps of a program, up to an error."""
    with contextlib.suppress(ValueError):
        run(steps)


class Base:
    """Methods that run steps."""

    drain = None
    """Reads what is recorded so far."""

    def call(self, steps):
        run(steps)
        return len(steps)

    def unrecorded(self, steps):
        run(steps)

    def catches(self, steps):
        run_to_error(steps)

    def fails(self, steps):
        run(steps)
        raise ValueError(len(steps))

    def yields(self, steps):
        for step in steps:
            yield
            run([step])

    async def awaits(self, steps):
        for step in steps:
            await pause()
            run([step])


class Derived(Base):
    """The same, with a method that leads to that of its base."""

    def call(self, steps):
        return super().call(steps)


def programs(*kinds):
    """Return a strategy of nested steps."""
    return st.recursive(
        st.just([]),
        lambda below: st.lists(st.tuples(st.sampled_from(kinds), below), max_size=4),
        max_leaves=24,
    )


PLAIN = ("call", "call", "unrecorded", "catches", "fails", "drain")
METHODS = ("call", "catches", "fails", "yields", "awaits")


def received(program):
    """Return what both kinds of sinks receive of one run."""
    rows, events = Batches(), Events()
    with (
        callscope.record(Base, methods=METHODS, sinks=[rows]) as trace,
        callscope.record(Base, methods=METHODS, sinks=[events], where=lambda call: True),
    ):
        Base.drain = staticmethod(trace.__len__)
        run_to_error(program)
    return rows, events


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(programs(*PLAIN))
def test_calls_one_within_another(program):
    """Calls of one thread, with errors, all come in batches, wherever these are cut."""
    rows, events = received(program)
    assert {*map(type, rows.received)} <= {RowBatch}
    assert [*map(fields, rows.events)] == [*map(fields, events.received)]


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(programs(*PLAIN, "yields", "awaits", "thread"))
@example([("thread", [("call", []), ("yields", [])])])
def test_calls_of_all_kinds(program):
    """Calls that are suspended or in other threads come as events, in order with the batches."""
    rows, events = received(program)
    assert [*map(fields, rows.events)] == [*map(fields, events.received)]

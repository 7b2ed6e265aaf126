"""Check that a sink fulfills the `Sink` protocol."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from callscope.errors import SinkWarning, shown
from callscope.introspect.clock import perf_counter_ns, time_ns
from callscope.recording.api import record
from callscope.testing._programs import PROGRAMS, Base, Layer, nothing
from callscope.trace import Header, Sink


def check_sink(make: Callable[[], Sink]) -> None:
    """Check that a sink fulfills the `Sink` protocol.

    The sink receives real recordings: nested calls, errors, generators and coroutines, threads,
    text and numbers that break writers, calls that never end, no calls at all, and a forked process
    if the system has them. It must accept all, and end within its `deadline_seconds`::

        def test_my_sink(tmp_path):
            check_sink(lambda: MySink(tmp_path / "calls.txt"))

    Args:
        make: returns a new sink; called once per recording.

    Raises:
        AssertionError: if a rule is broken, naming the rule, the recording and the event.
    """
    first = make()
    _check_shape(first)
    for name, program in PROGRAMS.items():
        with (
            _watched(first if program is nothing else make(), name) as sink,
            record(Base, Layer, methods=["*call*", "*steps*", "__init__"], sinks=[sink]),
        ):
            program()
    _check_ends(make(), "nothing but the end")
    _check_close_again(make())
    if hasattr(os, "fork"):
        _check_fork(make())


class _Watched:
    """Sink that notes the first exception of another sink, and its place."""

    def __init__(self, sink: Sink, recording: str) -> None:
        self._sink = sink
        self._recording = recording
        self.problem: tuple[str, BaseException] | None = None
        self.is_closed = False

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._sink, name)
        if name not in _METHODS:
            return value

        def call(*arguments: Any) -> None:
            try:
                value(*arguments)
            except BaseException as error:
                self._note(name, arguments, error)
                raise
            self.is_closed |= name == "close"

        return call

    def __repr__(self) -> str:
        return shown(self._sink)

    def _note(self, name: str, arguments: tuple[Any, ...], error: BaseException) -> None:
        if self.problem is None:
            values = ", ".join(map(shown, arguments))
            text = (
                f"{_METHODS[name]} In the recording of {self._recording},"
                f" {name}({values}) raised {shown(error)}."
            )
            self.problem = text, error


_METHODS: Final = {
    "on_start": "on_start(header) must take the header of a recording.",
    "on_event": "on_event(event) must take every event.",
    "flush": "flush() must be possible at any time, whether or not there was an event before it.",
    "on_fork": "on_fork(header) must be possible between any two events.",
    "on_end": "on_end(lost) must take the number of calls that the sink did not receive.",
    "close": "close() must be possible at any time after on_start.",
    "leave_out": "leave_out(context) must take the object that the sink made for a call.",
}


@contextmanager
def _watched(sink: Sink, recording: str) -> Iterator[Any]:
    """Fail if the sink raises or causes a warning."""
    watched = _Watched(sink, recording)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield watched
    if watched.problem is not None:
        text, error = watched.problem
        raise AssertionError(text) from error
    warned = [str(w.message) for w in caught if issubclass(w.category, SinkWarning)]
    assert not warned, f"A sink must end in time. In the recording of {recording}: {warned[0]}"
    assert watched.is_closed, f"In the recording of {recording}, the sink was not closed."


def _check_shape(sink: Sink) -> None:
    assert not isinstance(sink, type), (
        f"check_sink must be given a function that returns a sink, got one that returns the class"
        f" {sink!r}. Call the class."
    )
    for name in ("on_event", "flush", "close"):
        method = getattr(sink, name, None)
        assert callable(method), f"A sink must have a method {name}(); {shown(sink)} has none."
    for name in ("on_start", "on_fork", "on_end"):
        method = getattr(sink, name, None)
        assert method is None or callable(method), f"{name} must be a method, if there is one."


def _header() -> Header:
    return Header(os.getpid(), perf_counter_ns(), time_ns(), "3", "0", ())


def _check_ends(sink: Sink, recording: str) -> None:
    """Flush a sink with nothing to flush, and tell it that calls were lost."""
    with _watched(sink, recording) as watched:
        for method, *arguments in (
            ("on_start", _header()),
            ("flush",),
            ("flush",),
            ("on_end", 7),
            ("flush",),
            ("close",),
        ):
            if hasattr(sink, str(method)):
                with suppress(BaseException):  # noted by `_Watched`
                    getattr(watched, str(method))(*arguments)


def _check_close_again(sink: Sink) -> None:
    with record(Layer, sinks=[sink]):
        Layer(1)(2)
    try:
        sink.close()
    except BaseException as error:
        msg = (
            "close() must do nothing a second time: a sink that has raised is closed at once, and"
            f" a program may close it too. It raised {shown(error)}."
        )
        raise AssertionError(msg) from error


def _check_fork(sink: Sink) -> None:
    """Fork during a recording, and check that both processes end well."""
    reading, writing = os.pipe()
    with _watched(sink, "a program that forks") as watched, os.fdopen(reading) as report:
        recording = record(Layer, sinks=[watched])
        with recording:
            layer = Layer(1)
            with warnings.catch_warnings():
                # A test's process may have its own threads.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if not child:
                _end_child(recording, watched, layer, writing)
            layer(2)
            os.close(writing)
            os.waitpid(child, 0)
        outcome = report.read()
    if outcome != "well":
        msg = "A forked child must go on with a sink of its own. There, it"
        raise AssertionError(f"{msg} {outcome}" if outcome else f"{msg} did not end.")


def _end_child(recording: Any, watched: Any, layer: Layer, writing: int) -> None:
    outcome = "raised something else."
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            layer(3)
            recording.end()
        problems = [str(w.message) for w in caught if issubclass(w.category, SinkWarning)]
        problem = f"broke a promise: {watched.problem[0]}" if watched.problem else ""
        outcome = problem or (f"got the warning: {problems[0]}" if problems else "well")
    finally:
        os.write(writing, outcome.encode("utf-8", "backslashreplace"))
        os._exit(0)

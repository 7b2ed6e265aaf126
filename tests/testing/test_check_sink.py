"""`callscope.testing.check_sink`: which promise a sink has broken."""

import io
import os
import threading

import pytest

import callscope
from callscope.testing import check_sink


class Good:
    """A sink as short as can be."""

    def on_event(self, event): ...
    def flush(self): ...
    def close(self): ...


@pytest.mark.parametrize(
    "make",
    [
        Good,
        lambda: callscope.Console(io.StringIO()),
        callscope.Logging,
        callscope.Structlog,
        callscope.OpenTelemetry,
        lambda: callscope.OpenTelemetry(current=True),
    ],
    ids=["ten lines", "console", "logging", "structlog", "otel", "otel current"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_ours_keep_them(make, caplog, capsys):
    """All sinks that callscope has; what they write to is set to take everything."""
    if getattr(make, "__name__", "") in ("Structlog", "OpenTelemetry", "<lambda>"):
        pytest.importorskip("structlog", reason="structlog is not installed")
        pytest.importorskip("opentelemetry", reason="opentelemetry-api is not installed")
    caplog.set_level(0)
    check_sink(make)


def test_files_keep_them(tmp_path):
    """A fresh file for each recording."""
    numbers = iter(range(100))
    check_sink(lambda: callscope.JSONLines(tmp_path / f"{next(numbers)}.jsonl"))


def broken(**methods):
    return type("Broken", (Good,), methods)


def raises(when=lambda *_: True):
    def method(self, *arguments):
        if when(*arguments):
            raise ValueError("cannot")

    return method


def close_once(self):
    if vars(self).setdefault("closed", False):
        raise ValueError("closed already")
    self.closed = True


class TestAPromiseThatIsBroken:
    @pytest.mark.parametrize(
        ("methods", "message"),
        [
            ({"on_event": None}, r"must have a method on_event\(\)"),
            ({"close": 3}, r"must have a method close\(\)"),
            ({"on_end": 3}, "on_end must be a method"),
            (
                {"on_event": raises(lambda event: event.kind == "suspend")},
                r"take every event\..*generators.*on_event\(<Event \d+: suspend.*ValueError\('cannot'",
            ),
            (
                {"on_event": raises(lambda event: event.kind == "raise")},
                r"In the recording of errors, on_event\(<Event 2: raise",
            ),
            (
                {"on_event": lambda self, event: "".join(map(str, event.call.arguments)).encode()},
                "In the recording of hostile text and numbers",
            ),
            (
                {"on_event": raises(lambda event: event.call.thread != "MainThread")},
                "In the recording of threads",
            ),
            ({"on_start": raises()}, "must take the header"),
            ({"on_end": raises(lambda lost: lost > 0)}, r"on_end\(7\) raised"),
            ({"flush": raises()}, r"flush\(\) must be possible at any time"),
            ({"close": close_once}, "close.. must do nothing a second time"),
        ],
    )
    def test_is_named(self, methods, message):
        """With the recording and the event."""
        with pytest.raises(AssertionError, match=message):
            check_sink(broken(**methods))

    def test_the_sinks_own_exception_is_the_cause(self):
        """So that a test's report shows where it came from."""
        with pytest.raises(AssertionError) as caught:
            check_sink(broken(flush=raises()))
        assert isinstance(caught.value.__cause__, ValueError)

    def test_a_sink_that_does_not_end(self):
        """Is not waited for."""
        free = threading.Event()

        class Stuck(Good):
            deadline_seconds = 0.01

            def close(self):
                if threading.current_thread().name == "callscope-sinks":
                    free.wait()

        with pytest.raises(AssertionError, match=r"must end in time.*did not end within 0\.01"):
            check_sink(Stuck)
        free.set()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_in_a_forked_child(self):
        """What the child's sink says of it reaches the test."""

        class Parents(Good):
            def __init__(self):
                self.pid = os.getpid()

            def on_event(self, event):
                if event.pid != self.pid:
                    raise ValueError("not mine")

        with pytest.raises(AssertionError, match=r"forked child.*broke a promise.*not mine"):
            check_sink(Parents)

    def test_a_class_in_place_of_a_sink(self):
        """Says what was meant."""
        with pytest.raises(AssertionError, match="must be given a function that returns a sink"):
            check_sink(lambda: Good)

"""Value of the pytest fixture ``callscope``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from callscope.recording.api import begin_among, end_last, method_taking, record
from callscope.testing.outline import check_outline, last_calls

if TYPE_CHECKING:
    from callscope.read.trace import Trace
    from callscope.recording.recording import Recording


class Recordings:
    """Value of the fixture ``callscope``: `record`, `start` and `stop` as in the module.

    If the test fails, its report shows the calls that they recorded.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._recordings: list[Recording] = []
        self._started: list[Recording] = []
        self._checked: Counter[str] = Counter()

    @method_taking(record)
    def record(self, *targets: type | str, **options: Any) -> Recording:
        """Record a block of the test; takes what `callscope.record` takes."""
        recording = record(*targets, **options)
        self._recordings.append(recording)
        return recording

    @method_taking(record)
    def start(self, *targets: type | str, **options: Any) -> Trace:
        """Begin a recording and return its trace; it ends with the test, or by `stop`."""
        return begin_among(self._started, self.record(*targets, **options))

    def stop(self) -> Trace:
        """End the recording that was started last, and return its trace.

        Raises:
            RecordingError: if none is running.
        """
        problem = "No recording was started in this test. Call callscope.start() first."
        return end_last(self._started, problem)

    def check_outline(self, trace: Trace, name: str = "") -> None:
        """Check that a trace's outline equals the file beside the test.

        The file is ``outlines/<test file>.<test>.txt``; ``--callscope-update`` writes it.

        Args:
            trace: the trace.
            name: part of the file name, to tell several traces of a test apart.

        Raises:
            AssertionError: if the outline differs, or there is no such file.
        """
        test = self._request.node.nodeid.partition("::")[2]
        words = [self._request.path.stem, *filter(None, [test, name])]
        stem = re.sub(r"[^\w.-]+", "-", ".".join(words).replace("]", ""))
        self._checked[stem] += 1
        number = f".{self._checked[stem]}" if self._checked[stem] > 1 else ""
        check_outline(trace, self._request.path.parent / "outlines" / f"{stem}{number}.txt")

    def sections(self) -> Iterator[tuple[str, str]]:
        """Yield the title and the text of each recording that has a call."""
        traces = [recording.trace for recording in self._recordings if hasattr(recording, "trace")]
        for number, trace in enumerate(traces, 1):
            text = last_calls(trace)
            if text:
                yield f"Recorded calls{f' ({number})' if len(traces) > 1 else ''}", text

    def end(self) -> None:
        """End the recordings that the test has not stopped."""
        while self._started:
            self.stop()

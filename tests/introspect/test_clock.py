"""The clock is the real one, whatever a test has put in its place."""

import subprocess
import sys
import time

import pytest

from callscope.introspect import clock

FREEZERS = {
    "freezegun": "freezegun.freeze_time('1990-01-01')",
    "time_machine": "time_machine.travel(631152000, tick=False)",
    "unittest.mock": (
        "contextlib.ExitStack();"
        "[frozen.enter_context(unittest.mock.patch('time.' + name, lambda: 5 * 10**12))"
        " for name in ('time', 'time_ns', 'perf_counter', 'perf_counter_ns', 'monotonic')]"
    ),
}
PROGRAM = """\
import contextlib, importlib, os, stat, sys, tempfile
import {module}
import time
if {import_first}:
    import callscope.testing, callscope.sinks.opentelemetry
real_ns, real_time_ns = time.perf_counter_ns(), time.time_ns()
frozen = {freeze}
with frozen:
    import callscope

    class Base:
        def call(self, n):
            for _ in range(1000):
                n and n - 1
            if n:
                self.call(n - 1)

    with callscope.record(Base, to={to}) as trace:
        Base().call(3)
    with callscope.record(Base) as late:
        pass
with callscope.record(Base) as after:
    Base().call(1)
assert real_time_ns <= trace.header.start_unix_ns <= late.header.start_unix_ns <= time.time_ns()
moments = [real_ns, trace.header.start_ns, *(call.start_ns for call in trace.calls)]
moments += [late.header.start_ns, *(call.start_ns for call in after.calls), time.perf_counter_ns()]
assert moments == sorted(moments), moments
assert all(call.duration_ns > 0 for call in (*trace.calls, *after.calls))
print(len(trace.calls), len(after.calls))
"""


@pytest.mark.parametrize("import_first", [True, False])
@pytest.mark.parametrize("freezer", FREEZERS)
def test_frozen_time(freezer, import_first, tmp_path):
    """Times are true if time was frozen before callscope was imported, and if after that."""
    pytest.importorskip(freezer)
    program = PROGRAM.format(
        module=freezer,
        freeze=FREEZERS[freezer],
        import_first=import_first,
        to=repr(str(tmp_path / "t.jsonl")) if import_first else None,
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "4 2\n", done.stderr


def test_a_pause_between_two_clocks(monkeypatch):
    """The offset is that of one moment, however long the system ran something else meanwhile."""
    pauses = [0.05]

    def slow_time_ns():
        time.sleep(pauses.pop() if pauses else 0)
        return time.time_ns()

    monkeypatch.setattr(clock, "time_ns", slow_time_ns)
    offset = clock.unix_offset_ns()
    assert pauses == []
    expected = min(time.time_ns() - time.perf_counter_ns() for _ in range(5))
    assert abs(offset - expected) < 20_000_000

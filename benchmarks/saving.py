"""What saving a trace as Chrome JSON takes, in time and in bytes, beside viztracer.

Each case has a process to itself, ``python -m benchmarks.saving CASE CALLS``: what else is in
memory decides how often the garbage collector looks through what viztracer makes.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from viztracer import VizTracer, report_builder

import callscope
from benchmarks import clock
from benchmarks.proof import CaseError
from benchmarks.seed import CALLS_PER_PASS, Seed, make_seed


class Saved(NamedTuple):
    """What one case took once."""

    seconds: float
    """For writing what is in memory to a file."""
    bytes: int
    read_seconds: float
    """For making calls of the tape, which whoever reads the trace first pays; 0 for viztracer."""


class Case(NamedTuple):
    """One way to trace the example and to save what was traced."""

    name: str
    trace: Callable[[Seed, int, Path], tuple[float, float]]
    """Makes so many passes, writes the file, and returns the seconds of writing and of reading."""


class Pair(NamedTuple):
    """What saves the same, by callscope and by viztracer."""

    content: str
    ours: Case
    theirs: Case


def _by_callscope(
    capture: Literal["none", "values"], seed: Seed, passes: int, path: Path
) -> tuple[float, float]:
    with callscope.record(seed.layer, capture=capture, max_calls=None) as trace:
        seed.run(passes)
    begin = clock.now()
    calls = len(trace.calls)
    read = clock.now() - begin
    if calls != passes * CALLS_PER_PASS:
        msg = f"{passes} passes of {CALLS_PER_PASS} calls gave {calls} recorded calls"
        raise CaseError(msg)
    begin = clock.now()
    trace.save(path)
    return clock.now() - begin, read


def _by_viztracer(log_func_args: bool, seed: Seed, passes: int, path: Path) -> tuple[float, float]:  # noqa: FBT001
    if report_builder.json.__name__ != "orjson":
        msg = "viztracer's documentation advises orjson, and it is not installed"
        raise CaseError(msg)
    tracer = VizTracer(
        verbose=0, log_func_args=log_func_args, tracer_entries=passes * CALLS_PER_PASS + 1_000
    )
    tracer.start()
    seed.run(passes)
    tracer.stop()
    begin = clock.now()
    tracer.save(str(path))
    return clock.now() - begin, 0.0


PAIRS: Final = (
    Pair(
        "times",
        Case("save-none", functools.partial(_by_callscope, "none")),
        Case("save-viztracer", functools.partial(_by_viztracer, False)),
    ),
    Pair(
        "times and arguments",
        Case("save-values", functools.partial(_by_callscope, "values")),
        Case("save-viztracer-args", functools.partial(_by_viztracer, True)),
    ),
)
CASES: Final = tuple(case for pair in PAIRS for case in (pair.ours, pair.theirs))


def save_once(case: Case, calls: int) -> Saved:
    """Run a case in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.saving", case.name, str(calls)]
    done = subprocess.run(  # noqa: S603 - this module
        command, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nA round failed, so there are no figures; see above.")
    return Saved(*json.loads(done.stdout))


def main() -> None:
    """Run the case that is named on the command line, and print what it took."""
    name, calls = sys.argv[1:]
    case = next(case for case in CASES if case.name == name)
    passes = int(calls) // CALLS_PER_PASS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        seconds, read = case.trace(make_seed(), passes, path)
        size = path.stat().st_size
        _check(path, passes * CALLS_PER_PASS)
    print(json.dumps(Saved(seconds, size, read)))


def _check(path: Path, calls: int) -> None:
    """Check that the example's calls are in the file, each as one event."""
    events = json.loads(path.read_bytes())["traceEvents"]
    found = sum(event["ph"] == "X" and "Layer." in event["name"] for event in events)
    if found != calls:
        msg = f"{calls} calls gave a file with {found} of them"
        raise CaseError(msg)


if __name__ == "__main__":
    main()

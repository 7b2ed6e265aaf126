"""What it takes to read what was recorded, beside what viztracer takes to save as many calls."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.checks.proof import CaseError
from benchmarks.measure import clock
from benchmarks.measure.effort import Effort
from benchmarks.peers.protocol import Peer
from benchmarks.workloads.seed import CALLS_PER_PASS, make_seed

UNIT: Final = "viztracer saves"
"""Name of the reading that the others are compared with."""
_WARM_UP_CALLS: Final = 100


class Reading(NamedTuple):
    """What one way of reading takes."""

    seconds: dict[str, float]
    """CPU time, by the number of calls."""
    peak_bytes: float | None
    """Memory per call that Python allocates meanwhile; None if it was not measured."""


def measure(peer_class: type[Peer], effort: Effort) -> dict[str, Reading]:
    """Return what each reading takes, by its name; what took too long is not done with more calls.

    Raises:
        CaseError: if a reading does not see every call.
    """
    for _, read in _readings(peer_class, _WARM_UP_CALLS):
        read()  # imports what it needs
    peaks = _measure_memory(peer_class, effort.reading_calls[0])
    seconds: dict[str, dict[str, float]] = {}
    for calls in effort.reading_calls:
        for name, read in _readings(peer_class, calls):
            times = seconds.setdefault(name, {})
            if max(times.values(), default=0.0) < effort.reading_seconds:
                times[str(calls)] = time_reading(read, calls)
    return {name: Reading(times, peaks.get(name)) for name, times in seconds.items()}


def _measure_memory(peer_class: type[Peer], calls: int) -> dict[str, float]:
    peaks = {}
    tracemalloc.start()
    try:
        for name, read in _readings(peer_class, calls):
            gc.collect()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            read()
            peaks[name] = (tracemalloc.get_traced_memory()[1] - before) / calls
    finally:
        tracemalloc.stop()
    return peaks


def _readings(peer_class: type[Peer], calls: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the readings of a recording of so many calls, and then the one of viztracer."""
    from benchmarks.peers.viz import LargeViztracer  # only where it is measured is it installed

    with _record(peer_class, calls) as peer:
        yield from peer.readings().items()
    with _record(LargeViztracer, calls) as peer:
        path = peer.folder / "trace.json"
        yield UNIT, lambda: peer.save(path)
        saved = path.read_bytes().count(b"Layer.")
        if saved < calls:
            msg = f"{calls} calls gave a file of viztracer with {saved} of them"
            raise CaseError(msg)


@contextmanager
def _record(peer_class: type[Peer], calls: int) -> Iterator[Peer]:
    program = make_seed()
    with TemporaryDirectory() as folder:
        peer = peer_class(program, Path(folder))
        peer.start()
        program.run(calls // CALLS_PER_PASS)
        peer.stop()
        yield peer


def time_reading(read: Callable[[], object], calls: int) -> float:
    """Return the CPU time that a reading takes, in seconds.

    Raises:
        CaseError: if it returns a number other than that of the calls.
    """
    gc.collect()
    begin = clock.now()
    result = read()
    seconds = clock.now() - begin
    if isinstance(result, int) and result != calls:
        msg = f"{calls} calls were read as {result}"
        raise CaseError(msg)
    return seconds

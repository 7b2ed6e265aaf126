"""How time and memory grow with the number of calls that were recorded."""

from __future__ import annotations

import gc
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.measure import clock
from benchmarks.measure.effort import Effort
from benchmarks.measure.memory import resident_bytes
from benchmarks.peers.protocol import Peer
from benchmarks.workloads.program import Program
from benchmarks.workloads.seed import CALLS_PER_PASS, make_seed

_POINTS: Final = 10
_CHUNKS: Final = 5


class Point(NamedTuple):
    """What the calls so far have come to."""

    calls: int
    seconds: float
    """Of CPU time, beyond what the program itself takes."""
    resident: int
    """Bytes of memory more than before the first call."""
    written: int
    """Bytes in files."""


def measure(peer_class: type[Peer], effort: Effort) -> list[Point]:
    """Return points at even distances."""
    program = make_seed()
    passes = effort.turn_calls // CALLS_PER_PASS
    own = _time_bare(passes)
    with TemporaryDirectory() as folder:
        peer = peer_class(program, Path(folder))
        peer.start()
        try:
            taken = statistics.median(_time(program, peer, passes) for _ in range(_CHUNKS))
            calls = passes * CALLS_PER_PASS
            affordable = min(effort.growth_calls / calls, effort.growth_seconds / max(taken, 1e-9))
            chunks = max(1, int(affordable / _POINTS))
            return _grow(program, peer, passes, chunks, own)
        finally:
            peer.stop()


def _time_bare(passes: int) -> float:
    program = make_seed()
    program.run(passes)
    times = []
    for _ in range(_CHUNKS):
        begin = clock.now()
        program.run(passes)
        times.append(clock.now() - begin)
    return statistics.median(times)


def _time(program: Program, peer: Peer, passes: int) -> float:
    begin = clock.now()
    program.run(passes)
    peer.flush()
    return clock.now() - begin


def _grow(program: Program, peer: Peer, passes: int, chunks: int, own: float) -> list[Point]:
    gc.collect()
    points = [Point(0, 0.0, resident_bytes(), _written(peer))]
    seconds = 0.0
    for point in range(1, _POINTS + 1):
        for _ in range(chunks):
            seconds += _time(program, peer, passes) - own
        calls = point * chunks * passes * CALLS_PER_PASS
        points.append(Point(calls, seconds, resident_bytes(), _written(peer)))
    first = points[0]
    return [
        Point(p.calls, round(p.seconds, 9), p.resident - first.resident, p.written - first.written)
        for p in points[1:]
    ]


def _written(peer: Peer) -> int:
    path = peer.output()
    return path.stat().st_size if path is not None else 0

"""What it takes to record very many calls, save them as Parquet, load and summarize them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import callscope
from benchmarks.measure.effort import Effort
from benchmarks.measure.memory import resident_bytes
from benchmarks.measure.reading import time_reading
from benchmarks.peers.protocol import Peer
from benchmarks.workloads.seed import CALLS_PER_PASS, make_seed


class Step(NamedTuple):
    """What one step takes."""

    calls: int
    seconds: float
    """CPU time."""
    resident_bytes: float
    """Memory of the process after it."""
    written_bytes: int
    """Size of the file that it made; 0 if it made none."""


def measure(peer_class: type[Peer], effort: Effort) -> dict[str, Step]:
    """Return what each step takes, by its name.

    Raises:
        CaseError: if a call is lost.
        ImportError: if pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError("pyarrow is not installed")
    calls = effort.millions
    program = make_seed()
    program.run(1)
    with TemporaryDirectory() as folder:
        peer, path = peer_class(program, Path(folder)), Path(folder) / "trace.parquet"

        def record() -> int:
            peer.start()
            program.run(calls // CALLS_PER_PASS)
            peer.stop()
            return calls

        steps: dict[str, Callable[[], object]] = {
            "record": record,
            "decode": peer.read,
            "save .parquet": lambda: peer.save(path),
            "load .parquet": lambda: len(callscope.load(path).calls),
            "load and summarize": lambda: callscope.load(path).summary().calls,
        }
        return {name: _take(step, calls, path) for name, step in steps.items()}


def _take(step: Callable[[], object], calls: int, path: Path) -> Step:
    size_before = _size(path)
    seconds = time_reading(step, calls)
    return Step(calls, seconds, resident_bytes(), _size(path) - size_before)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

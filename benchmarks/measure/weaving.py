"""What starting and stopping costs, by the size of the hierarchy."""

from __future__ import annotations

import gc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.checks.proof import CaseError
from benchmarks.measure import clock
from benchmarks.measure.effort import Effort
from benchmarks.peers.protocol import Peer
from benchmarks.workloads.hierarchies import make_tree


class Woven(NamedTuple):
    """Seconds of CPU time that start and stop took together."""

    first: float
    again: float
    """The same classes a second time."""
    making: float
    """For comparison: what it took to make the classes themselves."""


def measure(peer_class: type[Peer], effort: Effort) -> dict[str, Woven]:
    """Return what each size took, on classes that nothing has traced yet.

    Raises:
        CaseError: if a method was not wrapped while it should be, or not put back.
    """
    _measure_size(peer_class, 3)  # imports what it needs
    return {str(size): _measure_size(peer_class, size) for size in effort.weave_sizes}


def _measure_size(peer_class: type[Peer], size: int) -> Woven:
    begin = clock.now()
    program = make_tree(size)
    making = clock.now() - begin
    with TemporaryDirectory() as folder:
        peer = peer_class(program, Path(folder))
        gc.collect()
        first = _start_and_stop(peer)
        return Woven(first, _start_and_stop(peer), making)


def _start_and_stop(peer: Peer) -> float:
    begin = clock.now()
    peer.start()
    started = clock.now()
    changed = _count_changed(peer)
    stopping = clock.now()
    peer.stop()
    end = clock.now()
    if changed != (len(peer.program.sites) if peer.replaces_methods else 0):
        msg = f"{changed} of {len(peer.program.sites)} methods were wrapped"
        raise CaseError(msg)
    if _count_changed(peer):
        msg = f"{_count_changed(peer)} of {len(peer.program.sites)} methods were not put back"
        raise CaseError(msg)
    return started - begin + end - stopping


def _count_changed(peer: Peer) -> int:
    return sum(vars(s.defining_class)[s.method] is not s.function for s in peer.program.sites)

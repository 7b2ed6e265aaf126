"""What a traced call costs, beside the same program as written."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, TypeAlias

from benchmarks.checks.proof import CaseError, check_frames
from benchmarks.measure import clock
from benchmarks.measure.effort import Effort
from benchmarks.peers.protocol import Peer
from benchmarks.workloads import Workload
from benchmarks.workloads.program import Program

_Turn: TypeAlias = Callable[[], AbstractContextManager[object]]

_WARM_UP_CALLS: Final = 4_000


class Sample(NamedTuple):
    """What one call took in one process, in nanoseconds of CPU time."""

    bare: float
    traced: float


def measure(peer: type[Peer], workload: Workload, effort: Effort) -> dict[str, list[Sample]]:
    """Return samples of each size of a workload, after the proof that all calls were recorded.

    Raises:
        CaseError: if they were not.
    """
    return {
        str(size): _sample_size(peer, workload, size, effort)
        for size in workload.sizes[: effort.most_sizes]
    }


def _sample_size(peer: type[Peer], workload: Workload, size: int, effort: Effort) -> list[Sample]:
    samples: list[Sample] = []
    begin = clock.now()
    repeats = effort.repeats if len(workload.sizes) == 1 else effort.repeats_each
    while len(samples) < repeats and (not samples or clock.now() - begin < effort.sample_seconds):
        samples.append(_sample(peer, workload, size, effort))
    return samples


def _sample(peer_class: type[Peer], workload: Workload, size: int, effort: Effort) -> Sample:
    bare = workload.make(size)
    program = workload.make(size) if bare.has_own_classes else bare
    with TemporaryDirectory() as folder:
        pair = _Pair(bare, peer_class(program, Path(folder)), effort)
        seconds = pair.run()
    return Sample(*(round(second * 1e9 / program.calls, 3) for second in seconds))


class _Pair:
    """A program as written and as traced, which run in turns.

    For the speed of a shared machine changes from one tenth of a second to the next, by more than
    what is to be measured.
    """

    def __init__(self, bare: Program, peer: Peer, effort: Effort) -> None:
        self._bare = bare
        self._program = peer.program
        self._peer = peer
        self._effort = effort
        self._made = 0
        self._most_passes = max(1, effort.turn_calls // bare.calls)

    def run(self) -> tuple[float, float]:
        """Return the seconds that a pass took on average, as written and as traced."""
        gc.collect()
        gc.freeze()  # what a framework keeps in memory is not what is to be measured
        try:
            if not self._program.has_own_classes:
                seconds = self._take_turns_with_models()
            elif self._peer.is_global:
                seconds = self._take_turns(self._on)
            else:
                with self._on():
                    seconds = self._take_turns(nullcontext)
        finally:
            gc.unfreeze()
        self._check()
        return seconds

    def _take_turns(self, turn: _Turn) -> tuple[float, float]:
        """Take many short turns, for each program has its own classes."""
        bare_passes = self._fit(self._bare.run)
        with turn():
            passes = self._fit(self._make)
            self._check_wrappers()
        if self._program.has_overhead:  # which cancels out between turns of as many passes
            bare_passes = passes = self._most_passes
        gc.collect()
        bare = traced = 0.0
        turns = 0
        while turns < self._effort.turns and traced < self._effort.sample_seconds:
            turns += 1
            bare += _time(self._bare.run, bare_passes, 0.0)
            with turn():
                if self._peer.is_global:
                    self._make(1)
                traced += _time(self._make, passes, 0.0)
        return bare / turns, traced / turns

    def _take_turns_with_models(self) -> tuple[float, float]:
        """Take a few long turns, for both programs run the same classes.

        With each turn those change, and what the interpreter had specialized is lost.
        """
        bare = traced = 0.0
        turns = 0
        while turns < self._effort.model_turns and traced < self._effort.sample_seconds:
            turns += 1
            passes = self._fit(self._bare.run)
            gc.collect()
            bare += _time(self._bare.run, passes, self._effort.model_turn_seconds)
            with self._on():
                passes = self._fit(self._make)
                gc.collect()
                traced += _time(self._make, passes, self._effort.model_turn_seconds)
        with self._on():
            self._check_wrappers()
        return bare / turns, traced / turns

    @contextmanager
    def _on(self) -> Iterator[None]:
        self._peer.start()
        try:
            yield
        finally:
            self._peer.stop()

    def _make(self, passes: int) -> None:
        self._program.run(passes)
        self._peer.flush()
        self._made += passes

    def _fit(self, make: Callable[[int], object]) -> int:
        """Let the interpreter specialize it; return how many passes fit into a turn."""
        made, passes, taken = 0, 1, 0.0
        begin = clock.now()
        while not made or (
            made * self._program.calls < _WARM_UP_CALLS
            and clock.now() - begin < self._effort.warm_up_seconds
        ):
            turn_begin = clock.now()
            make(passes)
            taken = (clock.now() - turn_begin) / passes
            made += passes
            passes = min(self._most_passes, 2 * passes)
        fitting = int(self._effort.turn_seconds / taken) if taken else self._most_passes
        return max(1, min(self._most_passes, fitting))

    def _check_wrappers(self) -> None:
        if self._peer.wrappers is not None:
            check_frames(self._bare, self._program, wrappers=self._peer.wrappers)

    def _check(self) -> None:
        if self._peer.wrappers is not None:
            return
        each = self._program.frames if self._peer.counts_frames else self._program.calls
        expected, found = self._made * each, self._peer.recorded()
        # Functions of a framework may share their code with others that are no methods.
        may_be_more = self._peer.is_global and not self._program.has_own_classes
        if found != expected and not (may_be_more and found > expected):
            msg = f"{expected} calls were made, and {found} were recorded"
            raise CaseError(msg)


def _time(make: Callable[[int], object], passes: int, seconds: float) -> float:
    """Make so many passes, again and again until the time is up; return what one took."""
    made = 0
    begin = clock.now()
    while True:
        make(passes)
        made += passes
        taken = clock.now() - begin
        if taken >= seconds:
            return taken / made

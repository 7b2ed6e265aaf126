"""What a traced call costs, beside the same program as written."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, TypeAlias

from benchmarks import clock
from benchmarks.effort import Effort
from benchmarks.peers.protocol import Peer
from benchmarks.proof import CaseError, check_frames
from benchmarks.workloads import Workload
from benchmarks.workloads.program import Program

_Turn: TypeAlias = Callable[[], AbstractContextManager[object]]

_WARM_UP_PASSES: Final = 3
_WARM_UP_CALLS: Final = 4_000
_WARM_UP_SECONDS: Final = 0.05


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


def _sample_size(
    peer: type[Peer], workload: Workload, size: int, effort: Effort
) -> list[Sample]:
    samples: list[Sample] = []
    begin = clock.now()
    while len(samples) < effort.repeats and (
        not samples or clock.now() - begin < effort.sample_seconds
    ):
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
    """A program as written and as traced, which run in short turns.

    For the speed of a shared machine changes from one tenth of a second to the next, by more than
    what is to be measured.
    """

    def __init__(self, bare: Program, peer: Peer, effort: Effort) -> None:
        self._bare = bare
        self._program = peer.program
        self._peer = peer
        self._effort = effort
        self._made = 0
        # Who sees all, and who traces classes that both programs share, is on in its turns alone.
        self._stays_on = peer.program.has_own_classes and not peer.is_global

    def run(self) -> tuple[float, float]:
        """Return the seconds that a pass took on average, as written and as traced."""
        with ExitStack() as stack:
            turn: _Turn = self._on
            if self._stays_on:
                stack.enter_context(self._on())
                turn = nullcontext
            passes = self._warm_up(turn)
            gc.collect()
            seconds = self._take_turns(turn, passes)
            if self._peer.wrappers is not None:
                with turn():
                    self._make(1)
                    check_frames(self._bare, self._program, wrappers=self._peer.wrappers)
        self._check()
        return seconds

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

    def _warm_up(self, turn: _Turn) -> tuple[int, int]:
        """Let the interpreter specialize both; return how many passes of each fit into a turn."""
        bare = self._fit(self._bare.run)
        with turn():
            return bare, self._fit(self._make)

    def _fit(self, make: Callable[[int], object]) -> int:
        most = max(1, self._effort.turn_calls // self._program.calls)
        longest = self._effort.turn_seconds
        if not self._program.has_own_classes:
            longest = self._effort.model_turn_seconds
        made, passes, taken = 0, 1, 0.0
        begin = clock.now()
        while not made or (
            made * self._program.calls < _WARM_UP_CALLS and clock.now() - begin < _WARM_UP_SECONDS
        ):
            turn_begin = clock.now()
            make(passes)
            taken = (clock.now() - turn_begin) / passes
            made += passes
            passes = min(most, 2 * passes)
        return max(1, min(most, int(longest / taken) if taken else most))

    def _take_turns(self, turn: _Turn, passes: tuple[int, int]) -> tuple[float, float]:
        bare_passes, traced_passes = passes
        bare = traced = 0.0
        turns = 0
        while turns < self._effort.turns and traced < self._effort.sample_seconds:
            turns += 1
            begin = clock.now()
            self._bare.run(bare_passes)
            bare += clock.now() - begin
            with turn():
                if not self._stays_on:
                    self._make(_WARM_UP_PASSES)
                begin = clock.now()
                self._make(traced_passes)
                traced += clock.now() - begin
        return bare / (turns * bare_passes), traced / (turns * traced_passes)

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

"""What one traced call costs: the cases that run the seed example."""

from __future__ import annotations

import functools
import gc
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from viztracer import VizTracer

import callscope
from benchmarks import clock
from benchmarks.baselines import Method, by_functools, by_same_signature, by_wrapt
from benchmarks.floor import floor
from benchmarks.proof import CaseError, check_frames
from benchmarks.seed import CALLS_PER_PASS, Seed, Site, make_seed

Capture = Literal["none", "types", "values"]
Check: TypeAlias = Callable[[], None]
"""Raises `CaseError` if the passes made so far did not do what the case is to measure."""


class Arranged(NamedTuple):
    """What a case yields if it must be on in its own turns alone."""

    check: Check
    turn: Callable[[], AbstractContextManager[object]]
    """Is entered around each turn, outside of the time that is taken."""


PASSES: Final = 10_000
"""Passes in one timed run: enough to fill tapes several times, and too few to fill the memory."""
CALLS: Final = PASSES * CALLS_PER_PASS
_WARM_UP: Final = 1_000
_TURN: Final = 500

_ARGUMENTS: Final[dict[Capture, list[dict[str, Any]]]] = {
    "none": [{}, {}, {}, {}],
    "types": [{"k": "int"}, {"x": "int"}, {"y": "int"}, {"m": "int"}],
    "values": [{"k": 3}, {"x": 3}, {"y": 4}, {"m": 4}],
}


class Case(NamedTuple):
    """One way to run the example."""

    name: str
    arrange: Callable[[Seed], AbstractContextManager[Check | Arranged]]
    """Makes fresh classes what the case needs, and gives its check."""

    @property
    def bare_name(self) -> str:
        """The name of what the bare example took beside it."""
        return f"bare beside {self.name}"


class Pair:
    """Times a case and, beside it, the bare example.

    The two run in short turns. For the speed of a shared machine changes from one tenth of a
    second to the next, by more than what is to be measured.

    Args:
        case: what is timed; with each run, on fresh classes.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._bare: deque[float] = deque()

    def time_case(self, loops: int) -> float:
        """Return the seconds that `PASSES` passes take, times `loops`."""
        bare = case = 0.0
        for _ in range(loops):
            one_bare, one_case = self._run()
            bare += one_bare
            case += one_case
        self._bare.append(bare)
        return case

    def time_bare(self, _: int) -> float:
        """Return what the bare example took beside each `time_case`, from the first one on."""
        return self._bare.popleft()

    def _run(self) -> tuple[float, float]:
        bare, seed = make_seed(), make_seed()
        with self._case.arrange(seed) as arranged:
            check, turn = arranged if isinstance(arranged, Arranged) else (arranged, nullcontext)
            bare.run(_WARM_UP)
            with turn():
                seed.run(_WARM_UP)
            gc.collect()
            seconds = _take_turns(bare, seed, turn)
            check_frames(bare, wrappers=0)
            check()
        return seconds


def _take_turns(
    bare: Seed, seed: Seed, turn: Callable[[], AbstractContextManager[object]]
) -> tuple[float, float]:
    bare_seconds = seconds = 0.0
    for _ in range(PASSES // _TURN):
        begin = clock.now()
        bare.run(_TURN)
        bare_seconds += clock.now() - begin
        with turn():
            begin = clock.now()
            seed.run(_TURN)
            seconds += clock.now() - begin
    return bare_seconds, seconds


@contextmanager
def _bare(seed: Seed) -> Iterator[Check]:
    yield functools.partial(check_frames, seed, wrappers=0)


@contextmanager
def _off(seed: Seed) -> Iterator[Check]:
    callscope.traced(seed.layer)

    def check() -> None:
        check_frames(seed, wrappers=0)
        _check_declared(seed)

    yield check


@contextmanager
def _off_again(seed: Seed) -> Iterator[Check]:
    callscope.traced(seed.layer)
    _check_declared(seed)
    yield functools.partial(check_frames, seed, wrappers=0)


def _check_declared(seed: Seed) -> None:
    with callscope.record() as trace:
        seed.run(1)
    _check_trace(trace, seed, passes=1, capture="values")


@contextmanager
def _shadow_inactive(seed: Seed) -> Iterator[Check]:
    callscope.traced(seed.layer)
    with callscope.record():
        shadows = [vars(site.defining_class)[site.method] for site in seed.sites]
    for site, shadow in zip(seed.sites, shadows, strict=True):
        setattr(site.defining_class, site.method, shadow)
    yield functools.partial(check_frames, seed, wrappers=len(shadows))


@contextmanager
def _wrapped(wrap: Callable[[Site], Method], seed: Seed) -> Iterator[Check]:
    for site in seed.sites:
        setattr(site.defining_class, site.method, wrap(site))
    yield functools.partial(check_frames, seed, wrappers=len(seed.sites))


@contextmanager
def _on(capture: Capture, seed: Seed) -> Iterator[Check]:
    callscope.traced(seed.layer)
    with callscope.record(capture=capture, max_calls=None) as trace:
        passes = _WARM_UP + PASSES
        yield functools.partial(_check_trace, trace, seed, passes=passes, capture=capture)


@contextmanager
def _floor(seed: Seed) -> Iterator[Check]:
    for site in seed.sites:
        setattr(site.defining_class, site.method, floor()(site.function))
    yield functools.partial(check_frames, seed, wrappers=0)


@contextmanager
def _viztracer(seed: Seed) -> Iterator[Arranged]:
    tracer = VizTracer(verbose=0)

    @contextmanager
    def turn() -> Iterator[None]:
        tracer.start()
        try:
            yield
        finally:
            tracer.stop()

    def check() -> None:
        tracer.parse()
        names = Counter(event["name"].split()[0] for event in tracer.data["traceEvents"])
        passes = _WARM_UP + PASSES
        seen = {site.name: names[site.function.__qualname__] for site in seed.sites}
        if set(seen.values()) != {passes}:
            msg = f"{passes} passes gave viztracer {seen}"
            raise CaseError(msg)

    yield Arranged(check, turn)
    tracer.terminate()


def _check_trace(trace: callscope.Trace, seed: Seed, *, passes: int, capture: Capture) -> None:
    if len(trace) != passes * CALLS_PER_PASS:
        msg = f"{passes} passes of {CALLS_PER_PASS} calls gave {len(trace)} recorded calls"
        raise CaseError(msg)
    last = trace.calls[-CALLS_PER_PASS:]
    recorded = [(call.site, dict(call.arguments), call.finished) for call in last]
    sites = [site.name for site in seed.sites]
    expected = [(*seen, True) for seen in zip(sites, _ARGUMENTS[capture], strict=True)]
    if recorded != expected:
        msg = f"the last pass was recorded as {recorded}, not {expected}"
        raise CaseError(msg)


SAME_SIGNATURE: Final = "same-signature"
FLOOR: Final = "floor"
VIZTRACER: Final = "viztracer"

CASES: Final = (
    Case("bare", _bare),
    Case("off", _off),
    Case("off-again", _off_again),
    Case(SAME_SIGNATURE, functools.partial(_wrapped, by_same_signature)),
    Case("functools.wraps", functools.partial(_wrapped, by_functools)),
    Case("wrapt.decorator", functools.partial(_wrapped, by_wrapt)),
    Case("shadow-inactive", _shadow_inactive),
    Case(FLOOR, _floor),
    Case(VIZTRACER, _viztracer),
    Case("on-none", functools.partial(_on, "none")),
    Case("on-types", functools.partial(_on, "types")),
    Case("on-values", functools.partial(_on, "values")),
)

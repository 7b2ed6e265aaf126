"""What one traced call costs: the cases that run the seed example, side by side."""

from __future__ import annotations

import functools
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import callscope
from benchmarks.baselines import Method, by_functools, by_same_signature, by_wrapt
from benchmarks.proof import CaseError, check_frames
from benchmarks.seed import CALLS_PER_PASS, Seed, Site, make_seed, run

Capture = Literal["none", "types", "values"]
Check: TypeAlias = Callable[[], None]
"""Raises `CaseError` if the passes made so far did not do what the case is to measure."""

PASSES: Final = 10_000
"""Passes in one timed run: enough to hand full tapes over several times, and of bounded memory."""
CALLS: Final = PASSES * CALLS_PER_PASS
_WARM_UP: Final = 1_000

_ARGUMENTS: Final[dict[Capture, list[dict[str, Any]]]] = {
    "none": [{}, {}, {}, {}],
    "types": [{"k": "int"}, {"x": "int"}, {"y": "int"}, {"m": "int"}],
    "values": [{"k": 3}, {"x": 3}, {"y": 4}, {"m": 4}],
}


class Case(NamedTuple):
    """One way to run the example."""

    name: str
    arrange: Callable[[Seed], AbstractContextManager[Check]]
    """Makes fresh classes what the case needs, and gives its check."""


def time_case(loops: int, case: Case) -> float:
    """Return the seconds that `PASSES` passes take, times `loops`; each on fresh classes."""
    seconds = 0.0
    for _ in range(loops):
        seed = make_seed()
        with case.arrange(seed) as check:
            run(seed.my_layer, _WARM_UP)
            gc.collect()
            begin = time.perf_counter()
            run(seed.my_layer, PASSES)
            seconds += time.perf_counter() - begin
            check()
    return seconds


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
        run(seed.my_layer, 1)
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


BARE: Final = "bare"
SAME_SIGNATURE: Final = "same-signature"

CASES: Final = (
    Case(BARE, _bare),
    Case("off", _off),
    Case("off-again", _off_again),
    Case(SAME_SIGNATURE, functools.partial(_wrapped, by_same_signature)),
    Case("functools.wraps", functools.partial(_wrapped, by_functools)),
    Case("wrapt.decorator", functools.partial(_wrapped, by_wrapt)),
    Case("shadow-inactive", _shadow_inactive),
    Case("on-none", functools.partial(_on, "none")),
    Case("on-types", functools.partial(_on, "types")),
    Case("on-values", functools.partial(_on, "values")),
)

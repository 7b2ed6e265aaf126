"""Measurement of the cost of recording, on a class of our own that is not recorded."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.introspect.sites import class_ref
from callscope.tape.thread_tape import ThreadTape
from callscope.tape.threads import TAPES, Chunk
from callscope.trace import Cost
from callscope.weave.shadow import ShadowSpec, is_compiling, make_patch

if TYPE_CHECKING:
    from callscope.declare.options import Capture

_CALLS: Final = 100
"""Calls in one loop: enough for the interpreter to specialize the code."""
_LOOPS: Final = 5
"""Number of loops; the fastest counts, as the least disturbed."""

_NOBODY: Final = ThreadTape("", weakref.ref(Cost))

_costs: Final[dict[tuple[ShadowSpec, int], Cost]] = {}


def measure_cost(capture: Capture) -> Cost:
    """Return the cost of recording a call; measured once per process, in about two milliseconds.

    It is a lower bound: for a method with one argument that returns None. More arguments,
    exceptions, suspensions and sinks that print cost more.

    Args:
        capture: how much the recording captures.
    """
    captured = () if capture == "none" else (capture,)
    spec = ShadowSpec(captured, (), live=False, compiles=is_compiling() is not None)
    key = spec, id(TAPES.clock.cell_contents)  # tests replace the clock
    if key not in _costs:
        _costs[key] = TAPES.untraced(_measure, spec)
    return _costs[key]


class _Loop(NamedTuple):
    """Times of one loop of calls."""

    ns_per_call: float
    inside_ns: float = 0.0
    """From the begin to the end of a call, by the times on the tape."""


class _Plain:
    def call(self, value: object) -> None: ...


def _measure(spec: ShadowSpec) -> Cost:
    class Woven:
        call = _Plain.call

    patch = make_patch(_Plain.call, class_ref(Woven), "call", spec)
    type.__setattr__(Woven, "call", patch.replacement)
    patch.switch(on=True)
    nothing = _fastest(_time_nothing)
    plain = _fastest(lambda: _time_calls(_Plain(), 0))
    woven = _fastest(lambda: _time_calls(Woven(), 0))
    summarizing = _fastest(lambda: _time_calls(Woven(), object()))
    added = max(0.0, woven.ns_per_call - plain.ns_per_call)
    inside = woven.inside_ns - (plain.ns_per_call - nothing.ns_per_call)
    inside = min(max(0.0, inside), added)
    summary = 0.0
    if spec.captured == ("values",):
        summary = max(0.0, summarizing.ns_per_call - woven.ns_per_call)
    return Cost(inside, added - inside, summary)


def _fastest(run: Callable[[], float]) -> _Loop:
    return min(TAPES.untraced(_run, run) for _ in range(_LOOPS))


def _run(run: Callable[[], float]) -> _Loop:
    ns_per_call = run()
    times = sorted(_inside(Chunk(_NOBODY, TAPES.local.tape).records))
    return _Loop(ns_per_call, times[len(times) // 2] if times else 0.0)


def _inside(records: list[Any]) -> Iterator[int]:
    """Yield the duration of each call; the tape holds nothing else."""
    position = 0
    while position < len(records):
        end = position + records[position].size
        yield records[end] - records[end - 1]
        position = end + 1


def _time_nothing() -> float:
    clock: Callable[[], int] = TAPES.clock.cell_contents
    start_ns = clock()
    for _ in range(_CALLS):
        pass
    return (clock() - start_ns) / _CALLS


def _time_calls(target: Any, value: object) -> float:
    clock: Callable[[], int] = TAPES.clock.cell_contents
    start_ns = clock()
    for _ in range(_CALLS):
        target.call(value)
    return (clock() - start_ns) / _CALLS

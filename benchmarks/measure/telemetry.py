"""What spans of OpenTelemetry cost: ``python -m benchmarks.measure.telemetry``.

Each way to have a span of each call is held against the one that is written by hand, a
``with tracer.start_as_current_span(...)`` in each method. The provider's processor only counts.
"""

from __future__ import annotations

import argparse
import functools
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider, sampling
from opentelemetry.trace import Tracer

import callscope
from benchmarks.checks.proof import CaseError
from benchmarks.workloads.program import Program, Site
from benchmarks.workloads.seed import CALLS_PER_PASS, make_seed

_TURN: Final = 100
"""Passes in one turn; then the tapes are emptied, outside of the time that is taken."""
_HEADINGS: Final = ("case", "ns/call", "MAD", "x by hand", "in all", "x by hand")
_LINE: Final = "{:<26}{:>10}{:>8}{:>11}{:>10}{:>11}"
_BY_HAND: Final = "by hand"


class Count(SpanProcessor):
    """Counts the spans that have ended."""

    def __init__(self) -> None:
        self.spans = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Count one."""
        del span
        self.spans += 1


class Sample(NamedTuple):
    """What one turn has added to the bare example beside it, in nanoseconds per call."""

    thread: float
    """CPU time of the thread that calls."""
    process: float
    """CPU time of all threads, until the last span has ended."""


class Case(NamedTuple):
    """One way to have spans."""

    name: str
    arrange: Callable[[Program, TracerProvider], Any]
    """Is entered around the turns; gives what empties the tapes."""


@contextmanager
def _by_hand(seed: Program, provider: TracerProvider) -> Iterator[Callable[[], object]]:
    for site in seed.sites:
        setattr(site.defining_class, site.method, _spanned(site, provider.get_tracer("by hand")))
    yield lambda: None


def _spanned(site: Site, tracer: Tracer) -> Callable[..., Any]:
    function, name = site.function, site.name

    def spanned(self: object, argument: int) -> Any:
        with tracer.start_as_current_span(name):
            return function(self, argument)

    return spanned


def _ours(*, current: bool) -> Callable[[Program, TracerProvider], Any]:
    @contextmanager
    def arrange(seed: Program, provider: TracerProvider) -> Iterator[Callable[[], object]]:
        sink = callscope.OpenTelemetry(provider, current=current)
        with callscope.record(seed.root, sinks=[sink], keep=False) as trace:
            yield lambda: len(trace)

    return arrange


_CASES: Final = (
    Case(_BY_HAND, _by_hand),
    Case("callscope, afterwards", _ours(current=False)),
    Case("callscope, current", _ours(current=True)),
)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measure.telemetry", description=__doc__
    )
    parser.add_argument("--quick", action="store_true", help="a rough run of a few seconds")
    turns = 10 if parser.parse_args().quick else 100
    print(f"callscope {callscope.__version__} ({callscope.engine} engine)\n")
    for title, sampler in (
        ("Sampled", sampling.ALWAYS_ON),
        ("Within a span that is not sampled", sampling.ALWAYS_OFF),
    ):
        print(f"{title}: added to the bare example, by the thread that calls, and in all:")
        print(_LINE.format(*_HEADINGS))
        _print(_measure(sampling.ParentBased(sampler), turns, is_sampled=title == "Sampled"))
        print()


def _print(samples: dict[str, list[Sample]]) -> None:
    by_hand = Sample(*map(statistics.median, zip(*samples[_BY_HAND], strict=True)))
    for name, taken in samples.items():
        thread = statistics.median(sample.thread for sample in taken)
        mad = statistics.median(abs(sample.thread - thread) for sample in taken)
        process = statistics.median(sample.process for sample in taken)
        numbers = (thread, mad, thread / by_hand.thread, process, process / by_hand.process)
        shown = [f"{n:.2f}" if i in (2, 4) else f"{n:,.0f}" for i, n in enumerate(numbers)]
        print(_LINE.format(name, *shown))


def _measure(sampler: sampling.Sampler, turns: int, *, is_sampled: bool) -> dict[str, list[Sample]]:
    """Let all cases take turns, so that a shared machine slows all of them alike."""
    samples: dict[str, list[Sample]] = {case.name: [] for case in _CASES}
    for _ in range(turns):
        for case in _CASES:
            samples[case.name].append(_take_turn(case, sampler, is_sampled=is_sampled))
    return samples


def _take_turn(case: Case, sampler: sampling.Sampler, *, is_sampled: bool) -> Sample:
    bare, seed, counted = make_seed(), make_seed(), Count()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(counted)
    gc.collect()
    with provider.get_tracer("app").start_as_current_span("request"):
        bare.run(_TURN)
        bare_thread, bare_process = _timed(bare, lambda: None)
        with case.arrange(seed, provider) as empty:
            seed.run(_TURN)
            empty()
            spans = 2 * _TURN * CALLS_PER_PASS if is_sampled else 0
            _await(counted, spans // 2)
            thread, process = _timed(seed, functools.partial(_settle, empty, counted, spans))
    if counted.spans != spans + is_sampled:
        msg = f"{case.name}: {spans + is_sampled} spans were to be made, and {counted.spans} were"
        raise CaseError(msg)
    calls = _TURN * CALLS_PER_PASS
    return Sample((thread - bare_thread) * 1e9 / calls, (process - bare_process) * 1e9 / calls)


def _timed(seed: Program, settle: Callable[[], object]) -> tuple[float, float]:
    thread, process = time.thread_time(), time.process_time()
    seed.run(_TURN)
    thread = time.thread_time() - thread
    settle()
    return thread, time.process_time() - process


def _settle(empty: Callable[[], object], counted: Count, spans: int) -> None:
    empty()
    _await(counted, spans)


def _await(counted: Count, spans: int) -> None:
    """Wait until so many spans have ended, which another thread makes."""
    give_up = time.monotonic() + 60
    while counted.spans < spans and time.monotonic() < give_up:
        time.sleep(0.001)


if __name__ == "__main__":
    main()

"""Proof that no call is lost, and that memory stays flat: ``python -m benchmarks.checks.total``.

A workload that counts its own calls is recorded, and what was recorded is held against it, site by
site where the recording tells of each call.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections import Counter
from typing import Final, Literal, NamedTuple

import callscope
from benchmarks.measure.memory import resident_bytes
from benchmarks.workloads import mixture
from callscope.recording.config import check_config
from callscope.recording.recording import Recording
from callscope.trace import Event

How = Literal["count", "keep", "stream"]
Capture = Literal["values", "types", "none"]
_WARM_UP: Final = 4
"""Waves after which memory has come to what it needs."""
_ALLOWED_MIB: Final = 32
"""By how much it may then still vary; a byte per call would be 95 of ten million."""
_MIB: Final = 1 << 20
_PASSES: Final = 250
_LOOP: Final = 250_000
_KEPT: Final = 1_000
_SECONDS: Final = 10
"""Between two lines of progress."""


class Sums:
    """A sink that counts the events of each site."""

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()

    def on_event(self, event: Event, /) -> None:
        """Count one."""
        if event.kind == "call":
            self.begun[event.call.site] += 1
        elif event.kind in ("return", "raise"):
            self.ended[event.call.site] += 1

    def differences(self, made: Counter[str]) -> list[str]:
        """Return a sentence for each site of which not all calls have begun and ended."""
        return [
            f"{site}: made {made[site]:,}, begun {self.begun[site]:,}, ended {self.ended[site]:,}"
            for site in sorted({*made, *self.begun, *self.ended})
            if not made[site] == self.begun[site] == self.ended[site]
        ]

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Result(NamedTuple):
    """What one proof has found."""

    made: int
    recorded: int
    wrong: list[str]
    """One sentence for each site whose numbers differ."""
    memory: _Memory

    @property
    def is_good(self) -> bool:
        """Whether no call is lost and memory stayed flat."""
        is_flat = self.memory.most - self.memory.first <= _ALLOWED_MIB
        return self.made == self.recorded and not self.wrong and is_flat


def main() -> int:
    """Prove it; return 1 if it does not hold."""
    args = _parse()
    print(
        f"CPython {platform.python_version()}, engine {callscope.engine!r}, capture"
        f" {args.capture!r}: {args.calls:,} calls, {args.how}",
        flush=True,
    )
    begin = time.perf_counter()
    prove = _mixed if args.workload == "mixed" else _loop
    result = prove(args.calls, args.how, args.capture)
    seconds = time.perf_counter() - begin
    for sentence in result.wrong:
        print(sentence)
    print(
        f"{'PROVED' if result.is_good else 'FAILED'}: made {result.made:,}, recorded"
        f" {result.recorded:,} ({args.workload}, {args.how}, engine {callscope.engine!r}, CPython"
        f" {platform.python_version()}) in {seconds:,.0f} s; memory {result.memory.first:.1f} MiB"
        f" after the warm-up, never more than {result.memory.most:.1f} MiB since",
        flush=True,
    )
    return 0 if result.is_good else 1


def _mixed(calls: int, how: How, capture: Capture) -> Result:
    mixture.made()  # whatever there was before
    made: Counter[str] = Counter()
    memory = _Memory()
    sums = Sums()
    with _record(mixture.ROOTS, mixture.METHODS, how, capture, sums) as trace:
        progress = _Progress(calls)
        while made.total() < calls:
            mixture.wave(_PASSES)
            made.update(mixture.made())
            memory.look()
            progress.say(made.total())
    wrong = sums.differences(made) if how == "stream" else []
    recorded = sums.begun.total() if how == "stream" else trace.lost + len(trace)
    return Result(made.total(), recorded, wrong, memory)


def _loop(calls: int, how: How, capture: Capture) -> Result:
    class Base:
        def call(self, x: int) -> int:
            return x

    obj, made = Base(), 0
    memory = _Memory()
    sums = Sums()
    with _record((Base,), ("call",), how, capture, sums) as trace:
        progress = _Progress(calls)
        while made < calls:
            for number in range(_LOOP):
                obj.call(number)
            made += _LOOP
            memory.look()
            progress.say(made)
    recorded = sums.begun.total() if how == "stream" else trace.lost + len(trace)
    return Result(made, recorded, [], memory)


def _record(
    roots: tuple[type, ...], methods: tuple[str, ...], how: How, capture: Capture, sums: Sums
) -> Recording:
    if how == "count":
        # As the pytest plugin counts what nobody reads.
        config = check_config(roots, methods=methods, capture=capture)
        return Recording(config._replace(max_calls=0))
    return callscope.record(
        *roots,
        methods=methods,
        capture=capture,
        max_calls=_KEPT,
        on_full="drop_oldest",
        sinks=[sums] if how == "stream" else [],
    )


class _Memory:
    """What the process takes, in MiB, once it is warm and since."""

    def __init__(self) -> None:
        self.first = self.most = 0.0
        self._looks = 0

    def look(self) -> None:
        self._looks += 1
        now = _resident_mib()
        if self._looks <= _WARM_UP:
            self.first = self.most = now
        self.most = max(self.most, now)


def _resident_mib() -> float:
    return resident_bytes() / _MIB


class _Progress:
    """Says how far it has come, from time to time."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._begin = self._last = time.perf_counter()

    def say(self, made: int) -> None:
        now = time.perf_counter()
        if now - self._last < _SECONDS:
            return
        self._last = now
        left = (now - self._begin) * (self._calls / made - 1)
        print(
            f"{made:>13,} calls in {now - self._begin:,.0f} s; {left:,.0f} s to go;"
            f" {_resident_mib():.1f} MiB",
            flush=True,
        )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks.total", description=__doc__)
    parser.add_argument(
        "--calls", type=int, default=1_000_000, help="at least so many (default: 1_000_000)"
    )
    parser.add_argument(
        "--workload", choices=["mixed", "loop"], default="mixed", help="(default: mixed)"
    )
    parser.add_argument(
        "--how",
        choices=["count", "keep", "stream"],
        default="stream",
        help="only count the calls; read each and keep the last; or tell a sink of each event,"
        " and compare site by site (default)",
    )
    parser.add_argument(
        "--capture", choices=["none", "types", "values"], default="values", help="(default: values)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

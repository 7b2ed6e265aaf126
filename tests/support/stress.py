"""Stress program that mixes all that may disturb a recording: ``python tests/support/stress.py``.

Threads, greenlets, asyncio, generators, forks, exceptions, deep recursion, the garbage collector and
new classes run at once, while several threads begin and end recordings. Each method counts its own
runs, and the counts are the oracle. After each round holds: no call is lost, each call has its own
parent, result and error, no object of the round is alive, and ``vars(cls)`` is what it was.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import itertools
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import callscope

try:
    import greenlet
except ImportError:
    greenlet = None

METHODS = ("*", "__init__", "__call__", "__del__")
_HANG_SECONDS = 300
"""After which a round counts as hung: the stacks of all threads are printed, and the program ends."""
_SMALL_STACK = 512 * 1024
_CHILD_SECONDS = 60
_ROUNDS_TO_WARM_UP = 4
_MOST_BLOCKS_PER_ROUND = 200
"""Growth that is not yet a leak, in blocks of Python's allocator, on the average of all rounds."""


class OddError(Exception):
    """Raised by methods on purpose."""


class Runs:
    """Exact number of runs of each site, counted in the methods themselves."""

    def __init__(self) -> None:
        self._counters: dict[str, itertools.count[int]] = {}
        self._reads = Counter[str]()

    def add(self, site: str) -> None:
        """Count one run. `next()` of a counter is one step for all threads."""
        next(self._counters.setdefault(site, itertools.count()))

    def read(self) -> Counter[str]:
        """Return the number of runs so far."""
        # Reading takes a number too.
        totals = Counter[str]()
        for site, counter in self._counters.items():
            totals[site] = next(counter) - self._reads[site]
            self._reads[site] += 1
        return totals


RUNS = Runs()


class Base:
    """Root of the classes that are recorded. `actor` says whose call it is."""

    def __init__(self, actor: int) -> None:
        RUNS.add("Base.__init__")

    def __call__(self, actor: int, n: int) -> int:
        RUNS.add("Base.__call__")
        return self.call(actor, n)

    def call(self, actor: int, n: int) -> int:
        RUNS.add("Base.call")
        return n

    def gather(self, actor: int, *args: int, **options: int) -> int:
        RUNS.add("Base.gather")
        return sum(args) + sum(options.values())

    @classmethod
    def of_class(cls, actor: int, n: int) -> int:
        RUNS.add("Base.of_class")
        return n

    @staticmethod
    def of_none(actor: int, n: int) -> int:
        RUNS.add("Base.of_none")
        return n

    def items(self, actor: int, n: int) -> Any:
        RUNS.add("Base.items")
        for number in range(n):
            yield number + self.call(actor, number)

    async def wait(self, actor: int, n: int) -> int:
        RUNS.add("Base.wait")
        for _ in range(n % 3):
            await asyncio.sleep(0)
        return self.call(actor, n)

    async def stream(self, actor: int, n: int) -> Any:
        RUNS.add("Base.stream")
        for number in range(n):
            await asyncio.sleep(0)
            yield number

    def switch(self, actor: int, n: int) -> int:
        RUNS.add("Base.switch")
        greenlet.getcurrent().parent.switch()
        return self.call(actor, n)

    def down(self, actor: int, n: int) -> int:
        RUNS.add("Base.down")
        return n if n == 0 else self.down(actor, n - 1)


class Derived(Base):
    """Subclass whose methods lead to those of its base, and raise now and then."""

    def __init__(self, actor: int) -> None:
        RUNS.add("Derived.__init__")
        super().__init__(actor)

    def call(self, actor: int, n: int) -> int:
        RUNS.add("Derived.call")
        if n % 7 == 0:
            raise OddError
        return super().call(actor, n) + 1


class Slots:
    """Root whose objects take no weak reference."""

    __slots__ = ("cycle",)

    def __init__(self, actor: int) -> None:
        RUNS.add("Slots.__init__")

    def call(self, actor: int, n: int) -> int:
        RUNS.add("Slots.call")
        return n


class Dying(Base):
    """Class of objects that are called as the collector finds them."""

    def __init__(self) -> None:
        self.cycle = self

    def __del__(self) -> None:
        self.last(1)

    def last(self, n: int) -> int:
        RUNS.add("Dying.last")
        return n


ROOTS = (Base, Slots)
CLASSES = (Base, Derived, Slots, Dying)
ANYWHERE = frozenset({"Dying.last", "Dying.__del__", "Dying.__init__"})
"""Sites that run wherever the collector does, and that no actor calls."""
UNCOUNTED = frozenset({"Dying.__del__", "Dying.__init__"})
NO_SUMMARY = "no summary"
"""Part of the text of a value that could not be summarized."""
LIMITED = "Base.down"
"""The site of calls that may fail before they begin: at the limit of recursion."""


class Stress:
    """One run of the program: some rounds of all actors at once."""

    def __init__(self, seed: int, steps: int, folder: Path, without: frozenset[str]) -> None:
        self.random = random.Random(seed)
        self.without = without
        self.steps = steps
        self.folder = folder
        self.errors: list[str] = []
        self.cycles = 0
        self.forks = 0
        self.at_limit = itertools.count()
        self._actors = itertools.count(1)
        self._files = itertools.count(1)
        # A child would hang if another thread held a lock of the sanitizer's allocator, which is
        # freed in a child since https://github.com/llvm/llvm-project/pull/75290 only.
        is_sanitized = "libasan" in os.environ.get("LD_PRELOAD", "")
        self._forks_here = hasattr(os, "fork") and not is_sanitized

    def round(self) -> int:
        """Run all actors once, and check what was recorded of them; return the number of calls."""
        before = {cls: dict(vars(cls)) for cls in CLASSES}
        made = RUNS.read()
        limited = next(self.at_limit)
        with callscope.record(*ROOTS, methods=METHODS, max_calls=None) as trace:
            self._run_actors()
            gc.collect()  # what dies later is not of this round
        runs = RUNS.read() - made
        limited = next(self.at_limit) - limited - 1
        self._check_counts(trace, runs, limited)
        for call in trace.calls:
            self._check_call(call)
        total = len(trace)
        for cls in CLASSES:
            if not is_same(before[cls], vars(cls)):
                self.errors.append(f"vars({cls.__name__}) is another than before")
        return total

    def _run_actors(self) -> None:
        works: list[Callable[[random.Random], None]] = [
            self.plain,
            self.plain,
            self.generators,
            self.tasks,
            self.deep,
            self.greenlets,
            self.collector,
            self.classes,
            self.cycler,
            self.cycler,
            self.cycler,
            self.forker,
        ]
        threads = []
        for number, work in enumerate(works):
            if work.__name__ in self.without:
                continue
            # The size counts for threads that are started from now on.
            threading.stack_size(_SMALL_STACK if work == self.deep else 0)
            own = random.Random(self.random.random())
            thread = threading.Thread(
                target=self._guarded, args=(work, own), name=f"actor-{number}"
            )
            thread.start()
            threads.append(thread)
        threading.stack_size(0)
        for thread in threads:
            thread.join()

    def _guarded(self, work: Callable[[random.Random], None], own: random.Random) -> None:
        try:
            work(own)
        except BaseException:
            self.errors.append(f"{work.__name__}: {traceback.format_exc()}")

    # Actors. Each works through some steps.

    def plain(self, own: random.Random) -> None:
        """Call methods of every kind, some of which raise."""
        for _ in range(self.steps):
            self._some_calls(next(self._actors), own.randrange(20))

    def _some_calls(self, actor: int, n: int) -> None:
        obj = Derived(actor)
        with contextlib.suppress(OddError):
            obj(actor, n)
        Base(actor).call(actor, n)
        Base.of_class(actor, n)
        Derived.of_none(actor, n)
        obj.gather(actor, n, n, more=n)
        Slots(actor).call(actor, n)

    def generators(self, own: random.Random) -> None:
        """Interleave generators, and leave some, throw into some, and close some."""
        for _ in range(self.steps // 4):
            running = [Base(a).items(a, own.randrange(1, 6)) for a in self._some(4)]
            for generator in running:
                next(generator)
            while running:
                generator = own.choice(running)
                try:
                    way = own.randrange(8)
                    if way == 0:
                        generator.close()
                    elif way == 1:
                        generator.throw(OddError)
                    else:
                        next(generator)
                        continue
                except (OddError, StopIteration):
                    pass
                running.remove(generator)

    def tasks(self, own: random.Random) -> None:
        """Run tasks that wait in between, of which some are cancelled."""

        async def work(actor: int) -> None:
            obj = Derived(actor)
            with contextlib.suppress(OddError):
                await obj.wait(actor, own.randrange(20))
            async for _ in obj.stream(actor, own.randrange(3)):
                Base(actor).call(actor, 1)

        async def main() -> None:
            tasks = [asyncio.ensure_future(work(actor)) for actor in self._some(6)]
            await asyncio.sleep(0)
            own.choice(tasks).cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        for _ in range(self.steps // 8):
            asyncio.run(main())

    def deep(self, own: random.Random) -> None:
        """Recur in a thread with a small stack, within the limit of recursion and beyond it."""
        for step in range(self.steps // 20):
            (actor,) = self._some(1)
            if step % 4:
                Base(actor).down(actor, own.randrange(50, 300))
                continue
            try:
                Base(actor).down(actor, 2 * sys.getrecursionlimit())
            except RecursionError:
                next(self.at_limit)

    def greenlets(self, own: random.Random) -> None:
        """Let greenlets switch within calls."""
        if greenlet is None:
            return

        def work(actor: int) -> None:
            obj = Derived(actor)
            for _ in range(5):
                with contextlib.suppress(OddError):
                    obj.switch(actor, own.randrange(20))

        for _ in range(self.steps // 8):
            running = {actor: greenlet.greenlet(work) for actor in self._some(5)}
            while running:
                actor = own.choice([*running])
                running[actor].switch(*([] if running[actor] else [actor]))
                if running[actor].dead:
                    del running[actor]

    def collector(self, own: random.Random) -> None:
        """Make garbage that calls methods as it is collected."""
        for _ in range(self.steps // 4):
            for _ in range(own.randrange(5)):
                Dying()
            gc.collect(own.randrange(3))

    def classes(self, own: random.Random) -> None:
        """Make subclasses, and call methods of their own."""
        for _ in range(self.steps // 8):
            (actor,) = self._some(1)

            class New(Derived):
                def call(self, actor: int, n: int) -> int:
                    RUNS.add("New.call")
                    return super().call(actor, n) + 1

            obj = New(actor)
            with contextlib.suppress(OddError):
                obj(actor, own.randrange(20))

    def cycler(self, own: random.Random) -> None:
        """Begin and end recordings of its own."""
        for _ in range(self.steps // 3):
            (actor,) = self._some(1)
            capture = own.choice(("values", "values", "types", "none"))
            options: dict[str, Any] = {"capture": capture}
            if own.randrange(6) == 0:
                options["to"] = self.folder / f"{next(self._files)}.jsonl"
            elif own.randrange(6) == 0:
                options["where"] = lambda call: call.depth < 3
            root = own.choice((Base, Base, Derived))
            with callscope.record(root, methods=METHODS, **options) as trace:
                obj = Derived(actor)
                for n in (1, 2, 3):
                    obj(actor, n)
            self.cycles += 1
            if capture == "values":
                recorded = Counter(
                    call.site for call in trace.calls if call.arguments.get("actor") == actor
                )
                expected = Counter({"Derived.__init__": 1, "Derived.call": 3})
                for site, count in expected.items():
                    if recorded[site] != count:
                        self.errors.append(f"cycle: {site} {recorded[site]} of {count}, {options}")
            if "to" in options:
                Path(options["to"]).unlink()

    def forker(self, own: random.Random) -> None:
        """Fork, and record in the child."""
        if not self._forks_here:
            return
        for _ in range(max(1, self.steps // 60)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pid = os.fork()
            if pid == 0:
                os._exit(self._in_child())
            self.forks += 1
            _, status = os.waitpid(pid, 0)
            if status:
                self.errors.append(f"a forked child ended with status {status}")

    def _in_child(self) -> int:
        try:
            signal.alarm(_CHILD_SECONDS)
            with callscope.record(Base, methods=METHODS) as trace:
                self._some_calls(-1, 1)
            sites = Counter(call.site for call in trace.calls)
            return 0 if sites["Base.__init__"] == 2 and sites["Derived.call"] == 1 else 3
        except BaseException:
            traceback.print_exc()
            return 4

    def _some(self, count: int) -> list[int]:
        return [next(self._actors) for _ in range(count)]

    # Checks of one round.

    def _check_counts(self, trace: callscope.Trace, runs: Counter[str], limited: int) -> None:
        recorded = Counter(call.site for call in trace.calls)
        for site in sorted({*runs, *recorded} - UNCOUNTED):
            spare = limited if site == LIMITED else 0
            if not runs[site] <= recorded[site] <= runs[site] + spare:
                self.errors.append(f"{site}: ran {runs[site]}, recorded {recorded[site]}")
        if trace.lost:
            self.errors.append(f"{trace.lost} calls are said to be lost")

    def _check_call(self, call: callscope.Call) -> None:
        if call.site in ANYWHERE:
            return
        actor = call.arguments.get("actor")
        parent = call.parent
        while parent is not None and parent.site in ANYWHERE:
            parent = parent.parent
        above = None if parent is None else parent.arguments.get("actor")
        # At the limit of recursion there is no room to look at a value.
        if parent is not None and above != actor and NO_SUMMARY not in f"{above} {actor}":
            self.errors.append(f"{call} hangs below {parent}")
        n = call.arguments.get("n")
        if not call.finished and call.method not in ("items", "stream", "wait"):
            self.errors.append(f"{call} has not ended")
        elif call.site == "Base.call" and call.result != n:
            self.errors.append(f"{call} has the result {call.result}")
        elif call.site == "Derived.call" and n % 7 and call.result != n + 1:
            self.errors.append(f"{call} has the result {call.result}, error {call.error}")
        elif call.site == "Derived.call" and not n % 7 and not is_odd(call.error):
            self.errors.append(f"{call} has the error {call.error}")


def is_odd(error: Any) -> bool:
    """Return whether what was recorded is the error raised on purpose."""
    return error is not None and "OddError" in error.type


def is_same(before: dict[str, Any], now: Any) -> bool:
    """Return whether two namespaces hold the same objects in the same order."""
    return [*before] == [*now] and all(now[name] is before[name] for name in before)


def living() -> int:
    """Return how many objects of the recorded classes are alive."""
    gc.collect()
    return sum(issubclass(type(obj), ROOTS) for obj in gc.get_objects())


def run(seconds: float, rounds: int, steps: int, seed: int, without: frozenset[str]) -> int:
    """Run rounds until both the time and the number are reached; return 1 if anything is wrong."""
    # A forked child that hangs says where.
    faulthandler.register(signal.SIGALRM, chain=True)
    ends_at = time.monotonic() + seconds
    number = calls = 0
    warm = 0
    with tempfile.TemporaryDirectory() as folder:
        stress = Stress(seed, steps, Path(folder), without)
        while number < rounds or time.monotonic() < ends_at:
            faulthandler.dump_traceback_later(_HANG_SECONDS, exit=True)
            number += 1
            calls += stress.round()
            alive = living()
            if alive:
                stress.errors.append(f"{alive} objects are still alive after round {number}")
            if number == _ROUNDS_TO_WARM_UP:
                warm = sys.getallocatedblocks()
            if stress.errors:
                break
    faulthandler.cancel_dump_traceback_later()
    grown = sys.getallocatedblocks() - warm
    per_round = grown / max(1, number - _ROUNDS_TO_WARM_UP)
    if number >= 4 * _ROUNDS_TO_WARM_UP and per_round > _MOST_BLOCKS_PER_ROUND:
        stress.errors.append(f"memory grows by {per_round:.0f} blocks each round")
    for error in stress.errors[:20]:
        sys.stderr.write(f"{error}\n")
    sys.stdout.write(
        f"{'FAILED' if stress.errors else 'HELD'}: {number} rounds, {calls:,} calls,"
        f" {stress.cycles:,} recordings, {stress.forks} forks; seed {seed}, engine"
        f" {callscope.engine!r}, CPython {sys.version.split()[0]}; {per_round:+.1f} blocks a round\n"
    )
    return 1 if stress.errors else 0


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, help="how long to run at least")
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds to run at least")
    parser.add_argument(
        "--steps", type=int, default=120, help="how much each actor does in a round"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], help="an actor to leave out")
    args = parser.parse_args()
    return run(args.seconds, args.rounds, args.steps, args.seed, frozenset(args.without))


if __name__ == "__main__":
    sys.exit(main())

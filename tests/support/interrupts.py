"""Work that is interrupted at random moments."""

from __future__ import annotations

import gc
import itertools
import random
import signal
from collections.abc import Callable

LEAST_INTERRUPTS = 100


class Nested:
    """Three methods, each of which calls the next; notes which of them ran to their end."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []

    def outer(self, number: int) -> None:
        self.middle(number)
        self.ran += (("outer", number),)

    def middle(self, number: int) -> None:
        try:
            self.inner(number)
        finally:
            self.inner(-number)
        self.ran += (("middle", number),)

    def inner(self, number: int) -> int:
        self.ran += (("inner", number),)
        return number


def interrupted(work: Callable[[int], object], times: int, longest: float) -> int:
    """Run work, each time interrupted at a random moment, until that was often enough.

    Returns how often it was.

    Args:
        work: is given a number, from 1.
        times: how often it is run at least.
        longest: seconds after which it is interrupted at the latest; less after so many times.
    """
    chance = random.Random(1)
    caught = 0
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    gc.collect()
    gc.disable()  # what another test has left behind must not take an interrupt into a finalizer
    try:
        for number in itertools.count(1):
            if number > times and caught > LEAST_INTERRUPTS:
                break
            at = chance.uniform(1e-6, longest / (1 + number // times))
            try:
                signal.setitimer(signal.ITIMER_REAL, at)
                try:
                    work(number)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                caught += 1
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)
    return caught

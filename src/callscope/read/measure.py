"""Running times of calls, without the cost of recording them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from callscope.trace import Call, Cost, Text


class Measured(NamedTuple):
    """Times of one call in nanoseconds: zero if it never ended, and never negative."""

    call: Call
    running_ns: float
    self_ns: float
    is_outermost_of_site: bool
    """True if no call of the same site in the same thread is an ancestor."""
    is_outermost_of_class: bool
    """True if no call on objects of the same class in the same thread is an ancestor."""
    recording_ns: float
    """Cost of recording this call; not included in its own times or those of its ancestors."""


class _Path:
    """The sites and classes of a call's ancestors in one thread."""

    def __init__(self) -> None:
        self.sites: Counter[tuple[str, str]] = Counter()
        self.classes: Counter[str] = Counter()


class _Entered:
    """A call whose children are being measured."""

    def __init__(self, call: Call, path: _Path) -> None:
        self.call = call
        self.path = path
        self.rest: Iterator[Call] = iter(call.children)
        self.site = call.defining_class, call.method
        self.is_outermost_of_site = not path.sites[self.site]
        self.is_outermost_of_class = not path.classes[call.runtime_class]
        path.sites[self.site] += 1
        path.classes[call.runtime_class] += 1
        self.around_children_ns = 0.0
        """Cost of recording the children that falls outside them, and so within this call."""
        self.below_ns = 0.0
        """Cost of recording all descendants."""
        self.least_ns = 0.0
        """Running time, without that cost, of the children that were never suspended."""

    def leave(self, cost: Cost) -> Measured:
        """Return the call's times, after all its descendants are measured."""
        call = self.call
        self.path.sites[self.site] -= 1
        self.path.classes[call.runtime_class] -= 1
        own = max(0.0, (call.self_ns or 0) - self.around_children_ns - cost.inside_ns)
        running = (call.running_ns or 0) - self.below_ns - cost.inside_ns
        return Measured(
            call,
            # If less was subtracted below, as no time gets negative, no more is subtracted here.
            max(running, own + self.least_ns),
            own,
            self.is_outermost_of_site,
            self.is_outermost_of_class,
            cost.inside_ns + _outside_ns(call, cost),
        )


def measure(roots: Iterable[Call], cost: Cost) -> list[Measured]:
    """Return the times of each call, without the cost of recording."""
    measured: list[Measured] = []
    path = _Path()
    for root in roots:
        stack = [_Entered(root, path)]
        while stack:
            entered = stack[-1]
            child = next(entered.rest, None)
            if child is not None:
                shares = _shares_thread(child, entered.call)
                stack.append(_Entered(child, entered.path if shares else _Path()))
                continue
            stack.pop()
            done = entered.leave(cost)
            measured.append(done)
            if stack and _shares_thread(done.call, stack[-1].call):
                stack[-1].around_children_ns += done.recording_ns - cost.inside_ns
                stack[-1].below_ns += done.recording_ns + entered.below_ns
                if not done.call.suspensions:
                    stack[-1].least_ns += done.running_ns
    return measured


def _shares_thread(call: Call, other: Call) -> bool:
    return call.thread == other.thread and call.pid == other.pid


def _outside_ns(call: Call, cost: Cost) -> float:
    summarized = sum(type(value) is Text for value in call.arguments.values())
    summarized += type(call.result) is Text
    return cost.outside_ns + summarized * cost.summary_ns

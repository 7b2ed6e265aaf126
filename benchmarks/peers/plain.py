"""What records nothing: the program as it is, and wrappers that only pass calls through."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from benchmarks.peers.floor import floor
from benchmarks.peers.protocol import Method, Peer, Wrapping
from benchmarks.workloads.program import Site, fresh


class Bare(Peer):
    """The control: what it adds to itself is noise."""

    replaces_methods = False
    setup = "as written"
    link = ""
    wrappers = 0

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class SameSignature(Wrapping):
    """Functions of the same parameters, written by hand: the least a wrapper in Python costs."""

    setup = "wrapped in `def wrapper(self, x): return function(self, x)`"
    link = "https://docs.python.org/3/glossary.html#term-decorator"
    wrappers = 1

    def wrap(self, site: Site) -> Method:
        """Pass one argument on."""
        function = site.function

        def wrapper(self: object, argument: Any) -> Any:
            return function(self, argument)

        # Each site has code of its own, as it would if its author had written the wrapper.
        return fresh(wrapper)


class FunctoolsWraps(Wrapping):
    """The usual wrapper."""

    setup = (
        "`@functools.wraps` over `def wrapper(*args, **kwargs): return function(*args, **kwargs)`"
    )
    link = "https://docs.python.org/3/library/functools.html#functools.wraps"
    wrappers = 1

    def wrap(self, site: Site) -> Method:
        """Pass whatever arguments there are on."""
        function = site.function

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return fresh(wrapper)


class Floor(Wrapping):
    """A wrapper in C that reads the clock, calls and reads the clock again: the least for a tracer."""

    setup = "`_floor.c`, compiled on the spot; it reads the clock twice and keeps nothing"
    link = "https://docs.python.org/3/c-api/call.html#vectorcall"
    wrappers: ClassVar[int | None] = 0

    def wrap(self, site: Site) -> Method:
        """Wrap it in C."""
        wrapper: Method = floor()(site.function)
        return wrapper

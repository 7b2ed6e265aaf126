"""The seed example, whose every pass makes four calls, in one thread and in several.

Constructing ``MyLayer(3)`` runs `MyLayer.__init__` and `Layer.__init__`; calling the object runs
`Layer.__call__` and `MyLayer.call`.
"""

from __future__ import annotations

import functools
import threading
from typing import Any, Final

from benchmarks.workloads.program import Program, find_sites, fresh

CALLS_PER_PASS: Final = 4
_METHODS: Final = ("__init__", "__call__", "call")
_LAST_PASS: Final = (
    ("MyLayer.__init__", {"k": 3}),
    ("Layer.__init__", {"x": 3}),
    ("Layer.__call__", {"y": 4}),
    ("MyLayer.call", {"m": 4}),
)


def make_seed(_: int = 1) -> Program:
    """Return an example that nothing has run yet."""

    class Layer:
        def __init__(self, x: int) -> None: ...

        def __call__(self, y: int) -> None:
            self.call(y)

        def call(self, z: int) -> None: ...

    class MyLayer(Layer):
        def __init__(self, k: int) -> None:
            super().__init__(k)

        def call(self, m: int) -> None: ...

    def passes(cls: type[Any], count: int) -> None:
        for _ in range(count):
            obj = cls(3)
            obj(4)

    sites = find_sites(Layer, _METHODS, unspecialize=True)
    run = functools.partial(fresh(passes), MyLayer)
    return Program(
        Layer, _METHODS, sites, run, CALLS_PER_PASS, CALLS_PER_PASS, last_pass=_LAST_PASS
    )


def make_threads(threads: int) -> Program:
    """Return the example, each pass of which is made in so many threads at once."""
    seed = make_seed()

    def run(passes: int) -> None:
        working = [threading.Thread(target=seed.run, args=(passes,)) for _ in range(threads)]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()

    calls = CALLS_PER_PASS * threads
    return seed._replace(run=run, calls=calls, frames=calls, has_overhead=True, last_pass=())

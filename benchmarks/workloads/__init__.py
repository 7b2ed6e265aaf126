"""The work that is traced, by name."""

from __future__ import annotations

import importlib
from typing import Final, NamedTuple

from benchmarks.workloads.program import Program


class Workload(NamedTuple):
    """Programs of one kind, in one size or several."""

    name: str
    title: str
    path: str
    """Of the function that makes a program of a size."""
    sizes: tuple[int, ...]
    unit: str = ""
    """What a size is a number of."""

    def make(self, size: int) -> Program:
        """Return a program that nothing has run yet."""
        module, _, name = self.path.partition(":")
        program: Program = getattr(importlib.import_module(module), name)(size)
        return program


def _path(name: str) -> str:
    return f"{__name__}.{name}"


WORKLOADS: Final = (
    Workload("seed", "the four-call example", _path("seed:make_seed"), (1,)),
    Workload("keras", "a Keras LSTM", _path("frameworks:make_keras"), (1,)),
    Workload("torch", "21 modules of PyTorch", _path("frameworks:make_torch"), (1,)),
    Workload(
        "deep", "chains of super()", _path("hierarchies:make_deep"), (1, 2, 4, 8, 16, 32), "classes"
    ),
    Workload(
        "wide", "many subclasses", _path("hierarchies:make_wide"), (1, 10, 100, 1_000), "classes"
    ),
    Workload("threads", "threads", _path("seed:make_threads"), (1, 2, 4, 8), "threads"),
    Workload("asyncio", "tasks of asyncio", _path("tasks:make_tasks"), (8,), "tasks"),
    Workload("await", "a coroutine that is not suspended", _path("tasks:make_await"), (1,)),
)
BY_NAME: Final = {workload.name: workload for workload in WORKLOADS}

"""How much is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

FULL: Final = "full"
PART: Final = "part"
"""Name of a full run of some subjects or peers alone."""


class Effort(NamedTuple):
    """How often, and for how long, each thing is measured."""

    name: str
    rounds: Mapping[str, int]
    """How many processes measure each thing with each peer."""
    repeats: int
    """Samples that one process takes of a program, and of each of several sizes."""
    repeats_each: int
    turns: int
    """In which the bare program and the traced one alternate, for one sample: enough for the memory
    that a recording takes to be part of it, which comes by megabytes."""
    turn_seconds: float
    """How long a turn may take."""
    model_turns: int
    model_turn_seconds: float
    """Turns are fewer and longer where both programs share the classes of a framework."""
    warm_up_seconds: float
    """Before the first turn; with models, before each."""
    sample_seconds: float
    """After which no more turns and no more samples are taken, where calls are very slow."""
    turn_calls: int
    """That a turn may make at most: what OpenTelemetry's batches hold by default is a little more."""
    growth_calls: int
    """That are recorded to see how time and memory grow, in `growth_seconds` at most."""
    growth_seconds: float
    weave_sizes: tuple[int, ...]
    file_calls: tuple[int, ...]
    file_seconds: float
    """After a file that took longer, no larger one is made."""
    reading_calls: tuple[int, ...]
    """That are recorded and read; memory is measured with the fewest."""
    reading_seconds: float
    """After a reading that took longer, it is not measured with more calls."""
    millions: int
    """Calls that are recorded, saved and loaded at once."""
    most_sizes: int | None = None
    """Of a workload, if not all are wanted."""


_FULL: Final = Effort(
    name=FULL,
    rounds={
        "seed": 6,
        "keras": 2,
        "torch": 2,
        "deep": 2,
        "wide": 2,
        "threads": 2,
        "asyncio": 4,
        "await": 4,
        "growth": 2,
        "weave": 2,
        "files": 2,
        "reading": 2,
        "millions": 2,
        "imports": 5,
    },
    repeats=4,
    repeats_each=2,
    turns=60,
    turn_seconds=0.001,
    model_turns=3,
    model_turn_seconds=0.1,
    warm_up_seconds=0.1,
    sample_seconds=2.0,
    turn_calls=2_000,
    growth_calls=200_000,
    growth_seconds=2.0,
    weave_sizes=(10, 30, 100, 300, 1_000, 3_000),
    file_calls=(1_000, 10_000, 100_000),
    file_seconds=1.0,
    reading_calls=(10_000, 100_000, 400_000, 1_000_000),
    reading_seconds=3.0,
    millions=10_000_000,
)
_QUICK: Final = _FULL._replace(
    name="quick",
    rounds={"seed": 5, "weave": 3, "files": 3, "reading": 2},
    sample_seconds=3.0,
    growth_calls=20_000,
    growth_seconds=0.5,
    weave_sizes=(100, 300),
    file_calls=(20_000,),
    reading_calls=(4_000, 20_000),
)
_SMOKE: Final = _FULL._replace(
    name="smoke",
    rounds={},
    repeats=1,
    repeats_each=1,
    turns=3,
    turn_seconds=0.0002,
    model_turns=1,
    model_turn_seconds=0.002,
    warm_up_seconds=0.01,
    sample_seconds=0.2,
    turn_calls=200,
    growth_calls=2_000,
    growth_seconds=0.1,
    weave_sizes=(10, 30),
    file_calls=(100, 1_000),
    reading_calls=(100, 1_000),
    millions=2_000,
    most_sizes=3,
)
EFFORTS: Final = {effort.name: effort for effort in (_FULL, _QUICK, _SMOKE)}

"""Header of a trace: what is said once about all of its calls."""

from __future__ import annotations

from typing import NamedTuple


class Cost(NamedTuple):
    """What recording itself takes at the least, in nanoseconds; measured where it recorded."""

    inside_ns: float
    """Per call, within the times that the call is said to have begun and ended."""
    outside_ns: float
    """Per call, before and after those, and so within the call that led to it."""
    summary_ns: float
    """Per captured value that is no scalar, in addition; outside of the call as well."""


class Process(NamedTuple):
    """One process of a trace that was made of several."""

    pid: int
    """The number by which its calls name it: its process number, unless another process of the
    trace has the same."""
    host: str
    """Name of its machine or container."""
    rank: int | None
    """Its number among those that a launcher started; else None."""
    command: str
    """Name of its program."""
    run: str
    """Id of its run."""


class Header(NamedTuple):
    """What is said once about a whole trace."""

    pid: int
    """The process that was recorded; of several, the one that began first."""
    start_ns: int
    """When the recording began, in nanoseconds of `time.perf_counter_ns`."""
    start_unix_ns: int
    """The same instant in nanoseconds since 1970, UTC."""
    python: str
    """Version of the Python that ran."""
    callscope: str
    """Version of callscope that recorded."""
    targets: tuple[str, ...]
    """The roots of the hierarchies that were asked for by name; empty for all declared."""
    filtered: bool = False
    """Whether calls may have been left out by `where`, so that one may have had another parent."""
    cost: Cost | None = None
    """What recording took per call; None where that was not measured, or is not yet."""
    run: str = ""
    """Id of the run, the same for all processes of a program; empty where it is not known, and for
    a trace of several runs."""
    host: str = ""
    """Name of the machine or container."""
    rank: int | None = None
    """Number of the process among those that torchrun, mpirun or srun started; else None."""
    command: str = ""
    """Name of the program, without its arguments."""
    processes: tuple[Process, ...] = ()
    """The processes of a trace that was made of several."""

    @property
    def origins(self) -> tuple[Process, ...]:
        """The processes, of which there is one unless the trace was made of several."""
        own = Process(self.pid, self.host, self.rank, self.command, self.run)
        return self.processes or (own,)

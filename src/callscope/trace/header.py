"""Header of a trace: the data that applies to all of its calls."""

from __future__ import annotations

from typing import NamedTuple


class Cost(NamedTuple):
    """Minimum overhead of recording, in nanoseconds; measured on the recording machine."""

    inside_ns: float
    """Per call, between its recorded start and end."""
    outside_ns: float
    """Per call, before its start and after its end, and so within its parent."""
    summary_ns: float
    """Additional, per captured value that is not a scalar; also outside of the call."""


class Process(NamedTuple):
    """One process of a merged trace."""

    pid: int
    """Number its calls refer to: its process number, unless another process of the trace has the
    same."""
    host: str
    """Name of its machine or container."""
    rank: int | None
    """Its number among the processes a launcher started; else None."""
    command: str
    """Name of its program."""
    run: str
    """Id of its run."""


class Header(NamedTuple):
    """Data that applies to a whole trace."""

    pid: int
    """Number of the recorded process; of several, the one that began first."""
    start_ns: int
    """Start of the recording, in nanoseconds of `time.perf_counter_ns`."""
    start_unix_ns: int
    """The same instant in nanoseconds since 1970, UTC."""
    python: str
    """Version of the Python that ran."""
    callscope: str
    """Version of callscope that recorded."""
    targets: tuple[str, ...]
    """Roots of the hierarchies requested by name; empty for all declared ones."""
    filtered: bool = False
    """True if `where` may have left out calls, so that a call may have had another parent."""
    cost: Cost | None = None
    """Overhead of recording per call; None if not measured, or not yet."""
    run: str = ""
    """Id of the run, the same for all processes of a program; empty if unknown, and for a trace of
    several runs."""
    host: str = ""
    """Name of the machine or container."""
    rank: int | None = None
    """Number of the process among those torchrun, mpirun or srun started; else None."""
    command: str = ""
    """Name of the program, without its arguments."""
    processes: tuple[Process, ...] = ()
    """Processes of a merged trace."""

    @property
    def origins(self) -> tuple[Process, ...]:
        """The processes; a single one unless the trace was merged."""
        own = Process(self.pid, self.host, self.rank, self.command, self.run)
        return self.processes or (own,)

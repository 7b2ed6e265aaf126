"""Numbers and names of processes and threads, by which viewers tell tracks apart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from callscope.trace import Header, Strand, Table
from callscope.trace.text import process_details


class Thread(NamedTuple):
    """A track, which viewers show as a thread of a process."""

    pid: int
    tid: int
    name: str
    rank: int
    """Place among all tracks, from 1."""


class Numbers:
    """Processes and threads of one trace.

    Args:
        header: the header of the trace.
        table: its calls.
        most: largest process number that the viewer stores; another replaces a larger one.
        on_process: called with the number and the name of each process, before its first thread.
    """

    def __init__(
        self, header: Header, table: Table, most: int, on_process: Callable[[int, str], object]
    ) -> None:
        pids = {table.strands[index].pid for index in {*table.strand}}
        # A thread's number must not equal that of a process, which its main thread uses.
        self._free = (number for number in count(1) if number not in {*pids, header.pid})
        self._most = most
        self._on_process = on_process
        self._pids: dict[int, int] = {}
        self._details = process_details(header)
        self._threads = 0

    def process(self, pid: int) -> int:
        """Return the number of a process in the file."""
        number = self._pids.get(pid)
        if number is None:
            number = self._pids[pid] = pid if 0 <= pid <= self._most else next(self._free)
            self._on_process(number, f"python{self._details.get(pid, '')}")
        return number

    def new_thread(self, strand: Strand, number: int) -> Thread:
        """Return a new track; `number` is the number of tracks of that strand, including it."""
        pid, thread, task = strand
        process = self.process(pid)
        is_main = thread == "MainThread" and task is None and number == 1
        tid = process if is_main else next(self._free)
        name = (thread or "thread") if task is None else f"task {task}"
        self._threads += 1
        return Thread(process, tid, name if number == 1 else f"{name} / {number}", self._threads)

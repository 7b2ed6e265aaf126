"""Merging of the traces of several processes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from callscope.trace.data import Recorded, TraceData
from callscope.trace.header import Header, Process
from callscope.trace.table_builder import TableBuilder

# Processes of one machine read the same clock. A larger difference means another machine, or a
# reboot in between.
_SAME_CLOCK_NS: Final = 1_000_000_000


def merge(traces: Sequence[TraceData]) -> TraceData:
    """Merge several traces into one; the originals are modified and must not be used again.

    Calls are in chronological order and are distinguished by their `pid`. If two processes have the
    same `pid` (in two containers), the later one gets an unused number; `Header.processes` maps
    each number to its process. Calls and objects are renumbered, so that no two processes share a
    number. Times are on the clock of the process that began first. A trace from another machine is
    shifted by the difference of the two clocks from the time of day.

    Args:
        traces: at least one.
    """
    traces = sorted(traces, key=lambda trace: trace.header.start_unix_ns)
    first = traces[0].header
    builder = TableBuilder()
    instances = 0
    processes: dict[Process, Process] = {}
    for trace in traces:
        pids = _number(_origins(trace), processes)
        offset_ns = _offset_ns(trace.header) - _offset_ns(first)
        table = trace.table
        table.shift(0 if abs(offset_ns) < _SAME_CLOCK_NS else offset_ns)
        table.strands = [s._replace(pid=pids.get(s.pid, s.pid)) for s in table.strands]
        numbers: dict[int, int] = {0: 0}
        for number in table.instance:
            numbers.setdefault(number, instances + len(numbers))
        table.instance = array("q", map(numbers.__getitem__, table.instance))
        instances += len(numbers) - 1
        builder.extend(table)
    order = sorted(range(len(builder.table)), key=builder.table.start_ns.__getitem__)
    table = builder.table.reordered(order)
    table.call_id = array("q", range(1, len(table) + 1))
    table.keys = None
    targets = dict.fromkeys(name for trace in traces for name in trace.header.targets)
    filtered = any(trace.header.filtered for trace in traces)
    # Processes of one program are alike, and any figure is better than none.
    cost = next((t.header.cost for t in traces if t.header.cost is not None), None)
    header = first._replace(
        targets=tuple(targets),
        filtered=filtered,
        cost=cost,
        run=first.run if len({process.run for process in processes}) == 1 else "",
        processes=tuple(processes.values()),
    )
    left_out: Counter[str] = Counter()
    for trace in traces:
        left_out.update(trace.left_out)
    lost = sum(trace.lost for trace in traces)
    recorded = Recorded(table, lost, dict(left_out), is_final=True)
    return TraceData(header, recorded)


def _number(origins: Iterable[Process], processes: dict[Process, Process]) -> dict[int, int]:
    """Assign unique numbers to processes; return the new number of each by its old one.

    Args:
        origins: the processes of one trace.
        processes: numbered processes of earlier traces; the new ones are added.
    """
    pids: dict[int, int] = {}
    for process in origins:
        key = process._replace(command="")  # a program may change it
        if key not in processes:
            pids_in_use = {other.pid for other in processes.values()}
            pid = process.pid if process.pid not in pids_in_use else max(pids_in_use) + 1
            processes[key] = process._replace(pid=pid)
        pids[process.pid] = processes[key].pid
    return pids


def _origins(trace: TraceData) -> list[Process]:
    """Return the processes of a trace, including those missing from its header."""
    origins = {process.pid: process for process in trace.header.origins}
    for pid in dict.fromkeys(strand.pid for strand in trace.table.strands):
        origins.setdefault(pid, Process(pid, "", None, "", ""))
    return [*origins.values()]


def _offset_ns(header: Header) -> int:
    return header.start_unix_ns - header.start_ns

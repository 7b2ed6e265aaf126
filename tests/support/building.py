"""Traces made by hand, for tests of what reads them."""

from callscope.read.trace import Trace
from callscope.trace import (
    NO_ROW,
    Callee,
    CallError,
    Header,
    Recorded,
    Strand,
    TableBuilder,
)


class Node:
    """A call to be: what it is, and what it leads to."""

    def __init__(
        self,
        site,
        *children,
        on=None,
        instance=1,
        arguments=None,
        result=None,
        error=None,
        start=None,
        end=None,
        suspended=(),
        thread="MainThread",
        task=None,
        pid=0,
        site_metadata=None,
        class_metadata=None,
    ):
        self.defining_class, _, self.method = f"app.{site}".rpartition(".")
        self.children = list(children)
        self.runtime_class = self.defining_class if on is None else f"app.{on}"
        self.instance = instance
        self.arguments = arguments or {}
        self.result = result
        self.error = error
        self.start = start
        self.end = end
        self.suspended = suspended
        self.thread = thread
        self.task = task
        self.pid = pid
        self.site_metadata = site_metadata
        self.class_metadata = class_metadata


def make_trace(*roots, cost=None, lost=0, left_out=None, header=None):
    """Return a trace of some nodes; without times of their own, one nanosecond goes by per event."""
    builder, now = TableBuilder(), 0
    table = builder.table

    def add(node, parent):
        nonlocal now
        now = now + 1 if node.start is None else node.start
        names = tuple(node.arguments)
        site = node.method, node.defining_class, node.runtime_class, 0
        callee = builder.callee(Callee(*site, names, node.site_metadata, node.class_metadata))
        strand = builder.strand(Strand(node.pid, node.thread, node.task))
        values = tuple(node.arguments.values())
        return builder.append(
            len(table) + 1, now, parent, callee, strand, node.instance or 0, False, values
        )

    def end(node, row):
        nonlocal now
        times = [ts for span in node.suspended for ts in span if ts is not None]
        if times:
            table.suspensions[row] = times
        if node.end != "never":
            now = now + 1 if node.end is None else node.end
            table.end_ns[row] = now
            table.outcome[row] = node.result if node.error is None else CallError(*node.error)

    # No recursion, for depth.
    stack = [(root, NO_ROW, None) for root in reversed(roots)]
    while stack:
        node, parent, row = stack.pop()
        if row is not None:
            end(node, row)
            continue
        row = add(node, parent)
        stack.append((node, parent, row))
        stack.extend((child, row, None) for child in reversed(node.children))
    header = header or Header(1, 0, 0, "3.11.7", "0", (), cost=cost)
    recorded = Recorded(table, lost, left_out or {}, is_final=True)
    return Trace(header, lambda: recorded)


def hostile_node(text, start=5, **options):
    """Return a node that has a text wherever a call has any."""
    node = Node(
        text,
        arguments={text: text},
        start=start,
        end=start + 5,
        thread=text,
        task=text,
        pid=7,
        **options,
    )
    node.method, node.defining_class = text, f"app.{text}"
    node.runtime_class = f"app.{text}"
    return node


def set_pids(trace, pids):
    """Let each call of a trace have run in a process of its own."""
    table = trace._data().table
    for row, pid in enumerate(pids):
        table.strands.append(table.strands[table.strand[row]]._replace(pid=pid))
        table.strand[row] = len(table.strands) - 1
    table.strands[: -len(table)] = [s._replace(pid=pids[0]) for s in table.strands[: -len(table)]]

"""Traces made by hand, for tests of what reads them."""

from callscope.read.trace import Trace
from callscope.trace import BuiltCall, CallError, Header, Recorded, Text


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


def make_trace(*roots, cost=None, lost=0, left_out=None):
    """Return a trace of some nodes; without times of their own, one nanosecond goes by per event."""
    calls, now = [], 0

    def add(node, parent):
        nonlocal now
        now = now + 1 if node.start is None else node.start
        call = BuiltCall(
            node.method,
            node.defining_class,
            node.runtime_class,
            node.instance,
            0,
            dict(node.arguments),
            now,
            node.thread,
            parent,
        )
        call._call_id = len(calls) + 1
        if parent is not None:
            parent._children.append(call)
        calls.append(call)
        return call

    def end(node, call):
        nonlocal now
        for suspended, resumed in node.suspended:
            call._suspend(suspended)
            if resumed is not None:
                call._resume(resumed)
        if node.end != "never":
            now = now + 1 if node.end is None else node.end
            error = None if node.error is None else CallError(*node.error)
            call._end(now, node.result, error)

    # No recursion, for depth.
    stack = [(root, None, None) for root in reversed(roots)]
    while stack:
        node, parent, call = stack.pop()
        if call is not None:
            end(node, call)
            continue
        call = add(node, parent)
        stack.append((node, parent, call))
        stack.extend((child, call, None) for child in reversed(node.children))
    header = Header(1, 0, 0, "3.11.7", "0", (), cost=cost)
    recorded = Recorded(calls, lost, left_out or {})
    return Trace(header, lambda: recorded)


def hostile_call(text, start_ns=5):
    """Return a failed call that has a text wherever it has any."""
    call = BuiltCall(text, f"app.{text}", f"app.{text}", 1, 0, {text: text}, start_ns, text, None)
    call._end(start_ns + 5, Text(text), CallError(text, text))
    call._task, call._pid = text, 7
    return call

"""The calls of a trace as columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope import record
from callscope.trace import NO_ROW, UNFINISHED, CallError, python_kernels
from tests.support.building import Node, make_trace


def _nodes():
    sites = st.sampled_from(["Layer.__call__", "Layer.call", "Other.call"])
    options = {
        "instance": st.sampled_from([None, 1, 2]),
        "arguments": st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2),
        "result": st.sampled_from([None, 3]),
        "error": st.sampled_from([None, ("ValueError", "wrong")]),
        "end": st.sampled_from([None, "never"]),
        "thread": st.sampled_from(["MainThread", "other"]),
    }
    return st.recursive(
        st.builds(Node, sites, **options),
        lambda below: st.builds(
            lambda site, children, options: Node(site, *children, **options),
            sites,
            st.lists(below, max_size=3),
            st.fixed_dictionaries(options),
        ),
        max_leaves=12,
    )


@given(st.lists(_nodes(), max_size=4))
def test_a_table_says_what_its_calls_say(roots):
    """Each column holds, for each row, what the call of that row says."""
    trace = make_trace(*roots)
    calls = trace.calls
    table = trace._data().table
    assert len(table) == len(calls)
    rows = {call: row for row, call in enumerate(calls)}
    for row, call in enumerate(calls):
        callee = table.callees[table.callee[row]]
        assert callee.site == (call.defining_class, call.method)
        assert (callee.runtime_class, callee.mro_index) == (call.runtime_class, call.mro_index)
        assert table.strands[table.strand[row]] == (call.pid, call.thread, call.task)
        assert table.call_id[row] == call.call_id
        assert table.start_ns[row] == call.start_ns
        end_ns = None if table.end_ns[row] == UNFINISHED else table.end_ns[row]
        assert end_ns == (call.start_ns + call.duration_ns if call.finished else None)
        assert table.parent[row] == (NO_ROW if call.parent is None else rows[call.parent])
        assert table.depth[row] == call.depth
        assert (table.instance[row] or None) == call.instance
        assert table.via_super[row] == call.via_super
        assert table.arguments_of(row) == call.arguments
        assert table.error_of(row) == call.error
        assert table.outcome[row] == (call.error or call.result)
        assert [calls[child] for child in table.children(row)] == [*call.children]
    assert [calls[row] for row in table.roots()] == [*trace.roots]


@given(st.lists(_nodes(), max_size=4))
def test_preorder_yields_each_call_before_those_below_it(roots):
    """The nodes were numbered in that order."""
    table = make_trace(*roots)._data().table
    assert [*table.preorder(table.roots())] == [*range(len(table))]


def test_suspensions_are_instants():
    """The times of one call stand in one list, and the waiting time is what lies between them."""
    trace = make_trace(Node("Layer.call", start=10, suspended=[(20, 30), (35, 45)], end=50))
    table = trace._data().table
    assert table.suspensions == {0: [20, 30, 35, 45]}
    assert table.waiting_ns(0) == trace.calls[0].waiting_ns == 20


def test_arguments_of_a_recording():
    """A recording that captures nothing has no arguments, and others have them by name."""

    class Layer:
        def call(self, x, *args, **options): ...

    with record(Layer, capture="none") as trace:
        Layer().call(1)
    assert trace._data().table.arguments_of(0) is None
    with record(Layer) as trace:
        Layer().call(1, 2, lr=3)
        Layer().call(1)
    table = trace._data().table
    assert [table.arguments_of(row) for row in range(2)] == [
        {"x": 1, "args[0]": 2, "lr": 3},
        {"x": 1},
    ]


def test_an_error_is_the_outcome():
    """The outcome of a call that raised is the exception."""
    table = make_trace(Node("Layer.call", error=("ValueError", "no")))._data().table
    assert table.outcome == [CallError("ValueError", "no")]


def test_an_interrupt_while_calls_are_linked(monkeypatch):
    """The next reading has all children all the same. Only the loop in Python can be interrupted."""
    monkeypatch.setattr("callscope.trace.table.KERNELS", python_kernels)
    trace = make_trace(*(Node("Layer.__call__", Node("Layer.call")) for _ in range(3)))
    table = trace._data().table

    class Interrupted(type(table.parent)):
        def __getitem__(self, rows):
            yield from (-1, 0, -1)
            raise KeyboardInterrupt

    whole, table.parent = table.parent, Interrupted("i", table.parent)
    with pytest.raises(KeyboardInterrupt):
        table.links()
    table.parent = whole
    assert [table.children(row) for row in table.roots()] == [[1], [3], [5]]

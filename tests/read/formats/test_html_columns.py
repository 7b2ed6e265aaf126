"""The data of a page say of any call what its trace says."""

import base64
import math
from array import array
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from building import Node, make_trace
from callscope.read.formats.html import columns, values
from callscope.trace import Text, value_text
from callscope.trace.text import one_line
from pages import calls_of, column_of, packed

TEXTS = st.sampled_from(
    ["", "a", "a'b", "</script>", "\ud800", "\udfff\ud800", "\u202e\x00", "é\n"]
)
NUMBERS = st.sampled_from([0, 1, True, False, -1, 1 << 63, -(10**40), 0.0, -0.0, 1.0, math.nan])
VALUES = st.one_of(st.none(), NUMBERS, st.integers(), st.floats(), TEXTS, TEXTS.map(Text))
TIMES = st.integers(0, 9) | st.sampled_from([200, 40_000, 1 << 40, 1 << 52])
NODES = st.builds(
    Node,
    st.sampled_from(["Layer.call", "Layer.__call__", "Other.call"]),
    on=st.sampled_from([None, "MyLayer"]),
    instance=TIMES,
    arguments=st.dictionaries(st.sampled_from(["a", "b", "\ud800", "<i>"]), VALUES, max_size=3),
    result=VALUES,
    error=st.sampled_from([None, None, ("ValueError", "no"), ("a\nb", "\ud800")]),
    start=TIMES,
    end=TIMES | st.just("never"),
    thread=st.sampled_from(["MainThread", "\ud800", "<b>"]),
    task=st.sampled_from([None, "Task-1"]),
    pid=st.integers(1, 2),
)


@st.composite
def traces(draw):
    """Draw a trace, whose arguments are captured or not, and whose ids leave some out."""
    nodes = draw(st.lists(NODES, max_size=12))
    roots = []
    for number, node in enumerate(nodes):
        above = draw(st.integers(-1, number - 1))
        (roots if above == -1 else nodes[above].children).append(node)
    trace = make_trace(*roots)
    table = trace._data().table
    ways = draw(st.lists(st.integers(0, 5), min_size=len(table), max_size=len(table)))
    for row, way in enumerate(ways):
        table.via_super[row] = way % 2
        if way // 2 == 0:
            table.arguments[row] = None
        elif way // 2 == 1:
            names = table.callees[table.callee[row]].argument_names
            table.arguments[row] = dict(zip(names, table.arguments[row], strict=True))
    step = draw(st.sampled_from([1, 1_000, -(1 << 33)]))
    table.call_id[:] = array("q", [(1 << 40) + step * number for number in table.call_id])
    return trace


def described(call):
    """Return what a page has to say of a call; see `calls_of`."""
    runtime_class = call.runtime_class.rpartition(".")[2]
    values = call._arguments
    error = [] if call.error is None else [*map(one_line, call.error)]
    return {
        "id": call.call_id,
        "site": call.site,
        "file": None,
        "line": None,
        "mro_index": 0,
        "is_super": call.via_super,
        "object": (runtime_class, call.instance or 0),
        "parent": call.parent and call.parent.call_id,
        "start": call.start_ns,
        "duration": -1 if call.duration_ns is None else call.duration_ns,
        "arguments": None
        if values is None
        else {one_line(name): value_text(value) for name, value in values.items()},
        "result": None if call.result is None else value_text(call.result),
        "error": error,
        "track": [call.pid, one_line(call.thread), call.task],
    }


def texts_of(call):
    """Return the texts that a page needs for a call, with those of other calls or alone."""
    said = described(call)
    outcome = [said["result"], *said["error"]]
    arguments = said["arguments"] or {}
    return {*arguments, *arguments.values(), *outcome} - {None}


class TestAnyTrace:
    @settings(max_examples=60, deadline=None)
    @given(traces())
    def test_its_calls(self, trace):
        """A page has of each call what the trace has, whatever the values."""
        assert calls_of(packed(trace)) == [described(call) for call in trace.calls]

    @settings(max_examples=60, deadline=None)
    @given(traces(), st.integers(0, 200), st.integers(1, 60))
    def test_as_many_as_its_texts_allow(self, trace, limit, longest):
        """Whether calls are added one by one or many at once, the same number is on the page."""
        expected, texts_so_far = [], set()
        for call in trace.calls:
            if sum(map(len, texts_so_far)) > limit:
                break
            expected.append(described(call))
            texts_so_far |= texts_of(call)
        longest = max([longest, *map(len, chain.from_iterable(map(texts_of, trace.calls)))])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(values, "MAX_TEXTS", limit)
            patch.setattr(values, "LONGEST", longest)
            assert calls_of(packed(trace)) == expected

    @settings(max_examples=60, deadline=None)
    @given(traces(), st.data())
    def test_in_part(self, trace, data):
        """Any choice of calls is on a page what it is in the trace, but for parents left out."""
        chosen = data.draw(st.sets(st.integers(0, max(0, len(trace) - 1)), max_size=len(trace)))
        ids = {trace.calls[row].call_id for row in chosen}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(columns, "choose", lambda *_: sorted(chosen))
            calls = calls_of(packed(trace))
        assert calls == [
            said | {"parent": said["parent"] if said["parent"] in ids else None}
            for said in (described(trace.calls[row]) for row in sorted(chosen))
        ]

    @pytest.mark.parametrize(
        "largest", [0, 127, 128, 32_767, 32_768, (1 << 31) - 1, 1 << 31, 10**18]
    )
    def test_numbers_of_any_size(self, largest):
        """Columns are as wide as their numbers need, and no wider."""
        trace = make_trace(*(Node("A.f", instance=n, start=0, end=n) for n in (0, largest)))
        page = packed(trace)
        assert column_of(page, "duration") == column_of(page, "instance") == [0, largest]
        width = 1 if largest < 128 else 2 if largest < 32_768 else 4 if largest < 1 << 31 else 8
        assert len(base64.b64decode(page["calls"]["duration"][1])) == 2 * width

"""Times of calls without their children, as a column."""

from hypothesis import given
from hypothesis import strategies as st

from callscope.trace.times import self_times
from tests.support.building import Node, make_trace


def _nodes():
    options = {
        "start": st.none() | st.integers(0, 60),
        "end": st.sampled_from([None, None, "never"]) | st.integers(60, 80),
        "thread": st.sampled_from(["MainThread", "MainThread", "other"]),
        "suspended": st.lists(st.integers(0, 80), max_size=4, unique=True).map(_spans),
    }
    return st.recursive(
        st.builds(Node, st.just("Layer.call"), **options),
        lambda below: st.builds(
            lambda children, options: Node("Layer.call", *children, **options),
            st.lists(below, max_size=3),
            st.fixed_dictionaries(options),
        ),
        max_leaves=8,
    )


def _spans(instants):
    starts, ends = sorted(instants)[::2], sorted(instants)[1::2]
    return [*zip(starts, [*ends, None], strict=False)]


@given(st.lists(_nodes(), max_size=3))
def test_times_of_all_calls_are_those_of_each(roots):
    """The column says what `Call.self_ns` says, whatever overlaps."""
    trace = make_trace(*roots)
    expected = [call.self_ns or 0 for call in trace.calls]
    assert [*self_times(trace._data().table)] == expected

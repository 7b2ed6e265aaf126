"""Text of calls by row."""

from callscope import record
from callscope.trace import Names, Text, call_text, object_text, outcome_text
from callscope.trace.table_text import TableText, names_of
from tests.support.building import Node, make_trace


def check(trace):
    data = trace._data()
    names = Names.from_calls(data.calls)
    text = TableText(data.table, names_of(data.table))
    for row, call in enumerate(data.calls):
        assert text.call(row) == call_text(call, names)
        assert text.object(row) == object_text(call, names)
        assert text.outcome(row) == outcome_text(call)
        assert text.line(row) == call_text(call, names) + outcome_text(call)


def test_a_row_reads_as_its_call():
    """With values, summaries, errors, and names that hold what formatting could take amiss."""
    check(
        make_trace(
            Node("Layer.call", arguments={"100%": "50%s", "{x}": Text("a\nb")}, result=0),
            Node("other.Layer.call", instance=None, error=("ValueError", "%d\n")),
            Node("Layer.call%s", end="never"),
            Node("Layer.call", result=Text("float32[2]"), error=None),
        )
    )


def test_a_row_of_a_recording_reads_as_its_call():
    """With arguments, without any, and where none are captured."""

    class Layer:
        def call(self, *args, **options): ...

    for capture in ("values", "none"):
        with record(Layer, capture=capture) as trace:
            Layer().call(1, 2, lr=3)
            Layer().call()
        check(trace)


def test_the_names_of_some_rows():
    """A class is bare where no other class of these rows has its name."""
    table = make_trace(Node("Layer.call"), Node("other.Layer.call"))._data().table
    assert names_of(table, [0]).show("app.Layer") == "Layer"
    assert names_of(table).show("app.Layer") == "app.Layer"

"""The JSON Schema of events: whatever writes them, each line fits it, and nothing else does."""

import copy
import gzip
import json
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from building import Node, make_trace
from callscope.trace import Text
from exercise import exercise, record
from strategies import Running, programs

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the test extra")

KINDS = ("trace", "site", "class", "call", "return", "raise", "suspend", "resume", "end")


def strict(schema):
    """Return the schema such that no key fits which it does not describe."""
    schema = copy.deepcopy(schema)
    for kind in KINDS:
        schema["$defs"][kind]["unevaluatedProperties"] = False
    return schema


VALIDATOR = jsonschema.Draft202012Validator(strict(callscope.event_schema()))


def check(lines):
    """Fail if a line does not fit, and say why; return the kinds of the lines."""
    found = [json.loads(line) if isinstance(line, (str, bytes)) else line for line in lines]
    for line in found:
        # Within a kind, where errors say what is wrong; then as a whole.
        kind = VALIDATOR.evolve(schema={"$ref": f"#/$defs/{line['kind']}", **VALIDATOR.schema})
        for error in kind.iter_errors(line):
            pytest.fail(f"{error.json_path}: {error.message} in {line}")
    return [line["kind"] for line in found]


def test_the_schema_is_one():
    """It is a valid schema of draft 2020-12, and each call returns one of its own."""
    schema = callscope.event_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    schema.clear()
    assert callscope.event_schema()["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("capture", ["values", "types", "none"])
def test_what_is_saved_and_streamed_fits(tmp_path, capture):
    """Plain and compressed; only in a stream has an event of an open call a line of its own."""
    path = tmp_path / "streamed.jsonl.gz"
    with record(capture=capture, to=path):
        exercise()
    kinds = set(check(gzip.decompress(path.read_bytes()).splitlines()))
    assert kinds | {"raise"} == set(KINDS)
    with record(capture=capture, where=lambda call: call.method != "plain") as trace:
        exercise()
    kinds = set(check(trace.save(tmp_path / "t.jsonl").read_bytes().splitlines()))
    assert kinds == {"trace", "site", "class", "call", "end"}
    loaded = callscope.load(tmp_path / "t.jsonl")
    assert loaded.outline() == trace.outline()
    check(loaded.save(tmp_path / "again.jsonl").read_bytes().splitlines())


def test_a_trace_of_several_processes_fits(tmp_path):
    """Numbers are given anew."""
    for name in ("t1.jsonl", "t2.jsonl"):
        with record() as trace:
            exercise()
        trace.save(tmp_path / name)
    merged = callscope.load(tmp_path / "t*.jsonl")
    check(merged.save(tmp_path / "all.jsonl").read_bytes().splitlines())


def test_what_a_sink_is_given_fits():
    """Each event, at the moment it is delivered."""

    class Collect:
        live = True

        def __init__(self):
            self.events = []

        def on_event(self, event):
            self.events.append(event.to_dict())

        def flush(self): ...
        def close(self): ...

    for sink in (Collect(), Collect()):
        with record(sinks=[sink]):
            exercise()
        assert {"call", "return", "raise", "suspend", "resume"} == set(check(sink.events))
        Collect.live = False


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(program=programs())
def test_random_programs_fit(tmp_path_factory, program):
    """Whatever a program does."""
    running = Running(program)
    with callscope.record(*running.roots) as trace:
        running.run()
    path = tmp_path_factory.getbasetemp() / "random.jsonl"
    check(trace.save(path).read_bytes().splitlines())


def encoded(trace):
    """Return the lines of calls, by their definition: what their events say, once."""
    lines = {call.call_id: {} for call in trace.calls}
    for event in trace.events():
        fields = event.to_dict()
        line = lines[fields["call_id"]]
        if event.kind == "call":
            optional = ("task", "via_super")
            missing = {"v", "seq", *(key for key in optional if fields[key] in (None, False))}
            line |= {key: value for key, value in fields.items() if key not in missing}
        elif event.kind in ("return", "raise"):
            ends = ("duration_ns", "result", "text_result", "error")
            line |= {key: value for key, value in fields.items() if key in ends}
    for call in trace.calls:
        times = [ts_ns for pair in call.suspensions for ts_ns in pair if ts_ns is not None]
        if times:
            lines[call.call_id]["suspensions"] = times
    return [json.dumps(line, separators=(",", ":")).encode() for line in lines.values()]


def lines_of_calls(path):
    return [line for line in path.read_bytes().splitlines() if json.loads(line)["kind"] == "call"]


TEXTS = st.text(st.characters(), max_size=8)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, TEXTS.map(Text))
NAMES = st.sampled_from(("Layer.call", "Layer.__call__", "Dense.call", 'Odd"\\\ud800.call'))
NODES = st.recursive(
    st.builds(
        Node,
        NAMES,
        on=st.sampled_from((None, "Dense", "\U0001f600")),
        instance=st.none() | st.integers(1, (1 << 63) - 1),
        arguments=st.dictionaries(TEXTS, SCALARS, max_size=3),
        result=SCALARS,
        error=st.none() | st.tuples(TEXTS, TEXTS),
        end=st.sampled_from((None, "never")),
        suspended=st.sampled_from(((), ((1, None),), ((1, 3), (2, None)))),
        thread=TEXTS,
    ),
    lambda children: st.builds(
        lambda node, below: node.children.extend(below) or node,
        st.builds(Node, NAMES, result=SCALARS),
        st.lists(children, max_size=3),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(roots=st.lists(NODES, max_size=3), has_arguments=st.booleans())
def test_each_line_is_a_call_as_json(tmp_path_factory, roots, has_arguments):
    """The lines are put together from parts, and come out as `Event.to_dict` has them."""
    trace = make_trace(*roots)
    table = trace._data().table
    if not has_arguments:
        table.arguments = [None] * len(table)
    table.strands = [
        s._replace(task=None if s.thread.isascii() else s.thread) for s in table.strands
    ]
    table.via_super = array("b", (row % 2 for row in range(len(table))))
    table.callees = [callee._replace(mro_index=n or None) for n, callee in enumerate(table.callees)]
    path = trace.save(tmp_path_factory.getbasetemp() / "random.jsonl")
    assert lines_of_calls(path) == encoded(trace)


def test_lines_of_all_kinds_are_calls_as_json(tmp_path):
    """Of several threads and tasks, suspended, failed, with values of all kinds."""
    with record() as trace:
        exercise()
    assert lines_of_calls(trace.save(tmp_path / "t.jsonl")) == encoded(trace)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("trace", {"pid": "1"}),
        ("trace", {"targets": None}),
        ("site", {"line": "1"}),
        ("class", {"mro": [1]}),
        ("trace", {"v": 1}),
        ("call", {"kind": "explode"}),
        ("call", {"ts_ns": 1.5}),
        ("call", {"ts_ns": None}),
        ("call", {"arguments": {"x": [1]}}),
        ("call", {"via_super": 0}),
        ("call", {"duration_ns": -1}),
        ("call", {"error": {"type": "x", "message": ""}}),
        ("call", {"suspensions": []}),
        ("call", {"call_id": 0}),
        ("return", {"error": {"type": "x", "message": ""}}),
        ("return", {"duration_ns": None}),
        ("raise", {"error": {"type": "x"}}),
        ("raise", {"result": 1}),
        ("end", {"lost": -1}),
    ],
)
def test_what_is_no_event_does_not_fit(tmp_path, kind, change):
    """The schema refuses wrong types, unknown kinds, and keys of other kinds."""
    with record() as trace:
        exercise()
    saved = map(json.loads, trace.save(tmp_path / "t.jsonl").read_bytes().splitlines())
    lines = [*saved, *(event.to_dict() for event in trace.events())]
    line = next(line for line in lines if line["kind"] == kind)
    assert VALIDATOR.is_valid(line)
    assert not VALIDATOR.is_valid(line | change)
    missing = [key for key in line if VALIDATOR.is_valid({k: line[k] for k in line if k != key})]
    assert set(missing) <= {
        *("arguments", "texts", "filtered", "cost"),
        *("run", "host", "command", "v", "seq", "task", "via_super", "text_result"),
    }


def test_keys_of_a_later_callscope_fit():
    """The schema that is shipped leaves room for more keys, as a reader does."""
    shipped = jsonschema.Draft202012Validator(callscope.event_schema())
    end = {"kind": "end", "lost": 0, "later": []}
    assert shipped.is_valid(end)
    assert not VALIDATOR.is_valid(end)

"""A trace as a table: what stands in it, that it comes back whole, and what is refused."""

import json
import sys
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import callscope
from callscope import errors
from callscope.errors import encodable
from callscope.tools.cli import main
from callscope.trace import Text
from callscope.trace.event import finite
from exercise import exercise, record
from strategies import Running, programs
from test_hostile_files import everything
from tests.support.building import Node, make_trace

pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra 'parquet'")
writer = pytest.importorskip("callscope.read.formats.parquet.writer")


def round_trip(trace, folder):
    return callscope.load(trace.save(folder / "t.parquet"))


def test_one_row_per_call(seed_trace):
    """The columns are the attributes of a call."""
    table = seed_trace.to_arrow()
    assert table.num_rows == 4
    second, call = table.to_pylist()[1], seed_trace.calls[1]
    assert second == {
        "call_id": 2,
        "parent_id": 1,
        "depth": 1,
        "site": "Layer.__init__",
        "method": "__init__",
        "defining_class": "app.Layer",
        "runtime_class": "app.MyLayer",
        "instance": 1,
        "mro_index": 1,
        "via_super": True,
        "arguments": '{"x":3}',
        "argument_texts": [],
        "result": None,
        "result_is_text": False,
        "error_type": None,
        "error_message": None,
        "start_ns": call.start_ns,
        "duration_ns": call.duration_ns,
        "self_ns": call.self_ns,
        "waiting_ns": 0,
        "pid": call.pid,
        "thread": "MainThread",
        "task": None,
        "file": call.file,
        "line": call.line,
        "instants": [],
        "class": second["class"],
    }


def test_types_do_not_depend_on_what_was_recorded(seed, seed_trace):
    """Tables of any two traces can be put together."""
    with callscope.record(seed.Layer) as empty:
        pass
    with record(capture="none") as other:
        exercise()
    tables = [trace.to_arrow().replace_schema_metadata() for trace in (seed_trace, empty, other)]
    assert pa.concat_tables(tables).num_rows == 4 + len(other)


@pytest.mark.parametrize("capture", ["values", "types", "none"])
def test_round_trip(tmp_path, capture):
    """A loaded trace reads like a live one, whatever was recorded."""
    with record(capture=capture, where=lambda call: call.method != "plain") as trace:
        left = exercise()
    loaded = round_trip(trace, tmp_path)
    as_json = callscope.load(trace.save(tmp_path / "t.jsonl"))
    # What UTF-8 has no form for is escaped, as it is shown.
    one, other = (repr(everything(t)).replace(r"\\ud800", r"\ud800") for t in (loaded, as_json))
    assert one == other
    assert [call._class_metadata for call in loaded.calls] == [
        c._class_metadata for c in trace.calls
    ]
    left.close()


def test_a_trace_with_nothing_in_it(seed, tmp_path):
    """It comes back as that."""
    with callscope.record(seed.Layer) as trace:
        pass
    assert everything(round_trip(trace, tmp_path)) == everything(trace)


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(program=programs())
def test_random_programs(tmp_path_factory, program):
    """Whatever a program does comes back."""
    running = Running(program)
    with callscope.record(*running.roots) as trace:
        running.run()
    assert everything(round_trip(trace, tmp_path_factory.getbasetemp())) == everything(trace)


def test_a_number_too_large(seed_trace, tmp_path):
    """The error says so, and of what to make instead."""
    path = seed_trace.save(tmp_path / "t.jsonl")
    path.write_text(path.read_text().replace('"mro_index":1', f'"mro_index":{10**30}'))
    with pytest.raises(errors.TraceFormatError, match=r"cannot store.*\.jsonl"):
        callscope.load(path).to_arrow()


VALUES = st.sampled_from(
    [None, True, 1, 1.0, 0, 0.0, -0.0, float("nan"), float("inf"), "1", Text("1"), "a", 1 << 70]
)
OUTCOMES = st.fixed_dictionaries({"result": VALUES}) | st.fixed_dictionaries(
    {"error": st.sampled_from([("ValueError", "wrong"), ("ValueError", "\ud800")])}
)
NODES = st.builds(
    lambda site, outcome, **options: Node(site, **outcome, **options),
    st.sampled_from(["Layer.__call__", "Layer.call", "Other.call"]),
    arguments=st.dictionaries(st.sampled_from(["x", 'y"', "\ud800"]), VALUES, max_size=2),
    outcome=OUTCOMES,
    instance=st.sampled_from([None, 1]),
    suspended=st.sampled_from([(), [(1, 2), (3, None)]]),
    end=st.sampled_from([None, 90, "never"]),
)


@settings(deadline=None)
@given(st.lists(NODES, max_size=30))
def test_columns_say_what_calls_say(nodes):
    """Equal values of unlike types, such as 1 and True, stay apart."""
    trace = make_trace(*nodes)
    rows = trace.to_arrow().to_pylist()
    for call, row in zip(trace.calls, rows, strict=True):
        arguments = {name: finite(value) for name, value in call.arguments.items()}
        result = finite(call.result)
        assert row["arguments"] == json.dumps(arguments, separators=(",", ":"))
        texts = [encodable(name) for name, value in arguments.items() if type(value) is Text]
        assert row["argument_texts"] == texts
        assert row["result"] == (None if result is None else json.dumps(result))
        assert row["result_is_text"] == (type(result) is Text)
        assert row["error_type"] == (call.error and call.error.type)
        assert row["error_message"] == (call.error and encodable(call.error.message))
        for name in ("site", "instance", "start_ns", "duration_ns", "self_ns", "waiting_ns"):
            assert row[name] == getattr(call, name)
        instants = [ts for span in call.suspensions for ts in span if ts is not None]
        assert row["instants"] == instants


def test_more_rows_than_are_written_at_a_time(monkeypatch):
    """Parents in an earlier part are found, and the table is the same."""
    trace = make_trace(Node("Layer.call", *(Node("Layer.call", Node("Layer.call")),) * 4))
    whole = trace.to_arrow()
    monkeypatch.setattr(writer, "ROW_GROUP", 2)
    parts = trace.to_arrow()
    assert parts.to_pylist() == whole.to_pylist()
    assert parts.column("call_id").num_chunks == 5


def test_a_table_of_a_recording_that_goes_on(seed):
    """It does not keep the recording from going on."""
    with callscope.record(seed.Layer) as trace:
        seed.MyLayer(3)
        first = trace.to_arrow()
        seed.MyLayer(3)
        assert trace.to_arrow().num_rows == 4
    assert first.num_rows == 2


def test_without_pyarrow(seed_trace, tmp_path, monkeypatch):
    """The error prints the command that installs it."""
    path = seed_trace.save(tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for attempt in (
        seed_trace.to_arrow,
        lambda: seed_trace.save(path),
        lambda: callscope.load(path),
    ):
        with pytest.raises(errors.MissingExtraError, match=r"pip install 'callscope\[parquet\]'"):
            attempt()


_TRACE = make_trace(
    *(Node("Layer.__call__", Node("Layer.call", result=1), arguments={"y": 2}) for _ in range(2))
)


def change(table, column, value):
    """Return a table with one column replaced by another value in all rows."""
    index = table.schema.get_field_index(column)
    return table.set_column(index, column, pa.array([value] * table.num_rows))


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("call_id", 1, "begins a second time"),
        ("call_id", "x", "Failed to parse string"),
        ("parent_id", 77, "has not begun"),
        ("duration_ns", -1, "before an earlier event of its call"),
        ("arguments", "[1]", "not a JSON object"),
        ("arguments", '{"k":[1]}', "not a scalar"),
        ("arguments", "[" * 100_000, "recursion"),
        ("result", "{", "Expecting"),
        ("method", None, "'method' with null values"),
        ("class", 99, "index"),
        ("instants", [5], "before an earlier event of its call"),
    ],
)
def test_what_makes_no_sense_is_refused(seed_trace, tmp_path, column, value, why):
    """The error names the file, and what is wrong in it."""
    path = tmp_path / "t.parquet"
    parquet.write_table(change(seed_trace.to_arrow(), column, value), path)
    with pytest.raises(errors.TraceFormatError) as raised:
        callscope.load(path)
    assert why in str(raised.value)
    assert "t.parquet" in str(raised.value)


def test_the_row_that_is_wrong(seed_trace, tmp_path, monkeypatch):
    """It is counted over all that is read at once before it."""
    monkeypatch.setattr("callscope.read.formats.parquet.reader._BATCH", 2)
    path = tmp_path / "t.parquet"
    table = seed_trace.to_arrow()
    durations = [*table["duration_ns"].to_pylist()[:3], -1]
    index = table.schema.get_field_index("duration_ns")
    parquet.write_table(table.set_column(index, "duration_ns", pa.array(durations)), path)
    with pytest.raises(errors.TraceFormatError, match="after row 3: it happens before"):
        callscope.load(path)


NUMBERS = [0, -1, 7, 2**31, 2**63 - 1, -(2**63), 0.5, float("nan")]
TEXTS = ["", "x", "{}", "null", "\x00", "9" * 30, b"\xff"]
ODD = st.sampled_from([None, True, *NUMBERS, *TEXTS, [], [1], ["x"], [None], {"a": 1}])


@settings(deadline=None)
@given(column=st.integers(0, 26), values=st.lists(ODD, min_size=4, max_size=4))
def test_odd_values_in_any_column(tmp_path_factory, column, values):
    """They are refused, or they make a trace that can be read."""
    table = _TRACE.to_arrow()
    name = table.schema.names[column]
    try:
        odd = pa.array(values)
    except pa.ArrowException:
        odd = pa.array(values[:1] * 4)
    path = tmp_path_factory.getbasetemp() / "odd.parquet"
    parquet.write_table(table.set_column(column, name, odd), path)
    try:
        trace = callscope.load(path)
    except errors.TraceFormatError:
        return
    assert len(trace) == 4
    for read in (trace.outline, trace.summary, trace.findings, trace.to_arrow, trace.__str__):
        read()


@pytest.mark.parametrize(
    "about", [None, {}, [], 1, {"v": 2}, {"v": 1, "lost": "x", "classes": []}, "[" * 100_000]
)
def test_what_it_says_of_itself_must_make_sense(seed_trace, tmp_path, about):
    """So must what belongs to no call."""
    path = tmp_path / "t.parquet"
    text = about if isinstance(about, str) else json.dumps(about)
    metadata = None if about is None else {b"callscope": text}
    parquet.write_table(seed_trace.to_arrow().replace_schema_metadata(metadata), path)
    with pytest.raises(errors.TraceFormatError, match=r"t\.parquet"):
        callscope.load(path)


def test_a_foreign_table(tmp_path):
    """Any other Parquet file is refused by name."""
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(errors.TraceFormatError, match=r"t\.parquet' is not a trace"):
        callscope.load(path)


@settings(deadline=None, suppress_health_check=[*HealthCheck])
@given(at=st.floats(0, 1, exclude_max=True), junk=st.binary(max_size=4), cut=st.booleans())
def test_a_damaged_file(seed_trace, tmp_path, at, junk, cut):
    """It is read or refused."""
    path = seed_trace.save(tmp_path / "t.parquet")
    whole = path.read_bytes()
    position = int(at * len(whole))
    path.write_bytes(whole[:position] + junk + (b"" if cut else whole[position + len(junk) :]))
    try:
        everything(callscope.load(path))
    except errors.TraceFormatError as error:
        message = str(error)
    else:
        message = "t.parquet"
    assert "t.parquet" in message


@contextmanager
def peak_memory():
    """Yield a memory pool that knows how much Arrow has taken at most."""
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        yield pool
    finally:
        pa.set_memory_pool(usual)


def test_rows_that_take_up_no_room(seed_trace, tmp_path):
    """A small file of a million equal rows is refused at the second, before they fill the memory."""
    path = tmp_path / "bomb.parquet"
    first = seed_trace.to_arrow().slice(0, 1)
    rows = first.take(pa.repeat(pa.scalar(0), 1_000_000))
    parquet.write_table(rows, path, compression="zstd")
    size = rows.nbytes
    assert path.stat().st_size * 100 < size
    del rows
    with (
        peak_memory() as pool,
        pytest.raises(errors.TraceFormatError, match="row 1: call 1 begins"),
    ):
        callscope.load(path)
    assert pool.max_memory() < size / 4


def test_a_long_text_in_many_rows(seed_trace, tmp_path):
    """It is in memory once, as in the file."""
    path = tmp_path / "t.parquet"
    count, text = 10_000, json.dumps({"x": "x" * 100_000})
    rows = seed_trace.to_arrow().slice(0, 1).take(pa.repeat(pa.scalar(0), count))
    rows = rows.set_column(0, "call_id", pa.array(range(count)))
    place = rows.schema.get_field_index("arguments")
    texts = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0), count), [text])
    rows = rows.set_column(place, "arguments", texts)
    with parquet.ParquetWriter(path, rows.schema, store_schema=False) as file:  # as plain texts
        file.add_key_value_metadata(rows.schema.metadata)
        file.write_table(rows)
    with peak_memory() as pool:
        trace = callscope.load(path)
    assert len(trace) == count
    assert pool.max_memory() < 100 * len(text)


ABOUTS = {
    "python": 5,
    "targets": ["a", 1],
    "pid": None,
    "start_ns": 1 << 64,
    "start_unix_ns": -(10**400),
    "cost": [1, 2],
    "left_out": {"a": "b"},
    "classes": [["A", ["A", 1], [[], []], [], [], []]],
    "classes of lists": [["A", ["A"], [[[[], {}, 1, "x", None]]], [], [], []]],
    "classes of methods": [["A", ["A"], [[["A", None, None, None, None]]], [], [], []]],
    "classes of few": [["A"]],
    "classes of codes": [["A", ["A"], [[["A", "call", None, None, [1]]]], [], [], []]],
    "classes and no list": 5,
}


@pytest.mark.parametrize(("name", "value"), ABOUTS.items(), ids=ABOUTS)
def test_what_belongs_to_no_call_is_of_the_right_types(seed_trace, tmp_path, name, value):
    """What a `.jsonl` file may not say, a `.parquet` file may not, either."""
    table = seed_trace.to_arrow()
    about = json.loads(table.schema.metadata[b"callscope"])
    path = tmp_path / "t.parquet"
    said = json.dumps({**about, name.partition(" ")[0]: value})
    parquet.write_table(table.replace_schema_metadata({b"callscope": said}), path)
    with pytest.raises(errors.TraceFormatError, match=r"t\.parquet"):
        callscope.load(path)


def test_a_file_that_a_terminal_would_obey(tmp_path, capsys):
    """What pyarrow says of a hostile file is escaped, in the exception and on the terminal."""
    path = tmp_path / "t.parquet"
    evil = "\x1b]0;pwned\x07\u202e\x9b"
    table = pa.table({evil: [1]}).replace_schema_metadata({b"callscope": json.dumps({"v": evil})})
    parquet.write_table(table, path)
    with pytest.raises(errors.TraceFormatError) as raised:
        callscope.load(path)
    assert str(raised.value).isprintable()
    parquet.write_table(table.replace_schema_metadata({b"callscope": evil.encode()}), path)
    assert main(["view", str(path)]) == 2
    assert capsys.readouterr().err.rstrip("\n").isprintable()

"""Parquet files that are malformed or lie: a clear error, or a trace of which all can be asked."""

import json
import subprocess
import sys
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import callscope
from callscope import errors
from exercise import exercise, record

pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra 'parquet'")
reader = pytest.importorskip("callscope.read.formats.parquet.reader")
PACKAGE = "callscope.read.formats.parquet"

many = settings(deadline=None, suppress_health_check=[*HealthCheck])

with record() as EXERCISED:
    exercise()
ROWS = EXERCISED.to_arrow()
SUFFIXES = (
    *(".jsonl", ".jsonl.gz", ".json", ".pftrace", ".parquet", ".html", ".speedscope.json"),
    *(".mmd", ".txt"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def content(folder):
    """Bytes of a valid file."""
    return EXERCISED.save(folder / "valid.parquet").read_bytes()


def survive(folder, path, suffixes):
    """Ask all of a trace, and save it in some formats; an error must be callscope's own."""
    trace = callscope.load(path)
    texts = [str(trace), trace.outline(), str(trace.summary()), str(trace.findings())]
    assert [text for text in texts if not text.replace("\n", "").isprintable()] == []
    assert sum(event.kind == "call" for event in trace.events()) == len(trace)
    assert [call.self_ns or 0 for call in trace if (call.self_ns or 0) < 0] == []
    assert not callscope.diff(trace, trace)
    for suffix in suffixes:
        try:
            saved = trace.save(folder / f"saved{suffix}")
        except errors.TraceFormatError as error:
            assert "Save it as '.jsonl'" in str(error)  # noqa: PT017  # either may be
            continue
        if suffix in (".jsonl", ".parquet"):
            assert callscope.load(saved).outline() == trace.outline()


def read_or_refuse(folder, path, data):
    """Read a file at once, and in parts; both refuse it, or neither does."""
    try:
        survive(folder, path, [data.draw(st.sampled_from(SUFFIXES))])
    except errors.TraceFormatError as error:
        assert repr(str(path)) in str(error)  # noqa: PT017
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{PACKAGE}._LARGE", 0)
        patch.setattr(reader, "_BATCH", data.draw(st.sampled_from([1, 3, 1_000])))
        try:
            trace = callscope.load(path)
            trace.summary()
            trace.find()
            str(trace)
            trace.save(folder / "parts.jsonl")
            trace.save(folder / "parts.parquet")
        except errors.TraceFormatError as error:
            assert repr(str(path)) in str(error)  # noqa: PT017


# --- bytes -------------------------------------------------------------------------------------

PIECES = st.binary(max_size=4) | st.sampled_from(
    [b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", bytes(8), b"\x80\x80\x80\x80\x08", b"\xfe" * 9]
)


@many
@given(data=st.data())
def test_bytes_that_were_changed(folder, content, data):
    """Of pages, of their headers, of the footer and its length; or the file was cut off."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        size = len(changed)
        at = data.draw(st.integers(0, size - 1) | st.integers(max(0, size - 9_000), size - 1))
        piece = data.draw(PIECES)
        match data.draw(st.sampled_from(["replace", "replace", "insert", "cut"])):
            case "replace":
                changed[at : at + len(piece)] = piece
            case "insert":
                changed[at:at] = piece
            case _:
                del changed[at + 1 :]
    path = folder / "bytes.parquet"
    path.write_bytes(changed)
    read_or_refuse(folder, path, data)


# --- lies --------------------------------------------------------------------------------------

INTEGERS = st.integers(-3, 40) | st.sampled_from([None, 2**31 - 1, -(2**31)])
LONGS = INTEGERS | st.sampled_from([2**62, 2**63 - 1, -(2**63)])
TEXTS = st.sampled_from(
    [
        *(None, "", "{}", "null", "[]", "1", '"x"', "tru", "NaN", "-Infinity", "1e400", "-0.0"),
        *('{"a": 1}', '{"a": []}', '{"a": {"b": 1}}', '{"a": NaN}', '{"a": 1, "a": 2}'),
        *("[" * 100_000, '{"a":' * 5_000, "1" * 5_000, f'{{"a": {"9" * 5_000}}}', '"\\ud800"'),
        *('{"\\ud800": 1}', "\x1b[2J", "x" * 100_000, "__init__", "call", '{"a": 1e999}'),
    ]
)
TYPES = (
    *(pa.int64(), pa.int8(), pa.uint64(), pa.float64(), pa.string(), pa.binary(), pa.bool_()),
    *(pa.list_(pa.int64()), pa.list_(pa.string()), pa.null(), pa.timestamp("ns"), pa.date32()),
    *(pa.decimal128(20, 2), pa.struct([("a", pa.int64())]), pa.list_(pa.list_(pa.int64()))),
    *(pa.dictionary(pa.int32(), pa.string()), pa.large_string(), pa.map_(pa.string(), pa.int64())),
)


def values(kind):
    """Return a strategy of values of a type of the schema."""
    if pa.types.is_list(kind):
        return st.none() | st.lists(values(kind.value_type), max_size=3)
    if pa.types.is_integer(kind):
        return INTEGERS if kind.bit_width == 32 else LONGS
    return st.none() | st.booleans() if pa.types.is_boolean(kind) else TEXTS


def replace_values(draw, rows, index):
    field = rows.schema.field(index)
    kind = field.type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    column = rows.column(index).cast(kind).to_pylist()
    for place in draw(st.sets(st.integers(0, len(column) - 1), min_size=1)):
        column[place] = draw(values(kind))
    return rows.set_column(index, field.name, pa.array(column, kind))


def replace_type(draw, rows, index):
    kind = draw(st.sampled_from(TYPES))
    try:
        column = rows.column(index).cast(kind)
    except pa.ArrowException:
        column = pa.nulls(len(rows), kind)
    return rows.set_column(index, rows.schema.field(index).name, column)


LIES = (
    replace_values,
    replace_values,
    replace_values,
    replace_type,
    lambda draw, rows, index: rows.remove_column(index),
    lambda draw, rows, index: rows.append_column(rows.schema.names[index], rows.column(index)),
    lambda draw, rows, index: rows.take(
        pa.array(draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=40)))
    ),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | LONGS
    | st.sampled_from([10**30, 1.5, 1e308, "", "\x1b[2J", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)


def change_metadata(draw, value):
    """Return JSON of which a part, however deep, was replaced or is missing."""
    if isinstance(value, dict | list) and value and draw(st.integers(0, 5)):
        keys = [*value] if isinstance(value, dict) else range(len(value))
        key = draw(st.sampled_from(keys))
        changed = value.copy()
        if draw(st.integers(0, 5)):
            changed[key] = change_metadata(draw, value[key])
        else:
            del changed[key]
        return changed
    return draw(JSON)


@many
@given(data=st.data())
def test_files_that_lie(folder, data):
    """Types, values, ids, parents, times, names and metadata are what no recording writes."""
    rows, draw = ROWS, data.draw
    for _ in range(draw(st.integers(0, 3))):
        lie, index = draw(st.sampled_from(LIES)), draw(st.integers(0, rows.num_columns - 1))
        rows = lie(draw, rows, index)
    if draw(st.booleans()):
        about = change_metadata(draw, json.loads(ROWS.schema.metadata[b"callscope"]))
        rows = rows.replace_schema_metadata({"callscope": json.dumps(about)})
    else:
        rows = rows.replace_schema_metadata(ROWS.schema.metadata)
    path = folder / "lies.parquet"
    try:
        parquet.write_table(rows, path, row_group_size=draw(st.sampled_from([7, 1_000])))
    except (pa.ArrowException, ValueError):
        return  # Arrow itself refuses to write it
    read_or_refuse(folder, path, data)


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        (None, "it has no metadata of a trace"),
        (b"[]", "its metadata is not a JSON object"),
        (b'{"v": 2, "classes": 3}', "'pid' is None and not of type int"),
        (b"[" * 100_000, "maximum recursion depth exceeded"),
        (b"\xff", "invalid start byte"),
    ],
)
def test_metadata(folder, metadata, why):
    """The message says what is wrong with it."""
    path = folder / "metadata.parquet"
    about = {} if metadata is None else {b"callscope": metadata}
    parquet.write_table(ROWS.replace_schema_metadata(about), path)
    with pytest.raises(errors.TraceFormatError, match=why):
        callscope.load(path)


# --- bombs: little files that would take much memory ---------------------------------------------

_LOAD = """
import resource, sys
import callscope
from callscope.read.formats.parquet import reader  # Arrow, whose libraries are large
resource.setrlimit(resource.RLIMIT_AS, (5 << 30,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        trace = callscope.load(path)
        print(trace.summary().calls)
    except callscope.errors.CallscopeError as error:
        print(error)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(peak // 1024 if sys.platform == "linux" else 0)
"""


def load_elsewhere(*paths):
    """Load files in a process of their own; return what it prints, and the memory it took, in MiB."""
    command = [sys.executable, "-c", textwrap.dedent(_LOAD), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, peak = done.stdout.splitlines()
    return "\n".join(lines), int(peak)


def write(path, columns, rows=ROWS.slice(0, 1)):
    """Write some rows, with other values in some columns."""
    for name, values in columns.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    rows = rows.replace_schema_metadata(None)  # without types of its own, a text is plain
    with parquet.ParquetWriter(path, rows.schema, compression="zstd", store_schema=False) as file:
        file.write_table(rows)
        file.add_key_value_metadata(ROWS.schema.metadata)
    assert path.stat().st_size < 1_000_000


@pytest.mark.slow
def test_a_text_in_very_many_rows(folder):
    """It is read once, whatever the file says of the type."""
    path = folder / "bomb.parquet"
    rows = ROWS.slice(0, 1).take(pa.array([0] * 20_000))
    numbers = pa.array(range(len(rows)))
    zeros, offsets = pa.repeat(pa.scalar(0, pa.int32()), len(rows)), pa.array(range(len(rows) + 1))
    for name, text in (
        ("file", "x" * 900_000),
        ("argument_texts", "x" * 900_000),
        ("arguments", json.dumps({"a": "x" * 900_000})),
    ):
        column = pa.DictionaryArray.from_arrays(zeros, pa.array([text]))
        if name == "argument_texts":
            column = pa.ListArray.from_arrays(offsets.cast(pa.int32()), column)
        columns = {"call_id": numbers, "start_ns": numbers, name: column}
        write(path, columns, rows)
        message, peak = load_elsewhere(path)
        assert message.strip() == "20000"
        assert peak < 300
    column = pa.DictionaryArray.from_arrays(zeros, pa.array(["x" * 900_000]))
    write(path, {"method": column, "call_id": numbers, "start_ns": numbers}, rows)
    message, _ = load_elsewhere(path)
    assert "the name of a method, a class, a thread or a task has 900,000 characters" in message


@pytest.mark.slow
def test_a_value_without_end(folder):
    """A page that is little in the file may be large in memory."""
    path = folder / "bomb.parquet"
    write(path, {"result": pa.array([f'"{"x" * 300_000_000}"'])})
    message, peak = load_elsewhere(path)
    assert "a group of rows expands to 300," in message
    assert peak < 100


@pytest.mark.slow
def test_rows_without_end(folder):
    """A little file may have very many calls: then it is read in parts."""
    path, size = folder / "bomb.parquet", 1 << 20
    rows = ROWS.slice(0, 1).take(pa.array([0] * size))
    deltas = dict.fromkeys(("call_id", "start_ns"), "DELTA_BINARY_PACKED")
    texts = [name for name in rows.schema.names if name not in deltas]
    with parquet.ParquetWriter(
        path, rows.schema, compression="zstd", use_dictionary=texts, column_encoding=deltas
    ) as file:
        for part in range(11):
            numbers = pa.array(range(part * size, (part + 1) * size))
            for name in deltas:
                index = rows.schema.get_field_index(name)
                rows = rows.set_column(index, rows.schema.field(index), numbers)
            file.write_table(rows)
    assert path.stat().st_size < 2_000_000
    message, peak = load_elsewhere(path)
    assert message == str(11 * size)
    assert peak < 400


def test_a_number_of_rows_that_is_not_true(folder, content):
    """Wherever the footer states it."""
    path, size = folder / "rows.parquet", 12_345
    rows = ROWS.slice(0, 1).take(pa.array([0] * size))
    for name in ("call_id", "start_ns"):
        index = rows.schema.get_field_index(name)
        rows = rows.set_column(index, rows.schema.field(index), pa.array(range(size)))
    parquet.write_table(rows, path)
    content = path.read_bytes()
    assert len(callscope.load(path)) == size
    stated = b"\xf2\xc0\x01"  # the number as Thrift writes it
    places = [at for at in range(len(content)) if content.startswith(stated, at)]
    assert len(places) > rows.num_columns
    for at in places:
        path.write_bytes(content[:at] + b"\xf4\xc0\x01" + content[at + len(stated) :])
        try:
            trace = callscope.load(path)
        except errors.TraceFormatError as error:
            assert repr(str(path)) in str(error)  # noqa: PT017
        else:
            assert len(trace) == len(trace.calls) == size


def test_metadata_that_arrow_does_not_survive(folder, content):
    """It ends the process that asks for the sizes of a column whose statistics do not fit its type."""
    optional, repeated = b"\x25\x02", b"\x25\x04"  # of a column, as Thrift writes it
    places = [at for at in range(len(content)) if content.startswith(optional, at)]
    paths = [folder / f"type-{at}.parquet" for at in places]
    for at, path in zip(places, paths, strict=True):
        path.write_bytes(content[:at] + repeated + content[at + 2 :])
    message, _ = load_elsewhere(*paths)
    assert "histogram size mismatch" in message


def test_parents_far_above_or_nowhere(folder, monkeypatch):
    """In parts, no more calls are kept than fit in memory."""
    path, size = folder / "parents.parquet", 100
    monkeypatch.setattr(f"{PACKAGE}._LARGE", 0)
    monkeypatch.setattr(reader, "_BATCH", 10)
    monkeypatch.setattr(reader, "_MOST_STAYING", 40)
    rows = ROWS.slice(0, 1).take(pa.array([0] * size))
    numbers = pa.array(range(size))
    for parents, why in (
        ([None] * 50 + [*range(50)], "after row 90: more than 40 calls have children far behind"),
        ([None, 77, *[None] * 98], "after row 1: its parent, call 77, has not begun"),
        ([None] * 90 + [90] * 10, "after row 90: its parent, call 90, has not begun"),
    ):
        columns = {
            "call_id": numbers,
            "start_ns": numbers,
            "parent_id": pa.array(parents, pa.int64()),
        }
        write(path, columns, rows)
        for read in (lambda trace: trace.summary(), lambda trace: trace.find()):
            with pytest.raises(errors.TraceFormatError, match=why):
                read(callscope.load(path))

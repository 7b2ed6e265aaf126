"""Parquet read into a table by whole columns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from strategies import Running, programs

pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
table_reader = pytest.importorskip("callscope.read.formats.parquet.table_reader")
decoding = pytest.importorskip("callscope.read.formats.parquet.decoding")
writer = pytest.importorskip("callscope.read.formats.parquet.writer")

COLUMNS = ("call_id", "start_ns", "end_ns", "parent", "depth", "instance", "via_super")


def read(rows, classes=(), size=None):
    """Return a table of the rows of an Arrow table, which are read in batches."""
    reader = table_reader.TableReader(classes)
    for batch in rows.to_batches(max_chunksize=size):
        reader.add(batch)
    return reader.table


def check(trace, rows, size=None):
    """Read rows, and compare the table with the trace's own."""
    table, expected = read(rows, [*writer._classes(trace._data().table)], size), trace._data().table
    assert [[*getattr(table, name)] for name in COLUMNS] == [
        [*getattr(expected, name)] for name in COLUMNS
    ]
    assert table.suspensions == expected.suspensions
    for row in range(len(expected)):
        callee, other = table.callees[table.callee[row]], expected.callees[expected.callee[row]]
        assert (*callee[:4], callee.class_metadata) == (*other[:4], other.class_metadata)
        assert (callee.site_metadata or ())[:4] == (other.site_metadata or ())[:4]
        assert table.arguments_of(row) == (expected.arguments_of(row))
        assert repr(table.outcome[row]) == repr(expected.outcome[row])
        assert table.strands[table.strand[row]] == expected.strands[expected.strand[row]]


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(program=programs(), size=st.sampled_from([1, 3, None]))
def test_random_programs(program, size):
    """Whatever a program does is read, in however many batches."""
    running = Running(program)
    with callscope.record(*running.roots) as trace:
        running.run()
    check(trace, trace.to_arrow(), size)


def change(rows, column, values):
    index = rows.schema.get_field_index(column)
    return rows.set_column(index, column, pa.array(values, rows.schema.field(index).type))


@pytest.mark.parametrize(
    ("column", "values", "row", "why"),
    [
        ("call_id", [1, 2, 3, 3], 3, "call 3 begins a second time"),
        ("parent_id", [None, 1, None, 77], 3, "its parent, call 77, has not begun"),
        ("parent_id", [None, 1, 4, None], 2, "its parent, call 4, has not begun"),
        ("parent_id", [None, 2, None, 3], 1, "its parent, call 2, has not begun"),
        ("start_ns", [9, 9, 9, 8], 3, "before its parent"),
        ("duration_ns", [1, 1, -1, -1], 2, "before an earlier event"),
        ("duration_ns", [1, 1, (1 << 63) - 1, 1], 2, "before an earlier event"),
        ("instants", [[], [], [5], []], 2, "before an earlier event"),
        ("arguments", ["{}", "[1]", "[1]", "{}"], 1, "not a JSON object"),
        ("arguments", ["{}", "{}", '{"k":[1]}', "{}"], 2, "not a scalar"),
        ("arguments", ["{}", "[" * 100_000, "{}", "{}"], 1, "recursion"),
        ("result", ["1", "1", "1", "{"], 3, "Expecting"),
        ("class", [0, 0, 99, 0], 2, "index"),
        ("class", [0, 0, -1, 0], 2, "index"),
        ("mro_index", [0, 99, 0, 0], 1, "index"),
    ],
)
def test_the_first_wrong_row_is_named(seed_trace, column, values, row, why):
    """With what is wrong in it."""
    rows = change(seed_trace.to_arrow(), column, values)
    with pytest.raises(decoding.WrongRowError, match=why) as raised:
        read(rows, [*writer._classes(seed_trace._data().table)])
    assert raised.value.row == row


def test_numbers_of_calls_may_have_gaps(seed_trace):
    """Parents are found all the same, in each batch."""
    rows = change(seed_trace.to_arrow(), "call_id", [5, 7, 8, 2])
    rows = change(rows, "parent_id", [None, 5, None, 8])
    for size in (1, 3, None):
        table = read(rows, [*writer._classes(seed_trace._data().table)], size)
        assert [*table.parent] == [-1, 0, -1, 2]


def test_depths_follow_from_the_parents(seed_trace):
    """Whatever the file says."""
    rows = change(seed_trace.to_arrow(), "depth", [7, 7, 7, 7])
    assert [*read(rows, [*writer._classes(seed_trace._data().table)]).depth] == [0, 1, 0, 1]

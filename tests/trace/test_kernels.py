"""The loops over columns in C, held to those in Python."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.trace import python_kernels

c_kernels = pytest.importorskip("callscope.trace._kernels")

MODULES = pytest.mark.parametrize("kernels", [python_kernels, c_kernels])
ROWS = 6
"""Number of entries of each column."""


def column(code, values):
    return st.lists(values, min_size=ROWS, max_size=ROWS).map(lambda some: array(code, some))


def entries(values):
    return st.lists(values, min_size=ROWS, max_size=ROWS)


def convert(value):
    return repr(value).encode()


INT62 = st.integers(-(1 << 62), 1 << 62)
VALUES = st.one_of(
    st.integers(-(1 << 65), 1 << 65),
    st.sampled_from([(1 << 63) - 1, 1 - (1 << 63), -(1 << 63), True, None, 0.5, "%é"]),
    st.binary(max_size=3),
)
NUMBERS = column("q", INT62) | column("i", st.integers(-5, 5)) | column("b", st.integers(-5, 5))
COLUMNS = st.one_of(
    st.tuples(st.just("integer"), NUMBERS, INT62),
    st.tuples(st.just("difference"), NUMBERS, NUMBERS),
    st.tuples(st.just("optional"), NUMBERS, st.integers(-2, 2)),
    st.tuples(st.just("choice"), column("b", st.integers(0, 1)), st.just((b"\xff%s", b""))),
    st.tuples(st.just("value"), entries(VALUES), st.just(convert)),
    st.tuples(st.just("argument"), entries(st.tuples(VALUES)), st.just(0), st.just(convert)),
)


@given(st.data())
def test_text_of_rows(data):
    """Rows read the same, whatever their templates and the kinds of their columns."""
    columns = tuple(data.draw(st.lists(COLUMNS, max_size=4)))
    indices = st.integers(0, len(columns) - 1) if columns else st.nothing()
    pieces = st.sampled_from([b"", b"%", b"\x80"]) | indices
    templates = data.draw(st.lists(st.lists(pieces, max_size=4).map(tuple), min_size=1))
    rows = data.draw(st.integers(0, ROWS - 1) | column("i", st.integers(0, ROWS - 1)))
    most = ROWS - rows if isinstance(rows, int) else ROWS
    shape = st.integers(0, len(templates) - 1)
    shapes = array("i", data.draw(st.lists(shape, max_size=most)))
    given_ = rows, shapes, tuple(templates), columns
    assert c_kernels.rows_text(*given_) == python_kernels.rows_text(*given_)


def test_a_text_of_many_rows():
    """A text may be longer than the room that it has at first."""
    template = (b"<", 0, b">"), (b"[", 0, b"]" * 9_000)
    rows = array("q", range(10_000))
    given_ = 0, array("i", [0, 1] * 5_000), template, (("integer", rows, 0),)
    text = c_kernels.rows_text(*given_)
    assert text == python_kernels.rows_text(*given_)
    assert text.startswith(b"<0>[1]]")


ONE = array("q", [1, 2])
BAD_TEXTS = [
    (0, array("i", [0]), ((1,),), (("integer", ONE, 0),)),  # a column that is not there
    (0, array("i", [1]), ((0,),), (("integer", ONE, 0),)),  # a template that is not there
    (0, array("i", [-1]), ((0,),), (("integer", ONE, 0),)),
    (-1, array("i", [0]), ((0,),), (("integer", ONE, 0),)),
    (2, array("i", [0]), ((0,),), (("integer", ONE, 0),)),  # a row that is not there
    (array("i", [2]), array("i", [0]), ((0,),), (("integer", ONE, 0),)),
    (array("i", []), array("i", [0]), ((0,),), (("integer", ONE, 0),)),
    (0, array("i", [0]), ((0,),), (("number", ONE, 0),)),  # a kind that is not there
    (0, array("i", [0]), ((0,),), (("choice", ONE, (b"",)),)),
    (0, array("i", [0]), ((0,),), (("difference", ONE, array("q")),)),
    (0, array("i", [0]), ((0,),), (("value", [], convert),)),
    (0, array("i", [0]), ((0,),), (("value", ["a"], str),)),  # text that is not bytes
    (0, array("i", [0]), ((0,),), (("argument", [()], 0, convert),)),
    (0, array("i", [0]), ((0,),), (("argument", [None], 0, convert),)),
    (0, array("i", [0]), (("text",),), ()),
]


@MODULES
@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_what_no_text_is_written_of(kernels, bad):
    """Rows, columns and templates that do not fit together raise an exception."""
    with pytest.raises((TypeError, ValueError)):
        kernels.rows_text(*bad)


@pytest.mark.parametrize(
    "bad",
    [
        (0, array("q", [0]), ((0,),), (("integer", ONE, 0),)),
        (array("q", [0]), array("i", [0]), ((0,),), (("integer", ONE, 0),)),
        (0, array("i", [0]), ((0,),), (("integer", array("d", [1]), 0),)),
        (0, array("i", [0]), ((0,),), (("integer", memoryview(ONE)[::-1], 0),)),
        (0, array("i", [0]), ((0,),), (("integer", [1], 0),)),
        (0, array("i", [0]), ((0,),), (("integer", ONE, 1 << 63),)),
        (0, array("i", [0]), ((0,),), (("integer", array("q", [1 - (1 << 63)]), 2),)),
        (0, array("i", [0]), ((0,),), (("value", (1, 2), convert),)),
        (0, array("i", [0]), ((0,),), (("choice", ONE, [b""]),)),
        (0, array("i", [0]), ((0,),), (["integer", ONE, 0],)),
        (0, array("i", [0]), ((0,),), (("integer", ONE),)),
        (0, array("i", [0]), ([0],), (("integer", ONE, 0),)),
        (0, array("i", [0]), [(0,)], (("integer", ONE, 0),)),
        (0, array("i", [0]), ((1 << 70,),), (("integer", ONE, 0),)),
        (1 << 70, array("i", [0]), ((0,),), (("integer", ONE, 0),)),
    ],
)
def test_columns_of_other_types(bad):
    """The columns in C must be of the types that are asked for."""
    with pytest.raises((TypeError, ValueError, OverflowError, BufferError)):
        c_kernels.rows_text(*bad)

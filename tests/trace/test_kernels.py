"""The loops over columns in C, held to those in Python."""

from array import array

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callscope.trace import Text, python_kernels

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
TEXTS = st.text(st.characters() | st.sampled_from('\0"\\\x7f\n€😀')).map(Text)
NUMBERS = column("q", INT62) | column("i", st.integers(-5, 5)) | column("b", st.integers(-5, 5))
COLUMNS = st.one_of(
    st.tuples(st.just("integer"), NUMBERS, INT62),
    st.tuples(st.just("difference"), NUMBERS, NUMBERS),
    st.tuples(st.just("optional"), NUMBERS, st.integers(-2, 2)),
    st.tuples(st.just("choice"), column("b", st.integers(0, 1)), st.just((b"\xff%s", b""))),
    st.tuples(st.just("value"), entries(VALUES), st.just(convert)),
    st.tuples(st.just("argument"), entries(st.tuples(VALUES)), st.just(0), st.just(convert)),
    st.tuples(st.just("json"), entries(st.tuples(VALUES | TEXTS)), st.just(0), st.just(convert)),
    st.tuples(st.just("json"), entries(VALUES | TEXTS), st.just(-1), st.just(convert)),
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
        (0, array("i", [0]), ((0,),), (("json", ("a", "b"), -1, convert),)),
        (0, array("i", [0]), ((0,),), (("json", ["a", "b"], -1),)),
        (0, array("i", [0]), ((0,),), (("json", ["a", "b"], 0, convert),)),
        (0, array("i", [0]), ((0,),), (("json", [("a",)], -2, convert),)),
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


# --- loops over rows ---------------------------------------------------------------------------

TIMES = st.integers(0, 30) | st.sampled_from([1 - (1 << 63), (1 << 63) - 1])
SIZES = st.integers(0, 12)


@st.composite
def calls(draw):
    """Return columns of calls: parents, starts, ends, kinds, and flags."""
    size = draw(SIZES)
    parents = [draw(st.integers(-2, row - 1)) for row in range(size)]
    starts = [draw(TIMES) for _ in range(size)]
    ends = [draw(st.sampled_from([-(1 << 63), 0, 30, 31, 60, (1 << 63) - 1])) for _ in range(size)]
    kinds = [draw(st.integers(0, 3)) for _ in range(size)]
    flags = [draw(st.integers(0, 3)) for _ in range(size)]
    codes = zip("iqqib", (parents, starts, ends, kinds, flags), strict=True)
    return [array(code, values) for code, values in codes]


def links(kernels, first, parents):
    last, previous = (array("i", [-1]) * len(parents) for _ in range(2))
    for begin, end in ((0, first), (first, len(parents))):
        kernels.link_rows(begin, end, parents, last, previous)
    return last, previous


def times(kernels, parents, starts, ends, kinds, flags):
    whole, running = zeros("q", len(parents)), zeros("d", len(parents))
    own, below, least = (array("d", range(len(parents))) for _ in "123")
    all_ended = kernels.durations(whole, starts, ends)
    alone = whole[:]
    kernels.subtract_children(alone, whole, parents)
    costs = array("d", [1.25, 2.5, 3.0, 7.5])
    columns = alone, whole, parents, kinds, flags
    kernels.charge(own, running, below, least, *columns, costs, 0.75)
    return all_ended, whole, alone, own, running, below, least


def zeros(code, size):
    return array(code, bytes(array(code).itemsize * size))


def parts(kernels, parents, starts, kinds):
    paths, steps = array("i", [9]) * len(parents), {}
    kernels.enter_paths(paths, parents, kinds, lambda *step: steps.setdefault(step, len(steps)))
    sizes = zeros("q", len(steps))
    kernels.count_numbers(paths, sizes)
    places = array("q", [sum(sizes[:number]) for number in range(len(steps))])
    sorted_ = zeros("q", len(parents))
    kernels.scatter(paths, places, starts, sorted_)
    return paths, steps, sizes, places, sorted_


@given(calls(), st.data())
def test_loops_over_calls(columns, data):
    """Links, times and groups of calls are the same."""
    parents, starts, _, kinds, _ = columns
    others = array("i", [-kind for kind in kinds])
    first = data.draw(st.integers(0, len(parents)))
    assert links(c_kernels, first, parents) == links(python_kernels, first, parents)
    assert times(c_kernels, *columns) == times(python_kernels, *columns)
    for numbers in (kinds, others):
        grouped = [
            parts(kernels, parents, starts, numbers) for kernels in (c_kernels, python_kernels)
        ]
        assert grouped[0] == grouped[1]


@st.composite
def forests(draw):
    """Return columns of calls of few kinds: kinds, last children, siblings, objects, strands."""
    size = draw(SIZES)
    parents = array("i", [draw(st.integers(-1, row - 1)) for row in range(size)])
    few = st.lists(st.integers(0, 1), min_size=size, max_size=size)
    kinds, objects, strands = (array(code, draw(few)) for code in "iqi")
    return kinds, *links(python_kernels, size, parents), objects, strands


def shape(row, columns):
    """Return what subtrees have in common if they are alike."""
    kinds, last, previous, objects, strands = columns
    below, child = [], last[row]
    while child >= 0:
        ties = objects[child] == objects[row], strands[child] == strands[row]
        below.append((*ties, shape(child, columns)))
        child = previous[child]
    return kinds[row], *below


def two_pairs(objects, strands):
    """Return columns of two calls, each with one below."""
    last, previous = array("i", [1, -1, 3, -1]), array("i", [-1] * 4)
    return array("i", [0] * 4), last, previous, array("q", objects), array("i", strands)


@given(forests())
@example(two_pairs([1, 1, 2, 2], [0] * 4))
@example(two_pairs([1, 1, 1, 2], [0] * 4))
@example(two_pairs([0] * 4, [1, 1, 1, 2]))
def test_numbers_of_subtrees(columns):
    """Subtrees have one number if the kinds of all calls are the same, and where objects change."""
    size = len(columns[0])
    one, other = zeros("i", size), zeros("i", size)
    c_kernels.number_subtrees(one, *columns)
    python_kernels.number_subtrees(other, *columns)
    assert one == other
    shapes = [shape(row, columns) for row in range(size)]
    last = {shape: row for row, shape in enumerate(shapes)}
    assert [*one] == [last[shape] for shape in shapes]


@MODULES
@pytest.mark.parametrize("bad", [0, 2, -5, 3])
def test_links_to_no_child(kernels, bad):
    """Children stand behind their parents, and each before its next sibling."""
    kinds, last, previous = array("i", [0] * 3), array("i", [-1] * 3), array("i", [-1] * 3)
    last[0], previous[2] = (bad, -1) if bad in (0, 3) else (2, bad)
    columns = kinds, last, previous, array("q", [1] * 3), kinds
    if bad == -5:  # as good as no child
        kernels.number_subtrees(kinds[:], *columns)
        return
    with pytest.raises(ValueError, match="row 0 has child"):
        kernels.number_subtrees(kinds[:], *columns)


def paths_of_objects(kernels, *columns):
    paths, steps = array("i", [9]) * len(columns[0]), {}
    kernels.follow_objects(paths, *columns, lambda *step: steps.setdefault(step, len(steps)))
    return paths, steps


def selected(kernels, kinds, accepted):
    rows = zeros("i", len(kinds))
    return rows[: kernels.select_rows(rows, kinds, accepted)]


@given(calls(), st.data())
def test_loops_over_objects(columns, data):
    """Paths of objects and the rows of some kinds are the same."""
    parents, _, _, kinds, _ = columns
    size = len(parents)
    numbers = st.integers(0, 3) | st.sampled_from([1 << 62, -(1 << 63), (1 << 63) - 1])
    numbers = array("q", data.draw(st.lists(numbers, min_size=size, max_size=size)))
    size = max(kinds, default=0) + 1
    accepted = array("b", data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)))
    one, other = (
        paths_of_objects(kernels, parents, kinds, numbers, accepted)
        for kernels in (c_kernels, python_kernels)
    )
    assert one == other
    assert sum(path >= 0 for path in one[0]) == len(
        {number for number, kind in zip(numbers, kinds, strict=True) if accepted[kind]}
    )
    assert selected(c_kernels, kinds, accepted) == selected(python_kernels, kinds, accepted)


def test_many_objects():
    """Each of many objects has a path, that of the objects with the same calls."""
    numbers = array("q", [number << 40 for number in range(5_000)]) * 2
    parents, kinds = array("i", [-1]) * 10_000, array("i", [0, 1] * 5_000)
    one, other = (
        paths_of_objects(kernels, parents, kinds, numbers, array("b", [1, 1]))
        for kernels in (c_kernels, python_kernels)
    )
    assert one == other
    assert one[0][:5_000] == array("i", [-1]) * 5_000
    assert len({*one[0][5_000:]}) == 2


def test_many_paths():
    """More paths than are kept at hand get their own numbers all the same."""
    kinds = array("i", range(2_000)) * 2
    parents = array("i", [-1]) * len(kinds)
    starts = array("q", range(len(kinds)))
    one, other = (parts(kernels, parents, starts, kinds) for kernels in (c_kernels, python_kernels))
    assert one == other
    assert len(one[1]) == 2_000


@given(st.lists(st.tuples(st.none() | st.lists(VALUES).map(tuple) | st.just({"x": 1}), VALUES)))
def test_counts_of_a_type(pairs):
    """Arguments and results of a type are counted, but not those of its subclasses."""
    counted = []
    for kernels in (c_kernels, python_kernels):
        counts = array("i", [5]) * len(pairs)
        columns = [passed for passed, _ in pairs], [outcome for _, outcome in pairs]
        kernels.count_type(counts, int, *columns)
        counted.append(counts)
    assert counted[0] == counted[1]


KINDS = st.sampled_from([1, 1.5, float("inf"), float("nan"), "a", Text("a"), None, True, {}])
PASSED = KINDS | st.lists(KINDS, max_size=3).map(tuple)


@st.composite
def shaped_calls(draw):
    """Return columns of calls: callees, strands, ends, arguments and outcomes."""
    size = draw(st.integers(0, 40))
    few = st.lists(st.integers(0, 1), min_size=size, max_size=size)
    ends = st.lists(st.sampled_from([-(1 << 63), 0, 7]), min_size=size, max_size=size)
    passed, outcomes = (
        draw(st.lists(values, min_size=size, max_size=size)) for values in (PASSED, KINDS)
    )
    numbers = array("i", draw(few)), array("i", draw(few)), array("q", draw(ends))
    return *numbers, passed, outcomes


@given(shaped_calls(), st.data())
def test_shapes_of_calls(columns, data):
    """Calls of one callee and strand, with values of the same types, have one shape."""
    first = data.draw(st.integers(0, len(columns[0])))
    one, other = zeros("i", len(columns[0]) - first), zeros("i", len(columns[0]) - first)
    firsts = c_kernels.row_shapes(one, first, *columns)
    assert (firsts, one) == (python_kernels.row_shapes(other, first, *columns), other)
    assert [one[row - first] for row in firsts] == [*range(len(firsts))]


@given(st.data())
def test_entries_of_columns(data):
    """Entries are taken from one column or the other, where there is an index."""
    indices = array("i", data.draw(st.lists(st.integers(-3, 3))))
    one, other = zeros("q", len(indices)), zeros("q", len(indices))
    for kernels, numbers in ((c_kernels, one), (python_kernels, other)):
        kernels.look_up(numbers, indices, array("q", [5, 6, 7, 8]), array("q", [1, 2]))
    assert one == other
    by_index = {-3: 2, -2: 1, -1: 0, 0: 5, 1: 6, 2: 7, 3: 8}
    assert [*one] == [by_index[index] for index in indices]


INTS, LONGS, DOUBLES, FLAGS = (array(code, [0, 0]) for code in "iqdb")
SHORT_I, SHORT_Q, SHORT_D = (array(code, [0]) for code in "iqd")
HIGH = array("i", [0, 2])
NO = array("i", [-1, -1])
BOTH = array("b", [1, 1])
CHARGED = (*[DOUBLES] * 4, LONGS, LONGS, NO, INTS, FLAGS, DOUBLES, 0.0)


def with_(index, value):
    return "charge", (*CHARGED[:index], value, *CHARGED[index + 1 :])


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("link_rows", (0, 2, SHORT_I, INTS[:], INTS[:])),
        ("link_rows", (0, 2, INTS, SHORT_I, INTS[:])),
        ("link_rows", (0, 2, NO, INTS[:], SHORT_I)),
        ("link_rows", (0, 2, HIGH, INTS[:], INTS[:])),  # a parent behind its child
        ("link_rows", (0, 2, LONGS, INTS[:], INTS[:])),
        ("link_rows", (0, 2, NO, memoryview(bytes(8)).cast("i"), INTS[:])),  # it cannot be written
        ("durations", (LONGS[:], SHORT_Q, LONGS)),
        ("durations", (LONGS[:], LONGS, SHORT_Q)),
        ("durations", (DOUBLES[:], LONGS, LONGS)),
        ("subtract_children", (LONGS[:], SHORT_Q, NO)),
        ("subtract_children", (LONGS[:], LONGS, SHORT_I)),
        ("subtract_children", (LONGS[:], LONGS, HIGH)),
        with_(1, SHORT_D),
        with_(2, SHORT_D),
        with_(3, LONGS),
        with_(4, SHORT_Q),
        with_(5, DOUBLES),
        with_(6, SHORT_I),
        with_(6, HIGH),
        with_(7, HIGH),  # a cost that is not there
        with_(7, NO),
        with_(8, INTS),
        with_(9, LONGS),
        with_(10, None),
        ("count_type", (INTS[:], int, [], [1, 2])),
        ("count_type", (INTS[:], int, [(), ()], [1])),
        ("count_type", (INTS[:], 1, [(), ()], [1, 2])),
        ("count_type", (INTS[:], int, ((), ()), [1, 2])),
        ("enter_paths", (INTS[:], SHORT_I, INTS, max)),
        ("enter_paths", (INTS[:], HIGH, INTS, max)),
        ("enter_paths", (INTS[:], NO, SHORT_I, max)),
        ("enter_paths", (INTS[:], NO, INTS, lambda *step: -1)),
        ("enter_paths", (INTS[:], NO, INTS, lambda *step: 1 << 31)),
        ("enter_paths", (INTS[:], NO, INTS, lambda *step: None)),
        ("follow_objects", (INTS[:], SHORT_I, INTS, LONGS, BOTH, max)),
        ("follow_objects", (INTS[:], HIGH, INTS, LONGS, BOTH, max)),
        ("follow_objects", (INTS[:], NO, SHORT_I, LONGS, BOTH, max)),
        ("follow_objects", (INTS[:], NO, HIGH, LONGS, BOTH, max)),
        ("follow_objects", (INTS[:], NO, INTS, SHORT_Q, BOTH, max)),
        ("follow_objects", (INTS[:], NO, INTS, INTS, BOTH, max)),
        ("follow_objects", (INTS[:], NO, INTS, LONGS, INTS, max)),
        ("follow_objects", (INTS[:], NO, INTS, LONGS, BOTH, lambda *step: -1)),
        ("select_rows", (INTS[:], SHORT_I, BOTH)),
        ("select_rows", (INTS[:], NO, BOTH)),
        ("select_rows", (INTS[:], INTS, array("b", []))),
        ("select_rows", (INTS[:], INTS, INTS)),
        ("row_shapes", (INTS[:], -1, INTS, INTS, LONGS, [1, 2], [1, 2])),
        ("row_shapes", (INTS[:], 1, INTS, INTS, LONGS, [1, 2, 3], [1, 2, 3])),
        ("row_shapes", (INTS[:], (1 << 63) - 1, INTS, INTS, LONGS, [1, 2], [1, 2])),
        ("row_shapes", (INTS[:], 0, SHORT_I, INTS, LONGS, [1, 2], [1, 2])),
        ("row_shapes", (INTS[:], 0, INTS, SHORT_I, LONGS, [1, 2], [1, 2])),
        ("row_shapes", (INTS[:], 0, INTS, INTS, SHORT_Q, [1, 2], [1, 2])),
        ("row_shapes", (INTS[:], 0, INTS, INTS, DOUBLES, [1, 2], [1, 2])),
        ("row_shapes", (INTS[:], 0, INTS, INTS, LONGS, [1], [1, 2])),
        ("row_shapes", (INTS[:], 0, INTS, INTS, LONGS, [1, 2], [1])),
        ("row_shapes", (INTS[:], 0, INTS, INTS, LONGS, (1, 2), [1, 2])),
        ("row_shapes", (LONGS[:], 0, INTS, INTS, LONGS, [1, 2], [1, 2])),
        ("number_subtrees", (INTS[:], SHORT_I, NO, NO, LONGS, INTS)),
        ("number_subtrees", (INTS[:], INTS, SHORT_I, NO, LONGS, INTS)),
        ("number_subtrees", (INTS[:], INTS, NO, SHORT_I, LONGS, INTS)),
        ("number_subtrees", (INTS[:], INTS, NO, NO, SHORT_Q, INTS)),
        ("number_subtrees", (INTS[:], INTS, NO, NO, INTS, INTS)),
        ("number_subtrees", (INTS[:], INTS, NO, NO, LONGS, SHORT_I)),
        ("number_subtrees", (INTS[:], INTS, HIGH, NO, LONGS, INTS)),
        ("look_up", (SHORT_Q[:], NO, LONGS, LONGS)),
        ("look_up", (LONGS[:], HIGH, LONGS, LONGS)),
        ("look_up", (LONGS[:], array("i", [-4]), LONGS, LONGS)),
        ("look_up", (LONGS[:], INTS, INTS, LONGS)),
        ("look_up", (LONGS[:], INTS, LONGS, INTS)),
        ("count_numbers", (HIGH, LONGS[:])),
        ("count_numbers", (NO, LONGS[:])),
        ("count_numbers", (INTS, INTS[:])),
        ("scatter", (HIGH, LONGS[:], LONGS, LONGS[:])),
        ("scatter", (INTS, LONGS[:], SHORT_Q, LONGS[:])),
        (
            "scatter",
            (INTS, array("q", [1]), LONGS, LONGS[:]),
        ),  # two values from the second entry on
        ("scatter", (INTS, array("q", [-1]), LONGS, LONGS[:])),
        ("scatter", (INTS, LONGS[:], DOUBLES, LONGS[:])),
        ("scatter", (INTS, LONGS[:], INTS, INTS[:])),
    ],
)
def test_bad_columns(name, bad):
    """Columns that are too short, of another type, or refer to what is not there are refused."""
    with pytest.raises((TypeError, ValueError, BufferError)):
        getattr(c_kernels, name)(*bad)

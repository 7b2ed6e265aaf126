"""Folded trees: what is one row, what is apart, and how rows fit a terminal."""

import io
import re
import sys
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import callscope
from building import Node, make_trace
from callscope.read.folding.kinds import text_kind
from callscope.read.folding.rows import Folding
from callscope.read.folding.sequences import fold
from callscope.trace import Call, Text
from strategies import forests
from ticking import ticking_clock


@pytest.fixture(autouse=True, scope="module")
def ticks():
    """Let durations take as many columns in each run."""
    with ticking_clock():
        yield


class TestSequences:
    """Repeats in sequences."""

    @staticmethod
    def shown(parts, items):
        """Return parts as text: ``(A×2 B)×3``."""
        texts = []
        for part in parts:
            text = f"({TestSequences.shown(part.parts, items)})" if part.parts else None
            text = text or items[part.places[0]]
            texts.append(text if part.times == 1 else f"{text}×{part.times}")
        return " ".join(texts)

    @pytest.mark.parametrize(
        ("items", "shown"),
        [
            ("", ""),
            ("A", "A"),
            ("ABC", "A B C"),
            ("AAAA", "A×4"),
            ("AAABAA", "A×3 B A×2"),
            ("ABABAB", "(A B)×3"),
            ("ABCABCAB", "(A B C)×2 A B"),
            ("XABABY", "X (A B)×2 Y"),
            ("AABAAB", "(A×2 B)×2"),
            ("ABABCABABC", "((A B)×2 C)×2"),
            ("ABACABAC", "(A B A C)×2"),
            ("AAABAAAC" * 3, "(A×3 B A×3 C)×3"),
        ],
    )
    def test_repeats(self, items, shown):
        """Runs of one item, items in turn, and repeats within repeats."""
        assert self.shown(fold(items), items) == shown

    @given(st.text("AB", max_size=30) | st.lists(st.integers(0, 3), max_size=40))
    def test_nothing_is_lost(self, items):
        """Each place is in one part, and all items of a part are equal."""
        places = []

        def unfold(parts, outer):
            for part in parts:
                assert len(part.places) == outer * part.times
                if part.parts:
                    unfold(part.parts, outer * part.times)
                else:
                    places.extend(part.places)
                    assert len({items[place] for place in part.places}) == 1

        unfold(fold(items), 1)
        assert sorted(places) == [*range(len(items))]

    def test_many_items(self):
        """Long sequences without a repeat, and with long ones, take no more steps per item."""
        assert self.shown(fold("A" + "B" * 5_000 + "C"), "AB" + " " * 4_999 + "C") == "A B×5000 C"
        items = [number % 997 for number in range(997 * 50)]
        (part,) = fold(items)
        assert (part.times, len(part.parts)) == (50, 997)
        assert len(fold(range(50_000))) == 50_000


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("float32[1, 8]", "float32[1, 8]"),
        ("<app.Conv2D>", "<app.Conv2D>"),
        ("LSTMCell#12", "LSTMCell#"),
        ("[1, 2, 3]", "[0]"),
        ("[]", "[]"),
        ("[1.5, -2e-07, 3, 4, 5, 6, ... 3 more]", "[0]"),
        ("('a', 'it\\'s 1')", "('')"),
        ("{'loss': 0.5, 'at': 0x7f3a}", "{'loss': 0, 'at': 0}"),
        ("(float32[2, 3], 7, Layer#3)", "(float32[2, 3], 0, Layer#)"),
        ("no number 'a'", "no number ''"),
    ],
)
def test_kinds_of_summaries(text, kind):
    """Literals and numbers of objects count as equal; types, shapes and keys do not."""
    assert text_kind(text) == kind


def thing(call):
    """Return the object of a call; its class if there is none."""
    return call.instance or call.runtime_class


def kind(call):
    """Return what calls of a row have in common, apart from the calls below."""
    values = [*call.arguments.values(), call.result]
    kinds = [repr(v) if v != v or isinstance(v, Text) else type(v) for v in values]  # noqa: PLR0124
    above = call.parent
    ties = above and (thing(above) == thing(call), above.thread == call.thread)
    return call.site, call.runtime_class, [*call.arguments], kinds, call.error, call.finished, ties


def unfolded(folding, rows, outer=1):
    """Return all calls of rows and those below, and check that each row is what it says."""
    calls = []
    table = folding.table
    for row in rows:
        assert row.repeats == outer * row.times
        for some in row.stay:
            calls += some
            kinds = [kind(Call(table, call)) for call in some]
            assert kinds == kinds[:1] * row.repeats
            assert len({len(table.children(call)) for call in some}) == 1
        below = folding.below(row)
        inner = unfolded(folding, below, row.repeats)
        calls += inner
        if row.stay:
            ended = [call for call in row.stay[0] if table.end_ns[call] > 0]
            durations = [table.end_ns[call] - table.start_ns[call] for call in ended]
            assert folding.durations(row) == durations
    return calls


UNHURRIED = settings(deadline=None)


@UNHURRIED
@given(forests())
@example([])
@example([Node("Layer.call", Node("Layer.call"), instance=0)] * 3)
def test_unfolding_gives_every_call(roots):
    """Each call is in one row, with calls of its kind; so counts and durations are those of calls."""
    table = make_trace(*roots)._data().table
    folding = Folding(table)
    assert sorted(unfolded(folding, folding.rows(table.roots()))) == [*range(len(table))]


@UNHURRIED
@given(forests(), st.sampled_from([20, 60, 100]), st.sampled_from([None, 0, 1]))
def test_any_tree_is_printed(roots, width, max_depth):
    """No line is wider than the terminal if that has 41 columns."""
    trace = make_trace(*roots)
    text = trace.tree(fold=True, width=width, max_depth=max_depth)
    lines = text.split("\n\n")[0].splitlines()[:-1]
    assert [line for line in lines if len(line) > max(width, 41)] == []
    assert "Layer" in text or not roots


class Layer:
    """Base of a model's parts, which dispatches to `forward` as frameworks do."""

    def __call__(self, *args):
        return self.forward(*args)

    def forward(self, x):
        return x


class Linear(Layer):
    """Part without others."""

    def __init__(self, result=8):
        self.result = result

    def forward(self, x):
        return self.result


class Block(Layer):
    """Part of a part of the model."""

    def __init__(self, *parts):
        self.parts = parts

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return 8


class Failing(Linear):
    """Linear that raises."""

    def __init__(self, is_failing=True):
        self.is_failing = is_failing

    def forward(self, x):
        if self.is_failing:
            raise ValueError("not 8 wide")
        return 8


class Model(Layer):
    """Sequence of blocks, which goes on if one fails."""

    def __init__(self, blocks):
        self.blocks = blocks

    def forward(self, x):
        for block in self.blocks:
            with suppress(ValueError):
                x = block(x)
        return "done"


METHODS = ("__call__", "forward")


def printed(*steps, width=100, **options):
    """Return the folded tree of some calls, without durations and what follows the tree."""
    with callscope.record(Layer, methods=METHODS) as trace:
        for step in steps:
            step(8)
    text = trace.tree(width=width, **options).partition("\n\n")[0]
    return [re.sub(r" +[\d.]+ [mµ]?s( .*)?$", "", line) for line in text.splitlines()]


def blocks(*odd):
    """Return twelve blocks of a linear part and another; the seventh may be odd."""
    parts = [Block(Linear(), Linear()) for _ in range(12)]
    if odd:
        parts[6] = Block(*odd)
    return parts


class TestRows:
    """What is one row of a model's tree."""

    def test_blocks_that_are_alike(self):
        """Each stay on an object is a row; twelve blocks are one, and so are their two parts."""
        assert printed(Model(blocks())) == [
            "Model#1  Layer.__call__ > Model.forward  (8) -> 'done'",
            "└─ Block ×12  Layer.__call__ > Block.forward  (8) -> 8",
            "   └─ Linear ×2  Layer.__call__ > Linear.forward  (8) -> 8",
            "74 calls in 3 rows; one by one: trace.tree(fold=False), or view --all",
        ]

    @pytest.mark.parametrize(
        ("odd", "shown"),
        [
            (
                [Linear(), Linear(0.5)],  # another kind of value
                [
                    "Block#20  Layer.__call__ > Block.forward  (8) -> 8  ≠ Linear#22 Layer.__call__ -> 0.5",
                    "│  ├─ Linear#21  Layer.__call__ > Linear.forward  (8) -> 8",
                    "│  └─ Linear#22  Layer.__call__ > Linear.forward  (8) -> 0.5",
                ],
            ),
            (
                [Linear(), Failing()],
                [
                    "Block#20  Layer.__call__ > Block.forward  (8) !! ValueError: not 8 wide",
                    "│  ├─ Linear#21  Layer.__call__ > Linear.forward  (8) -> 8",
                    "│  └─ Failing#22  Layer.__call__ > Failing.forward  (8) !! ValueError: not 8 wide",
                ],
            ),
            (
                [Linear(), Linear(), Linear()],  # a call more
                [
                    "Block#20  Layer.__call__ > Block.forward  (8) -> 8  + Linear#23 Layer.__call__",
                    "│  └─ Linear ×3  Layer.__call__ > Linear.forward  (8) -> 8",
                ],
            ),
            (
                [Linear()],  # a call less
                [
                    "Block#20  Layer.__call__ > Block.forward  (8) -> 8  - Linear Layer.__call__",
                    "│  └─ Linear#21  Layer.__call__ > Linear.forward  (8) -> 8",
                ],
            ),
        ],
    )
    def test_what_differs_is_apart(self, odd, shown):
        """It stands where it ran, and says where it differs unless its own outcome shows it."""
        lines = printed(Model(blocks(*odd)), width=120)
        assert lines[1:-1] == [
            "├─ Block ×6  Layer.__call__ > Block.forward  (8) -> 8",
            "│  └─ Linear ×2  Layer.__call__ > Linear.forward  (8) -> 8",
            f"├─ {shown[0]}",
            *shown[1:],
            "└─ Block ×5  Layer.__call__ > Block.forward  (8) -> 8 (as above)",
        ]

    def test_sequences_that_repeat(self):
        """Steps of a training are one row with the rows of a step below it."""
        model, loss = Model(blocks()[:2]), Linear(0.5)
        assert printed(*[model, loss] * 20, model)[:-1] == [
            "in turn ×20",
            "├─ Model#1  Layer.__call__ > Model.forward  (8) -> 'done'",
            "│  └─ Block ×2  Layer.__call__ > Block.forward  (8) -> 8",
            "│     └─ Linear ×2  Layer.__call__ > Linear.forward  (8) -> 8",
            "└─ Linear#8  Layer.__call__ > Linear.forward  (8) -> 0.5",
            "Model#1  Layer.__call__ > Model.forward  (8) -> 'done' (as above)",
        ]

    def test_a_recursion_is_one_row(self, seed):
        """Sites that repeat within a stay are counted."""

        class Deep(seed.Layer):
            def call(self, z):
                return z and self.call(z - 1)

        with callscope.record(seed.Layer) as trace:
            Deep(0)(50)
        rows = trace.tree(fold=True).splitlines()
        assert rows[1].startswith("Deep#1  Layer.__call__ > Deep.call ×51  (y=50)")

    def test_super_and_an_error_that_is_caught(self, seed):
        """A stay shows calls by `super`, and an exception that does not leave it."""

        class Careful(seed.MyLayer):
            def call(self, m):
                try:
                    super().call(m)
                except ValueError:
                    return 0

        def call(self, m):
            raise ValueError(m)

        seed.MyLayer.call = call
        with callscope.record(seed.Layer, methods=("call",)) as trace:
            Careful(0).call(1)
        assert trace.tree(fold=True, width=100).startswith(
            "Careful#1  Careful.call > super MyLayer.call !! ValueError  (m=1) -> 0  "
        )

    def test_two_calls_below_end_a_stay(self, seed):
        """Also if both are on the same object; and so does a call on another object."""
        seed.MyLayer.call = lambda self, m: None
        seed.Layer.__call__ = lambda self, y: self.call(y) or self.call(y)
        with callscope.record(seed.Layer, methods=("__call__", "call")) as trace:
            seed.MyLayer(0)(1)
        assert [line[:35] for line in trace.tree(fold=True).splitlines()[:2]] == [
            "MyLayer#1  Layer.__call__(y=1)     ",
            "└─ MyLayer#1 ×2  MyLayer.call(m=1) ",
        ]

    def test_values_that_vary(self):
        """Numbers are shown by the least and the greatest, and a few others one by one."""
        rows = [
            Node("L.call", arguments={"a": n, "b": n / 2, "c": n > 3, "d": f"{n}", "e": n % 3 > 5})
            for n in range(50)
        ]
        assert (
            make_trace(*rows)
            .tree(width=100)
            .splitlines()[0]
            .startswith("L#1 ×50  L.call(a=0..49, b=0.0..24.5, c=False|True, d='0'.., e=False)")
        )

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"result": Text("float32[8]")}, {"result": Text("float64[8]")}),
            ({"arguments": {"x": 1}}, {"arguments": {"x": None}}),
            ({"arguments": {"x": 1}}, {"arguments": {"y": 1}}),
            ({"error": ("ValueError", "1 is wrong")}, {"error": ("KeyError", "1 is wrong")}),
            ({"error": ("ValueError", "1 is wrong")}, {"error": ("ValueError", "1 is odd")}),
            ({"on": "One"}, {"on": "Other"}),
            ({"end": 70}, {"end": "never"}),
            ({"instance": 1}, {"instance": 2}),  # that of the call above
            ({"thread": "MainThread"}, {"thread": "other"}),
        ],
    )
    def test_what_is_not_alike(self, one, other):
        """Kinds of values, names, errors, classes, ends, and where the object or thread changes."""
        calls = [Node("L.call", **options) for options in (one, one, other, one, one)]
        trace = make_trace(Node("L.call", *calls))
        folding = Folding(trace._data().table)
        (top,) = folding.rows([0])
        assert [row.times for row in folding.below(top)] == [2, 1, 2]

    def test_no_note_where_nothing_is_folded(self):
        """Two calls that differ are no rule and exception."""
        lines = make_trace(
            Node("L.call", Node("M.call", result=1)), Node("L.call", Node("M.call", result=None))
        ).tree(fold=True, width=100)
        assert "≠" not in lines

    def test_nan_is_apart(self):
        """Infinity and NaN are other kinds of values than numbers."""
        losses = [0.5] * 30 + [float("nan")] + [0.25] * 20
        trace = make_trace(*(Node("Loss.call", result=loss) for loss in losses))
        assert [line.split("  ")[:2] for line in trace.tree(width=100).splitlines()[:3]] == [
            ["Loss#1 ×30", "Loss.call() -> 0.5"],
            ["Loss#1", "Loss.call() -> nan"],
            ["Loss#1 ×20", "Loss.call() -> 0.25"],
        ]

    def test_durations(self):
        """A row has the total time, and the least, median and greatest of its repeats."""
        rows = [
            Node(
                "L.call",
                Node("M.call", start=start, end=start + 500, instance=2),
                start=start,
                end=start + took,
            )
            for start, took in ((1_000, 2_000), (4_000, 3_000), (8_000, 40_000))
        ]
        rows += [Node("L.call", start=90_000, end="never")]
        lines = make_trace(*rows).tree(fold=True, width=80).splitlines()
        assert lines[:3] == [
            "L#1 ×3  L.call()     45.0 µs  2.0/3.0/40.0 µs",
            "└─ M#2  M.call()      1.5 µs  0.5/0.5/0.5 µs",
            "L#1  L.call() ...",
        ]

    def test_threads(self):
        """Each thread has rows of its own below its label."""
        calls = [Node("L.call", thread=name) for name in "ABABAB"]
        lines = make_trace(*calls).tree(fold=True, width=60).splitlines()
        assert [line.split("  ")[0] for line in lines[:4]] == [
            "thread A",
            "L#1 ×3",
            "thread B",
            "L#1 ×3",
        ]


class TestSizes:
    """When a tree is folded, and how much of it is shown."""

    @pytest.mark.parametrize(("count", "folds"), [(40, False), (41, True)])
    def test_small_traces_stay_as_they_are(self, count, folds):
        """Up to 40 calls are printed one by one, and all of them if asked for."""
        trace = make_trace(*[Node("L.call")] * count)
        assert ("×" in str(trace)) is folds
        assert str(trace) == trace.tree() == trace.tree(fold=folds)
        assert trace.tree(fold=False).count("L.call") == trace.outline().count("L.call") == count

    def test_rows_fit(self):
        """Values give way before the classes that the row does not name; durations stay in place."""
        long = {"name": "x" * 20}
        calls = [
            Node(
                "Module.__call__",
                Node("Encoder.forward", on="Encoder"),
                on="Encoder",
                arguments=long,
                result="y" * 20,
            )
        ] * 25
        spread = "     0.1 µs  0.0/0.0/0.0 µs"
        lines = [
            make_trace(*calls).tree(width=width).splitlines()[0].removesuffix(spread)
            for width in (140, 90, 74, 50)
        ]
        assert lines == [
            f"Encoder#1 ×25  Module.__call__ > Encoder.forward  (name='{'x' * 20}') -> '{'y' * 20}'",
            "Encoder#1 ×25  Module.__call__ > forward  (...) -> 'yyyyyyyy...",
            "Encoder#1 ×25  Module.__call__ > forward  (...)",
            "Encoder#1 ×25  __call__ > forward     0.1 µs",
        ]

    def test_depth(self):
        """Rows below a depth are counted, folded or not."""
        with callscope.record(Layer, methods=METHODS) as trace:
            Model(blocks())(8)
        folded, whole = (trace.tree(fold=fold, max_depth=1, width=120) for fold in (True, False))
        assert "└─ Block ×12  Layer.__call__ > Block.forward  (8) -> 8 (48 calls below)" in folded
        assert "└─ Model.forward(x=8) [Model#1] -> 'done' (72 calls below)" in whole
        assert (len(whole.splitlines()), "more calls" in whole) == (4, False)

    def test_many_rows_are_cut(self):
        """As many calls are, and it is said how to see them."""
        calls = [Node("L.call", arguments={f"a{number}": 1}) for number in range(2_100)]
        lines = make_trace(*calls).tree(width=60).splitlines()
        assert lines[1_999].startswith("L#1  L.call(a1999=1)")
        assert lines[2_000] == "... more rows; trace.save('all.txt') writes all calls"

    def test_a_deep_tree(self):
        """No row is wider than the terminal however deep it is."""
        root = None
        for number in range(500):
            children = [] if root is None else [root]
            root = Node("L.call", *children, instance=1 + number % 2)
        lines = make_trace(root).tree(width=60).splitlines()
        assert len(lines) == 500 + 3
        assert max(map(len, lines[:500])) <= 60
        assert "(depth 499) L#1" in lines[499]

    def test_ascii(self, monkeypatch):
        """The signs are those of the output's encoding."""
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
        with callscope.record(Layer, methods=METHODS) as trace:
            Model(blocks(Linear(), Linear(0.5)))(8)
        text = trace.tree(width=120)
        assert text.isascii()
        assert "|- Block x6  " in text
        assert "  != Linear#22 Layer.__call__ -> 0.5" in text

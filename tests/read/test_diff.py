"""`callscope.diff`: what differs between two call trees, without times and identities."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from building import Node, make_trace
from callscope import errors
from callscope.trace import Text
from command_line import cli


def found(before, after, **options):
    """Return the differences in short: kind, sites before and after, aspects, number of calls."""
    return [
        (
            change.kind,
            change.before and change.before.site,
            change.after and change.after.site,
            change.aspects,
            change.calls,
        )
        for change in callscope.diff(before, after, **options)
    ]


class TestWhatDiffers:
    def test_nothing(self, seed):
        """Two runs of one program do not differ, though their times do."""
        traces = []
        for _ in "12":
            with callscope.record(seed.Layer) as trace:
                seed.MyLayer(3)(4)
            traces.append(trace)
        diff = callscope.diff(*traces)
        assert (len(diff), bool(diff), diff.same) == (0, False, 4)
        assert str(diff) == "no differences: 4 calls the same"

    def test_each_kind(self):
        """Added, removed, moved and changed, each in its place in the tree."""
        before = make_trace(
            Node(
                "A.run",
                Node("A.one", arguments={"m": 4}, result=5),
                Node("A.two", Node("A.within")),
                Node("A.three"),
                Node("A.four", arguments={"long": Text("float32[2]")}),
                Node("A.five"),
            )
        )
        after = make_trace(
            Node(
                "A.run",
                Node("A.one", arguments={"m": 5, "n": 1}, error=("ValueError", "no")),
                Node("A.three"),
                Node("A.five"),
                Node("A.four", arguments={"long": Text("float32[2]")}),
                Node("B.new", Node("B.below", instance=2), instance=2),
            )
        )
        assert sorted(found(before, after)) == [
            ("added", None, "B.new", (), 2),
            ("changed", "A.one", "A.one", ("arguments", "result", "error"), 1),
            ("moved", "A.four", "A.four", (), 1),
            ("removed", "A.two", None, (), 2),
        ]
        assert str(callscope.diff(before, after)).splitlines() == [
            "  A.run() [A#1]",
            "~   A.one(m=4) [A#1] -> 5",
            "        m: 4 => 5",
            "        n: (left out) => 1",
            "        result: 5 => None",
            "        error: none => ValueError: no",
            "-   A.two() [A#1]",
            "-     A.within() [A#1]",
            "    = 1 call the same",
            "<   A.four(long=float32[2]) [A#1]  (moved away)",
            "    = 1 call the same",
            ">   A.four(long=float32[2]) [A#1]  (moved here)",
            "+   B.new() [B#2]",
            "+     B.below() [B#2]",
            "",
            "1 call changed, 2 calls added, 2 calls removed, 1 call moved, 3 calls the same",
        ]

    def test_an_override_that_calls_super(self):
        """What was called directly before is called by the new method: it has moved."""
        old = make_trace(Node("Layer.__call__", Node("Layer.call", on="My"), on="My"))
        super_call = Node("Layer.call", on="My")
        new = make_trace(Node("Layer.__call__", Node("My.call", super_call), on="My"))
        assert found(old, new) == [
            ("added", None, "My.call", (), 1),
            ("moved", "Layer.call", "Layer.call", (), 1),
        ]

    def test_values_of_other_types(self):
        """Numbers that are equal but not alike differ, and not-a-number is like itself."""

        def of(value):
            return make_trace(Node("A.f", result=value))

        values = [1, True, 1.0, "1", Text("1"), None, float("nan"), -0.0, 0.0]
        equal = [
            (a, b) for a in range(9) for b in range(9) if not found(of(values[a]), of(values[b]))
        ]
        assert equal == [(n, n) for n in range(9)]

    def test_a_call_that_never_ended(self):
        """It differs from one that did."""
        assert found(make_trace(Node("A.f")), make_trace(Node("A.f", end="never"))) == [
            ("changed", "A.f", "A.f", ("error",), 1)
        ]

    def test_what_may_differ(self):
        """Arguments, results and errors are left out if that is asked for."""
        before = make_trace(Node("A.f", arguments={"x": 1}, result=1))
        after = make_trace(Node("A.f", arguments={"x": 2}, error=("E", "no")))
        assert found(before, after, ignore=["arguments", "result", "error"]) == []
        assert found(before, after, ignore="arguments")[0][3] == ("result", "error")
        with pytest.raises(callscope.CallscopeError, match="'time'"):
            callscope.diff(before, after, ignore=["time"])

    def test_addresses_are_left_out(self):
        """In the text of a value and in a message."""

        def of(address):
            value = Text(f"<object at {address}>")
            return make_trace(Node("A.f", arguments={"x": value}), Node("A.g", error=("E", value)))

        assert found(of("0x7f00aa"), of("0x7f11bb")) == []

    def test_nothing_of_hostile_text_gets_out(self):
        """What is shown stays on its line."""
        before = make_trace(Node("A.f", arguments={"x\n": "\x1b[31m"}))
        after = make_trace(Node("A.f", arguments={"x\n": Text("\x1b[32m\n")}, error=("E", "\x07")))
        assert all(c.isprintable() for c in str(callscope.diff(before, after)).replace("\n", ""))
        assert len(str(callscope.diff(before, after)).splitlines()) == 5


class TestObjects:
    @pytest.mark.parametrize("by", [7, 10**12])
    def test_numbers_that_are_shifted(self, by):
        """The objects of one trace are those of another by what is called on them."""
        nodes = [Node("A.f", arguments={"of": Text(f"B#{n}")}, instance=n) for n in (1, 2, 1, 2)]
        other = [
            Node("A.f", arguments={"of": Text(f"B#{n + by}")}, instance=n + by)
            for n in (1, 2, 1, 2)
        ]
        assert found(make_trace(*nodes), make_trace(*other)) == []

    def test_another_object(self):
        """A call that moves from one object to another has changed."""
        before = make_trace(*(Node("A.f", instance=n) for n in (1, 2, 1, 2, 1)))
        after = make_trace(*(Node("A.f", instance=n) for n in (5, 6, 5, 6, 6)))
        assert found(before, after) == [("changed", "A.f", "A.f", ("instance",), 1)]
        assert "object: #1 => #6" in str(callscope.diff(before, after))

    def test_another_object_is_passed(self):
        """An argument, or a result, that is another object has changed."""

        def of(*passed):
            made = [Node("B.__init__", instance=n) for n in (1, 2)]
            return make_trace(
                *made, *(Node("A.f", arguments={"b": Text(f"B#{n}")}, instance=3) for n in passed)
            )

        assert found(of(1, 2), of(1, 2)) == []
        assert found(of(1, 2), of(1, 1)) == [("changed", "A.f", "A.f", ("arguments",), 1)]

    def test_of_equal_calls_that_of_the_missing_object_is_missing(self):
        """What is known of objects decides which of several calls that look alike is gone."""
        made = [Node("A.__init__", arguments={"n": n}, instance=n) for n in (1, 2, 3)]
        before = make_trace(*made, *(Node("A.f", instance=n) for n in (1, 2, 3)))
        after = make_trace(*made, *(Node("A.f", instance=n) for n in (2, 3)))
        assert [(c.kind, c.before.instance) for c in callscope.diff(before, after)] == [
            ("removed", 1)
        ]


class TestThreads:
    def test_one_thread_of_any_name(self):
        """A name alone is no difference."""
        assert found(make_trace(Node("A.f", thread="a")), make_trace(Node("A.f", thread="b"))) == []

    def test_several(self):
        """Calls are compared with those of the same thread, in whatever order they came."""
        a, b = Node("A.f", thread="a"), Node("B.g", thread="b")
        assert found(make_trace(a, b), make_trace(b, a)) == []
        assert found(make_trace(a, b), make_trace(a, b, a)) == [("added", None, "A.f", (), 1)]

    def test_a_thread_that_is_gone(self):
        """Its calls are removed, or moved to where they are now."""
        a, b = Node("A.f", thread="a"), Node("B.g", thread="b", instance=2)
        c, d = Node("C.h", thread="c", instance=3), Node("B.g", thread="a", instance=2)
        assert sorted(found(make_trace(a, b, c), make_trace(a, d))) == [
            ("moved", "B.g", "B.g", (), 1),
            ("removed", "C.h", None, (), 1),
        ]


class TestLarge:
    def test_what_is_shown_is_bounded(self):
        """And what is not is counted by site."""
        before = make_trace(*(Node("A.f", result=n) for n in range(1000)))
        after = make_trace(*(Node("A.f", result=-n - 1) for n in range(1000)))
        diff = callscope.diff(before, after)
        lines = str(diff).splitlines()
        assert len(diff) == 1000
        assert lines[-3:] == [
            "... 900 more differences are not shown, of A.f (900)",
            "",
            "1,000 calls changed, 0 calls the same",
        ]
        assert len(lines) == 203
        assert len(diff.text(None).splitlines()) == 2002

    def test_what_differs_in_the_same_way(self):
        """Steps that differ as the step before are counted."""

        def of(result):
            steps = [Node("A.step", Node("A.f", result=result)) for _ in range(5)]
            return make_trace(Node("A.run", *steps, Node("A.end"), Node("A.step")))

        diff = callscope.diff(of(1), of(2))
        assert len(diff) == 5
        assert str(diff).splitlines() == [
            "  A.run() [A#1]",
            "    A.step() [A#1]",
            "~     A.f() [A#1] -> 1",
            "          result: 1 => 2",
            "    = the next 4 calls differ in the same way, each with all that it led to",
            "    = 2 calls the same",
            "",
            "5 calls changed, 8 calls the same",
        ]

    def test_a_deep_tree(self):
        """No recursion; of what leads to a difference the ends are shown."""

        def deep(changed):
            root = node = Node("A.f")
            for n in range(5000):
                node.children.append(Node("A.f", result=-1 if n == changed else n))
                node = node.children[0]
            return make_trace(root)

        diff = callscope.diff(deep(4000), deep(None))
        assert len(diff) == 1
        assert len(str(diff).splitlines()) == 4 + 1 + 4 + 2 + 1 + 2

    def test_below_what_was_added(self):
        """The first calls are shown."""
        added = Node("B.g", *(Node("B.h", arguments={"n": n}) for n in range(20)))
        diff = callscope.diff(make_trace(Node("A.f")), make_trace(Node("A.f"), added))
        assert str(diff).splitlines()[-3:] == [
            "+   ... 12 calls more below",
            "",
            "21 calls added, 1 call the same",
        ]

    @pytest.mark.parametrize("seed", range(3))
    def test_very_different_sequences(self, seed):
        """Where all is different, no pair of items is looked at for itself."""
        draw = random.Random(seed)
        ones, others = ([draw.randrange(50) for _ in range(2000)] for _ in "12")
        before, after = (
            make_trace(*(Node(f"A.f{n}") for n in numbers)) for numbers in (ones, others)
        )
        diff = callscope.diff(before, after)
        kinds = Counter(change.kind for change in diff)
        assert kinds["removed"] == kinds["added"]
        assert diff.same + kinds["removed"] + kinds["moved"] == 2000


# Trees in which each call has a number of its own, and edits that leave no doubt of what they were.
@st.composite
def edited(draw):
    count = draw(st.integers(1, 25))
    parents = [draw(st.integers(-1, n - 1)) for n in range(count)]
    instances = [draw(st.integers(1, 4)) for _ in range(count)]
    fates = st.sampled_from(["same", "same", "changed", "removed", "added before", "moved"])
    before, after = (
        Forest(parents, instances, 0),
        Forest(parents, instances, draw(st.integers(0, 9))),
    )
    expected, moved, done = Counter(), [], set()
    for n in range(count):
        before.hang(n)
        # One edit in each branch, so that none is within another.
        what = "same" if done.intersection(before.path(n)) else draw(fates)
        size = sum(n in before.path(other) for other in range(count))
        if what == "moved" and (parents[n] < 0 or size > count // 2):
            what = "same"
        if what in ("removed", "moved"):
            done.add(n)
            expected[what, n, size] += 1
        if what == "moved":
            moved.append(n)
        if what == "added before":
            after.siblings(n).append(Node("New.made", arguments={"n": n}, instance=90 + n))
            expected["added", n, 1] += 1
        if what == "changed":
            after.nodes[n].result = "other"
            expected["changed", n, 1] += 1
        if what not in ("removed", "moved"):
            after.hang(n)
    after.roots += [after.nodes[n] for n in moved]
    return before.roots, after.roots, expected


class Forest:
    """Trees of calls that are told apart by a number."""

    def __init__(self, parents, instances, offset):
        self.parents = parents
        self.roots = []
        self.nodes = [
            Node(f"A.f{n % 3}", arguments={"n": n}, instance=instance + offset)
            for n, instance in enumerate(instances)
        ]

    def path(self, n):
        while n >= 0:
            yield n
            n = self.parents[n]

    def siblings(self, n):
        return self.roots if self.parents[n] < 0 else self.nodes[self.parents[n]].children

    def hang(self, n):
        self.siblings(n).append(self.nodes[n])


def counted(diff):
    return Counter(
        (change.kind, (change.after or change.before).arguments["n"], change.calls)
        for change in diff
    )


def make_trace_of(roots):
    return make_trace(*roots)


class TestProperties:
    @settings(deadline=None)
    @given(edited())
    def test_nothing_differs_from_itself(self, roots):
        """diff(a, a) is empty, also for calls of one trace that were recorded again."""
        for trace, again in zip(*(map(make_trace_of, roots[:2]) for _ in "12"), strict=True):
            assert [*callscope.diff(trace, trace)] == [*callscope.diff(trace, again)] == []

    @settings(deadline=None)
    @given(edited())
    def test_calls_of_another_thread_do_not_matter(self, roots):
        """The differences in one thread are the same whether there is another or not."""
        before, after, _ = roots
        other = Node("B.g", Node("B.h", instance=200), instance=200, thread="other")
        alone = callscope.diff(make_trace(*before), make_trace(*after))
        both = callscope.diff(make_trace(other, *before), make_trace(*after, other))
        assert counted(both) == counted(alone)
        assert both.same == alone.same + 2

    @settings(deadline=None)
    @given(edited())
    def test_edits_are_found(self, roots):
        """Exactly what was done to a tree is what differs."""
        before, after, expected = roots
        assert counted(callscope.diff(make_trace(*before), make_trace(*after))) == expected

    @settings(deadline=None)
    @given(edited())
    def test_it_is_the_same_in_both_directions(self, roots):
        """What was added is removed, and all else is the same the other way round."""
        before, after = map(make_trace_of, roots[:2])
        turned = {"added": "removed", "removed": "added"}
        there = Counter(
            (turned.get(c.kind, c.kind), c.after, c.before, c.aspects, c.calls)
            for c in callscope.diff(before, after)
        )
        assert there == Counter(tuple(c) for c in callscope.diff(after, before))

    @settings(deadline=None)
    @given(st.data())
    def test_any_two_trees(self, data):
        """Of any two, too; and each call of either is in one difference or the same."""
        traces, sizes = [], []
        for _ in "12":
            nodes, roots = [], []
            for n in range(data.draw(st.integers(0, 12))):
                parent = data.draw(st.integers(-1, n - 1))
                site, instance = data.draw(st.integers(0, 2)), data.draw(st.integers(1, 2))
                node = Node(f"A.f{site}", result=data.draw(st.integers(0, 1)), instance=instance)
                (nodes[parent].children if parent >= 0 else roots).append(node)
                nodes.append(node)
            traces.append(make_trace(*roots))
            sizes.append(len(nodes))
        there, back = callscope.diff(*traces), callscope.diff(*reversed(traces))
        turned = {"added": "removed", "removed": "added"}
        assert Counter(tuple(c) for c in back) == Counter(
            (turned.get(c.kind, c.kind), c.after, c.before, c.aspects, c.calls) for c in there
        )
        kept = there.same + sum(c.calls for c in there if c.kind in ("changed", "moved"))
        assert sizes[0] == kept + sum(c.calls for c in there if c.kind == "removed")
        assert sizes[1] == kept + sum(c.calls for c in there if c.kind == "added")
        assert str(there)


class TestCommand:
    @pytest.fixture
    def folder(self, seed, tmp_path):
        for name, argument in (("a", 4), ("same", 4), ("b", 5)):
            with callscope.record(seed.Layer) as trace:
                seed.MyLayer(3)(argument)
            trace.save(tmp_path / f"{name}.jsonl")
        return tmp_path

    def test_equal_traces(self, folder):
        """The exit code is 0."""
        done = cli("diff", "a.jsonl", "same.jsonl", cwd=folder)
        assert (done.returncode, done.stdout) == (0, "no differences: 4 calls the same\n")

    def test_different_traces(self, folder):
        """The exit code is 1, and the differences are printed."""
        done = cli("diff", "a.jsonl", "b.jsonl", cwd=folder)
        assert done.returncode == 1
        assert done.stdout.splitlines() == [
            "  = 2 calls the same",
            "~ Layer.__call__(y=4) [MyLayer#1]",
            "      y: 4 => 5",
            "~   MyLayer.call(m=4) [MyLayer#1]",
            "        m: 4 => 5",
            "",
            "2 calls changed, 2 calls the same",
        ]

    def test_what_may_differ(self, folder):
        """As in Python."""
        assert (
            cli("diff", "--ignore", "arguments", "a.jsonl", "b.jsonl", cwd=folder).returncode == 0
        )

    def test_paths_in_python(self, folder):
        """`diff` takes them as the command line does, and refuses what is neither."""
        loaded = callscope.load(folder / "b.jsonl")
        expected = callscope.diff(callscope.load(folder / "a.jsonl"), loaded)
        assert str(callscope.diff(folder / "a.jsonl", str(folder / "b.jsonl"))) == str(expected)
        assert str(callscope.diff(str(folder / "a.jsonl"), loaded)) == str(expected)
        with pytest.raises(errors.OptionError, match="after must be a trace, or the path of one"):
            callscope.diff(loaded, 3)

    def test_json(self, folder):
        """For programs."""
        done = cli("diff", "--json", "a.jsonl", "b.jsonl", cwd=folder)
        assert json.loads(done.stdout)["changes"][1] == {
            "kind": "changed",
            "before": "MyLayer.call(m=4) [MyLayer#1]",
            "after": "MyLayer.call(m=5) [MyLayer#1]",
            "aspects": ["arguments"],
            "calls": 1,
        }

    def test_an_error(self, folder):
        """The exit code is 2: no difference is mistaken for an error, nor the other way round."""
        done = cli("diff", "a.jsonl", "none.jsonl", cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert "none.jsonl" in done.stderr

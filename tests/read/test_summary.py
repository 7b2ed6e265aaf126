"""`trace.summary()`: calls and times per site and per class, without what recording took."""

import asyncio
import builtins
import itertools
import json
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from building import Node, make_trace
from callscope.trace import Cost, Text

NOTHING = Cost(0, 0, 0)


def sites(trace, *fields, **options):
    summary = trace.summary(**options)
    return {site.site: tuple(getattr(site, field) for field in fields) for site in summary.sites}


def classes(trace, *fields):
    summary = trace.summary()
    return {c.runtime_class: tuple(getattr(c, field) for field in fields) for c in summary.classes}


class TestTimes:
    def test_total_and_self(self):
        """Total is with what was called, self without; the most time of its own comes first."""
        trace = make_trace(
            Node("A.f", Node("B.g", start=2, end=9), start=0, end=10), Node("A.f", start=20, end=25)
        )
        assert sites(trace, "calls", "total_ns", "self_ns") == {"A.f": (2, 15, 8), "B.g": (1, 7, 7)}
        assert [site.site for site in trace.summary().sites] == ["A.f", "B.g"]

    def test_a_recursion_counts_once(self):
        """In total, the outermost call alone counts; the mean is of all."""
        inner = Node("A.f", start=2, end=6)
        trace = make_trace(Node("A.f", inner, start=0, end=10))
        assert sites(trace, "total_ns", "self_ns", "mean_ns") == {"A.f": (10, 10, 7)}

    def test_percentiles(self):
        """Half of the calls, and 95 of 100, took no longer."""
        nodes = [Node("A.f", start=1000 * n, end=1000 * n + n) for n in range(1, 101)]
        assert sites(make_trace(*nodes), "p50_ns", "p95_ns") == {"A.f": (50, 95)}
        assert sites(make_trace(nodes[6]), "p50_ns", "p95_ns") == {"A.f": (7, 7)}

    def test_running_and_waiting_are_apart(self):
        """Time suspended is in no figure but `waiting_ns`."""
        trace = make_trace(Node("A.f", start=0, end=100, suspended=[(10, 40), (50, 80)]))
        assert sites(trace, "total_ns", "self_ns", "mean_ns", "waiting_ns") == {
            "A.f": (40, 40, 40, 60)
        }

    def test_a_call_that_never_ended(self):
        """It is counted, and has no time."""
        trace = make_trace(Node("A.f", end="never"), Node("A.f", start=10, end=14))
        assert sites(trace, "calls", "total_ns", "mean_ns") == {"A.f": (2, 4, 4)}

    def test_errors(self):
        """Calls that an exception ended are counted."""
        trace = make_trace(Node("A.f", error=("ValueError", "no")), Node("A.f"))
        assert sites(trace, "calls", "errors") == {"A.f": (2, 1)}

    def test_what_ran_in_another_thread_is_not_taken_off(self):
        """A child in a thread of its own leaves its parent's own time as it is."""
        child = Node("B.g", start=1, end=9, thread="worker")
        assert sites(make_trace(Node("A.f", child, start=0, end=10)), "self_ns", "total_ns") == {
            "A.f": (10, 10),
            "B.g": (8, 8),
        }

    def test_what_ran_while_its_parent_waited_is_not_taken_off(self):
        """A task that a coroutine made runs while the coroutine is suspended."""
        task = Node("B.g", start=20, end=30)
        trace = make_trace(Node("A.f", task, start=0, end=40, suspended=[(10, 35)]))
        assert sites(trace, "self_ns", "waiting_ns") == {"A.f": (15, 25), "B.g": (10, 0)}

    def test_a_generator_that_ran_on_after_its_parent(self):
        """Only what it ran within its parent is taken off."""
        generator = Node("B.g", start=2, end=100, suspended=[(5, 95)])
        trace = make_trace(Node("A.f", generator, start=0, end=10))
        assert sites(trace, "self_ns") == {"A.f": (7,), "B.g": (8,)}

    def test_real_coroutines(self):
        """Waiting is told from running in a recording, too."""

        class Job:
            async def run(self):
                await asyncio.sleep(0)

        with callscope.record(Job, methods=["run"]) as trace:
            asyncio.run(Job().run())
        (job,) = trace.summary().sites
        assert job.waiting_ns == trace.calls[0].waiting_ns > 0
        assert job.total_ns <= trace.calls[0].running_ns


@st.composite
def nodes(draw, depth=3):
    """Draw a call with calls below it; some are suspended, unfinished or in another thread."""
    start = draw(st.integers(0, 1_000))
    ticks = sorted(draw(st.lists(st.integers(start, 2_000), min_size=1, max_size=6)))
    suspended = ticks[:-1] if draw(st.booleans()) else []
    return Node(
        draw(st.sampled_from(["A.f", "A.g", "B.f", "C.f"])),
        *(draw(st.lists(nodes(depth - 1), max_size=3)) if depth else ()),
        on=draw(st.sampled_from(["A", "B"])),
        instance=draw(st.sampled_from([None, 1, 2])),
        arguments=draw(st.dictionaries(st.sampled_from("xy"), st.sampled_from([1, Text("C")]))),
        **draw(st.sampled_from([{}, {"result": Text("C")}, {"error": ("ValueError", "")}])),
        start=start,
        end=draw(st.sampled_from([ticks[-1], ticks[-1], "never"])),
        suspended=[*itertools.zip_longest(suspended[::2], suspended[1::2])],
        thread=draw(st.sampled_from(["MainThread", "MainThread", "worker"])),
    )


class Measured:
    """Times of a call by the definitions in `SiteSummary`, worked out call by call."""

    def __init__(self, call, cost, above=()):
        self.call = call
        self.path = (*above, call)
        self.children = [
            Measured(child, cost, self.path if child.thread == call.thread else ())
            for child in call.children
        ]
        inner = [child for child in self.children if child.call.thread == call.thread]
        values = [*call.arguments.values(), call.result]
        texts = sum(type(value) is Text for value in values)
        self.outside_ns = cost.outside_ns + texts * cost.summary_ns
        self.recording_ns = cost.inside_ns + self.outside_ns
        self.below_ns = sum(child.recording_ns + child.below_ns for child in inner)
        apart_ns = sum(child.outside_ns for child in inner)
        least_ns = sum(child.running_ns for child in inner if not child.call.suspensions)
        self.self_ns = max(0, (call.self_ns or 0) - apart_ns - cost.inside_ns)
        running_ns = (call.running_ns or 0) - self.below_ns - cost.inside_ns
        self.running_ns = max(running_ns, self.self_ns + least_ns)

    def all(self):
        """Return the measured calls of this tree."""
        return [self, *(entry for child in self.children for entry in child.all())]


def figures(entries, key):
    """Return what a summary says of some measured calls, which are alike by a key."""
    ran = sorted(entry.running_ns for entry in entries if entry.call.finished)
    outermost = [entry for entry in entries if sum(map(key, entry.path)) == 1]
    return (
        len(entries),
        sum(entry.call.error is not None for entry in entries),
        round(sum(entry.running_ns for entry in outermost)),
        round(sum(entry.self_ns for entry in entries)),
        statistics.mean(ran) if ran else 0,
        *(round(ran[math.ceil(len(ran) * p / 100) - 1]) if ran else 0 for p in (50, 95)),
        sum(entry.call.waiting_ns for entry in entries),
    )


class TestDefinition:
    @settings(deadline=None)
    @given(st.lists(nodes(), max_size=3), st.data())
    def test_figures_are_those_of_each_call(self, roots, data):
        """Working out the figures of all calls at once is as working them out one by one."""
        amounts = st.integers(0, 100).map(lambda number: number / 4)  # sums are exact
        cost = data.draw(st.none() | st.builds(Cost, amounts, amounts, amounts))
        trace = make_trace(*roots, cost=cost)
        measured = [Measured(root, cost or NOTHING).all() for root in trace.roots]
        entries = [*itertools.chain.from_iterable(measured)]
        summary = trace.summary()
        assert {site.site: site[1:] for site in summary.sites} == {
            name: figures(
                [entry for entry in entries if entry.call.site == name],
                lambda call, name=name: call.site == name,
            )
            for name in {call.site for call in trace}
        }
        assert {f"app.{entry.runtime_class}": entry[1:] for entry in summary.classes} == {
            name: (
                len({call.instance for call in trace if call.runtime_class == name} - {None}),
                *figures(
                    [entry for entry in entries if entry.call.runtime_class == name],
                    lambda call, name=name: call.runtime_class == name,
                ),
            )
            for name in {call.runtime_class for call in trace}
        }
        recording_ns = sum(entry.recording_ns for entry in entries)
        assert summary.recording_ns == (None if cost is None else round(recording_ns))


class TestClasses:
    def test_per_class_of_the_objects(self):
        """Whatever class the method is of; each moment counts once."""
        trace = make_trace(
            Node(
                "Layer.__call__",
                Node("MyLayer.call", start=2, end=8, instance=1),
                on="MyLayer",
                start=0,
                end=10,
            ),
            Node("MyLayer.call", start=20, end=21, instance=2),
        )
        fields = ("instances", "calls", "total_ns", "self_ns")
        assert classes(trace, *fields) == {"MyLayer": (2, 3, 11, 11)}

    def test_classes_of_one_name_have_their_modules(self, seed):
        """As in the tree."""
        other = type("Layer", (seed.Layer,), {"__module__": "other"})
        with callscope.record(seed.Layer) as trace:
            other(1)
            seed.Layer(1)
        assert {c.runtime_class for c in trace.summary().classes} == {"app.Layer", "other.Layer"}


class TestCost:
    def test_what_recording_took_is_taken_off(self):
        """Each call takes its share inside of it, and a child takes its other share as well."""
        trace = make_trace(
            Node("A.f", Node("B.g", start=200, end=400), start=0, end=1000),
            cost=Cost(inside_ns=50, outside_ns=100, summary_ns=0),
        )
        assert sites(trace, "total_ns", "self_ns") == {"A.f": (800, 650), "B.g": (150, 150)}
        assert trace.summary().recording_ns == 300
        assert trace.summary(corrected=False).recording_ns is None
        assert sites(trace, "total_ns", corrected=False) == {"A.f": (1000,), "B.g": (200,)}

    def test_what_was_summarized(self):
        """A captured value that is no scalar takes more."""
        arguments = {"x": Text("float32[2]"), "y": 3}
        child = Node("B.g", start=200, end=400, arguments=arguments, result=Text("float32[2]"))
        trace = make_trace(Node("A.f", child, start=0, end=1000), cost=Cost(0, 0, 7))
        assert sites(trace, "total_ns", "self_ns") == {"A.f": (986, 786), "B.g": (200, 200)}

    def test_what_recording_took_in_another_thread(self):
        """It is taken off nothing else."""
        child = Node("B.g", start=200, end=400, thread="worker")
        trace = make_trace(Node("A.f", child, start=0, end=1000), cost=Cost(1, 10, 0))
        assert sites(trace, "total_ns", "self_ns") == {"A.f": (999, 999), "B.g": (199, 199)}

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20), st.data())
    def test_never_negative(self, shape, data):
        """However much recording is said to have taken; and self is never more than total."""
        nodes = []
        for site, parent in shape:
            node = Node(f"A.f{site}")
            (nodes[parent % len(nodes)].children if nodes and parent else nodes).append(node)
            nodes.append(node)
        roots = [n for n in nodes if not any(n in other.children for other in nodes)]
        amounts = st.floats(0, 100)
        trace = make_trace(*dict.fromkeys(roots), cost=Cost(*(data.draw(amounts) for _ in "123")))
        for site in trace.summary().sites:
            assert 0 <= site.self_ns <= site.total_ns + 1
            assert 0 <= site.p50_ns <= site.p95_ns

    def test_it_is_measured_by_a_recording(self, seed_trace):
        """When a summary asks for it."""
        assert seed_trace.header.cost is None
        assert seed_trace.summary().recording_ns > 0
        cost = seed_trace.header.cost
        assert min(cost) >= 0
        assert cost.inside_ns + cost.outside_ns > 0

    def test_calibrating_is_no_part_of_a_trace(self, seed):
        """Not even of one that runs meanwhile and records everything."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)
            assert len(trace.summary().sites) == 2
        assert len(trace) == 2

    @pytest.mark.parametrize("capture", ["values", "types", "none"])
    def test_a_file_says_it(self, seed, tmp_path, capture):
        """Saved, or streamed, a trace has the figures of the process that recorded it."""
        with callscope.record(seed.Layer, capture=capture, to=tmp_path / "s.jsonl") as streamed:
            seed.MyLayer(3)(4)
        with callscope.record(seed.Layer, capture=capture) as kept:
            seed.MyLayer(3)(4)
        kept.save(tmp_path / "k.jsonl")
        assert callscope.load(tmp_path / "s.jsonl").cost == streamed.cost == kept.cost
        loaded = callscope.load(tmp_path / "k.jsonl")
        assert loaded.summary() == kept.summary()

    def test_a_file_that_does_not_say_it(self, seed_trace, tmp_path):
        """Nothing is taken off, as from a trace that something else has written."""
        lines = seed_trace.save(tmp_path / "t.jsonl").read_text().splitlines(keepends=True)
        header = json.loads(lines[0])
        del header["cost"]
        (tmp_path / "t.jsonl").write_text(json.dumps(header) + "\n" + "".join(lines[1:]))
        assert callscope.load(tmp_path / "t.jsonl").summary().recording_ns is None

    @pytest.mark.parametrize("wrong", [{}, {"inside_ns": -1}, {"inside_ns": "1"}, 3])
    def test_a_file_that_says_it_wrongly(self, seed_trace, tmp_path, wrong):
        """The error names the line."""
        lines = seed_trace.save(tmp_path / "t.jsonl").read_text().splitlines(keepends=True)
        header = json.dumps(json.loads(lines[0]) | {"cost": wrong})
        (tmp_path / "t.jsonl").write_text(header + "\n" + "".join(lines[1:]))
        with pytest.raises(callscope.CallscopeError, match="line 1"):
            callscope.load(tmp_path / "t.jsonl")


class TestForms:
    def trace(self, **options):
        return make_trace(
            Node("A.f", Node("B.g", start=2_000_000, end=2_500_000), start=0, end=4_000_000),
            cost=NOTHING,
            **options,
        )

    def test_text(self):
        """Two tables, what recording took, and the number of calls."""
        assert str(self.trace().summary()).splitlines() == [
            "site  calls  errors  total ms  self ms    mean us     p50 us     p95 us",
            "A.f       1       0     4.000    3.500  4,000.000  4,000.000  4,000.000",
            "B.g       1       0     0.500    0.500    500.000    500.000    500.000",
            "",
            "class  objects  calls  errors  total ms  self ms    mean us     p50 us     p95 us",
            "A            1      1       0     4.000    3.500  4,000.000  4,000.000  4,000.000",
            "B            1      1       0     0.500    0.500    500.000    500.000    500.000",
            "",
            "recording itself took at least 0.000 ms, which is taken off the times above",
            "2 calls",
        ]

    def test_waiting_is_a_column_where_something_waited(self):
        """And is none elsewhere."""
        trace = make_trace(Node("A.f", start=0, end=4_000_000, suspended=[(0, 1_000_000)]))
        assert "waiting ms" in str(trace.summary())
        assert "     1.000" in str(trace.summary())

    def test_what_is_not_in_the_trace(self):
        """Calls that were lost or left out are told of."""
        text = str(self.trace(lost=4, left_out={"app.A.f": 1000, "app.B.g": 5}).summary())
        assert (
            text.splitlines()[-1]
            == "2 calls; 4 more were made and not kept; 1,005 more were left out"
        )

    def test_of_nothing(self):
        """An empty trace has an empty summary."""
        assert str(make_trace().summary()).splitlines()[-1] == "0 calls"

    def test_dict(self):
        """Plain dicts and lists, which JSON can hold."""
        found = self.trace().summary().to_dict()
        assert json.loads(json.dumps(found)) == found
        assert (found["calls"], found["sites"][1]["site"], found["classes"][0]["instances"]) == (
            2,
            "B.g",
            1,
        )

    def test_data_frame(self):
        """A row per site, or per class."""
        pytest.importorskip("pandas", reason="pandas is not installed")
        summary = self.trace().summary()
        frame = summary.to_frame()
        assert list(frame.columns) == list(callscope.read.summary.SiteSummary._fields)
        assert frame["self_ns"].tolist() == [3_500_000, 500_000]
        assert summary.to_frame(by="class")["runtime_class"].tolist() == ["A", "B"]

    def test_a_data_frame_of_nothing_has_its_columns(self):
        """So that what reads them need not ask."""
        pytest.importorskip("pandas", reason="pandas is not installed")
        assert "self_ns" in make_trace().summary().to_frame().columns

    def test_no_pandas(self, monkeypatch):
        """The error says how to install it."""
        real = builtins.__import__

        def without(name, *rest):
            if name.partition(".")[0] == "pandas":
                raise ModuleNotFoundError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(callscope.CallscopeError, match=r"pip install 'callscope\[pandas\]'"):
            self.trace().summary().to_frame()

    def test_rows_of_what_is_not_known(self):
        """The error names what is."""
        with pytest.raises(callscope.CallscopeError, match="'site' or 'class'"):
            self.trace().summary().to_frame(by="method")

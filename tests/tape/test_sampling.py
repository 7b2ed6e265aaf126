"""`record(sample=..., max_per_second=...)`: long runs in small traces, and what is left out counted."""

import asyncio
from collections import Counter

import pytest

import callscope


class Base:
    def run(self, n):
        for i in range(n):
            self.step(i)

    def step(self, i):
        self.leaf(i)

    def leaf(self, i): ...

    async def job(self, i):
        await asyncio.gather(self.part(i), self.part(i))

    async def part(self, i):
        await asyncio.sleep(0)
        self.leaf(i)


Base.__module__ = "app"
METHODS = ["run", "step", "leaf", "job", "part"]


def record(**options):
    return callscope.record(Base, methods=METHODS, **options)


def counts(trace):
    """Return how many calls of each site were kept and left out."""
    kept = Counter(f"{call.defining_class}.{call.method}" for call in trace.calls)
    left_out = trace.left_out
    return {name: (kept[name], left_out.get(name, 0)) for name in {*kept, *left_out}}


class TestSample:
    def test_whole_trees_are_kept_or_left_out(self):
        """The outermost call decides on all that it leads to."""
        with record(sample=0.1) as trace:
            for _ in range(1000):
                Base().step(1)
        found = counts(trace)
        kept, left_out = found["app.Base.step"]
        assert found["app.Base.leaf"] == (kept, left_out)
        assert kept + left_out == 1000
        assert 60 < kept < 140
        assert all(len(root.children) == 1 for root in trace.roots)

    def test_two_runs_are_alike(self):
        """What is kept is no matter of chance."""

        def kept():
            with record(sample=0.5) as trace:
                for i in range(100):
                    Base().step(i)
            return [root.arguments["i"] for root in trace.roots]

        assert kept() == kept()

    @pytest.mark.parametrize(("part", "kept"), [(0, 0), (1, 100), (0.0, 0), (1.0, 100)])
    def test_none_and_all(self, part, kept):
        """The ends are exact."""
        with record(sample=part) as trace:
            for i in range(100):
                Base().leaf(i)
        assert (len(trace), sum(trace.left_out.values())) == (kept, 100 - kept)

    def test_by_site(self):
        """A call in the midst of a tree goes with what it leads to; all above it stays."""
        with record(sample={"*.step": 0.25}) as trace:
            Base().run(400)
        found = counts(trace)
        kept, left_out = found["app.Base.step"]
        assert found == {
            "app.Base.run": (1, 0),
            "app.Base.step": (kept, left_out),
            "app.Base.leaf": (kept, left_out),
        }
        assert kept + left_out == 400
        assert 60 < kept < 140
        assert {call.parent.site for call in trace.find("Base.step")} == {"Base.run"}

    def test_the_first_pattern_that_fits_counts(self):
        """By the site's short name or its qualified one."""
        with record(sample={"app.Base.leaf": 1, "Base.*": 0}) as trace:
            Base().run(3)
            Base().leaf(1)
        assert counts(trace) == {
            "app.Base.run": (0, 1),
            "app.Base.step": (0, 3),
            "app.Base.leaf": (1, 3),
        }

    def test_tasks_go_with_what_made_them(self):
        """A task of a coroutine that is left out is left out."""
        with record(sample={"*.job": 0.5}) as trace:
            for i in range(20):
                asyncio.run(Base().job(i))
        found = counts(trace)
        kept, left_out = found["app.Base.job"]
        assert kept + left_out == 20
        assert 0 < kept < 20
        assert found["app.Base.part"] == found["app.Base.leaf"] == (2 * kept, 2 * left_out)

    def test_with_a_predicate(self):
        """What `where` leaves out is no part of the sample, and is not counted."""
        with record(sample={"*.leaf": 0}, where=lambda call: call.method != "step") as trace:
            Base().run(3)
        assert counts(trace) == {"app.Base.run": (1, 0), "app.Base.leaf": (0, 3)}

    def test_with_a_limit(self):
        """What was left out takes no room."""
        with pytest.warns(callscope.CallscopeWarning, match="calls were made and not kept"):
            with record(sample={"*.step": 0}, max_calls=2) as trace:
                for _ in range(3):
                    Base().run(2)
        assert (len(trace), trace.lost, trace.left_out) == (
            2,
            1,
            {"app.Base.step": 6, "app.Base.leaf": 6},
        )


class TestRate:
    @pytest.fixture
    def now(self):
        """A clock that is set by hand, in seconds."""
        from callscope.tape.threads import TAPES

        real, now = TAPES.clock.cell_contents, [0.0]
        TAPES.set_clock(lambda: int(now[0] * 1e9))
        yield now
        TAPES.set_clock(real)

    def test_so_many_in_each_second(self, now):
        """The first of them at once, and then as time goes by."""
        with record(max_per_second=10) as trace:
            for tenth in range(50):
                now[0] = tenth / 10
                for _ in range(3):
                    Base().step(tenth)
        found = counts(trace)
        assert found["app.Base.step"] == found["app.Base.leaf"] == (59, 91)
        assert Counter(root.arguments["i"] for root in trace.roots)[49] == 1

    def test_less_than_one_in_a_second(self, now):
        """One in ten seconds is a rate like any other."""
        with record(max_per_second=0.1) as trace:
            for second in range(30):
                now[0] = second
                Base().leaf(second)
        assert [root.arguments["i"] for root in trace.roots] == [0, 10, 20]

    def test_by_site(self, now):
        """Each site that fits has a rate of its own."""
        with record(max_per_second={"Base.l*": 2, "Base.step": 4}) as trace:
            Base().run(5)
            now[0] = 1
            Base().run(5)
        assert counts(trace) == {
            "app.Base.run": (2, 0),
            "app.Base.step": (8, 2),
            "app.Base.leaf": (4, 6),
        }

    def test_with_a_sample(self, now):
        """Of what is in the sample, so many are kept."""
        with record(max_per_second=3, sample={"*.leaf": 0}) as trace:
            for _ in range(5):
                Base().step(1)
        assert counts(trace) == {"app.Base.step": (3, 2), "app.Base.leaf": (0, 5)}


class TestWhatIsLeftOut:
    def test_nothing_if_nothing_was_asked_for(self, seed_trace):
        """Then all is kept."""
        assert seed_trace.left_out == {}

    def test_it_is_told(self):
        """In the tree, in the outline and in the summary."""
        with record(sample=0) as trace:
            Base().step(1)
        assert trace.outline() == "2 more calls were left out, as was asked for"
        assert str(trace).endswith("2 more calls were left out, as was asked for")
        assert str(trace.summary()).endswith("0 calls; 2 more were left out")

    def test_files_say_it(self, tmp_path):
        """Saved, streamed, and merged."""
        options = {"sample": {"*.leaf": 0}}
        with record(**options) as kept:
            Base().run(3)
        with record(**options, to=tmp_path / "s.jsonl") as streamed:
            Base().run(3)
            assert streamed.left_out == {"app.Base.leaf": 3}
        kept.save(tmp_path / "k.jsonl")
        expected = {"app.Base.leaf": 3}
        assert expected == kept.left_out == streamed.left_out
        assert expected == callscope.load(tmp_path / "s.jsonl").left_out
        assert expected == callscope.load(tmp_path / "k.jsonl").left_out
        assert callscope.load(tmp_path / "[sk].jsonl").left_out == {"app.Base.leaf": 6}

    def test_nothing_else_is_told_of(self):
        """A sink sees what is kept."""
        seen = []

        class Sink:
            def on_event(self, event):
                seen.append(event.call.site)

            def flush(self): ...
            def close(self): ...

        with record(sample={"*.leaf": 0}, sinks=[Sink()]):
            Base().step(1)
        assert seen == ["Base.step", "Base.step"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 2}, "sample must be a number from 0 to 1, or a dict of such by site, got 2"),
        ({"sample": -0.1}, "from 0 to 1"),
        ({"sample": True}, "from 0 to 1"),
        ({"sample": float("nan")}, "from 0 to 1"),
        ({"sample": "0.1"}, "from 0 to 1"),
        ({"sample": {"A.f": 2}}, "from 0 to 1"),
        ({"sample": {3: 0.1}}, "keys of sample must be sites, .* got 3"),
        ({"sample": {"": 0.1}}, "keys of sample must be sites, .* got ''"),
        ({"max_per_second": 0}, "a number above 0"),
        ({"max_per_second": float("inf")}, "a number above 0"),
        ({"max_per_second": {"*": None}}, "a number above 0"),
    ],
)
def test_what_cannot_be_used(options, message):
    """The error names the option and what it takes."""
    with pytest.raises(callscope.CallscopeError, match=message):
        record(**options)

"""`Trace.filter`: a trace of some of the calls of another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from building import Node, make_trace
from callscope import errors
from strategies import forests


@pytest.fixture
def trace():
    """A trace of three objects, one of which fails."""
    return make_trace(
        Node(
            "Layer.__call__",
            Node(
                "MyLayer.call",
                Node(
                    "Layer.__call__",
                    Node("Part.call", on="Part", instance=2, end=400),
                    on="Part",
                    instance=2,
                    end=500,
                    start=100,
                ),
                Node(
                    "Part.call",
                    on="Part",
                    instance=3,
                    start=600,
                    end=700,
                    error=("ValueError", "no"),
                ),
                on="MyLayer",
                arguments={"y": 4, "scope": "s", "args[0]": 1},
                end=800,
            ),
            on="MyLayer",
            end=900,
        ),
        Node("MyLayer.call", end="never", arguments={"y": 5}),
    )


class TestCriteria:
    """Which calls are kept."""

    @pytest.mark.parametrize(
        ("criteria", "numbers"),
        [
            ({}, [1, 2, 3, 4, 5, 6]),
            ({"site": "*.call"}, [2, 4, 5, 6]),
            ({"object": "Part"}, [3, 4, 5]),
            ({"object": "app.P*"}, [3, 4, 5]),
            ({"object": "Part#3"}, [5]),
            ({"object": 2}, [3, 4]),
            ({"object": 0}, []),
            ({"depth": 1}, [1, 2, 6]),
            ({"min_ns": 400}, [1, 2, 3, 6]),
            ({"within": "Part"}, [3, 4, 5]),
            ({"within": "Layer.__call__"}, [1, 2, 3, 4, 5]),
            ({"within": "MyLayer.call", "object": "Part"}, [3, 4, 5]),
            ({"error": True}, [5]),
            ({"error": "ValueError"}, [5]),
            ({"error": KeyError}, []),
            ({"error": False, "site": "Part.*"}, [4]),
        ],
    )
    def test_all_must_fit(self, trace, criteria, numbers):
        """Sites, objects, depths, durations, places and errors, one by one and together."""
        assert [call.call_id for call in trace.filter(**criteria)] == numbers

    def test_classes_and_calls(self, seed, seed_trace):
        """A class may be given as it is, and a call of the trace."""
        assert len(seed_trace.filter(object=seed.MyLayer)) == 4
        assert len(seed_trace.filter(within=seed.Layer)) == 0
        assert len(seed_trace.filter(seed.MyLayer)) == 2
        top = seed_trace.calls[2]
        assert [*seed_trace.filter(within=top)] == [top, *top.children]
        with callscope.record(seed.Layer) as other:
            seed.MyLayer(3)
        assert len(seed_trace.filter(within=other.calls[0])) == 0

    def test_an_unknown_site_is_told(self, trace):
        """As `find` tells it."""
        with pytest.warns(errors.SiteWarning, match="No site matches 'call'"):
            assert not trace.filter("call")

    @pytest.mark.parametrize(
        ("criteria", "message"),
        [
            ({"depth": "1"}, "depth must be an integer, got '1'."),
            ({"min_ns": 0.5}, "min_ns must be an integer, got 0.5."),
            (
                {"object": 1.5},
                "object must be a class, a name such as 'LSTM#3', a pattern, or a number",
            ),
            (
                {"within": 3},
                "within must be a call, a class, a name such as 'LSTM#3', or a pattern",
            ),
        ],
    )
    def test_wrong_criteria(self, trace, criteria, message):
        """They are refused by name."""
        with pytest.raises(errors.OptionError, match=message):
            trace.filter(**criteria)


class TestResult:
    """What is left is a trace."""

    def test_calls_hang_below_the_nearest(self, trace):
        """Of the calls above that are kept."""
        assert trace.filter(object="Part", error=False).outline() == (
            "Layer.__call__() [Part#2]\n  Part.call() [Part#2]"
        )
        assert trace.filter("*.call").outline() == (
            "MyLayer.call(y=4, scope='s', args[0]=1) [MyLayer#1]\n"
            "  Part.call() [Part#2]\n"
            "  Part.call() [Part#3] !! ValueError: no\n"
            "MyLayer.call(y=5) [MyLayer#1] ..."
        )

    def test_the_calls_are_those_of_the_trace(self, trace):
        """Equal to them; the trace itself stays as it is."""
        before = trace.outline()
        chosen = trace.filter(depth=1, hide=["*"])
        assert [*chosen] == [trace[0], trace[1], trace[5]]
        assert trace[1] in chosen
        assert trace[2] not in chosen
        assert trace.outline() == before

    @pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
    def test_it_is_saved(self, trace, tmp_path, suffix):
        """And loaded."""
        if suffix == ".parquet":
            pytest.importorskip("pyarrow")
        chosen = trace.filter("*.call", hide="scope")
        loaded = callscope.load(chosen.save(tmp_path / f"t{suffix}"))
        assert loaded.outline() == chosen.outline()
        assert not callscope.diff(loaded, chosen)
        assert not loaded.findings()

    @pytest.mark.parametrize(
        "suffix", [".html", ".json", ".pftrace", ".mmd", ".txt", ".speedscope.json"]
    )
    def test_it_is_converted(self, trace, tmp_path, suffix):
        """To all files that are not loaded."""
        assert trace.filter(object="Part").save(tmp_path / f"t{suffix}").stat().st_size > 0

    def test_it_is_compared(self, seed):
        """Where two traces differ elsewhere, what was chosen is the same."""
        traces = []
        for y in (1, 2):
            with callscope.record(seed.Layer) as trace:
                seed.MyLayer(3)(y)
            traces.append(trace.filter("*.__init__"))
        assert not callscope.diff(*traces)

    def test_it_shows_no_mistake(self, seed):
        """What is missing would look like one."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)
        assert not trace.findings()
        assert not trace.filter("MyLayer.*").findings()

    def test_nothing_is_left(self, trace):
        """The text says of how many calls."""
        chosen = trace.filter(object="Nothing")
        assert (len(chosen), str(chosen)) == (0, "None of 6 calls meets the criteria.")

    def test_filters_of_filters(self, trace):
        """A filter may be applied to the result of another."""
        assert [call.call_id for call in trace.filter(object="Part").filter(depth=0)] == [3, 5]

    def test_while_it_is_recorded(self, seed):
        """It holds the calls so far."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)
            chosen = trace.filter("Layer.*")
            seed.MyLayer(4)
            assert chosen.outline() == "Layer.__init__(x=3) [MyLayer#1]"


class TestHide:
    """Arguments that are left out."""

    @pytest.mark.parametrize(
        ("names", "shown"),
        [
            ("scope", "(y=4, args[0]=1)"),
            (("y", "scope"), "(args[0]=1)"),
            (["args[0]"], "(y=4, scope='s')"),
            (["a*", "s*"], "(y=4)"),
            (["*"], "()"),
            ([], "(y=4, scope='s', args[0]=1)"),
        ],
    )
    def test_names_and_patterns(self, trace, names, shown):
        """A string is one name."""
        chosen = trace.filter(hide=names)
        assert chosen.outline().splitlines()[1] == f"  MyLayer.call{shown} [MyLayer#1]"
        assert len(chosen) == 6

    def test_arguments_of_each_call(self, seed):
        """Also where each call has others."""

        class Server(seed.Layer):
            def call(self, path, **scope):
                pass

        with callscope.record(seed.Layer, methods=("call",)) as trace:
            Server(0).call("/", headers=1)
            Server(0).call("/a", receive=2, headers=3)
        assert trace.filter(hide=("headers",)).outline() == (
            "Server.call(path='/') [Server#1]\nServer.call(path='/a', receive=2) [Server#2]"
        )

    def test_nothing_was_captured(self, seed):
        """Then there is nothing to hide."""
        with callscope.record(seed.Layer, capture="none") as trace:
            seed.MyLayer(3)
        assert trace.filter(hide="*").outline() == trace.outline()


@settings(deadline=None)
@given(forests(), st.data())
def test_any_filter(roots, data):
    """The calls that are kept are those that match, each below the nearest of those above it."""
    trace = make_trace(*roots)
    depth = data.draw(st.none() | st.integers(0, 2))
    number = data.draw(st.none() | st.integers(1, 2))
    site = data.draw(st.sampled_from(["*", "Layer.*", "*.call"]))
    chosen = trace.filter(site, depth=depth, object=number) if len(trace) else trace
    kept = [
        call for call in trace.find(site, instance=number) if depth is None or call.depth <= depth
    ]
    assert [*chosen] == kept
    for call in kept:
        above = call.parent
        while above is not None and above not in kept:
            above = above.parent
        assert chosen[chosen.index(call)].parent == above

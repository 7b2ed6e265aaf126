"""Perfetto's own format: it has the slices of the Chrome JSON, with all that is said of them."""

from __future__ import annotations

import gzip
from decimal import Decimal

import pytest
from hypothesis import given, settings

import callscope
from building import Node, hostile_node, make_trace, set_pids
from callscope import errors
from callscope.trace import Header, Text
from packets import Packets
from picture import Picture
from strategies import Running, programs
from test_chrome import (
    HOSTILE,
    ODD,
    by_a_coarse_clock,
    copy_of,
    interleavings,
    one_thread,
    play,
    play_all,
    recorded,
)

some = settings(max_examples=settings().max_examples // 2, deadline=None)


def saved(trace, folder):
    """Save a trace, check that the file has what the JSON has, and return what is in it."""
    packets = Packets(trace.save(folder / "t.pftrace"))
    picture = Picture(trace.save(folder / "t.json"))
    assert packets.names == picture.names
    assert described(packets) == described(picture)
    return packets


def described(picture):
    """Return all that is known of each slice, and what leads to it."""
    return sorted(
        (slice_text(one), sorted(map(str, map(slice_text, one.led_by)))) for one in picture.slices
    )


def slice_text(one):
    """Return a text that is the same for slices that look the same."""
    above = one.above and (one.above.name, one.above.start_ns)
    args = {name: comparable(value) for name, value in sorted(one.args.items())}
    return str((one.start_ns, one.duration_ns, one.name, one.category, one.track, above, args))


def comparable(value):
    """Return a value as it is in packets, where None is a text."""
    if isinstance(value, dict):
        return {name: comparable(one) for name, one in value.items()}
    return float(value) if isinstance(value, Decimal) else "None" if value is None else value


def test_the_seed_example(seed_trace, tmp_path):
    """Its four calls, with their values, in few bytes."""
    packets = saved(seed_trace, tmp_path)
    assert [(one.depth, one.name, one.args["arguments"]) for one in packets.slices] == [
        (0, "MyLayer.__init__", {"k": 3}),
        (1, "Layer.__init__", {"x": 3}),
        (0, "Layer.__call__", {"y": 4}),
        (1, "MyLayer.call", {"m": 4}),
    ]
    assert list(packets.names.values()) == ["MainThread"]


def test_when_the_recording_began(seed_trace, tmp_path):
    """The clock of the day is in the file, and times count from the beginning of the recording."""
    packets = saved(seed_trace, tmp_path)
    assert packets.clocks[1] == seed_trace.header.start_unix_ns
    assert packets.slices[0].start_ns == seed_trace.calls[0].start_ns - seed_trace.header.start_ns


def test_compressed(seed_trace, tmp_path):
    """Perfetto opens it as well."""
    plain = seed_trace.save(tmp_path / "t.pftrace").read_bytes()
    assert gzip.decompress(seed_trace.save(tmp_path / "t.pftrace.gz").read_bytes()) == plain


def test_calls_that_are_missing(seed, tmp_path):
    """Their number is told on the track of the process."""
    with pytest.warns(errors.TraceTruncatedWarning):
        with callscope.record(seed.Layer, max_calls=1) as trace:
            seed.MyLayer(3)(4)
    packets = saved(trace, tmp_path)
    assert packets.notes == [(trace.header.pid, "3 more calls were made and not kept")]


def test_no_calls(tmp_path):
    """A trace without calls is a file that names the process."""
    with callscope.record() as trace:
        pass
    assert saved(trace, tmp_path).processes == {trace.header.pid: "python"}


def test_unfinished_calls(tmp_path):
    """They begin and have no end."""
    with recorded() as trace:
        play([("call", 0), ("call", 0)])
    unfinished = saved(copy_of(trace), tmp_path)
    assert [one.duration_ns for one in unfinished.slices] == [None, None]


def test_processes(seed_trace, tmp_path):
    """Each has a track with its name; a number that is too large is replaced."""
    set_pids(seed_trace, [1, 7, 2**31 - 1, 2**40])
    packets = saved(seed_trace, tmp_path)
    assert {1, 7, 2**31 - 1} < packets.processes.keys()
    assert len(packets.processes) == 5
    assert max(packets.processes) == 2**31 - 1


@pytest.mark.parametrize("ticks", [2, 3, 1_000])
def test_a_coarse_clock(ticks, tmp_path):
    """Calls that begin and end at one instant nest as they did."""
    trace = by_a_coarse_clock(ticks)
    assert [one.depth for one in saved(trace, tmp_path).slices] == [c.depth for c in trace.calls]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text(text, tmp_path):
    """Whatever a program names or passes is text."""
    failed = hostile_node(text, error=(text, text))
    good = hostile_node(text, start=20, result=Text(text))
    saved(make_trace(failed, good, lost=1, header=Header(7, 1, 2, text, text, (text,))), tmp_path)


def assert_written_as_any_others(trace, folder):
    """Check that the fast way of writing calls gives the file that the general way gives."""
    fast = trace.save(folder / "fast.pftrace").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("callscope.read.formats.perfetto.are_plain", lambda table: False)
        assert trace.save(folder / "general.pftrace").read_bytes() == fast


@pytest.mark.parametrize("value", ODD)
def test_calls_of_one_argument(value, tmp_path):
    """Calls of one thread with one argument each are written as any others."""
    trace = make_trace(*(Node("Layer.call", arguments={"x": x}) for x in (1, value, 3)))
    assert_written_as_any_others(trace, tmp_path)
    saved(trace, tmp_path)


@some
@given(one_thread)
def test_calls_of_one_thread(tmp_path_factory, roots):
    """Any calls that nest are written the same in both ways, and as in the JSON."""
    trace, folder = make_trace(*roots), tmp_path_factory.mktemp("perfetto")
    assert_written_as_any_others(trace, folder)
    saved(trace, folder)


def test_more_texts_than_are_cached(tmp_path):
    """Numbers, values, times and sizes of all lengths, more than any cache keeps."""
    count = 20_000
    nodes = [
        Node(
            "Layer.call",
            instance=n,
            arguments={"x": 7**n % 2**64},
            start=n**2 * 3,
            end=n**2 * 3 + n,
        )
        for n in range(1, count)
    ]
    trace = make_trace(
        *nodes, Node("Layer.call", arguments={"x": "long" * 999}, start=3 * count**2)
    )
    assert_written_as_any_others(trace, tmp_path)
    saved(trace, tmp_path)


@some
@given(program=programs())
def test_random_programs(program, tmp_path_factory):
    """All that a random hierarchy does is in the file."""
    running = Running(program)
    with callscope.record(*running.roots) as trace:
        running.run()
    saved(trace, tmp_path_factory.mktemp("perfetto"))


@some
@given(plans=interleavings)
def test_random_interleavings(plans, tmp_path_factory):
    """Suspensions, tracks and arrows of threads, tasks and generators are those of the JSON."""
    with recorded() as trace:
        kept = play_all(plans)
    saved(trace, tmp_path_factory.mktemp("perfetto"))
    del kept

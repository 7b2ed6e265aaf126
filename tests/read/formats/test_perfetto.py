"""Perfetto itself reads our files: its own SQL engine returns what we wrote, and finds no fault."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

import callscope
from building import Node, hostile_node, make_trace
from callscope.trace import Header
from perfetto import Perfetto
from picture import Picture
from test_chrome import (
    HOSTILE,
    Work,
    by_a_coarse_clock,
    play,
    play_async,
    recorded,
    run_in_thread,
)

DOCS = Path(__file__).parents[3] / "docs" / "perfetto.md"
FAULTS = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"
SLICES = """
select s.ts, s.dur, s.name, s.category, s.depth, process.pid, thread.tid, thread.name,
       parent.ts, parent.name
from slice s
join thread_track on s.track_id = thread_track.id
join thread using (utid)
join process using (upid)
left join slice parent on s.parent_id = parent.id
"""
FLOWS = """
select a.ts, a.name, b.ts, b.name
from flow join slice a on slice_out = a.id join slice b on slice_in = b.id
"""
ARGS = """
select ts, depth, key, coalesce(int_value, string_value, real_value)
from slice join args using (arg_set_id) where key glob '{}*'
"""


@pytest.fixture(scope="module")
def perfetto():
    """The UI, started once."""
    ui = Perfetto()
    yield ui
    ui.close()


def assert_same(perfetto, path):
    """Check that Perfetto sees what the rules of `picture` make of a file."""
    picture = Picture(path)
    perfetto.open(path)
    assert perfetto.query(FAULTS) == []
    assert sorted(perfetto.query(SLICES), key=str) == sorted(
        (
            (
                one.start_ns,
                -1 if one.duration_ns is None else one.duration_ns,
                one.name or "[No name]",
                one.category,
                one.depth,
                *one.track,
                picture.names[one.track],
                one.above and one.above.start_ns,
                one.above and one.above.name,
            )
            for one in picture.slices
        ),
        key=str,
    )
    arrows = [(source, one) for one in picture.slices for source in one.led_by]
    assert sorted(perfetto.query(FLOWS)) == sorted(
        (source.start_ns, source.name, one.start_ns, one.name) for source, one in arrows
    )
    return picture


def assert_same_as_json(perfetto, trace, folder):
    """Check that Perfetto sees in a file of its own format what it sees in the JSON."""
    seen = []
    for suffix, prefix in ((".json", "args."), (".pftrace", "debug.")):
        perfetto.open(trace.save(folder / f"t{suffix}"))
        assert perfetto.query(FAULTS) == []
        args = {}
        for ts, depth, key, value in perfetto.query(ARGS.format(prefix)):
            args.setdefault((ts, depth), {})[key.removeprefix(prefix)] = value
        tables = [sorted(perfetto.query(sql), key=str) for sql in (SLICES, FLOWS)]
        seen.append((*tables, sorted(args.items())))
    assert seen[0] == seen[1]
    return seen[0]


def everything(kept):
    """Return a recording with threads, tasks, generators by turns, errors and unfinished calls."""
    steps = [("begin", 3), ("step", 1), ("begin", 2), ("step", 2), ("call", 2), ("relay", 2)]

    async def main():
        await asyncio.gather(play_async(steps), play_async(steps[::-1]), return_exceptions=True)

    work = Work()
    with recorded() as trace:
        play([*steps, ("begin", 3), ("call", 4)], kept)
        work.call(lambda: asyncio.run(main()))
        for _ in range(2):
            run_in_thread(lambda: play(steps, kept), "same")
        work.call(lambda: run_in_thread(callscope.carry(lambda: work.call(dict)), "other"))
        with pytest.raises(ZeroDivisionError):
            work.call(lambda: 1 / 0)
    return trace


def test_everything_at_once(perfetto, tmp_path):
    """Names, depths, durations, parents and arrows are as they were written."""
    kept = []
    trace = everything(kept)
    picture = assert_same(perfetto, trace.save(tmp_path / "t.json"))
    assert len(picture.calls) == len(trace.calls)
    assert {one.duration_ns for one in picture.calls} >= {None}
    assert sum(len(one.led_by) for one in picture.calls) > 5


def test_packets_with_everything(perfetto, tmp_path):
    """A `.pftrace` has the slices, the tracks, the arrows and the arguments of the JSON."""
    kept = []
    trace = everything(kept)
    slices, flows, args = assert_same_as_json(perfetto, trace, tmp_path)
    assert len(slices) > len(trace.calls)
    assert len(flows) > 5
    assert len(args) == len(trace.calls)


def test_packets_of_one_thread(perfetto, seed_trace, tmp_path):
    """So has that of plain calls, and it is compressed as well."""
    slices, _, args = assert_same_as_json(perfetto, seed_trace, tmp_path)
    assert len(slices) == len(args) == 4
    perfetto.open(seed_trace.save(tmp_path / "t.pftrace.gz"))
    assert len(perfetto.query(SLICES)) == 4


def test_the_seed_example_to_the_nanosecond(perfetto, seed_trace, tmp_path):
    """Its four calls, compressed."""
    perfetto.open(seed_trace.save(tmp_path / "t.json.gz"))
    zero_ns = seed_trace.header.start_ns
    assert perfetto.query("select ts, dur, name, depth from slice order by ts") == [
        (call.start_ns - zero_ns, call.duration_ns, call.site, call.depth)
        for call in seed_trace.calls
    ]
    assert perfetto.query(
        "select extract_arg(arg_set_id, 'args.defining_class'),"
        " extract_arg(arg_set_id, 'args.object'), extract_arg(arg_set_id, 'args.arguments.k')"
        " from slice order by ts limit 1"
    ) == [("MyLayer", "MyLayer#1", 3)]
    assert perfetto.query(FAULTS) == []


def test_the_whole_range_of_times(perfetto, tmp_path):
    """Any nanosecond of the first hundred days comes out as it went in."""
    times = sorted({10**n + 10**m + 1: 10**m + 1 for n in range(1, 16) for m in range(n)}.items())
    calls = [one_call(start, duration, thread=f"t{n}") for n, (start, duration) in enumerate(times)]
    path = trace_of(calls).save(tmp_path / "t.json")
    perfetto.open(path)
    assert perfetto.query("select ts, dur from slice order by ts") == times
    assert perfetto.query(FAULTS) == []


@pytest.mark.parametrize("ticks", [2, 1_000])
def test_a_coarse_clock(perfetto, ticks, tmp_path):
    """Calls that begin and end at one instant nest as they did, in both formats."""
    trace = by_a_coarse_clock(ticks)
    assert_same(perfetto, trace.save(tmp_path / "t.json"))
    depths = "select depth, count(*) from slice group by depth"
    assert sorted(perfetto.query(depths)) == [(0, 3), (1, 6), (2, 3)]
    perfetto.open(trace.save(tmp_path / "t.pftrace"))
    assert sorted(perfetto.query(depths)) == [(0, 3), (1, 6), (2, 3)]


def test_hostile_text(perfetto, tmp_path):
    """Nothing that a program names or passes keeps a file from being read."""
    nodes = [
        hostile_node(text, start=1 + number * 10, error=(text, text))
        for number, text in enumerate(HOSTILE)
    ]
    for suffix in (".json", ".pftrace"):
        perfetto.open(trace_of(nodes, HOSTILE).save(tmp_path / f"t{suffix}"))
        assert perfetto.query(FAULTS) == []
        found = perfetto.query("select ts, dur, category from slice order by ts")
        assert found == [(0, 0, "lost"), *((node.start, 5, "error") for node in nodes)]


def test_values(perfetto, tmp_path):
    """Numbers stay numbers as far as SQL has such."""
    values = {
        "int": 2**63 - 1,
        "negative": -(2**63) + 1,
        "large": 2**70,
        "float": 1.5e300,
        "tiny": 1e-300,
        "infinite": float("inf"),
        "yes": True,
        "none": None,
        "text": "42",
    }
    perfetto.open(trace_of([one_call(5, 5, arguments=values)]).save(tmp_path / "t.json"))
    rows = perfetto.query(
        "select key, coalesce(int_value, string_value, real_value) from args"
        " where key glob 'args.arguments.*'"
    )
    found = {key.rpartition(".")[2]: value for key, value in rows}
    tiny = found.pop("tiny")
    assert tiny == pytest.approx(1e-300)
    assert found == {
        "int": 2**63 - 1,
        "negative": -(2**63) + 1,
        "large": str(2**70),
        "float": pytest.approx(1.5e300),
        "infinite": "inf",
        "yes": 1,
        "text": "42",
    }
    assert perfetto.query(FAULTS) == []


def test_several_processes(perfetto, tmp_path):
    """Each with its own threads of one name."""
    nodes = [
        one_call(number * 10, 5, thread=thread, pid=pid)
        for number, pid in enumerate((7, 8, 1, 2**40))
        for thread in ("MainThread", "worker")
    ]
    assert_same(perfetto, trace_of(nodes).save(tmp_path / "t.json"))


def test_the_recipes_of_the_docs(perfetto, tmp_path):
    """Each query of the page runs on a trace with everything in it, and finds something."""
    kept = []
    trace = everything(kept)
    recipes = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(recipes) >= 5
    for suffix in (".json", ".pftrace"):
        perfetto.open(trace.save(tmp_path / f"t{suffix}"))
        for recipe in recipes:
            rows = perfetto.query(recipe)
            assert rows or recipe.startswith("create"), recipe


def one_call(start_ns, duration_ns, pid=7, **options):
    return Node("Layer.call", start=start_ns, end=start_ns + duration_ns, pid=pid, **options)


def trace_of(nodes, texts=()):
    header = Header(7, 0, 10**18, "3.13", "1", tuple(texts))
    return make_trace(*nodes, header=header, lost=1 if texts else 0)

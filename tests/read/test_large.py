"""Traces that are read in parts: they answer as if they were in memory."""

import random
import subprocess
import sys

import pytest

import callscope
from callscope import errors
from callscope.tools.cli import main
from tests.support.building import Node, make_trace

pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra 'parquet'")
reader = pytest.importorskip("callscope.read.formats.parquet.reader")
PACKAGE = "callscope.read.formats.parquet"


@pytest.fixture(params=[1, 2, 7, 1_000])
def in_parts(request, monkeypatch):
    """Read every file in parts of so many rows."""
    monkeypatch.setattr(f"{PACKAGE}._LARGE", 0)
    monkeypatch.setattr(f"{PACKAGE}._LARGE_BYTES", 0)
    monkeypatch.setattr(reader, "_BATCH", request.param)


def make_random(rng):
    """Return a trace of some threads, of which the last calls may not have ended."""

    def grow(depth, thread):
        return Node(
            rng.choice(["A.x", "A.y", "B.x"]),
            *(grow(depth - 1, thread) for _ in range(rng.randrange(4) if depth else 0)),
            on=rng.choice(["A", "B", "C"]),
            instance=rng.choice([None, 1, 2, 5_000]),
            error=rng.choice([None, None, None, ("E", "m")]),
            thread=rng.choice([thread, thread, thread, "other"]),
        )

    roots = [grow(4, "main") for _ in range(3)]
    open_calls, node = rng.randrange(5), roots[-1]
    while open_calls and node is not None:
        node.end, node.error, open_calls = "never", None, open_calls - 1
        node = node.children[-1] if node.children else None
    return make_trace(*roots)


def describe(calls):
    return [
        (
            *(call.call_id, call.site, call.start_ns, call.duration_ns, call.self_ns, call.depth),
            *(call.result, call.error, call.parent and call.parent.call_id),
            [child.call_id for child in call.children],
        )
        for call in calls
    ]


@pytest.mark.parametrize("seed", range(10))
def test_a_summary(in_parts, tmp_path, seed):
    """It is that of the trace in memory, from which nothing is subtracted."""
    trace = make_random(random.Random(seed))
    loaded = callscope.load(trace.save(tmp_path / "t.parquet"))
    actual, expected = loaded.summary(), trace.summary(corrected=False)
    assert sorted(actual.sites) == sorted(expected.sites)
    assert sorted(actual.classes) == sorted(expected.classes)
    assert actual[2:] == expected[2:]
    assert len(loaded) == len(trace)


@pytest.mark.filterwarnings("ignore:No site")
@pytest.mark.parametrize("seed", range(10))
def test_find(in_parts, tmp_path, seed):
    """The calls have their parents, and all that is below them."""
    trace = make_random(random.Random(seed))
    loaded = callscope.load(trace.save(tmp_path / "t.parquet"))
    for criteria in (
        {"site": "A.x"},
        {"error": True},
        {"instance": 2},
        {"runtime_class": "B", "where": lambda call: call.depth > 2},
    ):
        assert describe(loaded.find(**criteria)) == describe(trace.find(**criteria))


def test_what_cannot_be_found(in_parts, seed_trace, tmp_path):
    """A site that no part knows is warned of once; `within` is refused."""
    loaded = callscope.load(seed_trace.save(tmp_path / "t.parquet"))
    with pytest.warns(errors.SiteWarning, match=r"No site matches 'Layer\.cal'") as warned:
        assert loaded.find("Layer.cal") == []
    assert len(warned) == 1
    with pytest.raises(errors.OptionError, match="within must be None"):
        loaded.find(within=seed_trace[0])


def test_suspended_calls(in_parts, tmp_path):
    """The time they wait is no part of the others."""
    trace = make_trace(
        Node(
            "A.x",
            Node("A.y", start=2, end=20, suspended=[(3, 10), (12, 15)]),
            Node("B.x", start=21, end=22),
            start=1,
            end=30,
        )
    )
    loaded = callscope.load(trace.save(tmp_path / "t.parquet"))
    expected = trace.summary(corrected=False)
    assert sorted(loaded.summary().sites) == sorted(expected.sites)


def test_the_first_calls_are_shown(monkeypatch, seed_trace, tmp_path, capsys):
    """The last line says how many more there are."""
    monkeypatch.setattr(f"{PACKAGE}._LARGE", 3)
    monkeypatch.setattr(f"{PACKAGE}._LARGE_BYTES", 0)
    monkeypatch.setattr(reader, "_BATCH", 3)
    path = seed_trace.save(tmp_path / "t.parquet")
    assert main(["view", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Layer.__call__" in lines[2]
    assert lines[3].startswith("... 1 more calls")
    assert main(["view", "--outline", str(path)]) == 0
    assert capsys.readouterr().out == f"{seed_trace.outline()}\n"


def test_damage_is_named_when_it_is_reached(in_parts, seed_trace, tmp_path):
    """The file is refused by each question that comes to the damaged row."""
    path = tmp_path / "t.parquet"
    table = seed_trace.to_arrow()
    index = table.schema.get_field_index("duration_ns")
    durations = pa.array([*table["duration_ns"].to_pylist()[:3], -1])
    parquet.write_table(table.set_column(index, "duration_ns", durations), path)
    loaded = callscope.load(path)
    for read in (loaded.summary, loaded.find, loaded.findings):
        with pytest.raises(errors.TraceFormatError, match="after row 3: it happens before"):
            read()


_SUMMARIZE = """
import sys
from pathlib import Path
import callscope
from callscope.read.formats import parquet
def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
parquet._LARGE = 0
trace = callscope.load(sys.argv[1])
next(trace._file.parts())
before = peak()
if sys.argv[2] == "parts":
    trace.summary(), trace.find(instance=1), str(trace)
else:
    trace.calls
print(peak() - before, len(trace))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory(tmp_path):
    """Parts take up little memory, unlike the calls."""
    large = pytest.importorskip("benchmarks.checks.large")
    path = tmp_path / "t.parquet"
    calls = large.write_large(path, 3_000_000)
    peaks = {}
    for how in ("parts", "whole"):
        command = [sys.executable, "-c", _SUMMARIZE, str(path), how]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        peak, count = map(int, result.stdout.split())
        assert count == calls
        peaks[how] = peak * 1_024
    assert peaks["parts"] < 50 * calls < peaks["whole"]

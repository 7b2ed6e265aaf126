"""Traces that are read in parts: they answer as if they were in memory."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import callscope
from callscope import errors
from callscope.read.large import LargeTrace
from callscope.read.trace import Trace
from callscope.tools.cli import main
from callscope.trace import (
    NO_ROW,
    Callee,
    CallError,
    Cost,
    Header,
    Recorded,
    TableBuilder,
    Text,
)
from tests.support.building import Node, make_trace

pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra 'parquet'")
reader = pytest.importorskip("callscope.read.formats.parquet.reader")
PACKAGE = "callscope.read.formats.parquet"


@pytest.fixture(params=[1, 2, 7, 1_000])
def in_parts(request, monkeypatch):
    """Read every file in parts of so many rows."""
    monkeypatch.setattr(f"{PACKAGE}._LARGE", 0)
    monkeypatch.setattr(reader, "_BATCH", request.param)


COSTS = st.none() | st.builds(Cost, *(st.floats(0, 3, width=32) for _ in "123"))
CALLEES = [
    Callee(method, f"app.{cls}", f"app.{on}", 0, ("x",), None, None)
    for method in ("x", "y")
    for cls, on in ("AA", "AB", "BB")
]
OUTCOMES = st.sampled_from([None, 3, Text("int[4]"), CallError("E", "m")])


class Simulation:
    """A program in several threads and tasks: calls begin below any others, and end at any time."""

    def __init__(self):
        self.builder = TableBuilder()
        self.now = 0
        self.states = {}

    def act(self, act, number, strand, value):
        rows = sorted(self.states)
        row = rows[number % len(rows)] if rows else NO_ROW
        table, state = self.builder.table, self.states.get(row)
        if act == "begin":
            self._begin(NO_ROW if number % 5 == 0 else row, number, strand, value)
        elif act == "end" and state is not None:
            self._end(row, value)
        elif act == "switch" and state == "running":
            table.suspensions.setdefault(row, []).append(self.now)

    def _begin(self, parent, number, strand, value):
        builder = self.builder
        callee = builder.callee(CALLEES[number % len(CALLEES)])
        row = builder.append(
            *(len(builder.table) + 1, self.now, parent, callee, builder.strand(strand)),
            *(number % 4, False, (1,) if isinstance(value, CallError) else (value,)),
        )
        self.states[row] = "running"

    def _end(self, row, value):
        table = self.builder.table
        if self.states[row] == "running":
            self.states[row] = "ended"
            table.end_ns[row], table.outcome[row] = self.now, value


STRANDS = st.sampled_from([(1, "main", None), (1, "main", "task"), (1, "other", None)])
ACTS = st.tuples(
    st.sampled_from(["begin", "begin", "begin", "end", "end", "switch"]),
    st.integers(0, 1_000),
    STRANDS,
    OUTCOMES,
)


@st.composite
def random_traces(draw):
    """Draw a trace whose calls outlast their parents, wait, run in several threads, or never end."""
    simulation = Simulation()
    simulation.act("begin", 0, (1, "main", None), None)
    for act in draw(st.lists(ACTS, max_size=40)):
        simulation.now += draw(st.integers(0, 20))
        simulation.act(*act)
    header = Header(1, 0, 0, "3.11.7", "0", (), cost=draw(COSTS))
    recorded = Recorded(simulation.builder.table, 0, {}, is_final=True)
    return Trace(header, lambda: recorded)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("large")


SIZES = st.sampled_from([1, 2, 3, 5, 7, 100])
many = settings(deadline=None, suppress_health_check=[*HealthCheck])


@pytest.mark.filterwarnings("ignore:No site")
@many
@given(trace=random_traces(), rows=SIZES, group=SIZES)
def test_questions_to_random_traces(folder, trace, rows, group):
    """In parts of any size, the answers are those of the trace in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{PACKAGE}._LARGE", 0)
        patch.setattr(reader, "_BATCH", rows)
        path = trace.save(folder / "t.parquet")
        parquet.write_table(parquet.read_table(path), path, row_group_size=group)
        loaded = callscope.load(path)
        assert isinstance(loaded, LargeTrace)
        patch.setattr(loaded, "_read", None)  # none of these reads the whole file
        for corrected in (True, False):
            assert loaded.summary(corrected=corrected) == trace.summary(corrected=corrected)
        for criteria in ({"site": "A.x"}, {"error": True}, {"instance": 2}):
            assert describe(loaded.find(**criteria)) == describe(trace.find(**criteria))
        for suffix in (".jsonl", ".parquet"):
            assert loaded.save(folder / f"parts{suffix}").suffix == suffix
    lines = trace.save(folder / "whole.jsonl").read_bytes()
    assert (folder / "parts.jsonl").read_bytes() == lines
    assert callscope.load(folder / "parts.parquet").to_arrow() == trace.to_arrow()


@pytest.mark.parametrize("suffix", [".html", ".mmd", ".speedscope.json", ".txt"])
def test_formats_of_all_calls_at_once(in_parts, seed_trace, tmp_path, capsys, suffix):
    """They are refused, and the message says which are not."""
    path = seed_trace.save(tmp_path / "t.parquet")
    assert main(["convert", str(path), "-o", str(tmp_path / f"t{suffix}")]) == 2
    shown = capsys.readouterr().err
    assert "all calls at once, and 4 are too many" in shown
    assert "Save them as '.jsonl' or '.json' or '.pftrace' or '.parquet'" in shown
    assert not (tmp_path / f"t{suffix}").exists()


@pytest.mark.parametrize("suffix", [".json", ".pftrace.gz"])
@pytest.mark.parametrize("kind", ["plain", "two threads", "one never ends"])
def test_timelines(folder, in_parts, monkeypatch, suffix, kind):
    """They are those of the trace in memory; only calls that are not plain are read at once."""

    def make_tree(number):
        text, error = {"x": Text(f"int[{number}]")}, ("E", "m") if number == 2 else None
        inner = Node("B.x", on="C", instance=number, arguments={"x": number}, error=error)
        return Node(
            "A.x", Node("A.y", inner, result="r"), Node("A.y", instance=None), arguments=text
        )

    last = Node("A.x")
    last.thread = "other" if kind == "two threads" else "MainThread"
    last.end = "never" if kind == "one never ends" else None
    trace = make_trace(*map(make_tree, range(5)), last, lost=3)
    loaded = callscope.load(trace.save(folder / "t.parquet"))
    if kind == "plain":
        monkeypatch.setattr(loaded._file, "read", None)
    saved = loaded.save(folder / f"parts{suffix}").read_bytes()
    assert saved == trace.save(folder / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_convert(in_parts, seed_trace, tmp_path, capsys, suffix):
    """The file is that of the trace in memory."""
    path, converted = seed_trace.save(tmp_path / "t.parquet"), tmp_path / f"u{suffix}"
    assert main(["convert", str(path), "-o", str(converted)]) == 0
    assert capsys.readouterr().out == f"4 calls saved to {converted}\n"
    assert callscope.load(converted).outline() == seed_trace.outline()


def describe(calls):
    return [
        (
            *(call.call_id, call.site, call.start_ns, call.duration_ns, call.self_ns, call.depth),
            *(call.result, call.error, call.parent and call.parent.call_id),
            [child.call_id for child in call.children],
        )
        for call in calls
    ]


def test_what_cannot_be_found(in_parts, seed_trace, tmp_path):
    """A site that no part knows is warned of once; `within` is refused."""
    loaded = callscope.load(seed_trace.save(tmp_path / "t.parquet"))
    with pytest.warns(errors.SiteWarning, match=r"No site matches 'Layer\.cal'") as warned:
        assert loaded.find("Layer.cal") == []
    assert len(warned) == 1
    with pytest.raises(errors.OptionError, match="within must be None"):
        loaded.find(within=seed_trace[0])


def test_what_reads_all_calls_at_once(in_parts, seed_trace, tmp_path):
    """Filters and trees are those of a trace in memory."""
    loaded = callscope.load(seed_trace.save(tmp_path / "t.parquet"))
    assert isinstance(loaded, LargeTrace)
    assert loaded.filter("Layer.*").outline() == seed_trace.filter("Layer.*").outline()
    assert loaded.tree(fold=True) == seed_trace.tree(fold=True)


def test_the_first_calls_are_shown(monkeypatch, seed_trace, tmp_path, capsys):
    """The last line says how many more there are."""
    monkeypatch.setattr(f"{PACKAGE}._LARGE", 3)
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


def test_texts_in_small_groups_of_rows(tmp_path):
    """A file that another program has written again may have groups of few rows, with any texts."""
    values = [None] * 3 + [Text("int[4]"), Text("int[5]")] * 3
    trace = make_trace(*(Node("A.x", on="A", arguments={"x": value}) for value in values))
    path = trace.save(tmp_path / "t.parquet")
    parquet.write_table(parquet.read_table(path), path, row_group_size=1)
    assert callscope.load(path).to_arrow() == trace.to_arrow()

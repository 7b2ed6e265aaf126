"""JSON Lines: what is loaded is what was saved, and what earlier versions have written."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from callscope.trace.table import Table
from exercise import exercise, record
from strategies import Running, programs

DATA = Path(__file__).parent / "data"
COLUMNS = [name for name in Table.__slots__ if name not in ("origin", "keys") and name[0] != "_"]


@pytest.fixture(params=["msgspec", "json"])
def decoder(request, monkeypatch):
    """Load with msgspec, and without."""
    if request.param == "json":
        monkeypatch.setattr("callscope.read.formats.jsonl.reader._fast", lambda: None)
    else:
        pytest.importorskip("msgspec", reason="msgspec comes with the extra 'fast'")


def contents(trace):
    """Return all that the table of a trace holds, such that 1, 1.0 and True differ."""
    table = trace._data().table
    rows = {name: getattr(table, name) for name in COLUMNS}
    callees, strands = rows.pop("callees"), rows.pop("strands")
    rows["callee"] = [callees[number][:4] for number in rows["callee"]]
    rows["strand"] = [strands[number] for number in rows["strand"]]
    rows["arguments"] = [table.arguments_of(row) for row in range(len(table))]
    return {name: repr(rows[name]) for name in sorted(rows)}


@pytest.mark.usefixtures("decoder")
def test_a_file_of_version_1_is_read(tmp_path):
    """One line per event, as it was written: threads, tasks, errors, values, an open call."""
    trace = callscope.load(DATA / "version-1.jsonl")
    assert trace.outline() + "\n" == (DATA / "version-1.txt").read_text("utf-8")
    assert [call.finished for call in trace.calls].count(False) == 1
    assert sum(bool(call.suspensions) for call in trace.calls) == 4
    assert trace.calls[0].line == 16
    again = callscope.load(trace.save(tmp_path / "version-2.jsonl"))
    assert contents(again) == contents(trace)
    assert again.header == trace.header


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
@pytest.mark.usefixtures("decoder")
def test_values_of_all_kinds(tmp_path, suffix):
    """What is saved, what is loaded, and what that saves are the same."""
    with record() as trace:
        exercise()
    path = trace.save(tmp_path / f"saved{suffix}")
    loaded = callscope.load(path)
    again = loaded.save(tmp_path / f"again{suffix}")
    assert contents(callscope.load(again)) == contents(loaded)
    assert again.read_bytes() == path.read_bytes()
    assert loaded.outline() == trace.outline()


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(program=programs(), capture=st.sampled_from(["values", "types", "none"]))
def test_random_programs(tmp_path_factory, program, capture):
    """A trace that is loaded has the table of the one that was saved."""
    running = Running(program)
    with callscope.record(*running.roots, capture=capture) as trace:
        running.run()
    path = trace.save(tmp_path_factory.getbasetemp() / "random.jsonl")
    assert contents(callscope.load(path)) == contents(trace)


def twins():
    """Return two classes of one name."""

    class First:
        def call(self): ...

    class Second:
        def call(self): ...

    for cls in (First, Second):
        cls.__qualname__ = cls.__name__ = "Twin"
    return First, Second


@pytest.mark.usefixtures("decoder")
def test_two_classes_of_one_name(tmp_path):
    """Each call has the line of its own method, however the two classes take turns."""
    first, second = twins()
    streamed = tmp_path / "streamed.jsonl"
    one = callscope.record(first, second)
    with one as trace, callscope.record(first, second, to=streamed):
        for cls in [first] * 600 + [first, second] * 20 + [second] * 600:
            cls().call()
    lines = [call.line for call in trace.calls]
    assert [lines.count(line) for line in {*lines}] == [620, 620]
    assert [call.line for call in callscope.load(streamed).calls] == lines
    saved = trace.save(tmp_path / "saved.jsonl")
    assert [call.line for call in callscope.load(saved).calls] == lines
    assert saved.read_bytes().count(b'"kind":"class"') < 50

"""A Parquet file that is streamed to: what stands in it, and what a killed process leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from callscope import errors
from callscope.tape.threads import TAPES
from exercise import METHODS, Everything, exercise
from strategies import Program, Running, programs

pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra 'parquet'")

many = settings(max_examples=settings().max_examples, deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which each example replaces the files of the one before."""
    return tmp_path_factory.mktemp("streams")


def check_equal(streamed: Path, kept: callscope.Trace) -> None:
    """Check that a file holds the same rows as the one that `save` writes, and loads alike."""
    saved = kept.save(streamed.with_name("saved.parquet"))
    rows, expected = parquet.read_table(streamed), parquet.read_table(saved)
    for name in expected.schema.names:
        assert rows[name].to_pylist() == expected[name].to_pylist(), name
    assert rows.schema.equals(expected.schema)
    assert callscope.load(streamed).outline() == callscope.load(saved).outline()
    assert not streamed.with_name(streamed.name + ".arrows").exists()


@many
@given(program=programs(), ticks=st.sets(st.integers(0, 30)))
def test_random_programs(folder: Path, program: Program, ticks: set[int]) -> None:
    """Wherever a batch is written, the file is the one that is saved at the end."""
    running = Running(program)
    count = iter(range(1_000_000))
    running.on_fuel = lambda: TAPES.drain() if next(count) in ticks else None
    to = folder / "t.parquet"
    with callscope.record(*running.roots) as kept, callscope.record(*running.roots, to=to):
        running.run()
    check_equal(to, kept)


class Worker:
    """Its methods call one another, suspend, raise, and run in tasks and threads."""

    def __init__(self, name: str) -> None:
        self.name = name

    def step(self, value: object) -> object:
        TAPES.drain()
        return value

    def start(self, count: int) -> None:
        if count:
            thread = threading.Thread(target=self.start, args=(count - 1,), name=f"t{count}")
            thread.start()
            thread.join()
        self.step(count)

    def fail(self) -> None:
        raise ValueError(self.name)

    def count(self, to: int) -> Iterator[object]:
        for value in range(to):
            yield self.step(value)

    async def work(self, times: int) -> int:
        for value in range(times):
            await asyncio.sleep(0)
            self.step(value)
            if value % 2:
                TAPES.drain()
        return times

    async def gather(self, *times: int) -> list[int]:
        begun = [asyncio.create_task(self.work(own), name=f"task {own}") for own in times]
        self.step("begun")
        return [await one for one in begun]

    async def leave(self, left: list[Any]) -> None:
        left.append(asyncio.create_task(self.work(3), name="left"))
        await asyncio.sleep(0)


def tasks() -> None:
    """Run tasks, of which one outlives the call that made it."""

    async def main() -> None:
        left: list[Any] = []
        await Worker("a").gather(3, 1, 4)
        await Worker("b").leave(left)
        await left[0]

    asyncio.run(main())


def threads() -> None:
    """Run threads, each with calls of its own, while others wait for them."""
    Worker("c").start(3)


def generators() -> None:
    """Use generators in turn; leave one suspended, and close another."""
    worker = Worker("d")
    first, second, third = worker.count(3), worker.count(2), worker.count(9)
    for value in first:
        worker.step([value, next(second, None)])
    next(third)
    third.close()
    LEFT.append(worker.count(5))
    next(LEFT[-1])


def failures() -> None:
    """Raise, within other calls and alone."""
    for name in ("e", "\ud800"):
        with pytest.raises(ValueError, match=name):
            Worker(name).fail()


LEFT: list[Any] = []
WORK = (tasks, threads, generators, failures)
WORKER_METHODS = ("__init__", "step", "start", "fail", "count", "work", "gather", "leave")


@pytest.mark.parametrize("work", WORK)
def test_calls_of_all_kinds(work: Callable[[], None], tmp_path: Path) -> None:
    """Tasks, threads, generators and errors, over several batches."""
    to = tmp_path / "t.parquet"
    kept = callscope.record(Worker, methods=WORKER_METHODS)
    with kept as trace, callscope.record(Worker, methods=WORKER_METHODS, to=to):
        work()
        TAPES.drain()
        work()
    LEFT.clear()
    assert len(trace)
    check_equal(to, trace)


def test_values_of_all_kinds(tmp_path: Path) -> None:
    """Those that JSON lacks are the same as in a file that is saved."""
    to = tmp_path / "t.parquet"
    kept = callscope.record(Everything, methods=METHODS)
    with kept as trace, callscope.record(Everything, methods=METHODS, to=to):
        exercise()
    check_equal(to, trace)


# --- while it is written, and when the process ends ---------------------------------------------

CLASS = """
import os, signal, sys, callscope
from callscope.tape.threads import TAPES
class A:
    def __init__(self, k=0): pass
    def call(self, k): return k
    def outer(self, k, then):
        self.call(k)
        then()
        return self.call(k + 1)
"""
posix = pytest.mark.skipif(os.name != "posix", reason="it has no such signal, and no fork")


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with the class `A` at hand."""
    return subprocess.run(
        [sys.executable, "-c", CLASS + textwrap.dedent(program)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def numbers(trace: callscope.Trace) -> list[object]:
    """Return the results of `call`."""
    return [call.result for call in trace.calls if call.method == "call" and call.finished]


class A:
    """A class whose calls are recorded."""

    def call(self, k: int) -> int:
        return k

    def outer(self, then: Callable[[], object]) -> int:
        then()
        return self.call(0)


OUTER = ("outer", "call")


def test_it_can_be_read_meanwhile(tmp_path: Path) -> None:
    """Until the file is there, its journal is read, without a warning; by the trace, too."""
    to, seen = tmp_path / "t.parquet", []

    def look() -> None:
        seen.append(trace.outline())
        seen.append(callscope.load(to).outline())
        seen.append(callscope.load(tmp_path / "t.parquet.arrows").outline())
        seen.append(callscope.load(tmp_path / "*.parquet").outline())

    with callscope.record(A, methods=OUTER, to=to) as trace:
        A().outer(look)
        assert not to.exists()
    assert len({*seen}) == 1
    assert seen[0].endswith(".look>) [A#1] ...")
    assert [call.result for call in callscope.load(to).calls] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


@posix
@pytest.mark.parametrize("after", [0, 1, 2, 50, 2_000])
def test_a_killed_process_leaves_a_trace(after: int, tmp_path: Path) -> None:
    """What was flushed is there, with the calls it was in; one warning names the file it is in."""
    program = f"""
        trace = callscope.start(A, methods=("__init__", "call", "outer"), to="t.parquet")
        a = A()
        def die():
            for k in range({after}):
                a.call(k)
            TAPES.drain()
            a.call(-1)
            os.kill(os.getpid(), signal.SIGKILL)
        a.outer(-2, die)
    """
    assert run(program, tmp_path).returncode == -signal.SIGKILL
    with pytest.warns(
        errors.ProcessWarning, match=r"t\.parquet\.arrows' is read in place"
    ) as caught:
        trace = callscope.load(tmp_path / "t.parquet")
    assert len(caught) == 1
    assert numbers(trace)[: after + 1] == [-2, *range(after)]
    (outer,) = trace.find("A.outer")
    assert not outer.finished
    assert len(outer.children) == len(numbers(trace))
    assert numbers(callscope.load(tmp_path / "t.parquet.arrows")) == numbers(trace)


def journal_of(folder: Path) -> bytes:
    """Return a journal of three batches, as a process that is killed leaves it."""
    with callscope.record(A, methods=OUTER, to=folder / "whole.parquet"):
        for _ in range(2):
            A().outer(TAPES.drain)
        TAPES.drain()
        return (folder / "whole.parquet.arrows").read_bytes()


@pytest.mark.parametrize("size", [pytest.param(7, marks=pytest.mark.slow), 97, 1_000])
def test_a_journal_that_ends_anywhere_can_be_read(tmp_path: Path, size: int) -> None:
    """Past its header, wherever it is cut off: the calls of its whole batches are there."""
    whole, path = journal_of(tmp_path), tmp_path / "t.parquet.arrows"
    counts = set()
    for stop in range(len(whole), 0, -size):
        path.write_bytes(whole[:stop])
        try:
            counts.add(len(callscope.load(path)))
        except errors.TraceFormatError:
            break
    assert stop < 10_000  # within the header
    assert counts == {0, 1, 3, 4}


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    """Or read, but nothing else: no error of another kind, and no crash."""
    whole, path = journal_of(tmp_path), tmp_path / "t.parquet.arrows"
    refused = 0
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes((whole[place] ^ 0xFF,)) + whole[place + 1 :])
        try:
            callscope.load(path).outline()
        except errors.TraceFormatError:
            refused += 1
    assert refused > 100


@posix
@pytest.mark.parametrize("how", ["sys.exit(3)", "1 / 0", "signal.raise_signal(signal.SIGINT)"])
def test_a_process_that_ends_leaves_the_file(how: str, tmp_path: Path) -> None:
    """However it ends, unless it is killed."""
    program = f"""
        callscope.start(A, methods=("call", "outer"), to="t.parquet")
        def end():
            {how}
        A().outer(1, end)
    """
    run(program, tmp_path)
    assert callscope.load(tmp_path / "t.parquet").outline().count("A.") == 2
    assert not (tmp_path / "t.parquet.arrows").exists()


@posix
def test_an_interrupted_end_is_repeated(tmp_path: Path) -> None:
    """Ctrl-C while the file is made: it is made all the same."""
    program = """
        from callscope.sinks import parquet
        convert = parquet.convert
        def interrupted(*files):
            parquet.convert = convert
            signal.raise_signal(signal.SIGINT)
        parquet.convert = interrupted
        try:
            with callscope.record(A, to="t.parquet"):
                A().call(1)
        except KeyboardInterrupt:
            print("interrupted")
    """
    done = run(program, tmp_path)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    assert numbers(callscope.load(tmp_path / "t.parquet")) == [1]


@posix
def test_a_forked_child_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Beside that of its parent, once it has calls."""
    program = """
        with callscope.record(A, methods=["call"], to="t.parquet"):
            A().call(1)
            if not os.fork():
                sys.exit()
            os.wait()
            pid = os.fork()
            A().call(2 if pid else 3)
        if pid:
            os.waitpid(pid, 0)
            print(pid)
    """
    pid = run(program, tmp_path).stdout.split()[-1]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"t.{pid}.parquet", "t.parquet"]
    assert numbers(callscope.load(tmp_path / "t.parquet")) == [1, 2]
    assert numbers(callscope.load(tmp_path / f"t.{pid}.parquet")) == [3]
    assert len(callscope.load(tmp_path / "t*.parquet")) == 3


@posix
def test_a_killed_child_is_read_with_the_others(tmp_path: Path) -> None:
    """A pattern of files takes in the journals of those that were not finished."""
    program = """
        with callscope.record(A, methods=["call"], to="t.parquet"):
            A().call(1)
            if not os.fork():
                A().call(2)
                TAPES.drain()
                os.kill(os.getpid(), signal.SIGKILL)
            os.wait()
    """
    run(program, tmp_path)
    with pytest.warns(errors.ProcessWarning, match="read in place of"):
        merged = callscope.load(tmp_path / "t*.parquet")
    assert sorted(map(str, numbers(merged))) == ["1", "2"]


def test_two_recordings_take_two_files(tmp_path: Path) -> None:
    """The second is told which."""
    to = tmp_path / "t.parquet"
    with callscope.record(A, methods=["call"], to=to):
        A().call(1)
        with (
            pytest.warns(errors.ProcessWarning, match="belongs to another recording"),
            callscope.record(A, methods=["call"], to=to) as second,
        ):
            A().call(2)
    assert numbers(second) == [2]
    assert numbers(callscope.load(to)) == [1, 2]
    assert len({*tmp_path.iterdir()}) == 2


def test_processes_of_one_run_do_not_replace_files_of_each_other(tmp_path: Path) -> None:
    """One that begins after another has ended takes another name, too, and leaves nothing behind."""
    program = 'with callscope.record(A, to="t.parquet"): A().call(1)'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALLSCOPE_PARENT", "a run")
        for _ in range(2):
            assert not run(program, tmp_path).returncode
    assert len({*tmp_path.glob("t.parquet")}) == 1
    assert len({*tmp_path.glob("t.*.parquet")}) == 1
    assert len({*tmp_path.iterdir()}) == 2


def test_an_earlier_file_is_replaced(tmp_path: Path) -> None:
    """At once: what is there meanwhile is not of an earlier run."""
    to = tmp_path / "t.parquet"
    for k in range(2):
        with callscope.record(A, methods=["call"], to=to):
            assert not to.exists()
            A().call(k)
        assert numbers(callscope.load(to)) == [k]


def test_where_no_file_can_be_made(tmp_path: Path) -> None:
    """The error names the file."""
    (tmp_path / "folder.parquet").mkdir()
    for name in ("missing/t.parquet", "folder.parquet"):
        with pytest.raises(errors.TraceFileError, match=Path(name).name):
            callscope.record(A, to=tmp_path / name).__enter__()


@posix
@pytest.mark.parametrize("limit", [3_000, 60_000])
def test_a_disk_that_becomes_full(limit: int, tmp_path: Path) -> None:
    """One warning; what was written can be read, and what was not counts as lost."""
    pytest.importorskip("resource")
    program = f"""
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        a = A()
        with callscope.record(A, methods=["call"], to="t.parquet") as trace:
            for k in range(10_000):
                a.call(k)
                if not k % 100:
                    TAPES.drain()
        print(len(trace) + trace.lost, len(trace) < 10_000)
    """
    done = run(program, tmp_path)
    assert done.stdout.split() == ["10000", "True"]
    assert done.stderr.count("SinkWarning") == 1


def test_pyarrow_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`record` says at once what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'callscope\[parquet\]'"):
        callscope.record(A, to=tmp_path / "t.parquet")


@pytest.mark.slow
def test_memory_stays_bounded(tmp_path: Path) -> None:
    """Neither while the program runs nor at the end do all calls take memory."""
    import tracemalloc

    import pyarrow as pa

    a, peaks = A(), []
    for count in (140_000, 560_000):
        tracemalloc.start()
        with callscope.record(A, methods=["call"], to=tmp_path / "t.parquet"):
            for k in range(count):
                a.call(k)
        peaks.append((tracemalloc.get_traced_memory()[1], pa.default_memory_pool().max_memory()))
        tracemalloc.stop()
    (python, arrow), (later_python, later_arrow) = peaks
    assert later_python < 1.5 * python
    assert later_arrow < 1.5 * arrow
    assert len(callscope.load(tmp_path / "t.parquet")) == 560_000


def test_calls_are_more_than_a_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of which the end is in a later row group end there, too."""
    from callscope.trace.arrow import journal, stream

    monkeypatch.setattr(journal, "ROW_GROUP", 3)
    monkeypatch.setattr(stream, "ROW_GROUP", 2)
    to, worker = tmp_path / "t.parquet", A()

    def many() -> None:
        for k in range(10):
            worker.call(k)
            TAPES.drain()

    with (
        callscope.record(A, methods=OUTER) as kept,
        callscope.record(A, methods=OUTER, to=to),
    ):
        worker.outer(many)
        for k in range(10):
            worker.call(k)
    check_equal(to, kept)
    assert parquet.ParquetFile(to).num_row_groups == 8


def test_many_small_batches(tmp_path: Path) -> None:
    """More than are held at once."""
    to, worker = tmp_path / "t.parquet", A()
    with (
        callscope.record(A, methods=["call"]) as kept,
        callscope.record(A, methods=["call"], to=to),
    ):
        for k in range(600):
            worker.call(k)
            TAPES.drain()
    check_equal(to, kept)


# --- from outside -------------------------------------------------------------------------------


def test_the_command_line_streams(tmp_path: Path) -> None:
    """`run -o` streams to it, and `view` and `convert` read what a killed program leaves."""
    script = CLASS + "A().call(1)\nif sys.argv[1:]: TAPES.drain(); os.kill(os.getpid(), 9)\n"
    (tmp_path / "app.py").write_text(script)

    def callscope_(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "callscope", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = callscope_("run", "-t", "__main__:A", "-o", "t.parquet", "app.py")
    assert done.stderr == "callscope: 2 calls saved to t.parquet\n"
    if os.name == "posix":
        callscope_("run", "-t", "__main__:A", "-o", "t.parquet", "app.py", "die")
        assert "A.call(k=1)" in callscope_("view", "--outline", "t.parquet").stdout
        assert not callscope_("convert", "t.parquet.arrows", "-o", "t.parquet").returncode
    assert "A.call(k=1)" in callscope.load(tmp_path / "t.parquet").outline()


def test_the_environment_streams(tmp_path: Path) -> None:
    """`CALLSCOPE_TO` takes it like others."""
    program = """
        callscope.traced(A)
        A().call(1)
        print(os.path.exists("t.parquet.arrows"))
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALLSCOPE", "1")
        patch.setenv("CALLSCOPE_TO", "t.parquet")
        done = run(program, tmp_path)
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert len(callscope.load(tmp_path / "t.parquet")) == 2

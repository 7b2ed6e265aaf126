"""Faults: sinks that raise, disks that are full, interrupts at any moment, exits of all kinds.

Nothing of it reaches the program but the one documented warning, and what was recorded before
is there.
"""

from __future__ import annotations

import gc
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import callscope
from callscope import errors
from interrupts import Nested, interrupted
from seed import SEED_OUTLINE

needs_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="interrupts are sent by a timer"
)


# --- interrupts ---------------------------------------------------------------------------------


METHODS = ("outer", "middle", "inner")
PARENTS = {"outer": None, "middle": "outer", "inner": "middle"}


class Gather:
    """A sink that keeps events; it takes each at once, where no interrupt can fall."""

    def __init__(self, *, live: bool = True, lossless: bool = False) -> None:
        self.live = live
        self.lossless = lossless
        self.events: list[callscope.Event] = []
        self.on_event = self.events.append

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def assert_sound(calls: Any, ran: list[tuple[str, int]]) -> None:
    """Check that each call is there once and below its own parent, and none that ran is missing."""
    counts = Counter((call.method, call.arguments["number"]) for call in calls)
    assert [key for key, count in counts.items() if count > 1] == []
    assert [key for key in ran if key not in counts] == []
    for call in calls:
        parent = call.parent
        assert (parent and parent.method) == PARENTS[call.method]
        assert parent is None or parent.arguments["number"] == abs(call.arguments["number"])
        assert parent is None or call in parent.children
        assert call.finished
        assert call.error is not None or (call.method, call.arguments["number"]) in {*ran}


def told(events: Any) -> list[tuple[str, int]]:
    """Return what events say in short."""
    return [(event.kind, event.call.call_id) for event in events]


@needs_timer
@pytest.mark.parametrize("reads", [False, True], ids=["recorded", "read meanwhile"])
def test_a_trace_is_sound_after_interrupts(reads: bool) -> None:
    """Wherever they fall: also in the middle of reading the trace, which can be read again."""
    one = Nested()

    def work(number: int) -> None:
        one.outer(number)
        if reads and number % 7 == 0:
            len(trace)

    with callscope.record(Nested, methods=METHODS) as trace:
        interrupted(work, 2_000, 1e-4)
    assert_sound(trace.calls, one.ran)


class Reads:
    """Reads what was recorded while calls are open, and is interrupted as it does."""

    def __call__(self, trace: Any, at: int, act: Callable[[Any], object]) -> bool:
        self.step(1)
        assert len(trace) == 3  # from here on, this call is one that was open before
        self.step(3)
        with suppress(ValueError):
            self.step("wrong")
        was_interrupted = interrupt_within("tape", at, lambda: trace.calls, lambda: act(trace))
        self.step(2)
        return was_interrupted

    def step(self, number: Any) -> Any:
        return [self.leaf(n) for n in range(number)] if number != "wrong" else int(number)

    def leaf(self, number: int) -> int:
        return number


def interrupt_within(
    folder: str, at: int, work: Callable[[], object], act: Callable[[], object]
) -> bool:
    """Run work, and act as the so-many-th function of a folder of callscope begins.

    Returns whether there were as many.
    """
    left = at

    def tracing(frame: Any, kind: str, _: object) -> None:
        nonlocal left
        code = frame.f_code
        # What is called by the collector can raise nothing.
        is_counted = kind == "call" and code.co_name != "collect"
        if is_counted and f"/callscope/{folder}/" in code.co_filename:
            left -= 1
            if left == 0:
                act()

    before = sys.gettrace()
    sys.settrace(tracing)
    try:
        with suppress(KeyboardInterrupt):
            work()
    finally:
        sys.settrace(before)
    return left <= 0


def interrupt(_: Any) -> None:
    """Act as Ctrl-C does."""
    raise KeyboardInterrupt


ACTS = (interrupt, len, callscope.Trace.events, callscope.Trace.outline)


@pytest.mark.parametrize("tells", [False, True], ids=["kept", "told of"])
@pytest.mark.parametrize("act", ACTS, ids=["Ctrl-C", "counted", "events", "printed"])
def test_reading_may_be_interrupted_in_each_of_its_functions(
    act: Callable[[Any], object], tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it had done by then, nothing is lost, and nothing told twice.

    A handler of a signal may also read the trace that is being read.
    """
    monkeypatch.setattr("callscope.recording.sink_workers._BATCH_SECONDS", 60)  # nobody else reads

    def read(at: int) -> tuple[str, bool]:
        sinks = [Gather(live=False, lossless=True)] if tells else []
        with callscope.record(Reads, methods=["*", "__call__"], sinks=sinks) as trace:
            reading = Reads()
            was_interrupted = reading(trace, at, act)
        assert [call.call_id for call in trace.calls] == [*range(1, len(trace) + 1)]
        assert all(call.finished for call in trace.calls)
        for sink in sinks:
            assert [event.seq for event in sink.events] == [*range(1, 2 * len(trace) + 1)]
            assert told(sink.events) == told(trace.events())
        return re.sub(r"at=\d+", "at=?", trace.outline()), was_interrupted

    expected, was_interrupted = read(sys.maxsize)
    assert not was_interrupted
    for at in itertools.count(1):
        found, was_interrupted = read(at)
        if not was_interrupted:
            break
        assert found.replace("-> True", "-> False") == expected.replace("-> True", "-> False")
    assert at > 50


class Raised(Exception):  # noqa: N818  # it is no error
    """What a trace function raises."""


def raise_within(set_hook: Callable[[Any], object], at: int, work: Callable[[], object]) -> bool:
    """Run work, with a hook that raises once, at the so-many-th event in a file of callscope.

    Returns whether it raised.
    """
    left = at

    def hook(frame: Any, *_: object) -> Any:
        nonlocal left
        if "/callscope/" in frame.f_code.co_filename:
            left -= 1
            if left == 0:
                raise Raised
        return hook

    set_hook(hook)
    try:
        with suppress(Raised):
            work()
    finally:
        set_hook(None)
    return left <= 0


# Where it raises as a generator is closed, CPython can only say so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::callscope.errors.CallscopeWarning")
@pytest.mark.parametrize("tells", [False, True], ids=["kept", "told of"])
@pytest.mark.parametrize("set_hook", [sys.settrace, sys.setprofile], ids=["trace", "profile"])
def test_a_trace_function_may_raise_anywhere(
    set_hook: Callable[[Any], object], tells: bool, tmp_path: Path
) -> None:
    """A recording that is ended then leaves nothing behind, and other threads record as ever."""
    bare = {**vars(Nested)}

    def record_another() -> int:
        with callscope.record(Nested, methods=METHODS) as trace:
            Nested().outer(2)
        return len(trace)

    def record_until_it_raises(at: int) -> bool:
        options: Any = {"sinks": [Gather()], "to": tmp_path / "t.jsonl"} if tells else {}
        recording = callscope.record(Nested, methods=METHODS, **options)

        def work() -> None:
            with recording as trace:
                Nested().outer(1)
                with suppress(callscope.CallscopeError):  # its own trace may be torn
                    len(trace)

        has_raised = raise_within(set_hook, at, work)
        recording.end()
        return has_raised

    chance, at, has_raised = random.Random(1), 0, True
    # In threads of their own: CPython may take what was raised there for the context of all that
    # the thread raises later.
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as another:
        while has_raised:
            at += chance.randrange(1, 100)
            has_raised = one.submit(record_until_it_raises, at).result()
            assert {**vars(Nested)} == bare
            assert one.submit(record_another).result() == 4
            assert another.submit(record_another).result(60) == 4
    assert at > 2_000


@needs_timer
def test_sinks_and_streams_are_sound_after_interrupts(tmp_path: Any) -> None:
    """Each event comes once, in order, however often the interrupt falls where they are told."""
    one, sink = Nested(), Gather()
    path = tmp_path / "t.jsonl"
    kept = callscope.record(Nested, methods=METHODS)
    with kept as trace, callscope.record(Nested, methods=METHODS, sinks=[sink], to=path) as stream:
        interrupted(one.outer, 1_500, 4e-4)
    assert_sound(trace.calls, one.ran)
    assert_sound(stream.calls, one.ran)
    assert told(sink.events) == told(trace.events())
    assert stream.outline() == trace.outline()


@needs_timer
def test_an_interrupt_within_a_sink_reaches_the_program(seed: Any) -> None:
    """It is the user's, and no fault of the sink, which goes on."""
    sink = Gather()
    take = sink.on_event

    def on_event(event: callscope.Event) -> None:
        take(event)
        if len(sink.events) == 2:
            signal.raise_signal(signal.SIGINT)

    sink.on_event = on_event
    with callscope.record(seed.Layer, sinks=[sink]) as trace:
        with pytest.raises(KeyboardInterrupt):
            seed.MyLayer(3)
        seed.MyLayer(3)(4)
    assert told(sink.events) == told(trace.events())
    assert [call.depth for call in trace.calls] == [0, 1, 0, 1, 0, 1]
    assert [call.error is None for call in trace.calls] == [False, False, *[True] * 4]


def test_an_end_that_is_interrupted_can_be_made_again(seed: Any) -> None:
    """What was not done then is done, and nothing twice."""
    sink = Faulty("on_end", KeyboardInterrupt, live=True)
    recording = callscope.record(seed.Layer, sinks=[sink])
    before = dict(vars(seed.Layer))
    trace = recording.__enter__()
    seed.MyLayer(3)(4)
    with pytest.raises(KeyboardInterrupt):
        recording.end()
    recording.end()
    recording.end()
    assert sink.called[-1] == "close"
    assert sink.called.count("close") == 1
    assert dict(vars(seed.Layer)) == before
    assert trace.outline() == SEED_OUTLINE


# --- the limit of recursion ---------------------------------------------------------------------


class Deep:
    """Calls itself until there is no room for more."""

    def dive(self, depth: int) -> int:
        return self.dive(depth + 1)

    def rise(self) -> None:
        with pytest.raises(RecursionError):
            self.dive(0)


@pytest.mark.parametrize("live", [False, True], ids=["batches", "live"])
def test_sinks_survive_the_limit_of_recursion(live: bool, tmp_path: Path) -> None:
    """The program gets its error, and no sink is blamed for it, or misses an event."""
    sink, path = Gather(live=live), tmp_path / "t.jsonl"
    kept = callscope.record(Deep, methods=["dive"])
    with kept as trace, callscope.record(Deep, methods=["dive"], sinks=[sink], to=path) as stream:
        for _ in range(5):
            Deep().rise()
        with pytest.raises(TypeError):
            Deep().dive()
    assert told(sink.events) == told(trace.events())
    assert [call.depth for call in stream.calls] == [call.depth for call in trace.calls]
    assert [call.depth for call in trace.calls].count(0) == 5
    assert all(call.error and call.error.type == "RecursionError" for call in trace.calls)


def test_a_lack_of_memory_is_the_programs_own(seed: Any) -> None:
    """An exception like any other, at any depth."""

    def call(self: Any, m: int) -> None:
        raise MemoryError

    seed.MyLayer.call = call
    with callscope.record(seed.Layer) as trace, pytest.raises(MemoryError):
        seed.MyLayer(3)(4)
    assert [call.error and call.error.type for call in trace.calls[2:]] == ["MemoryError"] * 2


# --- sinks that raise ---------------------------------------------------------------------------


class Fault(BaseException):
    """Is no `Exception`, and cannot be shown."""

    def __repr__(self) -> str:
        raise self

    __str__ = __repr__


class Faulty:
    """A sink one of whose methods raises, and that cannot be shown or compared."""

    live = False

    def __init__(self, method: str, error: type[BaseException], *, live: bool = False) -> None:
        self._method = method
        self._error = error
        self.live = live
        self.called: list[str] = []

    def _do(self, name: str) -> None:
        first = name not in self.called
        self.called.append(name)
        if first and name == self._method:
            raise self._error

    def on_start(self, header: callscope.Header) -> None:
        self._do("on_start")

    def on_event(self, event: callscope.Event) -> None:
        self._do("on_event")

    def flush(self) -> None:
        self._do("flush")

    def on_end(self, lost: int) -> None:
        self._do("on_end")

    def close(self) -> None:
        self._do("close")

    def __repr__(self) -> str:
        raise Fault

    __eq__ = __hash__ = __repr__  # type: ignore[assignment]


def notes(program: Callable[[], None]) -> list[str]:
    """Return the names of the warnings that a program gives."""
    with pytest.warns(errors.CallscopeWarning) as caught:
        program()
    return [warning.category.__name__ for warning in caught]


@pytest.mark.parametrize("live", [False, True], ids=["batches", "live"])
@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, SystemExit, Fault])
@pytest.mark.parametrize("method", ["on_start", "on_event", "flush", "on_end", "close"])
def test_a_sink_that_raises(seed: Any, method: str, error: type[BaseException], live: bool) -> None:
    """One warning; it is closed and called no more; program, trace and other sinks go on."""
    faulty, other = Faulty(method, error, live=live), Gather(live=live)
    traces = []

    def program() -> None:
        with callscope.record(seed.Layer, sinks=[faulty, other]) as trace:
            seed.MyLayer(3)(4)
        traces.append(trace)

    assert notes(program) == ["SinkWarning"]
    assert traces[0].outline() == SEED_OUTLINE
    assert told(other.events) == told(traces[0].events())
    assert faulty.called[-1] == "close"
    assert faulty.called.count(method) == (2 if method == "close" else 1)


def test_where_raises_what_is_no_exception(seed: Any) -> None:
    """That stays inside as well."""

    def where(call: callscope.Call) -> bool:
        raise Fault

    def program() -> None:
        with callscope.record(seed.Layer, where=where, sinks=[Gather()]):
            seed.MyLayer(3)(4)

    assert notes(program) == ["PredicateWarning"]


@pytest.mark.parametrize("by", ["sink", "finalizer", "signal handler", "method", "thread"])
def test_a_recording_may_end_anywhere(seed: Any, by: str, tmp_path: Path) -> None:
    """What came before is there, and the program goes on as if nothing was."""
    sink = Gather()
    take = sink.on_event
    recording = callscope.record(seed.Layer, sinks=[sink], to=tmp_path / "t.jsonl")

    class Ends:
        def __del__(self) -> None:
            recording.end()

    def on_event(event: callscope.Event) -> None:
        take(event)
        if by == "sink" and len(sink.events) == 6:
            recording.end()

    def call(self: Any, m: int) -> str:
        if by == "finalizer":
            Ends()
        elif by == "signal handler":
            signal.raise_signal(signal.SIGINT)
        elif by == "method":
            recording.end()
        elif by == "thread":
            thread = threading.Thread(target=recording.end)
            thread.start()
            thread.join()
        return "done"

    sink.on_event = on_event
    seed.MyLayer.call = call
    handler = signal.signal(signal.SIGINT, lambda *_: recording.end())
    try:
        trace = recording.__enter__()
        layer = seed.MyLayer(3)
        layer(4)
        layer(5)
        assert layer.call(6) == "done"
    finally:
        signal.signal(signal.SIGINT, handler)
    assert vars(seed.MyLayer)["call"] is call
    assert trace.outline().splitlines() == [
        *SEED_OUTLINE.splitlines()[:2],
        "Layer.__call__(y=4) [MyLayer#1] ...",
        "  MyLayer.call(m=4) [MyLayer#1] ...",
    ]
    assert told(sink.events) == told(trace.events())


# --- files --------------------------------------------------------------------------------------

full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def make_full(path: Path) -> Path:
    """Make a file of this name that has no room for anything."""
    path.symlink_to("/dev/full")
    return path


@full_disk
@pytest.mark.parametrize("name", ["t.jsonl", "t.txt"])
def test_saving_to_a_full_disk(seed_trace: Any, tmp_path: Path, name: str) -> None:
    """The error names the file and says why."""
    with pytest.raises(errors.TraceFileError, match=r"t[.].*No space left"):
        seed_trace.save(make_full(tmp_path / name))


@pytest.mark.parametrize("name", ["missing/t.jsonl", "folder.jsonl", "folder.txt", "t.txt/t.txt"])
def test_saving_to_where_nothing_can_be_written(seed_trace: Any, tmp_path: Path, name: str) -> None:
    """The error names the file."""
    for folder in ("folder.jsonl", "folder.txt"):
        (tmp_path / folder).mkdir()
    (tmp_path / "t.txt").touch()
    with pytest.raises(errors.TraceFileError, match=Path(name).name):
        seed_trace.save(tmp_path / name)


@full_disk
def test_streaming_to_a_full_disk(seed: Any, tmp_path: Path) -> None:
    """One warning that names the file; the program goes on, and the trace says what is missing."""
    traces = []

    def program() -> None:
        with callscope.record(seed.Layer, to=make_full(tmp_path / "t.jsonl")) as trace:
            seed.MyLayer(3)(4)
        traces.append(trace)

    with pytest.warns(errors.SinkWarning, match=r"t[.]jsonl.*No space left") as caught:
        program()
    assert len(caught) == 1
    assert (len(traces[0]), traces[0].lost) == (0, 4)
    assert "4 more calls were made and not kept" in str(traces[0])


def test_a_disk_that_becomes_full(tmp_path: Path) -> None:
    """What was written before is there, to the last whole line; what came after counts as lost."""
    pytest.importorskip("resource")
    program = """
        import resource, signal, sys, warnings
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        a = A()
        with callscope.record(A, to="t.jsonl") as trace:
            for k in range(10_000):
                a.call(k)
        print(len(trace) + trace.lost, 0 < len(trace) < 10_000)
        print([call.instance for call in trace.calls] == [1] * len(trace))
    """
    done = run(program, tmp_path)
    assert done.stdout.split() == ["10000", "True", "True"]
    assert done.stderr.count("SinkWarning") == 1
    assert "File too large" in done.stderr
    assert 0 < len(callscope.load(tmp_path / "t.jsonl")) < 10_000


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed")
@pytest.mark.parametrize("folder_too", [False, True])
def test_a_file_that_is_removed_meanwhile(seed: Any, tmp_path: Path, folder_too: bool) -> None:
    """The program does not notice; who reads the trace is told."""
    path = tmp_path / "folder" / "t.jsonl"
    path.parent.mkdir()
    with callscope.record(seed.Layer, to=path) as trace:
        seed.MyLayer(3)
        path.unlink()
        if folder_too:
            path.parent.rmdir()
        seed.MyLayer(3)(4)
    with pytest.raises(errors.TraceFileError, match=r"t[.]jsonl"):
        len(trace)


# --- ends of the process ------------------------------------------------------------------------

CLASS = """
import callscope, gc, os, signal, sys, threading, time

class A:
    def __init__(self, k=0): pass
    def call(self, k=0): return k
    def generate(self):
        try:
            yield 1
        finally:
            print("closed", self.call(2))
"""


def run(
    program: str, folder: Path, before: str = "", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program of its own process in a folder, with the class `A` at hand."""
    lines = program.splitlines()
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    source = before + CLASS + "\n".join(line[indent:] for line in lines)
    path = folder / "program.py"
    path.write_text(source)
    return subprocess.run(
        [sys.executable, "-X", "utf8", path.name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


EXITS = {
    "end": "A().call(1)",
    "exit": "A().call(1); sys.exit(3)",
    "exception": "A().call(1); raise ValueError('at the end')",
    "interrupt": "A().call(1); signal.raise_signal(signal.SIGINT)",
    "terminated": "A().call(1); os.kill(os.getpid(), signal.SIGTERM)",
    "killed": "A().call(1); os.kill(os.getpid(), signal.SIGKILL)",
    "aborted": "A().call(1); os._exit(4)",
    "exit in a thread": """
        def work():
            A().call(1)
            sys.exit(3)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """,
    "exception in a thread": """
        def work():
            A().call(1)
            A().call(1, 2, 3)
        thread = threading.Thread(target=work, name="worker")
        thread.start()
        thread.join()
    """,
    "threads that go on": """
        go = threading.Event()
        def work():
            go.wait()
            A().call(1)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        go.set()
    """,
    "daemons that go on": """
        def work():
            a = A()
            while True:
                a.call(1)
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        A().call(1)
    """,
    "suspended generator": "kept = A().generate(); next(kept)",
    "suspended in a cycle": "kept = [A().generate()]; kept.append(kept); next(kept[0]); del kept",
    "finalizer": """
        class B(A):
            def __del__(self):
                print("end", self.call(3))
        kept = B(1)
        cycle = [B(2)]
        cycle.append(cycle)
        del cycle
    """,
    "error in a finalizer": """
        class B(A):
            def __del__(self):
                raise ValueError(self.call(3))
        kept = B(1)
    """,
    "handler before": """
        import atexit
        atexit.register(lambda: print("handler", A(5).call(6)))
        A(1)
    """,
    "error in a handler": """
        import atexit
        def handler():
            A().call(1)
            raise ValueError("handler")
        atexit.register(handler)
    """,
    "no stderr": "sys.stderr = None; A().call(1)",
    "closed stdout": "A().call(1); sys.stdout.close(); sys.stderr.close()",
    "interrupted at exit": """
        import atexit
        atexit.register(signal.raise_signal, signal.SIGINT)
        A().call(1)
    """,
    "deep": """
        class B(A):
            def call(self, k=0): return self.call(k)
        try:
            B().call()
        except RecursionError as error:
            print(type(error))
    """,
}
RECORDS = {
    "memory": "callscope.start(A, methods=('__init__', 'call', 'generate'))",
    "stream": "callscope.start(A, methods=('__init__', 'call', 'generate'), to='t.jsonl')",
}


@pytest.mark.slow
@pytest.mark.parametrize("into", RECORDS)
@pytest.mark.parametrize("how", EXITS)
@pytest.mark.skipif(sys.platform == "win32", reason="it has other signals")
def test_a_process_ends_as_it_would(how: str, into: str, tmp_path: Path) -> None:
    """With the same exit code and the same output; a stream can be read, and is whole if it may."""
    bare = run(EXITS[how], tmp_path)
    indented = EXITS[how] if "\n" in EXITS[how] else f"        {EXITS[how]}"
    traced = run(f"        {RECORDS[into]}\n{indented}", tmp_path)
    expected = bare.returncode, bare.stdout, without_lines(bare.stderr)
    assert (traced.returncode, traced.stdout, without_lines(traced.stderr)) == expected
    if into == "stream":
        trace = callscope.load(tmp_path / "t.jsonl")
        is_whole = '"kind":"end"' in (tmp_path / "t.jsonl").read_text()
        assert is_whole == (how not in ("killed", "aborted"))
        assert not is_whole or len(trace) > 0 or "handler" in how


def without_lines(text: str) -> str:
    """Return what was printed, without the numbers of lines and threads, and addresses."""
    return re.sub(r"line \d+|0x[0-9a-f]+|Thread-\d+", "", text)


def test_a_handler_may_run_after_our_own(tmp_path: Path) -> None:
    """One that was registered first runs last; traced methods then are the program's own again."""
    before = """
import atexit
atexit.register(lambda: print(A(5).call(6), vars(A)["call"] is own))
"""
    program = """
        own = vars(A)["call"]
        callscope.start(A)
        A().call(1)
    """
    done = run(program, tmp_path, before=before)
    assert (done.returncode, done.stdout, done.stderr) == (0, "6 True\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="it has other signals")
@pytest.mark.parametrize("after", [0, 1, 2, 50, 2_000])
@pytest.mark.parametrize("flushed", [False, True])
def test_a_killed_process_leaves_a_trace(after: int, flushed: bool, tmp_path: Path) -> None:
    """Whenever it is killed: what was flushed is there, and at most the last line is torn."""
    program = f"""
        trace = callscope.start(A, to="t.jsonl")
        a = A()
        for k in range({after}):
            a.call(k)
        if {flushed}:
            len(trace)
        for k in range({after}, 5_000):
            a.call(k)
            if k == {after} + 1:
                os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run(program, tmp_path).returncode == -signal.SIGKILL
    trace = callscope.load(tmp_path / "t.jsonl")
    results = [call.result for call in trace.calls if call.method == "call" and call.finished]
    assert results == [*range(len(results))]
    assert len(results) >= after * flushed


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.slow), 7, 100, 1_000])
def test_a_file_that_ends_anywhere_can_be_read(seed: Any, tmp_path: Path, size: int) -> None:
    """Past its header, wherever it is cut off: the calls of its whole lines are there."""
    path = tmp_path / "t.jsonl"
    with callscope.record(seed.Layer, to=path):
        for k in range(3):
            seed.MyLayer(k)(k)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for end in range(header, len(whole), size):
        path.write_bytes(whole[:end])
        lines = whole[:end].splitlines(keepends=True)
        begun = sum(b'"kind":"call"' in line and line.endswith(b"}\n") for line in lines)
        # The last line may lack nothing but its end.
        assert begun <= len(callscope.load(path)) <= begun + 1


@pytest.mark.parametrize("within", ["where", "live sink", "sink"])
def test_garbage_is_collected_within_code_of_callscope(within: str) -> None:
    """What finalizers call is recorded, wherever the collector happens to run."""
    numbers = itertools.count()

    class Dying:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            self.last()

        def last(self) -> int:
            return next(numbers)

    class Collects(Gather):
        def flush(self) -> None:
            gc.collect()

    def where(_: callscope.Call) -> bool:
        return within != "where" or gc.collect() >= 0

    sinks = [Collects(live=within == "live sink", lossless=True)] if "sink" in within else []
    before = [*gc.callbacks]
    with callscope.record(Dying, methods=["last"]) as dying:
        assert gc.callbacks[:-1] == before
        for _ in range(3):
            with callscope.record(Nested, methods=METHODS, where=where, sinks=sinks) as trace:
                Dying()
                Nested().outer(1)
            assert len(trace) == 4
            gc.collect()
    assert [call.result for call in dying.calls] == [0, 1, 2]
    assert gc.callbacks == before


def test_garbage_is_collected_while_it_records(seed: Any) -> None:
    """However often: what ends calls traced methods, and their calls are there."""

    class Cyclic(seed.MyLayer):
        def __init__(self, k: int) -> None:
            super().__init__(k)
            self.me = self

        def __del__(self) -> None:
            self(1)

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        with callscope.record(seed.Layer) as trace:
            for k in range(200):
                Cyclic(k)
            gc.collect()
            len(trace)
    finally:
        gc.set_threshold(*threshold)
    counts = Counter(call.site for call in trace.calls)
    assert counts["Layer.__call__"] == counts["Cyclic.__init__"] == 200
    assert all(call.finished for call in trace.calls)


# --- what the environment and the command line record -------------------------------------------


def run_recorded(program: str, folder: Path, how: str, to: str) -> subprocess.CompletedProcess[str]:
    """Run a program that knows nothing of its being recorded."""
    declared = "callscope.traced(A)\n" if how == "environment" else ""
    (folder / "app.py").write_text(CLASS + declared + program)
    arguments = [sys.executable, "app.py"]
    variables = {"CALLSCOPE": "1", "CALLSCOPE_TO": to}
    if how == "command":
        output = ["-o", to] if to else []
        arguments = [
            sys.executable,
            "-m",
            "callscope",
            "run",
            "-t",
            "__main__:A",
            *output,
            "app.py",
        ]
        variables = {}
    path = os.pathsep.join(sys.path)
    return subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


SPOILERS = {
    "removed folder": "os.remove('d/' + os.listdir('d')[0]) if os.listdir('d') else 0; os.rmdir('d')",
    "no stderr": "sys.stderr = None",
    "closed stderr": "sys.stderr.close()",
}


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed")
@pytest.mark.parametrize("to", ["d/t.jsonl", "d/t.txt", ""])
@pytest.mark.parametrize("spoiler", SPOILERS)
@pytest.mark.parametrize("how", ["environment", "command"])
def test_the_programs_own_end_is_kept(how: str, spoiler: str, to: str, tmp_path: Path) -> None:
    """Whatever becomes of its trace: exit code and output are its own, and no traceback is shown."""
    (tmp_path / "d").mkdir()
    done = run_recorded(
        f"A().call(1)\nprint('done')\n{SPOILERS[spoiler]}\nsys.exit(7)\n", tmp_path, how, to
    )
    assert (done.returncode, done.stdout) == (7, "done\n")
    assert "Traceback" not in done.stderr
    if spoiler == "removed folder" and to:
        # A stream is read by the command alone, which says how many calls there were.
        told = to.endswith("txt") or how == "command"
        assert ("Cannot" in done.stderr) == told

"""Begins and ends of recordings: interrupted, forked from, in several threads, by the environment."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import callscope
from seed import SEED_OUTLINE
from ways import IN_PLACE

pytestmark = pytest.mark.slow

OURS = str(Path(callscope.__file__).parent)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


# --- interrupts ---------------------------------------------------------------------------------


class Sink:
    """A sink in the background that keeps events."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.on_event = self.events.append
        self.closed = 0

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


class Points:
    """The points of callscope's own code at which a signal's handler may run.

    CPython looks for signals where a function begins, and where one that is written in C has
    returned. (It does so at the begin of an `__exit__`, too, before the first line of it: nothing
    that is written in Python can be safe from that.)

    Args:
        at: the point at which to interrupt; None for no interrupt.
    """

    def __init__(self, at: Any = None) -> None:
        self.passed: dict[Any, None] = {}
        self.at = at
        self.is_interrupted = False

    def __call__(self, frame: Any, kind: str, _: object) -> None:
        code = frame.f_code
        if kind not in ("call", "c_return") or not code.co_filename.startswith(OURS):
            return
        if kind == "call" and code.co_name == "__exit__":
            return
        point = code, frame.f_lasti, kind
        if self.at == point and not self.is_interrupted:
            self.is_interrupted = True
            sys.setprofile(None)
            raise KeyboardInterrupt
        self.passed[point] = None

    def run(self, work: Any) -> None:
        """Run work; an interrupt ends it."""
        sys.setprofile(self)
        try:
            work()
        except KeyboardInterrupt:
            assert self.is_interrupted
            with suppress(callscope.errors.RecordingError):
                callscope.stop()  # where the program had no time to
        finally:
            sys.setprofile(None)


def points_of(work: Any) -> list[Any]:
    """Return each point that work passes, the first time."""
    work()  # what happens once in a process has happened
    points = Points()
    points.run(work)
    return [*points.passed]


def names_of(cls: type) -> list[tuple[str, int]]:
    """Return what stands in a class's dict, object for object."""
    return [(name, id(value)) for name, value in vars(cls).items()]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in generators
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a file that was about to be kept
@pytest.mark.parametrize(
    ("into", "outer"),
    [
        ("memory", False),
        pytest.param("memory", True, marks=pytest.mark.slow),
        pytest.param("sinks", False, marks=pytest.mark.slow),
        pytest.param("started", False, marks=pytest.mark.slow),
    ],
    ids=["memory", "within another", "sinks", "started"],
)
def test_an_interrupt_while_a_recording_begins_or_ends(
    seed: Any, into: str, outer: bool, tmp_path: Any
) -> None:
    """Wherever it falls, classes are as before, no thread is left, and another recording works."""
    classes = seed.Layer, seed.MyLayer
    before = [*map(names_of, classes)]
    whole: list[Any] = []
    """Traces of blocks that were run to their end."""
    sinks: list[Sink] = []

    def work() -> None:
        whole.clear()
        sinks[:] = [Sink()]
        if into == "started":
            trace = callscope.start(seed.Layer)
            seed.MyLayer(3)(4)
            whole.append(trace)
            callscope.stop()
            return
        options = {} if into == "memory" else {"sinks": sinks, "to": tmp_path / "t.jsonl"}
        with callscope.record(seed.Layer, **options) as trace:
            seed.MyLayer(3)(4)
            whole.append(trace)

    def work_within() -> list[str]:
        with callscope.record(seed.Layer) as trace:
            points.run(work)
            seed.MyLayer(3)(4)
        return trace.outline().splitlines()

    all_points = points_of(work)
    assert len(all_points) > 100
    for at in all_points:
        points = Points(at)
        if outer:
            assert [line.partition(" [")[0] for line in work_within()[-4:]] == [
                line.partition(" [")[0] for line in SEED_OUTLINE.splitlines()
            ]
        else:
            points.run(work)
        for thread in threading.enumerate():
            if thread.name == "callscope-sinks":
                thread.join(60)
                assert not thread.is_alive(), at
        assert [*map(names_of, classes)] == before, at
        assert [trace.outline() for trace in whole] == [SEED_OUTLINE] * len(whole), at
        assert [len(sink.events) for sink in sinks if whole and into == "sinks"] in ([], [8]), at
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)(4)
        assert trace.outline() == SEED_OUTLINE
    gc.collect()  # what warns of files, while such warnings are ignored


# --- forks --------------------------------------------------------------------------------------

FORKS = """
import os, signal, sys, threading, warnings
import callscope
from callscope.recording.lifecycle import _end_all

warnings.simplefilter("ignore", DeprecationWarning)  # it forks with threads, as programs do
if sys.argv[1:]:
    os.chdir(sys.argv[1])

class Base:
    def __init__(self, n): self.n = n
    def call(self): return self.n

class Derived(Base):
    def call(self): return super().call()

OUTLINE = '''\\
Base.__init__(n=1) [Derived#1]
Derived.call() [Derived#1] -> 1
  Base.call() [Derived#1] -> 1'''

class Sink:
    def __init__(self):
        self.events, self.closed = [], 0
        self.on_event = self.events.append
    def flush(self): ...
    def close(self): self.closed += 1

def contents():
    return [(name, id(value)) for cls in (Base, Derived) for name, value in vars(cls).items()]

def sinks_threads():
    return [thread for thread in threading.enumerate() if thread.name == "callscope-sinks"]

def check_child():
    "End what runs, as at exit: classes are as before; and record again."
    _end_all()
    assert contents() == before, "classes"
    assert not sinks_threads(), "threads"
    with callscope.record(Base, sinks=[sink := Sink()]) as trace:
        Derived(1).call()
    assert trace.outline() == OUTLINE, trace.outline()
    assert (len(sink.events), sink.closed) == (6, 1), "sink"
    assert contents() == before, "classes"

def fork():
    pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(60)  # a child that hangs is ended
            check_child()
            status = 0
        except BaseException as error:
            print("child:", repr(error), flush=True)
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]

# A thread that is stopped while it imports would keep the process from forking.
with callscope.record(Base, sinks=[Sink()], to="t.jsonl") as trace:
    Derived(1).call()
assert trace.outline() == OUTLINE
before = contents()
"""


def run(program: str, folder: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, and return what came of it."""
    env = {k: v for k, v in os.environ.items() if k == "CALLSCOPE_ENGINE" or "CALLSCOPE" not in k}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=env | environment,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


EACH_POINT = """
LOCKED = ("_living_thread", "_new_thread", "_paused_thread", "_last_thread", "_set_ending")

def work():
    sys.settrace(stop)
    with callscope.record(Base, sinks=[sink], to="t.jsonl") as trace:
        sys.settrace(None)
        Derived(1).call()
        sys.settrace(stop)
    sys.settrace(None)
    traces.append(trace)
    there.set()

def stop(frame, kind, _):
    code = frame.f_code
    # The thread that forks waits for the lock of a worker, which is held in these.
    if "/callscope/" in code.co_filename and code.co_name not in LOCKED:
        if code not in points:
            points.append(code)
            there.set()
            go_on.wait()
            go_on.clear()

points, traces, sink = [], [], Sink()
there, go_on = threading.Event(), threading.Event()
thread = threading.Thread(target=work)
thread.start()
while there.wait() and not traces:
    there.clear()
    status = fork()
    if status:
        print(status, points[-1])
    go_on.set()
thread.join()
print(len(points) > 100, contents() == before, len(sinks_threads()), sink.closed)
print(traces[0].outline() == OUTLINE, len(sink.events))
"""


@needs_fork
def test_a_fork_while_another_thread_begins_or_ends_a_recording(tmp_path: Any) -> None:
    """Wherever that thread is: the child's classes are as before, and the parent's trace is whole."""
    done = run(FORKS + EACH_POINT, tmp_path)
    assert (done.stdout, done.stderr) == ("True True 0 1\nTrue 6\n", "")


READS = """
asked, answer = threading.Event(), threading.Event()

def where(call):
    if os.getpid() == parent:
        asked.set()
        answer.wait()
    return True

parent = os.getpid()
with callscope.record(Base, where=where) as trace:
    Derived(1).call()
reading = threading.Thread(target=len, args=(trace,))
reading.start()
asked.wait()
check = check_child

def check_child():
    assert trace.outline() == OUTLINE, trace.outline()
    check()

print(fork())
answer.set()
reading.join()
print(trace.outline() == OUTLINE)
"""


@needs_fork
def test_a_fork_while_another_thread_reads_a_trace(tmp_path: Any) -> None:
    """The child reads it too, though that thread, which it has not, held the lock."""
    done = run(FORKS + READS, tmp_path)
    assert (done.stdout, done.stderr) == ("0\nTrue\n", "")


CYCLES = """
def cycles(name):
    for number in range(60):
        sinks.append(sink := Sink())
        to = {"to": f"{name}{number}.jsonl"} if number % 2 else {}
        callscope.start(Base, sinks=[sink], **to)
        Derived(1).call()
        traces.append(callscope.stop())  # which may be another thread's

sinks, traces = [], []
threads = [threading.Thread(target=cycles, args=(name,)) for name in "abc"]
for thread in threads:
    thread.start()
statuses = [fork() for _ in range(60)]
for thread in threads:
    thread.join()
print(statuses == [0] * 60, contents() == before, len(sinks_threads()))
print(len({id(trace) for trace in traces}), {sink.closed for sink in sinks})
print({len(trace) > 0 for trace in traces})
"""


@needs_fork
def test_forks_while_several_threads_start_and_stop_recordings(tmp_path: Any) -> None:
    """Each recording ends once, in whatever thread; no child hangs, and no thread is left."""
    done = run(FORKS + CYCLES, tmp_path)
    assert (done.stdout, done.stderr) == ("True True 0\n180 {1}\n{True}\n", "")


IMPORTING = """
import callscope.late_events as late
sys.setswitchinterval(10)  # else the import might end before the fork by chance
thread = threading.Thread(target=__import__, args=("callscope.late",))
thread.start()
late.begun.wait()
os.register_at_fork(before=late.go_on.set)  # which runs before what was registered earlier
pid = os.fork()
if not pid:
    signal.alarm(60)
    import callscope.late
    os._exit(0)
print(os.waitpid(pid, 0)[1])
thread.join()
"""


@needs_fork
def test_a_fork_while_another_thread_imports_a_module_of_callscope(tmp_path: Any) -> None:
    """The child can import it, too."""
    events = "import threading\nbegun, go_on = threading.Event(), threading.Event()\n"
    (tmp_path / "late_events.py").write_text(events, encoding="utf-8")
    module = "from callscope.late_events import begun, go_on\nbegun.set()\ngo_on.wait()\n"
    (tmp_path / "late.py").write_text(module, encoding="utf-8")
    path = f"callscope.__path__.append({str(tmp_path)!r})\n"
    done = run(FORKS + path + IMPORTING, tmp_path)
    assert (done.stdout, done.stderr) == ("0\n", "")


# --- a bad environment, and a second copy ---------------------------------------------------------

APP = """
import callscope

@callscope.traced
class Base:
    def call(self): return 1

print(Base().call(), callscope.engine in ("c", "python"))
"""

BAD = {
    "an engine": ({"CALLSCOPE_ENGINE": "bogus"}, "CALLSCOPE_ENGINE must be 'c' or 'python'"),
    "a line's end": ({"CALLSCOPE_ENGINE": "c\n"}, "got 'c\\n'"),
    "a folder": ({"CALLSCOPE_TO": "."}, "No format has the suffix"),
    "a folder for a child": (
        {"CALLSCOPE_TO": ".", "CALLSCOPE_PARENT": "1"},
        "No format has the suffix",
    ),
    "no folder": ({"CALLSCOPE_TO": "no/t.jsonl", "CALLSCOPE_PARENT": "x\n"}, "No such file"),
    "no folder at exit": ({"CALLSCOPE_TO": "no/t.txt"}, "No such file"),
    "no file": ({"CALLSCOPE_TO": "/dev/null/t.jsonl"}, "Not a directory"),
    "a suffix": ({"CALLSCOPE_TO": "t.bogus"}, "bogus"),
    "a sink": ({"CALLSCOPE_TO": "bogus:"}, "bogus:"),
    "a capture": ({"CALLSCOPE_CAPTURE": "bogus"}, "capture must be"),
    "a target": ({"CALLSCOPE": "a:b:c"}, "a:b:c"),
    "no name": ({"CALLSCOPE": ":"}, "':'"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="it has other files")
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_environment_stops_no_program(bad: str, tmp_path: Any) -> None:
    """It runs as it would, with one warning that says what is bad."""
    variables, problem = BAD[bad]
    done = run(APP, tmp_path, **{"CALLSCOPE": "1"} | variables)
    assert (done.returncode, done.stdout) == (0, "1 True\n")
    assert done.stderr.count("Warning: ") == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_a_path_that_no_system_takes(recwarn: pytest.WarningsRecorder) -> None:
    """It is a warning, too."""
    from callscope.tools import environment

    environment.start({"CALLSCOPE": "1", "CALLSCOPE_TO": "a\0b.jsonl", "CALLSCOPE_PARENT": "1"})
    assert [warning.category for warning in recwarn] == [callscope.errors.TargetWarning]


COPIES = """
import callscope, importlib, sys

class Base:
    def call(self): return 1

own = vars(Base)["call"]
{first}
before = callscope
for name in [name for name in sys.modules if name.startswith("callscope")]:
    del sys.modules[name]
from callscope.errors import CallscopeError
import callscope
print(callscope is before, CallscopeError is before.CallscopeError)
with callscope.record(Base) as trace:
    Base().call()
importlib.reload(callscope)
print(trace.outline(), vars(Base)["call"] is own, len(callscope.current()))
"""


@pytest.mark.parametrize(
    ("first", "restored"),
    [
        ("", True),
        ("with callscope.record(Base): Base().call()", True),
        ("callscope.start(Base)", IN_PLACE),
    ],
    ids=["imported", "recorded", "records"],
)
def test_an_import_of_another_copy(first: str, restored: bool, tmp_path: Any) -> None:
    """The first goes on, whatever it does, and so does what it declared."""
    done = run(COPIES.format(first=first), tmp_path)
    outline = "Base.call() [Base#1] -> 1"
    assert (done.stdout, done.stderr) == (f"True True\n{outline} {restored} 0\n", "")


def test_a_recording_by_the_environment_begins_once(tmp_path: Any) -> None:
    """However often the package is imported."""
    again = "import importlib; importlib.reload(callscope)\n"
    done = run(APP.replace("print", again + "print"), tmp_path, CALLSCOPE="1")
    assert done.stderr.count("Base.call()") == 1

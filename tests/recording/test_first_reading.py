"""The first reading of a trace in a process, which imports all that recordings do without."""

import os
import subprocess
import sys

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

PROGRAM = """
import os, signal, sys, threading
import callscope

class Base:
    def __init__(self, n): self.n = n
    def call(self): return self.n

OUTLINE = '''\\
Base.__init__(n=1) [Base#1]
Base.call() [Base#1] -> 1'''
DECODER = "callscope.tape.decode.decoder"

def record(**options):
    with callscope.record(Base, **options) as trace:
        Base(1).call()
    return trace
"""

FORGET = """
record()
before = {*sys.modules}

def forget():
    "Take what only a reading imports out of the process."
    for name in [*sys.modules]:
        if name.startswith("callscope.") and name not in before:
            package, _, module = name.rpartition(".")
            vars(sys.modules[package]).pop(module, None)
            del sys.modules[name]
    for package in (callscope.trace, callscope.introspect.bytecode):
        for name in package._LAZY:
            vars(package).pop(name, None)

def read(trace):
    return [call.site for call in trace]

SITES = ["Base.__init__", "Base.call"]
"""


def run(*programs):
    """Run programs in one process, and return what it has written."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_it_imports_what_decodes():
    """A recording does not, nor does its end."""
    work = "trace = record(); print(DECODER in sys.modules)\n"
    work += "print(len(trace), DECODER in sys.modules)\n"
    assert run(PROGRAM, work) == ["False", "2 True"]


@pytest.mark.parametrize("options", ["sinks=[Sink()]", "to='t.jsonl'", "break_on='Base.other'"])
def test_a_recording_with_a_receiver_imports_it_as_it_begins(options, tmp_path):
    """And not within a call of the program."""
    work = f"""
os.chdir({str(tmp_path)!r})

class Sink:
    def on_event(self, event): ...
    def flush(self): ...
    def close(self): ...

with callscope.record(Base, {options}):
    print(DECODER in sys.modules)
"""
    assert run(PROGRAM, work) == ["True"]


POINTS = """
class Points:
    "Points of callscope's code, and of an import's, at which a signal's handler may run."

    def __init__(self, at=None, act=None):
        self.at, self.act, self.passed = at, act, {}

    def __call__(self, frame, kind, argument):
        code = frame.f_code
        if kind in ("call", "c_return") and (
            "callscope" in code.co_filename or "importlib" in code.co_filename
        ):
            point = code.co_filename, code.co_name, frame.f_lasti, kind
            if point == self.at:
                sys.setprofile(None)
                self.act()
            self.passed[point] = None

    def read(self, trace):
        sys.setprofile(self)
        try:
            return read(trace)
        finally:
            sys.setprofile(None)

def points():
    "Return the points that a first reading passes."
    forget()
    points = Points()
    points.read(record())
    return [*points.passed]
"""

INTERRUPTED = """
def interrupt():
    raise KeyboardInterrupt

read(record())  # what happens once in a process has happened
wrong, all_points = [], points()
for at in all_points[::{step}]:
    forget()
    trace = record()
    try:
        Points(at, interrupt).read(trace)
    except KeyboardInterrupt:
        pass
    if read(trace) != SITES:
        wrong.append(at)
print(len(all_points) > 200, wrong)
"""


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interrupt(step):
    """Wherever it falls, the next reading has all calls."""
    assert run(PROGRAM, FORGET, POINTS, INTERRUPTED.format(step=step)) == ["True []"]


NESTED = """
from callscope.declare.instrumentation import is_being_imported

def ask():
    # A handler cannot import what it has itself interrupted.
    ours = [module for name, module in sys.modules.items() if name.startswith("callscope.")]
    if not any(map(is_being_imported, ours)):
        asked.append(read(trace))

asked, wrong = [], []
for at in points():
    trace = record()
    if Points(at, ask).read(trace) != SITES or read(trace) != SITES:
        wrong.append(at)
print(len(asked) > 10, wrong, all(SITES[:len(sites)] == sites for sites in asked))
"""


def test_a_signal_handler_reads_as_well():
    """Whatever it has interrupted, both readings are right, and so are all later ones."""
    assert run(PROGRAM, FORGET, POINTS, NESTED) == ["True [] True"]


DEEP = """
def at_depth(depth, trace):
    return at_depth(depth - 1, trace) if depth else read(trace)

refused = wrong = 0
for depth in range(sys.getrecursionlimit() - 250, sys.getrecursionlimit(), 3):
    forget()
    trace = record()
    try:
        wrong += at_depth(depth, trace) != SITES
    except RecursionError:
        refused += 1
    wrong += read(trace) != SITES
print(refused > 3, wrong)
"""


def test_the_recursion_limit():
    """Where there is no room for it, the next one has all calls."""
    assert run(PROGRAM, FORGET, DEEP) == ["True 0"]


THREADS = """
wrong = 0
sys.setswitchinterval(1e-6)
for _ in range(20):
    forget()
    traces = [record(), record()]
    lengths = []
    start = threading.Barrier(4)
    def work(trace):
        start.wait()
        lengths.append(len(trace))
    threads = [threading.Thread(target=work, args=(trace,)) for trace in traces * 2]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    wrong += lengths != [2] * 4
print(wrong)
"""


def test_several_threads_read_at_once():
    """Each reads all calls."""
    assert run(PROGRAM, FORGET, THREADS) == ["0"]


@needs_fork
def test_a_forked_child_reads_first():
    """The calls are those of the process that made them."""
    work = """
trace = record()
pid = os.getpid()
if not os.fork():
    print({call.pid for call in trace} == {pid}, trace.outline() == OUTLINE, flush=True)
    os._exit(0)
os.wait()
print({call.pid for call in trace} == {pid})
"""
    assert run(PROGRAM, work) == ["True True", "True"]


IMPORTING = """
class Finder:
    "A finder of modules that takes long, in one thread."

    def find_spec(self, name, path=None, target=None):
        if name == DECODER and threading.current_thread() is thread:
            begun.set()
            go_on.wait()

trace = record()
sys.meta_path.insert(0, Finder())
sys.setswitchinterval(10)  # else the import might end before the fork by chance
begun, go_on = threading.Event(), threading.Event()
thread = threading.Thread(target=len, args=(trace,))
thread.start()
begun.wait()
os.register_at_fork(before=go_on.set)  # which runs before what was registered earlier
pid = os.fork()
if not pid:
    signal.alarm(60)
    os._exit(trace.outline() != OUTLINE)
print(os.waitpid(pid, 0)[1])
thread.join()
print(trace.outline() == OUTLINE)
"""


@needs_fork
def test_a_fork_while_another_thread_looks_for_what_decodes():
    """The child, which has not that thread, can read the trace, too."""
    ignore = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)"
    assert run(ignore, PROGRAM, IMPORTING) == ["0", "True"]


@pytest.mark.parametrize("removed", ["callscope.", "callscope"])
def test_a_program_that_has_removed_the_modules(removed):
    """It reads with those that have recorded, and not with a second copy."""
    work = f"""
def remove():
    for name in [name for name in sys.modules if name.startswith({removed!r})]:
        del sys.modules[name]

from callscope.trace import Event
trace = record()
remove()
print(trace.outline() == OUTLINE, sys.modules["callscope.trace"].Event is Event)
remove()
from callscope import Call
print(type(trace.calls[0]) is Call)
"""
    assert run(PROGRAM, work) == ["True True", "True"]


def test_a_program_that_replaces_the_modules_for_a_while():
    """What was imported meanwhile is still the only copy."""
    work = """
from unittest import mock

class Outer(Base):
    def __call__(self): return self.call()

decoders = []
with mock.patch.dict(sys.modules):
    with callscope.record(Base, sample={"Outer.__call__": 0}) as sampled:
        Outer(1)()
    read(record())
    decoders.append(sys.modules[DECODER])
read(record())
decoders.append(sys.modules[DECODER])
print(decoders[0] is decoders[1], read(sampled))
"""
    assert run(PROGRAM, FORGET, "forget()", work) == ["True ['Base.__init__']"]

"""Pools of processes: no call of theirs is lost, and what cannot be recorded is said."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import callscope
from callscope.errors import ProcessWarning

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.slow,
]

METHODS = ("fork", "forkserver", "spawn")
LIBRARY = """
import callscope

@callscope.traced(methods=("call",))
class Base:
    def call(self, n):
        return n

def work(n):
    return Base().call(n)
"""
POOL = """
import multiprocessing, sys, library
if __name__ == "__main__":
    library.work(20)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(library.work, range(20), chunksize=1) == [*range(20)]
"""
EXECUTOR = """
import concurrent.futures, multiprocessing, sys, library
if __name__ == "__main__":
    library.work(20)
    context = multiprocessing.get_context(sys.argv[1])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert [*pool.map(library.work, range(20))] == [*range(20)]
"""
RECORDED = """
import multiprocessing, sys, library, callscope
if __name__ == "__main__":
    with callscope.record(library.Base, **{options}) as trace:
        library.work(20)
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            assert pool.map(library.work, range(20), chunksize=1) == [*range(20)]
"""

FAMILY = Path("/proc/self/task") / str(os.getpid()) / "children"
KILLER = """
import os, signal
parent, ended = os.getppid(), {os.getpid()}
print("ready", flush=True)
while True:
    with open(f"/proc/{parent}/task/{parent}/children") as children:
        for child in {*map(int, children.read().split())} - ended:
            ended.add(child)
            os.kill(child, signal.SIGTERM)
"""


@pytest.fixture
def run(tmp_path):
    """Run a program in a process of its own, in a folder with a module `library`."""
    (tmp_path / "library.py").write_text(LIBRARY)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CALLSCOPE_")}

    def run(program, *arguments, command=(), check=True, **environment):
        (tmp_path / "program.py").write_text(program)
        return subprocess.run(
            [sys.executable, *command, "program.py", *arguments],
            env=inherited | environment,
            cwd=tmp_path,
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def results(folder, pattern="t*.jsonl"):
    return sorted(call.result for call in callscope.load(folder / pattern).calls)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("program", [POOL, EXECUTOR], ids=["pool", "executor"])
class TestNothingIsLost:
    def test_by_the_environment(self, run, tmp_path, program, method):
        """However the workers are started, and though a pool terminates its own."""
        done = run(program, method, CALLSCOPE="library.*", CALLSCOPE_TO="t.jsonl")
        assert results(tmp_path) == [*range(21)]
        assert done.stderr == ""

    def test_by_the_command_line(self, run, tmp_path, program, method):
        """`callscope run --children`, which also reaches those that do not import callscope."""
        command = ("-m", "callscope", "run", "-t", "library:Base", "-M", "call", "--children")
        run(program, method, command=(*command, "-o", "t.jsonl"))
        assert results(tmp_path) == [*range(21)]


class TestOnePage:
    @pytest.mark.parametrize("method", METHODS)
    def test_by_the_environment(self, run, tmp_path, method):
        """What is saved at the end has the calls of all processes, and no other file is left."""
        done = run(POOL, method, CALLSCOPE="library.*", CALLSCOPE_TO="t.txt")
        text = (tmp_path / "t.txt").read_text()
        assert sorted(map(int, re.findall(r"-> (\d+)", text))) == [*range(21)]
        assert [path.name for path in tmp_path.glob("t.*")] == ["t.txt"]
        assert done.stderr == ""

    @pytest.mark.parametrize("method", METHODS)
    def test_by_the_command_line(self, run, tmp_path, method):
        """`callscope run --children -o`, with any suffix."""
        command = ("-m", "callscope", "run", "-t", "library:Base", "-M", "call", "--children")
        done = run(POOL, method, command=(*command, "-o", "t.html"))
        assert done.stderr == "callscope: 21 calls saved to t.html\n"
        assert [path.name for path in tmp_path.glob("t.*")] == ["t.html"]

    def test_a_process_that_still_runs(self, run, tmp_path):
        """It is not waited for; what it records stays, and is said."""
        program = """
import os, library
from pathlib import Path
library.work(1)
told, tells = os.pipe()
ends, lives = os.pipe()
if os.fork():
    os.read(told, 1)
else:
    os.close(lives), os.close(1), os.close(2)
    library.work(2)
    while not any(b'"call"' in part.read_bytes() for part in Path("t.txt.parts").iterdir()):
        pass
    os.write(tells, b"x")
    os.read(ends, 1)  # until its parent has ended
    os._exit(0)
"""
        done = run(program, CALLSCOPE="library.*", CALLSCOPE_TO="t.txt")
        assert "1 process still ran when" in done.stderr
        assert (tmp_path / "t.txt.parts").is_dir()
        assert re.findall(r"-> (\d+)", (tmp_path / "t.txt").read_text()) == ["1"]

    def test_a_process_that_was_killed_as_it_began(self, run, tmp_path):
        """The empty part that it has left is removed."""
        part = tmp_path / "t.txt.parts" / "host.1.jsonl"
        part.parent.mkdir()
        part.touch()
        run("import library; library.work(1)", CALLSCOPE="library.*", CALLSCOPE_TO="t.txt")
        assert [path.name for path in tmp_path.glob("t.*")] == ["t.txt"]

    def test_ranks(self, run, tmp_path):
        """Each saves a page of its own."""
        for rank in "01":
            run("import library; library.work(1)", CALLSCOPE="1", CALLSCOPE_TO="t.txt", RANK=rank)
        assert sorted(path.name for path in tmp_path.glob("t*")) == ["t.rank1.txt", "t.txt"]


class TestTerminated:
    PROGRAM = """
import os, signal, sys, library
def handle(number, frame):
    print("handled", flush=True)
    os._exit(7)
if sys.argv[1] == "handled":
    signal.signal(signal.SIGTERM, handle)
if sys.argv[1] == "ignored":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
import callscope
before = signal.getsignal(signal.SIGTERM)
with callscope.record(library.Base, to="t.jsonl"):
    library.work(1)
    if sys.argv[1] != "not":
        os.kill(os.getpid(), signal.SIGTERM)
print(signal.getsignal(signal.SIGTERM) is before)
"""

    @pytest.mark.parametrize(
        ("how", "code", "said"),
        [("default", -15, ""), ("handled", 7, "handled\n"), ("ignored", 0, "True\n")],
    )
    def test_the_program_ends_as_it_would(self, run, tmp_path, how, code, said):
        """By the signal, by its own handler, or not at all; and no call is lost."""
        done = run(self.PROGRAM, how, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (code, said, "")
        assert results(tmp_path) == [1]

    @pytest.mark.parametrize("output", [[], ["-o", "t.txt"], ["-o", "t.jsonl"]])
    def test_the_command_line(self, run, tmp_path, output):
        """A program that is ended by `timeout` or `docker stop` still shows what it called."""
        program = """
import os, signal, library
library.work(1)
if not os.fork():
    library.work(2)
    os.kill(os.getpid(), signal.SIGTERM)
os.wait()
os.kill(os.getpid(), signal.SIGTERM)
"""
        command = ("-m", "callscope", "run", "-t", "library:Base", "-M", "call", *output)
        done = run(program, command=command, check=False)
        assert done.returncode == -15
        shown = done.stderr
        if output:
            assert "1 calls saved to" in shown
            shown = (
                callscope.load(tmp_path / "t.jsonl").outline()
                if "jsonl" in output[1]
                else (tmp_path / "t.txt").read_text()
            )
        assert re.findall(r"-> (\d)", shown) == ["1"]

    def test_the_handler_is_put_back(self, run):
        """When no recording runs any more."""
        assert run(self.PROGRAM, "not").stdout == "True\n"

    def test_a_program_that_sets_its_own(self, run, tmp_path):
        """It keeps it; and ours, which it may call, does no more than would be done without it."""
        program = """
import os, signal, library, callscope
with callscope.record(library.Base, to="t.jsonl"):
    library.work(1)
    ours = signal.signal(signal.SIGTERM, lambda *_: print("theirs", flush=True))
    os.kill(os.getpid(), signal.SIGTERM)
    library.work(2)
signal.raise_signal(signal.SIGTERM)
signal.signal(signal.SIGTERM, ours)
os.kill(os.getpid(), signal.SIGTERM)
"""
        done = run(program, check=False)
        assert (done.returncode, done.stdout) == (-15, "theirs\ntheirs\n")
        assert results(tmp_path) == [1, 2]

    def test_while_the_main_thread_waits(self, run, tmp_path):
        """A signal that interrupts no call of the main thread ends the process all the same."""
        program = """
import signal, sys, threading, library
library.work(1)
lock = threading.Lock()
lock.acquire()
# Another thread's signal is for the main thread to handle, and leaves it where it waits.
send = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
threading.Timer(0.1, send).start()
lock.acquire()
"""
        done = run(program, check=False, CALLSCOPE="library.*", CALLSCOPE_TO="t.jsonl")
        assert (done.returncode, done.stderr) == (-15, "")
        assert results(tmp_path) == [1]

    def test_in_memory_nothing_is_changed(self):
        """A recording that hands out nothing at the end handles no signal."""
        import signal

        before = signal.getsignal(signal.SIGTERM)
        with callscope.record():
            assert signal.getsignal(signal.SIGTERM) is before

    @pytest.mark.skipif(not FAMILY.exists(), reason="this system does not list children")
    def test_a_child_that_has_not_run_yet(self, run):
        """CPython forgets what a child receives before its first step; it is held back."""
        program = f"""
import os, subprocess, sys, time, callscope, library
killer = subprocess.Popen([sys.executable, "-c", {KILLER!r}], stdout=subprocess.PIPE)
killer.stdout.readline()
with callscope.record(library.Base, to="t.jsonl"):
    for _ in range(20):
        child = os.fork()
        if not child:
            time.sleep(10)
            os._exit(0)
        print(os.waitpid(child, 0)[1])
killer.kill()
"""
        assert run(program, check=False).stdout.split() == ["15"] * 20

    def test_while_callscope_is_at_work(self, run, tmp_path):
        """A signal that falls into its own code waits until that is done."""
        program = """
import os, signal, library, callscope
class Sink:
    live = True
    def on_event(self, event):
        if event.kind == "return":
            os.kill(os.getpid(), signal.SIGTERM)
    def flush(self): ...
    def close(self): ...
with callscope.record(library.Base, to="t.jsonl", sinks=[Sink()]):
    library.work(1)
    while True:
        signal.pause()
"""
        assert run(program, check=False).returncode == -15
        assert results(tmp_path) == [1]


class TestProcessesThatDoNotRecord:
    @pytest.mark.parametrize("method", METHODS)
    def test_in_memory(self, run, method):
        """The calls of a pool are in no trace; it is said, with what to do."""
        done = run(RECORDED.format(options={}), method)
        assert done.stderr.count("ProcessWarning") == 1
        assert "2 processes were started by multiprocessing" in done.stderr
        assert "callscope run --children" in done.stderr

    @pytest.mark.parametrize("method", METHODS)
    def test_to_a_file(self, run, tmp_path, method):
        """What is forked records; what is spawned does not, which is said."""
        done = run(RECORDED.format(options={"to": "t.jsonl"}), method)
        is_forked = method == "fork"
        assert results(tmp_path) == ([*range(21)] if is_forked else [20])
        assert done.stderr.count("ProcessWarning") == (0 if is_forked else 1)

    def test_the_command_line(self, run):
        """`callscope run` says it as well."""
        command = ("-m", "callscope", "run", "-t", "library:Base")
        done = run(POOL, "spawn", command=command)
        assert "2 processes were started by multiprocessing" in done.stderr

    def test_programs_that_are_no_python(self, run):
        """They are nobody's business, and neither are processes of before."""
        program = """
import multiprocessing, os, subprocess, sys, callscope, library
if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        pool.map(library.work, [1])
        with callscope.record(library.Base):
            subprocess.run(["true"], check=True)
            os.waitpid(os.spawnlp(os.P_NOWAIT, "true", "true"), 0)
"""
        assert run(program).stderr == ""

    def test_joblib(self, tmp_path):
        """Its workers are counted: they are processes of multiprocessing."""
        joblib = pytest.importorskip("joblib")
        with pytest.warns(ProcessWarning, match="2 processes were started"):
            with callscope.record():
                assert joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(n) for n in (1, -2)) == [1, 2]
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown()

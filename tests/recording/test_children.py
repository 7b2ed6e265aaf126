"""Processes: each records its own calls, into a file of its own, and one trace is made of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import callscope
from callscope import Console, record
from callscope.tools.cli import main

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.slow,
]

LIBRARY = """
class Base:
    def __init__(self, n):
        self.n = n

    def call(self):
        return self.n

def work(n):
    return Base(n).call()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module `library`, which is imported."""
    (tmp_path / "library.py").write_text(LIBRARY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("library", None)


def run(program, folder, *command, warnings="error", **environment):
    """Run a program in a process of its own, and return what came of it."""
    path = folder / "program.py"
    path.write_text(program)
    env = {k: v for k, v in os.environ.items() if not k.startswith("CALLSCOPE")}
    return subprocess.run(
        [sys.executable, "-W", warnings, *command, str(path)],
        env=env | environment,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )


def calls_of(path):
    """Return how often each number stands in the calls of a trace."""
    trace = callscope.load(path)
    return sorted(call.result for call in trace.find("Base.call"))


def files(folder):
    """Return the trace files, with the number of a process written as one letter."""
    return sorted(re.sub(r"\.\d+\.", ".P.", path.name) for path in folder.glob("t*.jsonl"))


def in_child(act):
    """Fork; do something in the child, and return what it says."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writes, str(act()).encode())
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


def test_a_forked_child_has_a_trace_of_its_own(folder):
    """It repeats nothing of its parent's, and the parent's has nothing of it."""
    import library

    with record(library.Base) as trace:
        library.work(1)

        def act():
            library.work(2)
            pids = {call.pid for call in trace.calls} | {trace.header.pid}
            return trace.outline(), pids == {os.getpid()}

        said = in_child(act)
        library.work(3)
    assert said == str(("Base.__init__(n=2) [Base#1]\nBase.call() [Base#1] -> 2", True))
    assert [call.result for call in trace.find("Base.call")] == [1, 3]
    assert {call.pid for call in trace.calls} == {os.getpid()}


def test_a_fork_within_a_call(folder):
    """The child's end of the call that its parent began is no call of the child's."""
    import library

    class Forks(library.Base):
        def call(self):
            self.said = in_child(lambda: library.work(2) and trace.outline())
            return super().call()

    with record(library.Base) as trace:
        forks = Forks(1)
        forks.call()
    assert forks.said == "Base.__init__(n=2) [Base#1]\nBase.call() [Base#1] -> 2"
    assert [call.site for call in trace.calls] == ["Base.__init__", "Forks.call", "Base.call"]


def test_a_sink_hears_in_the_child_what_happens_there(folder, capfd):
    """A console prints on."""
    import library

    with record(library.Base, methods=("call",), sinks=[Console()]):
        library.work(1)
        in_child(lambda: (library.work(2), sys.stdout.flush()))
    assert capfd.readouterr().out.count("Base.call() [Base#1]\n-> 2") == 1


FORKS = """
import os, sys, library, callscope
with callscope.record(library.Base, methods=("call",), to="t.jsonl") as trace:
    library.work(0)
    for n in (1, 2):
        if not os.fork():
            library.work(n)
            if n == 2:
                if not os.fork():
                    library.work(3)
                    sys.exit()
                os.wait()
            sys.exit()
    if not os.fork():
        sys.exit()
    for _ in range(3):
        os.wait()
    library.work(4)
"""


def test_each_process_streams_to_a_file_of_its_own(folder):
    """One beside the named one for each that has something to say; together they are whole."""
    run(FORKS, folder)
    assert files(folder) == ["t.P.jsonl"] * 3 + ["t.jsonl"]
    assert calls_of("t.jsonl") == [0, 4]
    assert calls_of("t*.jsonl") == [0, 1, 2, 3, 4]


SINK_THAT_FORKS = """
import os, sys, library, callscope
class Forks:
    live = {is_live}
    lossless = True
    is_child = False
    events = []
    def on_event(self, event):
        self.events.append(event)
        if len(self.events) == 3:
            self.is_child = not os.fork()
            self.is_child or os.wait()
    def flush(self): ...
    def close(self): ...
sink = Forks()
with callscope.record(library.Base, methods=("call",), sinks=[sink]):
    for number in range(4):
        library.work(number)
theirs = [event.pid for event in sink.events[3:] if event.pid != os.getpid()]
print("child" if sink.is_child else "parent", [event.seq for event in sink.events[3:]], theirs)
"""


@pytest.mark.parametrize(
    ("is_live", "of_child"), [(True, [1, 2, 3, 4]), (False, [])], ids=["live", "lossless"]
)
def test_a_sink_that_forks(folder, is_live, of_child):
    """In the child, it gets none of the events that its parent was still to deliver."""
    lines = run(SINK_THAT_FORKS.format(is_live=is_live), folder).stdout.splitlines()
    assert sorted(lines) == [f"child {of_child} []", "parent [4, 5, 6, 7, 8] []"]


POOL = """
import multiprocessing, sys, library, callscope
if __name__ == "__main__":
    with callscope.record(library.Base, methods=("call",), to="t.jsonl"):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(library.work, range(20), chunksize=1) == [*range(20)]
            pool.close()
            pool.join()
        library.work(20)
"""


def test_a_pool_of_forked_workers(folder):
    """Whatever each did is there, though they end without the handlers of `atexit`."""
    run(POOL, folder)
    assert calls_of("t*.jsonl") == [*range(21)]


STARTS = """
import concurrent.futures, multiprocessing, subprocess, sys, library
if __name__ == "__main__":
    library.work(0)
    context = multiprocessing.get_context(sys.argv[1] if sys.argv[1:] else "spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert [*pool.map(library.work, range(1, 5))] == [1, 2, 3, 4]
    subprocess.run([sys.executable, "-c", "import library; library.work(5)"], check=True)
"""


def test_the_environment_reaches_processes_that_are_started(folder):
    """By `spawn` and by `subprocess`, where the library imports callscope."""
    library = folder / "library.py"
    declared = LIBRARY.replace("class Base", "import callscope\n@callscope.traced\nclass Base")
    library.write_text(declared)
    run(STARTS, folder, CALLSCOPE="library.*", CALLSCOPE_TO="t.jsonl", CALLSCOPE_METHODS="call")
    assert calls_of("t.jsonl") == [0]
    assert calls_of("t*.jsonl") == [0, 1, 2, 3, 4, 5]
    assert {call.method for call in callscope.load("t*.jsonl").calls} == {"call"}


@pytest.mark.parametrize("how", ["spawn", "fork", "forkserver"])
def test_run_reaches_the_children_of_a_program(folder, how):
    """`--children` records also those that never import callscope."""
    program = STARTS.replace('else "spawn"', f'else "{how}"')
    command = ["-m", "callscope", "run", "-t", "library:Base", "-M", "call", "--children"]
    run(program, folder, *command, "-o", "t.jsonl", warnings="default")
    assert calls_of("t*.jsonl") == [0, 1, 2, 3, 4, 5]


def test_children_import_the_sitecustomize_that_they_would(folder):
    """Ours is imported before it, and gives way."""
    (folder / "sitecustomize.py").write_text("import sys; sys.customized = __file__\n")
    program = """
import library, subprocess, sys
code = "import sys, sitecustomize as s; print(sys.customized == s.__file__)"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""
    command = ["-m", "callscope", "run", "-t", "library:Base", "--children", "-o", "t.jsonl"]
    done = run(program, folder, *command, PYTHONPATH=str(folder))
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["-t", "library:Base"], "-o trace.jsonl"), (["-t", "__main__:X", "-o", "t.jsonl"], "module")],
)
def test_children_that_cannot_be_recorded(folder, arguments, named, capsys):
    """What is missing is said before the program runs."""
    (folder / "program.py").write_text("class X: ...\nraise SystemExit(3)")
    assert main(["run", *arguments, "--children", "program.py"]) == 2
    assert named in capsys.readouterr().err


def test_run_of_a_program_that_forks(folder):
    """Each process prints, or saves, what it has recorded; one that has nothing is silent."""
    program = """
import os, library
library.work(0)
if not os.fork():
    library.work(1)
elif not os.fork():
    pass
else:
    os.wait(), os.wait()
"""
    command = ["-m", "callscope", "run", "-t", "library:Base", "-M", "call"]
    done = run(program, folder, *command)
    assert sorted(re.findall(r"Base.call.*?-> (\d)", done.stderr)) == ["0", "1"]
    assert "No calls" not in done.stderr
    run(program, folder, *command, "-o", "t.txt")
    assert len([*folder.glob("t.*.txt")]) == 1


def test_merged_processes(folder, capsys):
    """One trace: in order of time, each process's tree, and no two objects of one number."""
    run(FORKS, folder)
    paths = sorted(map(str, folder.glob("t*.jsonl")))
    assert main(["convert", *paths, "-o", "all.jsonl"]) == 0
    assert capsys.readouterr().out == "5 calls of 4 processes saved to all.jsonl\n"
    trace = callscope.load("all.jsonl")
    assert trace.outline() == callscope.load("t*.jsonl").outline()
    starts = [call.start_ns for call in trace.calls]
    assert starts == sorted(starts)
    assert [call.call_id for call in trace.calls] == [1, 2, 3, 4, 5]
    assert sorted(call.instance for call in trace.calls) == [1, 2, 3, 4, 5]
    assert [line for line in trace.outline().splitlines() if "process" in line] == [
        f"process {n}" for n in (1, 2, 3, 4)
    ]
    assert main(["view", "--outline", *paths]) == 0
    assert capsys.readouterr().out == trace.outline() + "\n"


def test_traces_of_several_machines(folder):
    """Their clocks differ; what each says is the time of day brings them together."""
    import library

    for name, ahead_ns in (("t1.jsonl", 0), ("t2.jsonl", 10**15)):
        with record(library.Base, methods=("call",)) as trace:
            library.work(1)
        trace._data().table.shift(ahead_ns)
        trace.header = trace.header._replace(start_ns=trace.header.start_ns + ahead_ns)
        trace.save(name)
    first, second = callscope.load("t*.jsonl").calls
    assert 0 < second.start_ns - first.start_ns < 10**12
    assert second.duration_ns < 10**12


def test_a_process_that_was_killed_as_it_began(folder):
    """Its file is empty; those of the others are read, and one by itself is not a trace."""
    import library

    with record(library.Base, methods=("call",), to="t.jsonl"):
        library.work(1)
    Path("t.17.jsonl").touch()
    assert len(callscope.load("t*.jsonl")) == 1
    with pytest.raises(callscope.CallscopeError, match="it is empty"):
        callscope.load("t.1*.jsonl")


def test_a_file_that_is_gone_when_it_is_read(folder):
    """The error names it, though a pattern had found it."""
    import library

    with record(library.Base, methods=("call",), to="t.jsonl"):
        library.work(1)
    Path("t.17.jsonl").symlink_to("gone.jsonl")
    with pytest.raises(callscope.CallscopeError, match=r"t\.17\.jsonl"):
        callscope.load("t*.jsonl")


def test_a_pattern_that_no_file_fits(folder):
    """It is an error, and says which pattern."""
    with pytest.raises(callscope.CallscopeError, match=r"nothing\*.jsonl.*no file matches"):
        callscope.load("nothing*.jsonl")


def test_a_file_whose_name_looks_like_a_pattern(folder):
    """It is that file."""
    import library

    with record(library.Base) as trace:
        library.work(1)
    path = Path("t[1].jsonl")
    trace.save(path)
    assert callscope.load(path).outline() == trace.outline()


def test_the_environment_names_one_file_wherever_a_child_is_started(folder):
    """A relative path is that of the first process; fields are filled in by each."""
    (folder / "library.py").write_text(
        LIBRARY.replace("class Base", "import callscope\n@callscope.traced\nclass Base")
    )
    (folder / "elsewhere").mkdir()
    program = """
import library, subprocess, sys
library.work(0)
code = "import sys; sys.path.append('..'); import library; library.work(1)"
subprocess.run([sys.executable, "-c", code], check=True, cwd="elsewhere")
"""
    run(program, folder, CALLSCOPE="1", CALLSCOPE_TO="t.{rank}.jsonl", CALLSCOPE_METHODS="call")
    assert calls_of("t.0.jsonl") == [0]
    assert calls_of("t.*.jsonl") == [0, 1]
    assert len({callscope.load(path).header.run for path in folder.glob("t*.jsonl")}) == 1
    assert [*(folder / "elsewhere").iterdir()] == []


def test_an_unknown_field_in_the_environment(folder):
    """It is warned about, and the program runs."""
    done = run(
        "import callscope; print(1)",
        folder,
        warnings="default",
        CALLSCOPE="1",
        CALLSCOPE_TO="t.{user}.jsonl",
    )
    assert done.stdout == "1\n"
    assert "{user} must be {pid}, {host} or {rank}" in done.stderr

"""Files of several recordings and runs: each has its own, and they are read back apart."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

import callscope
from building import set_pids
from callscope import JSONLines, load, record
from callscope.errors import OptionError, ProcessWarning, TraceFileError
from callscope.introspect.origin import host_label
from callscope.read.load import merge
from callscope.tools.cli import main

pytestmark = pytest.mark.slow


class Base:
    def call(self, n):
        return n


def results(trace):
    return sorted(call.result for call in trace.calls)


def own_name(pid=None):
    return f"t.{host_label()}.{pid or os.getpid()}.jsonl"


def names(folder):
    return sorted(path.name for path in folder.glob("t*"))


PROGRAM = """
import sys
from callscope import record

class Base:
    def call(self, n):
        return n

with record(Base, to=sys.argv[1]):
    Base().call(int(sys.argv[2]))
    print(flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def recording(tmp_path):
    """Start programs that record to a file until `stop` is called; returns the process."""
    started = []
    env = {k: v for k, v in os.environ.items() if not k.startswith("CALLSCOPE")}

    def start(to, number, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, to, str(number)],
            cwd=tmp_path,
            env=env | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def stop(process):
    """End a program, and return what it said on stderr."""
    return process.communicate("\n")[1]


CALLS = """
class Base:
    def call(self): ...
Base().call()
"""


def run_program(folder, program, output):
    """Run a program that defines a class `Base`, and return what is said of its trace."""
    (folder / "program.py").write_text(program)
    command = ("-m", "callscope", "run", "-t", "__main__:Base", "-o", output, "program.py")
    env = {k: v for k, v in os.environ.items() if k != "RANK"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return done.stderr.strip().removeprefix("callscope: ")


class TestOneFileOneRecording:
    @pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
    def test_two_processes(self, recording, tmp_path, suffix):
        """The second takes a name of its own, and says so once."""
        first, second = recording(f"t{suffix}", 1), recording(f"t{suffix}", 2)
        assert stop(first) == ""
        own = own_name(second.pid).replace(".jsonl", suffix)
        said = stop(second)
        assert said.count("ProcessWarning") == 1
        first_path, own_path = str(tmp_path / f"t{suffix}"), str(tmp_path / own)
        assert (
            f"{first_path!r} belongs to another recording. This one writes to {own_path!r}." in said
        )
        assert results(load(tmp_path / f"t{suffix}")) == [1]
        assert results(load(tmp_path / own)) == [2]

    def test_one_process(self, tmp_path):
        """So it is with two recordings of one process, and with a third."""
        path = tmp_path / "t.jsonl"
        with record(Base, to=path) as first:
            with pytest.warns(ProcessWarning, match="own|belongs"):
                second = callscope.start(Base, to=path)
            with pytest.warns(ProcessWarning, match=r"\.2\.jsonl"):
                third = callscope.start(Base, to=path)
            Base().call(1)
            callscope.stop()
            Base().call(2)
            callscope.stop()
        assert [results(trace) for trace in (first, second, third)] == [[1, 2], [1, 2], [1]]
        assert names(tmp_path) == sorted(
            ["t.jsonl", own_name(), own_name().replace(".jsonl", ".2.jsonl")]
        )

    def test_a_program_that_goes_to_another_folder(self, tmp_path, monkeypatch):
        """The file is where it was when the recording began, also for what is forked then."""
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path)
        with record(Base, to="t.jsonl") as trace:
            monkeypatch.chdir(tmp_path / "elsewhere")
            Base().call(1)
        assert results(trace) == [1]
        assert names(tmp_path) == ["t.jsonl"]

    @pytest.mark.parametrize("output", ["t.txt", "t.jsonl"])
    def test_run_of_a_program_that_goes_to_another_folder(self, tmp_path, output):
        """So it is with `callscope run`."""
        (tmp_path / "elsewhere").mkdir()
        program = f"import os; os.chdir('elsewhere')\n{CALLS}"
        assert run_program(tmp_path, program, output) == f"1 calls saved to {output}"
        assert names(tmp_path) == [output]

    def test_a_file_of_an_earlier_run_is_replaced(self, recording, tmp_path):
        """Also one of a killed program, for its claim has ended with it."""
        first = recording("t.jsonl", 1)
        first.kill()
        first.wait()
        assert stop(recording("t.jsonl", 2)) == ""
        assert results(load(tmp_path / "t.jsonl")) == [2]
        assert names(tmp_path) == ["t.jsonl"]

    def test_a_recording_after_another(self, tmp_path):
        """One process may use a file again and again."""
        for number in (1, 2):
            with record(Base, to=tmp_path / "t.jsonl") as trace:
                Base().call(number)
            assert results(trace) == [number]

    @pytest.mark.parametrize("variable", ["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"])
    def test_ranks_of_one_launch(self, recording, tmp_path, variable):
        """A rank that begins when another has ended leaves that one's file alone."""
        assert stop(recording("t.jsonl", 0, **{variable: "0"})) == ""
        second = recording("t.jsonl", 1, **{variable: "1"})
        assert "belongs to another recording" in stop(second)
        assert names(tmp_path) == sorted(["t.jsonl", own_name(second.pid)])
        assert results(load(tmp_path / "t*.jsonl")) == [0, 1]

    def test_it_can_be_read_while_it_is_written(self, recording, tmp_path):
        """By another process, and as one trace with others."""
        recording("t.jsonl", 1)
        assert load(tmp_path / "t.jsonl").header.command == "-c"

    def test_nothing_is_saved_there(self, recording, tmp_path):
        """It would take the file's place, and what the recording writes would be lost."""
        process = recording("t.jsonl", 1)
        with record(Base) as trace:
            Base().call(2)
        with pytest.raises(callscope.CallscopeError, match=r"t\.jsonl'.*A recording is writing"):
            trace.save(tmp_path / "t.jsonl")
        stop(process)
        assert results(load(trace.save(tmp_path / "t.jsonl"))) == [2]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
    def test_a_pipe_is_no_file(self, tmp_path):
        """It is written to as it is."""
        path = tmp_path / "t.jsonl"
        os.mkfifo(path)
        reader = subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE)
        sink = JSONLines(path)
        with record(Base, sinks=[sink]):
            Base().call(1)
        lines = [json.loads(line) for line in reader.communicate()[0].splitlines()]
        assert [line["kind"] for line in lines][-3:] == ["class", "call", "end"]


class TestFields:
    def test_they_are_filled_in(self, recording, tmp_path):
        """With the process number, the host's short name and the rank."""
        process = recording("t.{host}.{pid}.{rank}.jsonl", 1, RANK="3")
        assert stop(process) == ""
        assert names(tmp_path) == [f"t.{host_label()}.{process.pid}.3.jsonl"]

    def test_rank_without_a_launcher(self, tmp_path, monkeypatch):
        """It is 0, so that a script may be run by hand."""
        monkeypatch.delenv("RANK", raising=False)
        with record(Base, to=f"{tmp_path}/t.{{rank}}.jsonl"):
            pass
        assert names(tmp_path) == ["t.0.jsonl"]

    def test_an_unknown_field(self, tmp_path, capsys):
        """It is an error at once, which names the ones there are."""
        with pytest.raises(OptionError, match=r"\{user\} must be \{pid\}, \{host\} or \{rank\}"):
            record(Base, to="t.{user}.jsonl")
        (tmp_path / "program.py").write_text("raise SystemExit(3)")
        arguments = ["run", "-t", "library:Base", "-o", "t.{user}.jsonl"]
        assert main([*arguments, str(tmp_path / "program.py")]) == 2
        assert "{user} must be" in capsys.readouterr().err

    def test_braces_that_are_no_field(self, tmp_path):
        """They are part of the name."""
        with record(Base, to=tmp_path / "t{1}.jsonl"):
            pass
        assert names(tmp_path) == ["t{1}.jsonl"]

    def test_the_command_line(self, tmp_path):
        """What is said names the file that was written."""
        assert run_program(tmp_path, CALLS, "t.{rank}.jsonl") == "1 calls saved to t.0.jsonl"


def rewritten(path, to, **header):
    """Write a file anew with other words in its header; None takes one out."""
    first, *lines = path.read_text().splitlines(keepends=True)
    said = {**json.loads(first), **header}
    kept = {name: value for name, value in said.items() if value is not None}
    to.write_text("".join([json.dumps(kept) + "\n", *lines]))
    return to


@pytest.fixture
def saved(tmp_path):
    """A file of one call, whose result is 1."""
    with record(Base, to=tmp_path / "t.jsonl"):
        Base().call(1)
    return tmp_path / "t.jsonl"


class TestRuns:
    def test_another_run_is_left_out(self, saved, tmp_path):
        """A worker's file that an earlier run has left; a warning names it."""
        start = load(saved).header.start_unix_ns
        left = rewritten(saved, tmp_path / "t.7.jsonl", run="old", start_unix_ns=start - 10)
        rewritten(saved, tmp_path / "t.8.jsonl", pid=8, start_unix_ns=start + 10)
        with pytest.warns(ProcessWarning, match=r"Left out, .*t\.7\.jsonl") as warned:
            trace = load(tmp_path / "t*.jsonl")
        assert len(warned) == 1
        assert results(trace) == [1, 1]
        assert results(load(left)) == [1]

    def test_other_names_hosts_and_old_files_are_read(self, saved, tmp_path):
        """Only what bears the name of a run's other files can be a leftover of another run."""
        rewritten(saved, tmp_path / "web.jsonl", run="another")
        rewritten(saved, tmp_path / "t.other.jsonl", run="another", host="another")
        rewritten(saved, tmp_path / "t.old.jsonl", run=None, host=None)
        assert results(load(tmp_path / "*.jsonl")) == [1, 1, 1, 1]

    def test_a_header_without_all_that(self, saved, tmp_path):
        """Files of earlier versions load as before."""
        path = rewritten(saved, tmp_path / "old.jsonl", run=None, host=None, command=None)
        header = load(path).header
        assert (header.run, header.host, header.rank, header.command) == ("", "", None, "")
        assert results(load(path)) == [1]

    def test_children_belong_to_the_run(self, recording, tmp_path):
        """The environment carries its id."""
        stop(recording("t.jsonl", 1, CALLSCOPE_PARENT="this run"))
        assert load(tmp_path / "t.jsonl").header.run == "this run"

    def test_two_runs_differ(self, recording, tmp_path):
        """No two runs have the same id."""
        runs = set()
        for number in (1, 2):
            stop(recording("t.jsonl", number))
            runs.add(load(tmp_path / "t.jsonl").header.run)
        assert len(runs) == 2


class TestProcesses:
    @pytest.fixture
    def containers(self, saved, tmp_path):
        """Traces of two processes of one number, on two hosts."""
        return [
            load(
                rewritten(saved, tmp_path / f"{host}.jsonl", host=host, run=host, pid=1, rank=rank)
            )
            for rank, host in enumerate(("red", "blue"))
        ]

    def test_two_of_one_number(self, containers):
        """Each keeps its calls, under a number of its own, and the labels say which is which."""
        for trace in containers:
            set_pids(trace, [1] * len(trace))
        trace = merge(containers)
        assert len({call.pid for call in trace.calls}) == 2
        assert [(p.pid, p.host, p.rank) for p in trace.header.processes] == [
            (1, "red", 0),
            (2, "blue", 1),
        ]
        labels = [line for line in str(trace).splitlines() if line.startswith("process")]
        assert labels == ["process 1, host red, rank 0", "process 2, host blue, rank 1"]

    @pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
    def test_a_merged_trace_keeps_them(self, containers, tmp_path, suffix):
        """Saved, loaded and merged again, its processes are the same."""
        if suffix == ".parquet":
            pytest.importorskip("pyarrow")
        trace = merge(containers)
        again = load(trace.save(tmp_path / f"both{suffix}"))
        assert again.header.processes == trace.header.processes
        assert merge([again]).header.processes == trace.header.processes

    def test_one_process_in_two_files(self, saved, tmp_path):
        """It stays one."""
        other = load(rewritten(saved, tmp_path / "more.jsonl", command="renamed.py"))
        trace = merge([load(saved), other])
        assert {call.pid for call in trace.calls} == {os.getpid()}
        assert "process" not in str(trace)

    @pytest.mark.parametrize(
        ("suffix", "label"),
        [
            (".speedscope.json", "process 2, host blue, rank 1, thread MainThread"),
            (".json", "python, host blue, rank 1"),
            (".mmd", "process 2, host blue, rank 1"),
            (".html", ", host blue, rank 1"),
        ],
    )
    def test_the_labels_of_files(self, containers, tmp_path, suffix, label):
        """Every format that names processes says how they differ."""
        for trace in containers:
            set_pids(trace, [1] * len(trace))
        assert label in merge(containers).save(tmp_path / f"t{suffix}").read_text()

    @pytest.mark.parametrize(
        "wrong", [[1], [{}], [{"pid": "x"}], {"pid": 1}, [{"pid": 1, "host": 1}]]
    )
    def test_processes_that_make_no_sense(self, saved, tmp_path, wrong):
        """They are refused, as all else that is wrong in a header."""
        path = rewritten(saved, tmp_path / "wrong.jsonl", processes=wrong)
        with pytest.raises(callscope.CallscopeError, match="line 1"):
            load(path)


def test_a_damaged_file_is_replaced(tmp_path):
    """Whatever stands in it is no claim."""
    for name, content in {
        "a.jsonl": b"\xff{",
        "b.jsonl.gz": gzip.compress(b"x" * 100)[:-20],
        "c.jsonl.gz": b"no gzip",
        "d.jsonl": b"[1]",
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with record(Base, to=path) as trace:
            Base().call(1)
        assert results(trace) == [1]


def test_a_folder_of_parts_that_others_remove(tmp_path):
    """It is made again: a process may begin while another ends and finds the folder empty."""
    folder = tmp_path / "t.txt.parts"
    is_over = threading.Event()

    def remove():
        while not is_over.is_set():
            with suppress(OSError):
                folder.rmdir()
                time.sleep(0.001)

    other = threading.Thread(target=remove)
    other.start()
    try:
        for number in range(50):
            path = folder / f"host.{number}.jsonl"
            with record(Base, to=path):
                Base().call(number)
            assert len(load(path)) == 1
            path.unlink()
    finally:
        is_over.set()
        other.join()


def test_a_folder_of_parts_that_is_removed_within_mkdir(tmp_path, monkeypatch):
    """It is made again: `mkdir` asks a second time whether the folder exists, and it is gone."""
    folder = tmp_path / "t.txt.parts"
    folder.mkdir()
    mkdir = os.mkdir
    removals = iter(range(3))

    def disturbed(path, *options):
        try:
            mkdir(path, *options)
        except FileExistsError:
            if next(removals, None) is not None:
                folder.rmdir()
            raise

    monkeypatch.setattr(os, "mkdir", disturbed)
    path = folder / "host.1.jsonl"
    with record(Base, to=path):
        Base().call(1)
    assert len(load(path)) == 1


def test_a_file_where_the_folder_of_parts_should_be(tmp_path):
    """The error names the file that cannot be written."""
    (tmp_path / "t.txt.parts").write_text("mine")
    path = tmp_path / "t.txt.parts" / "host.1.jsonl"
    with pytest.raises(TraceFileError, match=r"host\.1\.jsonl.* Name a file that can be written"):
        with record(Base, to=path):
            pass
    assert (tmp_path / "t.txt.parts").read_text() == "mine"

"""How files are written and read, whatever their format: in one piece, compressed, converted."""

import gzip
import io
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import callscope
from callscope import errors
from callscope.read.trace import Trace
from callscope.tools.cli import main
from seed import SEED_OUTLINE

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions, links and pipes")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def failing(trace, error):
    """Return a trace that fails while it is written, behind its header."""

    def read():
        raise error

    return Trace(trace.header, read)


class TestReplacing:
    def test_a_failure_leaves_what_was_there(self, seed_trace, tmp_path):
        """And no other file."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        before = path.read_bytes()
        for error in (KeyboardInterrupt(), MemoryError(), ValueError("bad")):
            with pytest.raises(type(error)):
                failing(seed_trace, error).save(path)
            assert (path.read_bytes(), names(tmp_path)) == (before, ["t.jsonl"])

    def test_a_failure_makes_no_file(self, seed_trace, tmp_path):
        """Neither where there was none."""
        with pytest.raises(KeyboardInterrupt):
            failing(seed_trace, KeyboardInterrupt()).save(tmp_path / "t.jsonl.gz")
        assert names(tmp_path) == []

    @posix
    def test_what_a_killed_process_has_left(self, seed_trace, tmp_path):
        """The next save in the folder removes it; the file of a process that lives stays."""
        program = """
            import os, signal, sys
            from callscope.read.trace import Trace
            from callscope.trace import Header

            def read():
                os.kill(os.getpid(), signal.SIGKILL)

            Trace(Header(1, 0, 0, '3', '0', ()), read).save("t.jsonl")
        """
        command = [sys.executable, "-c", textwrap.dedent(program)]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == -signal.SIGKILL
        [left] = names(tmp_path)
        assert left.startswith(".callscope-")
        living = left.replace(left.split("-")[-2], str(os.getpid()))
        (tmp_path / living).touch()
        seed_trace.save(tmp_path / "t.jsonl")
        assert names(tmp_path) == [living, "t.jsonl"]

    @posix
    def test_a_new_file_has_the_usual_permissions(self, seed_trace, tmp_path):
        """Those that the umask leaves."""
        umask = os.umask(0o027)
        try:
            mode = seed_trace.save(tmp_path / "t.jsonl").stat().st_mode
        finally:
            os.umask(umask)
        assert stat.S_IMODE(mode) == 0o640

    @posix
    def test_a_file_keeps_its_permissions(self, seed_trace, tmp_path):
        """As one that is opened for writing does."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        path.chmod(0o604)
        seed_trace.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604

    @posix
    def test_a_symbolic_link_stays(self, seed_trace, tmp_path):
        """What it names is replaced."""
        (tmp_path / "there").mkdir()
        there = tmp_path / "there" / "real.jsonl"
        link = tmp_path / "t.jsonl"
        link.symlink_to(there)
        seed_trace.save(link)
        assert link.is_symlink()
        assert callscope.load(there).outline() == SEED_OUTLINE
        assert names(tmp_path / "there") == ["real.jsonl"]

    @posix
    def test_a_pipe_is_written_to(self, seed_trace, tmp_path):
        """It is no file, and stays what it is."""
        pipe = tmp_path / "t.jsonl"
        os.mkfifo(pipe)
        found = []
        reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
        reader.start()
        seed_trace.save(pipe)
        reader.join()
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert found[0].endswith(b'"kind":"end","lost":0}\n')

    @pytest.mark.skipif(
        os.name == "nt" or os.geteuid() == 0, reason="root, and Windows, write where they want"
    )
    def test_a_file_that_may_not_be_written_is_refused(self, seed_trace, tmp_path):
        """Though it could be replaced."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        path.chmod(0o444)
        with pytest.raises(errors.TraceFileError, match="Permission denied"):
            seed_trace.save(path)

    @pytest.mark.skipif(
        os.name == "nt" or os.geteuid() == 0, reason="root, and Windows, write where they want"
    )
    def test_a_folder_that_takes_no_other_file(self, seed_trace, tmp_path):
        """A file in it that may be written is."""
        path = tmp_path / "t.jsonl"
        path.touch()
        tmp_path.chmod(0o555)
        try:
            seed_trace.save(path)
        finally:
            tmp_path.chmod(0o755)
        assert callscope.load(path).outline() == SEED_OUTLINE

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is full")
    def test_a_full_disk(self, seed_trace, tmp_path):
        """The error says so."""
        path = tmp_path / "t.jsonl"
        path.symlink_to("/dev/full")
        with pytest.raises(errors.TraceFileError, match="No space left"):
            seed_trace.save(path)


class Terminal(io.StringIO):
    """A stderr that is a terminal, and tells when something was written to it."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def isatty(self):
        return True

    def flush(self):
        if self.getvalue():
            self.written.set()


class TestProgress:
    @pytest.fixture
    def terminal(self, monkeypatch):
        monkeypatch.setattr("callscope.read.formats.progress.FIRST_SECONDS", 0)
        monkeypatch.delenv("TERM", raising=False)
        return Terminal()

    def slow(self, trace, terminal):
        """Return a trace that takes until something was shown to be written."""

        def read():
            assert terminal.written.wait(60)
            return trace._read()

        return Trace(trace.header, read)

    def test_it_is_shown_and_taken_away(self, seed_trace, tmp_path, monkeypatch, terminal):
        """What is done, and how far it is; the line is erased in the end."""
        monkeypatch.setattr(sys, "stderr", terminal)
        self.slow(seed_trace, terminal).save(tmp_path / "t\x1b[2J.jsonl")
        shown = terminal.getvalue()
        assert shown.startswith("\r\x1b[KWriting t\\x1b[2J.jsonl: 0.0 MB, 0 s")
        assert shown.endswith("\r\x1b[K")

    def test_a_pipe_sees_nothing(self, seed_trace, tmp_path, monkeypatch, terminal):
        """Only a terminal does."""
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(terminal, "isatty", lambda: False)
        terminal.written.set()
        self.slow(seed_trace, terminal).save(tmp_path / "t.jsonl")
        callscope.load(tmp_path / "t.jsonl")
        assert terminal.getvalue() == ""

    def test_there_may_be_no_stderr(self, seed_trace, tmp_path, monkeypatch):
        """As in a program without a console."""
        monkeypatch.setattr(sys, "stderr", None)
        assert callscope.load(seed_trace.save(tmp_path / "t.jsonl")).outline() == SEED_OUTLINE


class TestWhatIsSaidOnce:
    @pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
    def test_it_comes_back(self, seed, tmp_path, suffix):
        """What recording took, and what was left out of the recording."""
        if suffix == ".parquet":
            pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
        with callscope.record(seed.Layer, sample={"MyLayer.call": 0}) as trace:
            for _ in range(3):
                seed.MyLayer(3)(4)
        again = callscope.load(trace.save(tmp_path / f"t{suffix}"))
        assert again.left_out == trace.left_out == {"app.MyLayer.call": 3}
        assert again.cost == trace.cost
        assert again.header == trace.header
        assert again.cost.inside_ns > 0

    @pytest.mark.parametrize(
        ("line", "key", "value"),
        [
            (0, "cost", {"inside_ns": -1, "outside_ns": 1, "summary_ns": 1}),
            (0, "cost", {"inside_ns": 1}),
            (0, "cost", [1, 2, 3]),
            (-1, "left_out", {"app.Layer.call": "many"}),
            (-1, "left_out", [3]),
        ],
    )
    def test_it_must_make_sense(self, seed_trace, tmp_path, line, key, value):
        """What is wrong is named, with its line."""
        path = seed_trace.save(tmp_path / "t.jsonl")
        lines = [json.loads(text) for text in path.read_text().splitlines()]
        lines[line][key] = value
        path.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
        number = 1 if line == 0 else len(lines)
        with pytest.raises(errors.TraceFormatError, match=rf"line {number}: '.*' is "):
            callscope.load(path)


class TestCompressed:
    def test_round_trip(self, seed_trace, tmp_path):
        """The lines are those of the plain file; `gzip` reads them."""
        plain = seed_trace.save(tmp_path / "t.jsonl")
        packed = seed_trace.save(tmp_path / "T.JSONL.GZ")
        assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
        assert callscope.load(packed).outline() == SEED_OUTLINE

    def test_equal_traces_make_equal_files(self, seed_trace, tmp_path):
        """No time and no name stands in them."""
        one, other = (seed_trace.save(tmp_path / f"{n}.jsonl.gz") for n in "ab")
        assert one.read_bytes() == other.read_bytes()

    def test_cut_anywhere(self, seed_trace, tmp_path):
        """What came before the cut is read, or there is no trace as yet."""
        path = seed_trace.save(tmp_path / "t.jsonl.gz")
        whole = path.read_bytes()
        longest = 0
        for cut in range(len(whole)):
            path.write_bytes(whole[:cut])
            try:
                found = len(callscope.load(path))
            except errors.TraceFormatError:
                found = 0
            assert longest <= found
            longest = found
        assert longest == 4

    def test_damage_is_told(self, seed_trace, tmp_path):
        """Each member has a checksum."""
        path = seed_trace.save(tmp_path / "t.jsonl.gz")
        whole = bytearray(path.read_bytes())
        whole[-8] ^= 1
        path.write_bytes(whole)
        with pytest.raises(errors.TraceFormatError, match=r"t\.jsonl\.gz' is damaged"):
            callscope.load(path)

    def test_not_compressed_at_all(self, seed_trace, tmp_path):
        """The error says so."""
        path = tmp_path / "t.jsonl.gz"
        path.write_bytes(seed_trace.save(tmp_path / "t.jsonl").read_bytes())
        with pytest.raises(errors.TraceFormatError, match="is not compressed"):
            callscope.load(path)

    def test_compressed_under_the_plain_suffix(self, seed_trace, tmp_path):
        """The error says what to call it."""
        path = tmp_path / "t.jsonl"
        path.write_bytes(seed_trace.save(tmp_path / "t.jsonl.gz").read_bytes())
        with pytest.raises(errors.TraceFormatError, match=r"compressed.*\.jsonl\.gz"):
            callscope.load(path)

    def test_streamed(self, seed, tmp_path):
        """It is read while the recording runs and afterwards."""
        path = tmp_path / "t.jsonl.gz"
        with callscope.record(seed.Layer, to=path) as trace:
            obj = seed.MyLayer(3)
            assert len(trace) == len(callscope.load(path)) == 2
            obj(4)
        assert trace.outline() == callscope.load(path).outline() == SEED_OUTLINE
        assert gzip.decompress(path.read_bytes()).endswith(b'"kind":"end","lost":0}\n')

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
    def test_a_killed_program_leaves_what_it_wrote(self, tmp_path):
        """All that was flushed is there."""
        program = """\
            import os, signal, callscope
            class Layer:
                def call(self, n): ...
            with callscope.record(Layer, to="t.jsonl.gz") as trace:
                for n in range(1000):
                    Layer().call(n)
                len(trace)
                os.kill(os.getpid(), signal.SIGKILL)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, check=False
        )
        assert done.returncode == -signal.SIGKILL
        calls = callscope.load(tmp_path / "t.jsonl.gz").calls
        assert [call.arguments["n"] for call in calls] == list(range(1000))

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_forked_child_writes_beside_it(self, tmp_path):
        """Under a name of the same suffix."""
        program = """\
            import os, callscope
            class Layer:
                def call(self, n): ...
            with callscope.record(Layer, to="t.jsonl.gz"):
                Layer().call(1)
                pid = os.fork()
                Layer().call(2 if pid else 3)
            if pid:
                os.waitpid(pid, 0)
                os.rename(f"t.{pid}.jsonl.gz", "t.child.jsonl.gz")
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, check=True)
        merged = callscope.load(tmp_path / "t*.jsonl.gz")
        assert sorted(call.arguments["n"] for call in merged.calls) == [1, 2, 3]

    def test_other_files_cannot_be_streamed_to(self, tmp_path):
        """The error names those that can."""
        with pytest.raises(errors.OptionError, match=r"'\.jsonl\.gz' or '\.parquet'"):
            callscope.record(to=tmp_path / "t.gz")


class TestOneWay:
    @pytest.mark.parametrize(
        ("suffix", "what"),
        [
            (".json", "a Chrome trace"),
            (".json.gz", "a Chrome trace"),
            (".html", "a page"),
            (".mmd", "a diagram"),
            (".pftrace", "a Perfetto trace"),
            (".speedscope.json", "a speedscope profile"),
            (".txt", "a text"),
        ],
    )
    def test_what_is_made_for_others_cannot_be_loaded(self, seed_trace, tmp_path, suffix, what):
        """The error says what it is, and what to save instead."""
        path = seed_trace.save(tmp_path / f"t{suffix}")
        with pytest.raises(errors.TraceFormatError) as caught:
            callscope.load(path)
        assert str(caught.value) == (
            f"'{path}': {what} cannot be loaded. Save the trace as '.jsonl' or '.parquet'."
        )


class TestConvert:
    def test_by_suffix(self, seed_trace, tmp_path, capsys):
        """A trace in another format; what was done is said."""
        source, target = seed_trace.save(tmp_path / "t.jsonl"), tmp_path / "t.txt"
        assert main(["convert", str(source), "-o", str(target)]) == 0
        assert capsys.readouterr().out == f"4 calls saved to {target}\n"
        assert target.read_text(encoding="utf-8") == f"{seed_trace}\n"

    def test_to_itself(self, seed_trace, tmp_path):
        """A file may be replaced by what is made of it."""
        path = str(seed_trace.save(tmp_path / "t.jsonl"))
        assert main(["convert", path, path, "-o", path]) == 0
        assert len(callscope.load(path)) == 8

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (["none.jsonl", "-o", "t.txt"], "none.jsonl"),
            (["t.jsonl", "-o", "t.xyz"], "'t.xyz'. Name a file that ends in one of: .jsonl,"),
            (["t.jsonl", "-o", "missing/t.txt"], "missing/t.txt"),
            (["t.txt", "-o", "t.jsonl"], "'t.txt': a text cannot be loaded"),
        ],
    )
    def test_what_cannot_be_done(self, seed_trace, tmp_path, monkeypatch, capsys, arguments, named):
        """The error names the file, and the exit code is 2."""
        monkeypatch.chdir(tmp_path)
        seed_trace.save("t.jsonl")
        seed_trace.save("t.txt")
        assert main(["convert", *arguments]) == 2
        assert named in capsys.readouterr().err
        assert names(tmp_path) == ["t.jsonl", "t.txt"]

    @pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".txt"])
    def test_run_saves_by_suffix(self, tmp_path, suffix):
        """`callscope run -o` takes the files that `save` takes."""
        (tmp_path / "app.py").write_text(
            "class Layer:\n    def call(self, n): return n\nLayer().call(7)\n"
        )
        command = ["run", "-t", "__main__:Layer", "-o", f"t{suffix}", "app.py"]
        done = subprocess.run(
            [sys.executable, "-m", "callscope", *command],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stderr == f"callscope: 1 calls saved to t{suffix}\n"
        if suffix != ".txt":
            outline = "Layer.call(n=7) [Layer#1] -> 7"
            assert callscope.load(tmp_path / f"t{suffix}").outline() == outline


def test_loading_makes_no_classes(tmp_path):
    """A class for each file would stay in memory: `__subclasses__` knows them all."""
    paths = [tmp_path / f"{number}.jsonl" for number in range(20)]
    for path in paths:
        cls = type(f"Layer{path.stem}", (), {"call": lambda self: None})
        with callscope.record(cls, to=path):
            for _ in range(200):
                cls().call()
    callscope.load(paths[0])
    before = len(callscope.Call.__subclasses__())
    for path in paths:
        assert len(callscope.load(path)) == 200
    assert len(callscope.Call.__subclasses__()) == before


def test_names_that_keep_coming(seed, tmp_path, monkeypatch):
    """However many classes there are, and wherever in a file they are first met."""
    pytest.importorskip("msgspec", reason="msgspec comes with the extra 'fast'")
    with callscope.record(seed.Layer) as trace:
        for n in range(300):
            type(f"Layer{n}", (seed.Layer,), {"call": lambda self, z: z})(n)(n)
    path = trace.save(tmp_path / "t.jsonl")

    def read():
        loaded = callscope.load(path)
        metadata = [(call.file, call.line, call._class_metadata) for call in loaded.calls]
        return loaded.outline(), metadata, [call.duration_ns for call in loaded.calls]

    fast = read()
    monkeypatch.setattr("callscope.read.formats.jsonl.reader._fast", lambda: None)
    assert fast == read()
    assert fast[0] == trace.outline()

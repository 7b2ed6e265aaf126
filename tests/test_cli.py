"""The command line, as a process of its own."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

import callscope
from conftest import SEED_APP

PROGRAM = f"""\
import sys

{SEED_APP}
if __name__ == "__main__":
    print(MyLayer(3)(4), sys.argv[1:])
"""
OUTLINE = """\
MyLayer.__init__(k=3) [MyLayer#1]
  Layer.__init__(x=3) [MyLayer#1]
Layer.__call__(y=4) [MyLayer#1] -> 5
  MyLayer.call(m=4) [MyLayer#1] -> 5"""


def cli(*arguments, cwd, **options):
    """Run callscope and return the finished process."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CALLSCOPE")}
    return subprocess.run(
        [sys.executable, "-m", "callscope", *arguments],
        cwd=cwd,
        env=env | {"PYTHONIOENCODING": "utf-8"},
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        **options,
    )


@pytest.fixture
def app(tmp_path):
    """A folder with a program in it."""
    (tmp_path / "app.py").write_text(PROGRAM)
    return tmp_path


def write(folder, source, name="script.py"):
    (folder / name).write_text(textwrap.dedent(source))


class TestDemo:
    def test_it_shows_the_source_the_tree_and_the_four_lines(self, tmp_path):
        """The seed example, explained."""
        done = cli("demo", cwd=tmp_path)
        assert done.returncode == 0
        assert "    def __init__(self, k): super().__init__(k)" in done.stdout
        assert "└─ Layer.__init__(x=3) [MyLayer#1]" in done.stdout
        assert (
            "\nInside MyLayer -> __init__ : 3\n"
            "Inside Layer -> __init__ : 3\n"
            "Inside Layer -> __call__ : 4\n"
            "Inside MyLayer -> call : 4\n"
        ) in done.stdout


class TestRun:
    def test_a_script(self, app):
        """The script's output is its own; the tree goes to stderr."""
        done = cli("run", "-t", "__main__:Layer", "app.py", "a", "-b", cwd=app)
        assert (0, "5 ['a', '-b']\n") == (done.returncode, done.stdout)
        assert "└─ MyLayer.call(m=4) [MyLayer#1] -> 5" in done.stderr
        assert "__main__" in done.stderr.splitlines()[-1]

    def test_a_module(self, app):
        """`-m` takes a module, and all behind it belongs to the program."""
        done = cli("run", "-t", "__main__:Layer", "-m", "app", "-t", "x", "-m", cwd=app)
        assert (0, "5 ['-t', 'x', '-m']\n") == (done.returncode, done.stdout)
        assert "MyLayer.call(m=4)" in done.stderr

    def test_a_package_and_a_folder(self, app):
        """A package runs its `__main__`, and so does a folder."""
        package = app / "pack"
        package.mkdir()
        (package / "__init__.py").touch()
        write(
            package,
            "from pack import __name__ as n; print(n, __name__, __package__)",
            "__main__.py",
        )
        folder = app / "folder"
        folder.mkdir()
        (folder / "__main__.py").write_text(PROGRAM)
        done = cli("run", "-t", "app:Layer", "-m", "pack", cwd=app)
        assert done.stdout == "pack __main__ pack\n"
        assert cli("run", "-t", "__main__:Layer", "folder", cwd=app).stdout == "5 []\n"

    def test_a_class_that_the_script_imports(self, app):
        """The target's module is imported by the program itself, and not before."""
        write(app, "import sys; print('app' in sys.modules); import app; app.MyLayer(3)(4)")
        done = cli("run", "-t", "app:Layer", "-o", "t.jsonl", "script.py", cwd=app)
        assert done.stdout == "False\n"
        assert done.stderr == "callscope: 4 calls saved to t.jsonl\n"
        assert callscope.load(app / "t.jsonl").outline() == OUTLINE

    def test_methods_and_capture(self, app):
        """`-M` chooses the methods; `--capture` how much is kept."""
        arguments = ("-t", "__main__:Layer", "-M", "call", "--capture", "types", "-o", "t.jsonl")
        cli("run", *arguments, "app.py", cwd=app)
        assert callscope.load(app / "t.jsonl").outline() == "MyLayer.call(m=int) [MyLayer#1] -> int"

    def test_live(self, app):
        """`--live` prints calls to stderr as they happen."""
        done = cli("run", "--live", "-t", "__main__:Layer", "app.py", cwd=app)
        assert done.stderr.splitlines()[:2] == OUTLINE.splitlines()[:2]

    def test_as_python_would(self, app):
        """`sys.argv`, `sys.path[0]`, `__file__`, `__name__` and `__main__` are the program's."""
        write(
            app,
            """\
            import sys, __main__
            print(sys.argv, sys.path[0], __file__, __name__, __spec__, __main__.__dict__ is globals())
            """,
        )
        (app / "elsewhere").mkdir()
        command = [sys.executable, str(app / "script.py"), "x"]
        bare = subprocess.run(command, cwd=app / "elsewhere", capture_output=True, check=True)
        done = cli("run", "-t", "app:Layer", *command[1:], cwd=app / "elsewhere")
        assert bare.stdout.decode() == done.stdout

    @pytest.mark.parametrize(
        ("last_line", "code", "said"),
        [
            ("sys.exit(7)", 7, ""),
            ("sys.exit()", 0, ""),
            ("sys.exit('bye')", 1, "bye\n"),
            ("raise ValueError('oops')", 1, "ValueError: oops\n"),
            ("raise KeyboardInterrupt", 130, "KeyboardInterrupt\n"),
            ("def f(:", 1, "SyntaxError: invalid syntax\n"),
        ],
    )
    def test_the_exit_code_is_kept(self, app, last_line, code, said):
        """Whatever becomes of the program, its trace is saved and its words are its own."""
        write(app, "import sys, app\napp.MyLayer(3)(4)\n" + last_line)
        done = cli("run", "-t", "app:Layer", "-o", "t.jsonl", "script.py", cwd=app)
        assert code == done.returncode
        assert said in done.stderr
        if "def f" not in last_line:
            assert callscope.load(app / "t.jsonl").outline() == OUTLINE

    def test_a_traceback_has_no_frame_of_ours(self, app):
        """It begins with the program, and reads as `python` prints it."""
        write(app, "import app\napp.MyLayer.call = None\napp.MyLayer(3)(4)\n")
        command = [sys.executable, "script.py"]
        bare = subprocess.run(command, cwd=app, capture_output=True, check=False, text=True)
        done = cli("run", "-t", "app:Layer", "-o", "t.jsonl", "script.py", cwd=app)
        assert bare.stderr == done.stderr.partition("\ncallscope: ")[0]

    @pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="needs signals")
    def test_an_interrupted_program_leaves_its_trace(self, app):
        """Ctrl-C ends the program as usual, and the trace is saved."""
        write(
            app,
            """\
            import os, signal, app
            app.MyLayer(3)(4)
            os.kill(os.getpid(), signal.SIGINT)
            while True: pass
            """,
        )
        done = cli("run", "-t", "app:Layer", "-o", "t.txt", "script.py", cwd=app)
        assert done.returncode == 130
        assert "MyLayer.call" in (app / "t.txt").read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (["-t", "app:Layer"], "no program"),
            (["-t", "app", "app.py"], "'app' names no class"),
            (["-t", "no_such:Layer", "app.py"], "no module 'no_such'"),
            (["-t", "app:Layer", "none.py"], "'none.py'"),
            (["-t", "app:Layer", "-m", "none"], "no module 'none'"),
            (["-t", "app:Layer", "-o", "missing/t.jsonl", "app.py"], "missing/t.jsonl"),
            (["-t", "app:Layer", "-o", "t.xyz", "app.py"], "t.xyz"),
            (["-t", "app:Layer", "--capture", "all", "app.py"], "'all'"),
            (["app.py"], "-t"),
        ],
    )
    def test_bad_input_exits_with_2_and_runs_nothing(self, app, arguments, named):
        """What is wrong is named, without a traceback."""
        done = cli("run", *arguments, cwd=app)
        assert (2, "") == (done.returncode, done.stdout)
        assert named in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        ("target", "named"),
        [
            ("app:Leyer", "no class 'Leyer'. Did you mean 'Layer'"),
            ("app:PROGRAM", "is a str and not a class"),
            ("app:Plain", "Neither 'app.Plain'"),
            ("wave:Wave_read", "module 'wave' was not imported"),
            ("__main__:Nothing", "no class 'Nothing'"),
        ],
    )
    def test_a_target_that_turns_out_wrong(self, app, target, named):
        """The program is not broken by it; it is told at the end, and the exit code is 2."""
        (app / "app.py").write_text(PROGRAM + "PROGRAM = ''\nclass Plain: pass\n")
        write(app, "import app; print('ran')")
        done = cli("run", "-t", target, "script.py", cwd=app)
        assert (2, "ran\n") == (done.returncode, done.stdout)
        assert named in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_program_that_fails_keeps_its_own_exit_code(self, app):
        """Even if a target was wrong."""
        write(app, "raise SystemExit(5)")
        assert cli("run", "-t", "app:Layer", "script.py", cwd=app).returncode == 5


class TestView:
    @pytest.fixture
    def saved(self, app):
        cli("run", "-t", "__main__:Layer", "-o", "t.jsonl", "app.py", cwd=app)
        return app

    def test_the_tree(self, saved):
        """A saved trace is printed as `print(trace)` prints it."""
        done = cli("view", "t.jsonl", cwd=saved)
        assert done.stdout == f"{callscope.load(saved / 't.jsonl')}\n"

    def test_the_outline_and_the_summary(self, saved):
        """Stable text for diffs; counts and times per site."""
        assert cli("view", "--outline", "t.jsonl", cwd=saved).stdout == OUTLINE + "\n"
        assert "MyLayer.call" in cli("view", "--summary", "t.jsonl", cwd=saved).stdout

    @pytest.mark.parametrize("name", ["none.jsonl", "app.py", "foreign.jsonl"])
    def test_what_is_no_trace(self, saved, name):
        """The error names the file, without a traceback; exit code 2."""
        (saved / "foreign.jsonl").write_text("hello\n")
        done = cli("view", name, cwd=saved)
        assert (2, "") == (done.returncode, done.stdout)
        assert name in done.stderr
        assert "Traceback" not in done.stderr


def test_version_and_help(tmp_path):
    """The program tells its version and its commands."""
    assert cli("--version", cwd=tmp_path).stdout == f"callscope {callscope.__version__}\n"
    shown = cli("--help", cwd=tmp_path).stdout
    assert all(command in shown for command in ("demo", "run", "view"))

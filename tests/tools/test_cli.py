"""The command line, as a process of its own."""

import os
import py_compile
import signal
import subprocess
import sys
import zipfile

import pytest

import callscope
from callscope.tools.cli import main
from command_line import PROGRAM, cli, write

OUTLINE = """\
MyLayer.__init__(k=3) [MyLayer#1]
  Layer.__init__(x=3) [MyLayer#1]
Layer.__call__(y=4) [MyLayer#1] -> 5
  MyLayer.call(m=4) [MyLayer#1] -> 5"""


SHOWS = """\
import callscope, re, sys, __main__
names = sorted(name for name in vars(__main__) if name.startswith("__") and name != "__main__")
print(sys.argv, sys.path[0], names, __main__.__dict__ is globals())
for name in names:
    if name not in ("__builtins__", "__file__", "__cached__"):
        print(name, re.sub(r"0x[0-9a-f]+", "", str(vars(__main__)[name])))
print(globals().get("__file__"), globals().get("__cached__"), work.__code__.co_filename
      if "work" in globals() else "")

@callscope.traced
class Declared:
    def call(self): ...

Declared().call()
"""
"""A program that shows what it is given, and makes one call of a declared class."""


def write_programs(folder):
    """Write the program that shows what it is given, in each form that `python` takes."""
    (folder / "elsewhere" / "package").mkdir(parents=True)
    for name in ("script.py", "__main__.py"):
        (folder / name).write_text(SHOWS)
    for name in ("__init__.py", "__main__.py", "module.py"):
        (folder / "elsewhere" / "package" / name).write_text(SHOWS if "init" not in name else "")
    with zipfile.ZipFile(folder / "app.pyz", "w") as file:
        file.writestr("__main__.py", SHOWS)
    for name in ("compiled.pyc", "compiled.bin"):
        py_compile.compile(str(folder / "script.py"), str(folder / name), doraise=True)


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

    def test_without_a_target(self, app):
        """All is traced that is declared; where nothing is, a target is asked for."""
        declared = "import callscope\n@callscope.traced\n" + PROGRAM.partition("\n\n")[2]
        (app / "declared.py").write_text(declared)
        write(app, "import declared; declared.MyLayer(3)(4)")
        done = cli("run", "-o", "t.jsonl", "script.py", cwd=app)
        assert (done.returncode, done.stderr) == (0, "callscope: 4 calls saved to t.jsonl\n")
        assert callscope.load(app / "t.jsonl").outline() == OUTLINE
        cli("run", "-M", "call", "-o", "t.jsonl", "script.py", cwd=app)
        assert len(callscope.load(app / "t.jsonl")) == 1
        done = cli("run", "app.py", cwd=app)
        assert (done.returncode, done.stdout) == (2, "5 []\n")
        assert done.stderr == (
            "callscope: No class of the program is declared with @traced. Name one:"
            " -t package.module:Class, or -t __main__:Class for a class of the script itself."
            " The script defines Layer, MyLayer.\n"
        )

    def test_options_behind_the_program(self, app):
        """They are the program's, which is said where no target stands before it."""
        done = cli("run", "app.py", "-t", "__main__:Layer", cwd=app)
        assert (done.returncode, done.stdout) == (2, "5 ['-t', '__main__:Layer']\n")
        assert done.stderr.endswith(
            " Options stand before the program: what follows it was given to it.\n"
        )

    def test_the_script_by_the_name_of_its_module(self, app):
        """Its classes are those of `__main__`; several may stand in one option."""
        options = ("-t", "app:Layer,app:MyLayer", "-M", "__call__,call", "-o", "t.jsonl")
        done = cli("run", *options, "app.py", cwd=app)
        assert (done.returncode, done.stderr) == (0, "callscope: 2 calls saved to t.jsonl\n")
        sites = [call.site for call in callscope.load(app / "t.jsonl").calls]
        assert sites == ["Layer.__call__", "MyLayer.call"]

    def test_methods_and_capture(self, app):
        """`-M` chooses the methods; `--capture` how much is kept."""
        arguments = ("-t", "__main__:Layer", "-M", "call", "--capture", "types", "-o", "t.jsonl")
        cli("run", *arguments, "app.py", cwd=app)
        assert callscope.load(app / "t.jsonl").outline() == "MyLayer.call(m=int) [MyLayer#1] -> int"

    def test_live(self, app):
        """`--live` prints calls to stderr as they happen."""
        done = cli("run", "--live", "-t", "__main__:Layer", "app.py", cwd=app)
        assert done.stderr.splitlines()[:2] == OUTLINE.splitlines()[:2]

    @pytest.mark.parametrize(
        "program",
        [
            ["../script.py"],
            [".."],
            ["../app.pyz"],
            ["../compiled.pyc"],
            ["../compiled.bin"],
            ["-m", "package"],
            ["-m", "package.module"],
            ["-c", SHOWS],
            ["-"],
        ],
        ids=lambda program: program[0] if program[0] != "-m" else program[1],
    )
    def test_as_python_would(self, app, program):
        """All that `sys` and `__main__` say is what `python` itself gives the program."""
        write_programs(app)
        here = app / "elsewhere"
        options = {"cwd": here, "input": SHOWS, "text": True, "capture_output": True}
        bare = subprocess.run([sys.executable, *program, "a", "-m"], check=True, **options)
        done = cli("run", "-o", "t.jsonl", *program, "a", "-m", cwd=here, input=SHOWS)
        assert done.stdout == bare.stdout
        assert "'a', '-m']" in done.stdout
        assert callscope.load(here / "t.jsonl").outline() == "Declared.call() [Declared#1]"

    def test_what_is_not_compiled_by_this_python(self, app):
        """It is said, and no traceback is shown."""
        (app / "old.pyc").write_bytes(b"\x03\xf3\r\n" + bytes(20))
        done = cli("run", "old.pyc", cwd=app)
        assert (done.returncode, done.stdout) == (2, "")
        assert "must be compiled by this Python, got 'old.pyc': bad magic number" in done.stderr
        assert done.stderr.endswith("Name its source.\n")

    def test_a_package_is_imported_as_part_of_the_program(self, app):
        """Its calls are recorded, and what it raises is told as an error of the program."""
        package = app / "pack"
        package.mkdir()
        write(package, "import app; app.MyLayer(3)(4)", "__init__.py")
        write(package, "print('ran')", "__main__.py")
        done = cli("run", "-t", "app:Layer", "-o", "t.jsonl", "-m", "pack", cwd=app)
        assert done.stdout == "ran\n"
        assert callscope.load(app / "t.jsonl").outline() == OUTLINE
        write(package, "import no_such_module", "__init__.py")
        done = cli("run", "-t", "app:Layer", "-o", "t.jsonl", "-m", "pack", cwd=app)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[:4] == [
            "Traceback (most recent call last):",
            f'  File "{package / "__init__.py"}", line 1, in <module>',
            "    import no_such_module",
            "ModuleNotFoundError: No module named 'no_such_module'",
        ]

    def test_threads_that_outlive_the_script(self, app):
        """They are waited for, as `python` does, and their calls are recorded."""
        write(
            app,
            """\
            import app, concurrent.futures, threading
            ended = threading.Event()
            def work():
                ended.wait()
                app.MyLayer(3)(4)
            threading.Thread(target=work).start()
            pool = concurrent.futures.ThreadPoolExecutor(1)
            pool.submit(ended.set)
            """,
        )
        done = cli("run", "-t", "app:Layer", "-o", "t.jsonl", "script.py", cwd=app, timeout=60)
        assert (done.returncode, done.stderr) == (0, "callscope: 4 calls saved to t.jsonl\n")

    @pytest.mark.parametrize("program", [["script.py"], ["-m", "script"]], ids=lambda p: p[0])
    def test_processes_that_are_spawned(self, app, program):
        """They import the program as they do without callscope."""
        write(
            app,
            """\
            import multiprocessing
            def work(n): return n + 1
            if __name__ == "__main__":
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.map(work, [1, 2]))
            """,
        )
        done = cli("run", *program, cwd=app, timeout=60)
        assert done.stdout == "[2, 3]\n"

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
            (["-t", "app:Layer"], "The script must be given"),
            (["-t", "app", "app.py"], "It is a module: name a class of it, as 'app:Class'."),
            (["-t", "app.py:Layer", "app.py"], "and not its file: 'app:Layer'."),
            (["-t", "lib/app.py:Layer", "app.py"], "and not its file: 'lib.app:Layer'."),
            (["pytest", "-q"], "Did you mean '-m pytest'?"),
            (["-t", "app:Layer", "-M", "", "app.py"], "methods"),
            (["-t", "no_such:Layer", "app.py"], "no module 'no_such'"),
            (["-t", "ap:Layer", "app.py"], "There is no module 'ap'. Did you mean 'app'?"),
            (["-t", "app:Leyer", "app.py"], "'app' has no class 'Leyer'. Did you mean 'Layer'"),
            (["-t", "app.Leyer", "app.py"], "'app' has no class 'Leyer'. Did you mean 'Layer'"),
            (["-t", "__main__:Leyer", "app.py"], "no class 'Leyer'. Did you mean 'Layer'"),
            (["-t", "app:Layer", "none.py"], "'none.py'"),
            (["-t", "app:Layer", "ap.py"], "No such file or directory. Did you mean 'app.py'?"),
            (["-t", "app:Layer", "-m", "none"], "no module 'none'"),
            (["-t", "app:Layer", "-m", "app.py"], "Leave out -m to run a script."),
            (["-t", "app:Layer", "-m"], "The module must be given"),
            (["-t", "app:Layer", "-c"], "The code must be given"),
            (["-t", "app:Layer", "."], "no __main__.py in '.'"),
            (["-t", "app:Layer", "-o", "missing/t.jsonl", "app.py"], "missing/t.jsonl"),
            (["-t", "app:Layer", "-o", "t.xyz", "app.py"], "t.xyz"),
            (["-t", "app:Layer", "--capture", "all", "app.py"], "'all'"),
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
            ("app:Lazy", "no class 'Lazy'. Did you mean 'Layer'?"),
            ("app:PROGRAM", "is a str and not a class"),
            ("app:Plain", "Neither 'app.Plain'"),
            ("wave:Wave_read", "Module 'wave' was not imported."),
            ("__main__:app", "no class 'app'. Check the spelling."),
        ],
    )
    def test_a_target_that_turns_out_wrong(self, app, target, named):
        """The program is not broken by it; it is told once, and the exit code is 2."""
        more = "PROGRAM = ''\nclass Plain: pass\nglobals()['Dynamic'] = Plain\n"
        (app / "app.py").write_text(PROGRAM + more)
        write(app, "import app; print('ran')")
        done = cli("run", "-t", target, "script.py", cwd=app)
        assert (done.returncode, done.stdout) == (2, "ran\n")
        assert "No calls were recorded of " in done.stderr
        assert "declared with" not in done.stderr
        [line] = [line for line in done.stderr.splitlines() if "No calls" not in line]
        assert named in line
        assert line.startswith("callscope: ")
        assert line.endswith(" Nothing is traced for it.")

    def test_a_misspelt_class_runs_nothing_where_the_source_is_certain(self, app):
        """A class that an imported module may make in other ways is awaited."""
        dynamic = "globals()['Dynamic'] = type('Dynamic', (), {'call': lambda self: 1})\n"
        (app / "app.py").write_text(PROGRAM + dynamic)
        write(app, "import app; app.Dynamic().call()")
        done = cli("run", "-t", "app:Dynamic", "-o", "t.jsonl", "script.py", cwd=app)
        assert done.returncode == 0
        assert callscope.load(app / "t.jsonl").outline() == "Dynamic.call() [Dynamic#1] -> 1"
        write(app, "from app import *", "star.py")
        write(app, "import star; star.MyLayer(3)(4)")
        done = cli("run", "-t", "star.Layer", "-o", "t.jsonl", "script.py", cwd=app)
        assert done.returncode == 0
        assert callscope.load(app / "t.jsonl").outline() == OUTLINE

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

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ([], str),
            (["--no-fold", "--depth", "0"], lambda trace: trace.tree(fold=False, max_depth=0)),
            (["--all", "--fold"], lambda trace: trace.tree(fold=True)),
            (["--under", "MyLayer#7"], lambda trace: trace.filter(within="MyLayer#7")),
            (["--site", "My*.call"], lambda trace: trace.filter("My*.call")),
            (["--object", "MyLayer#7"], lambda trace: trace.filter(object=7)),
            (["--min-ns", "1500"], lambda trace: trace.filter(min_ns=1500)),
            (["--error", "*"], lambda trace: trace.filter(error=True)),
            (["--hide", "m,z", "--hide", "y"], lambda trace: trace.filter(hide=("m", "y"))),
            (["--outline", "--depth", "0"], lambda trace: trace.filter(depth=0).outline()),
            (["--summary", "--under", "*7"], lambda trace: trace.filter(within="*7").summary()),
        ],
    )
    def test_a_part_of_the_tree(self, seed, tmp_path, capsys, clock, options, text):
        """Folded or not, to some depth, below some calls, of some."""
        layers = [seed.MyLayer(k) for k in range(30)]
        with callscope.record(seed.Layer, methods=("__call__", "call")) as trace:
            for y, layer in enumerate(layers):
                layer(y)
        path = trace.save(tmp_path / "t.jsonl")
        assert main(["view", str(path), *options]) == 0
        assert capsys.readouterr().out == f"{text(callscope.load(path))}\n"

    def test_all_calls(self, seed, tmp_path, capsys):
        """More than a tree otherwise has."""
        with callscope.record(seed.Layer, methods=("call",)) as trace:
            for _ in range(2_001):
                seed.MyLayer(0).call(1)
        main(["view", str(trace.save(tmp_path / "t.jsonl")), "--all"])
        assert capsys.readouterr().out.count("MyLayer.call(m=1)") == 2_001

    def test_the_tree_of_a_program(self, app):
        """`run` has the same options."""
        done = cli("run", "-t", "__main__:Layer", "--depth", "0", "app.py", cwd=app)
        assert "Layer.__call__(y=4) [MyLayer#1] -> 5 (1 call below)" in done.stderr
        assert "MyLayer.call" not in done.stderr

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
    done = cli(cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--verison"], "callscope: error: unrecognized arguments: --verison."),
        (["vew", "t.jsonl"], "Did you mean 'view'?"),
        (["view", "--summry", "t"], "callscope view: error: unrecognized arguments: --summry."),
        (["run", "--targt", "x", "app.py"], "Did you mean '--target'?"),
        (["app.py"], "Did you mean 'callscope run app.py'?"),
        (["run", "--capture", "valuse", "app.py"], "Did you mean 'values'?"),
        (["run"], "The script must be given. Name a script"),
    ],
)
def test_what_is_misspelt(capsys, arguments, message):
    """The command says on stderr what it does not know, and what is like it."""
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(arguments))
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err


@pytest.mark.parametrize("command", [[], ["run"], ["view"], ["explain"], ["enable-env"]])
def test_help_fits_a_terminal(capsys, monkeypatch, command):
    """Of 80 columns; and each option has its text."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.skipif(os.name == "nt", reason="needs pipes")
def test_a_reader_that_has_left(app):
    """`callscope view t.jsonl | head -1` ends without a word."""
    cli("run", "-t", "__main__:Layer", "-o", "t.jsonl", "app.py", cwd=app)
    for command in (["view", "t.jsonl"], ["--help"], ["explain", "app:Layer"]):
        reads, writes = os.pipe()
        os.close(reads)
        done = subprocess.run(
            [sys.executable, "-m", "callscope", *command],
            cwd=app,
            env={name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"},
            check=False,
            stdout=writes,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writes)
        assert (done.returncode, done.stderr) == (1, "")


def test_explain_without_the_backend_of_keras(tmp_path):
    """The import that failed is told, and the variable that chooses another backend."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").touch()
    missing = "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')"
    (tmp_path / "keras" / "layers.py").write_text(missing)
    (tmp_path / "torch.py").touch()
    done = cli("explain", "keras.layers:LSTM", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "callscope: Importing keras.layers failed: No module named 'tensorflow'."
        " Set KERAS_BACKEND to a backend that is installed, as KERAS_BACKEND=torch"
    )

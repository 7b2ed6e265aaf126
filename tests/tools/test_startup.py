"""The variable `CALLSCOPE` for programs that do not import callscope: `callscope enable-env`."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest
import wrapt

import callscope
from callscope.tools.cli import main
from seed import SEED_APP

pytestmark = pytest.mark.slow

PROGRAM = (
    "import app, sys\nprint(app.MyLayer(3)(4), [n for n in sys.modules if n == 'callscope'])\n"
)
TREE = "MyLayer.__init__(k=3) [MyLayer#1]"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A new virtual environment that can import callscope; `run` runs its Python."""
    folder = tmp_path_factory.mktemp("startup")
    venv.create(folder / "venv", symlinks=os.name != "nt")
    bin_folder = "Scripts" if os.name == "nt" else "bin"
    executable = folder / "venv" / bin_folder / f"python{sysconfig.get_config_var('EXE') or ''}"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([executable, "-c", query], capture_output=True, text=True, check=True)
    site_packages = Path(done.stdout.strip())
    paths = site_packages / "paths.pth"
    packages = [Path(module.__file__).parents[1] for module in (callscope, wrapt)]
    paths.write_text("".join(f"{path}\n" for path in dict.fromkeys(packages)))
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CALLSCOPE") and name != "PYTHONPATH"
    }

    def run(*arguments, cwd, **environment):
        done = subprocess.run(
            [executable, *arguments],
            cwd=cwd,
            env=inherited | {"PYTHONIOENCODING": "utf-8"} | environment,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr
        return done

    return SimpleNamespace(
        run=run, paths=paths, file=site_packages / "zz_callscope.pth", executable=executable
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with a program that does not import callscope."""
    (tmp_path / "app.py").write_text(SEED_APP)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def enabled(python, folder):
    """The environment, in which the variable starts callscope."""
    python.run("-m", "callscope", "enable-env", cwd=folder)
    yield python
    python.file.unlink(missing_ok=True)


def test_enabling_and_disabling(python, folder):
    """Each says what it did and where, and a second time that there is nothing to do."""
    switch = {"cwd": folder, "CALLSCOPE": "app:Layer"}
    assert python.run("program.py", **switch).stderr == ""
    done = python.run("-m", "callscope", "enable-env", cwd=folder)
    assert done.stdout == (
        f"{python.file} now starts callscope in each program of {python.executable} that runs with"
        " CALLSCOPE set. 'callscope disable-env' removes it.\n"
    )
    done = python.run("-m", "callscope", "enable-env", cwd=folder)
    assert done.stdout == f"It is enabled already, by {python.file}.\n"
    assert TREE in python.run("program.py", **switch).stderr
    done = python.run("-m", "callscope", "disable-env", cwd=folder)
    assert done.stdout == f"Removed {python.file}.\n"
    done = python.run("-m", "callscope", "disable-env", cwd=folder)
    assert done.stdout == f"It is not enabled: there is no {python.file}.\n"
    assert python.run("program.py", **switch).stderr == ""
    assert [*python.file.parent.glob("*callscope*")] == []


@pytest.mark.parametrize("environment", [{}, {"CALLSCOPE": ""}, {"CALLSCOPE": "0"}], ids=str)
def test_without_the_variable_nothing_is_imported(enabled, folder, environment):
    """The program is as it was."""
    done = enabled.run("program.py", cwd=folder, **environment)
    assert (done.stdout, done.stderr) == ("5 []\n", "")


@pytest.mark.parametrize("target", ["app:Layer", "app.Layer"])
def test_a_class_beside_the_program(enabled, folder, target):
    """It is found though the interpreter learns its folder only later; it is woven once."""
    done = enabled.run("program.py", cwd=folder, CALLSCOPE=target, CALLSCOPE_TO="t.jsonl")
    assert (done.stdout, done.stderr) == ("5 ['callscope']\n", "")
    assert [call.site for call in callscope.load(folder / "t.jsonl").calls] == [
        "MyLayer.__init__",
        "Layer.__init__",
        "Layer.__call__",
        "MyLayer.call",
    ]


def test_a_declared_class_by_its_name(enabled, folder):
    """A name with dots is also a pattern; what the class itself declares then holds."""
    declared = "import callscope\n@callscope.traced(methods=('call',))\n"
    (folder / "app.py").write_text(declared + SEED_APP)
    switch = {"CALLSCOPE": "app.Layer", "CALLSCOPE_TO": "t.jsonl"}
    enabled.run("program.py", cwd=folder, **switch)
    assert [call.site for call in callscope.load(folder / "t.jsonl").calls] == ["MyLayer.call"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CALLSCOPE": "app:Leyer"}, "Module 'app' has no class 'Leyer'. Did you mean 'Layer'"),
        ({"CALLSCOPE": "ap:Layer"}, "There is no module 'ap'. Did you mean 'app'?"),
        ({"CALLSCOPE": "app.decoder:X"}, "There is no module 'app.decoder'."),
        ({"CALLSCOPE": "wave:Wave_read"}, "Module 'wave' was not imported."),
        ({"CALLSCOPE": "__main__:A"}, "or use 'callscope run -t __main__:A SCRIPT'."),
        ({"CALLSCOPE": "app:Layer", "CALLSCOPE_TO": "t.unknown"}, "t.unknown'"),
        ({"CALLSCOPE": "a b"}, "No calls were recorded"),
    ],
)
def test_what_cannot_be_followed(enabled, folder, environment, said):
    """The program runs, and one warning says why nothing is recorded."""
    done = enabled.run("program.py", cwd=folder, **environment)
    assert done.stdout == "5 ['callscope']\n"
    assert done.stderr.count(said) == 1
    assert done.stderr.count("Warning: ") <= 1
    assert "Traceback" not in done.stderr


def test_the_file_outlives_the_package(enabled, folder):
    """Where callscope is not installed any more, the file does nothing."""
    text = enabled.paths.read_text()
    enabled.paths.unlink()
    try:
        done = enabled.run("program.py", cwd=folder, CALLSCOPE="1")
    finally:
        enabled.paths.write_text(text)
    assert (done.stdout, done.stderr) == ("5 []\n", "")


def test_a_package_that_cannot_be_imported(enabled, folder):
    """The interpreter starts all the same, and one line says why callscope did not."""
    (folder / "callscope").mkdir()
    (folder / "callscope" / "__init__.py").write_text("raise OSError('broken')")
    done = enabled.run("program.py", cwd=folder, CALLSCOPE="1", PYTHONPATH=str(folder))
    assert done.stdout == "5 []\n"
    assert done.stderr == "CALLSCOPE starts nothing: OSError('broken')\n"


def test_children_are_recorded_once(enabled, folder):
    """`run --children` and the file do not get in each other's way; nor does a second process."""
    program = "import app, subprocess, sys\napp.MyLayer(1)(1)\n"
    program += "subprocess.run([sys.executable, 'program.py'], check=True)\n"
    program += "subprocess.run([sys.executable, '-c', ''], check=True)\n"
    (folder / "parent.py").write_text(program)
    options = ("-t", "app:Layer", "-M", "call", "-o", "t.jsonl", "--children")
    done = enabled.run("-m", "callscope", "run", *options, "parent.py", cwd=folder)
    assert done.stderr == "callscope: 1 calls saved to t.jsonl\n"
    assert [call.site for call in callscope.load(folder / "t*.jsonl").calls] == ["MyLayer.call"] * 2
    switch = {"CALLSCOPE": "app:Layer", "CALLSCOPE_METHODS": "call"}
    done = enabled.run("parent.py", cwd=folder, **switch)
    assert done.stderr.count("MyLayer.call(") == 2
    assert "No calls" not in done.stderr


def test_the_command_line_does_not_record_itself(enabled, folder):
    """With the variables still set, `callscope view` shows the trace, and leaves it as it is."""
    switch = {"CALLSCOPE": "app:Layer", "CALLSCOPE_TO": "t.jsonl"}
    enabled.run("program.py", cwd=folder, **switch)
    before = (folder / "t.jsonl").read_bytes()
    done = enabled.run("-m", "callscope", "view", "t.jsonl", cwd=folder, **switch)
    assert done.stdout.startswith(TREE)
    assert done.stderr == ""
    assert (folder / "t.jsonl").read_bytes() == before


def test_a_file_that_cannot_be_written(python, folder):
    """The error names it, and what can be done."""
    python.file.mkdir()
    done = subprocess.run(
        [python.executable, "-m", "callscope", "enable-env"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    python.file.rmdir()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"callscope: Cannot write {str(python.file)!r}: ")
    assert "python -m venv" in done.stderr
    assert [*python.file.parent.glob("*callscope*")] == []


def test_an_environment_that_is_managed_from_outside(tmp_path, monkeypatch, capsys):
    """A system's own Python is left alone, as pip leaves it."""
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    assert main(["enable-env"]) == 2
    assert "is managed by the system" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["EXTERNALLY-MANAGED"]

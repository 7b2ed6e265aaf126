"""The example library that ships its base class `@traced`: docs/embedding.md says how."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "embedding"
RUN = [
    "Step.__call__",
    "Pipeline.apply",
    *("Step.__call__", "Scale.apply"),
    *("Step.__call__", "Round.apply"),
]


def run(*arguments, **environment):
    env = {key: value for key, value in os.environ.items() if not key.startswith("CALLSCOPE")}
    path = os.pathsep.join(filter(None, [str(FOLDER), env.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=FOLDER,
        env=env | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def sites(text):
    """Return the sites in a tree."""
    lines = text.partition("\n\n")[0].splitlines()
    return [line.lstrip("│├└─ ").partition("(")[0] for line in lines]


def test_off():
    """The program says what it says, and nothing else."""
    done = run("app.py")
    assert (done.stdout, done.stderr) == ("8.0\n", "")


def test_by_environment():
    """All of the hierarchy, the user's own steps included; and what is secret stays so."""
    done = run("app.py", CALLSCOPE="1")
    assert done.stdout == "8.0\n"
    assert sites(done.stderr) == [
        "Scale.__init__",
        "Pipeline.__init__",
        *RUN,
    ]
    assert "api_key=[redacted]" in done.stderr
    assert "s3cret" not in done.stderr


def test_by_environment_this_library_alone():
    """By a pattern of qualified names."""
    assert run("app.py", CALLSCOPE="otherlib.*").stderr.startswith("No calls were recorded")
    assert "Step.__call__" in run("app.py", CALLSCOPE="pipes.*").stderr


def test_by_environment_a_pattern_that_fits_nothing():
    """It is said, with what is declared."""
    told = run("app.py", CALLSCOPE="pipe.*").stderr
    assert "'pipe.*' matches none of them; there are pipes." in told


def test_by_its_own_option():
    """What was asked for, and no more."""
    done = run("app.py", "--explain")
    assert sites(done.stderr) == RUN


def test_by_code():
    """A user's own recording holds the library's calls."""
    program = (
        "import callscope, app, pipes\n"
        "with callscope.record() as trace: pipes.Pipeline([app.Round()]).run(1.4)\n"
        "print(trace.outline())"
    )
    assert run("-c", program).stdout.splitlines() == [
        "Pipeline.__init__(steps=[<Round>]) [Pipeline#1]",
        "Step.__call__(value=1.4) [Pipeline#1] -> 1.0",
        "  Pipeline.apply(value=1.4) [Pipeline#1] -> 1.0",
        "    Step.__call__(value=1.4) [Round#2] -> 1.0",
        "      Round.apply(value=1.4) [Round#2] -> 1.0",
    ]


def test_off_it_costs_nothing():
    """Each method is the function that was written, and nothing of a recording is imported."""
    program = (
        "import sys, types, pipes.steps as s\n"
        "names = [n for c in (s.Step, s.Pipeline) for n, f in vars(c).items()"
        " if type(f) is types.FunctionType and f.__code__.co_filename == s.__file__]\n"
        "assert sorted(names) == ['__call__', '__init__', 'apply', 'apply', 'run'], names\n"
        "assert not [m for m in sys.modules if m.startswith('callscope.') and"
        " m.split('.')[1] in ('recording', 'weave', 'shadow', 'tape')]\n"
        "assert 'wrapt' not in sys.modules"
    )
    run("-c", program)


@pytest.mark.slow
def test_types():
    """`@traced` takes no type away: the library and its user's program pass a strict checker."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    done = run(
        "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", os.devnull, "app.py", "pipes"
    )
    assert "Success" in done.stdout


MISUSES = """\
import callscope
callscope.start(int, methds=["call"])
callscope.start(int, max_calls="many")
callscope.start(3)
callscope.start("app:Layer", methods="call", capture="types", bases=False).save("t.jsonl")
"""


@pytest.mark.slow
def test_types_of_start(tmp_path):
    """`start` is typed as `record` is: a misspelt option is an error for a type checker."""
    pytest.importorskip("mypy")
    program = tmp_path / "misuses.py"
    program.write_text(MISUSES)
    flags = ("--strict", "--no-incremental", "--cache-dir", os.devnull)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *flags, program], capture_output=True, text=True, check=False
    )
    lines = [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line]
    assert lines == ["2", "3", "4"], done.stdout

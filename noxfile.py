"""What is checked, each in an environment of its own: ``nox``, or ``nox -s lint``."""

from __future__ import annotations

import os
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "lint"]
# A Python that is not on this machine is neither fetched nor missed: its session says "skipped".
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False


def _find_pythons_of_pyenv() -> None:
    """Put pyenv's interpreters on the path: its own commands run those switched on, and no others."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(folder) for python in PYTHONS for folder in versions.glob(f"{python}.*/bin")]
    os.environ["PATH"] = os.pathsep.join([*found, os.environ.get("PATH", os.defpath)])


_find_pythons_of_pyenv()


@nox.session(python=PYTHONS)
@nox.parametrize("engine", ["c", "python"])
def tests(session: nox.Session, engine: str) -> None:
    """Run the tests on one tape; what stands behind ``--`` goes to pytest."""
    session.install("-e", ".[test]")
    chosen = {"CALLSCOPE_ENGINE": engine}
    report = ("python", "-W", "ignore", "-c", "import callscope; print(callscope.engine)")
    used = str(session.run(*report, env=chosen, silent=True)).strip()
    if used != engine:
        session.skip(f"the tape of the engine {engine!r} was not built")
    session.run("python", "-m", "pytest", *session.posargs, env=chosen)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, types and layers."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("pyright", "--pythonpath", str(Path(session.bin, "python")))
    session.run("lint-imports")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the distributions, and run the demo where nothing but the wheel is installed."""
    session.install("build")
    folder = Path(session.create_tmp())
    session.run("python", "-m", "build", "-q", "--outdir", str(folder / "dist"))
    session.run("python", "-m", "venv", "--clear", str(folder / "alone"))
    commands = folder / "alone" / Path(session.bin).name
    session.run(commands / "pip", "install", "-q", *(folder / "dist").glob("*.whl"), external=True)
    demo = str(session.run(commands / "callscope", "demo", silent=True, external=True))
    if "Inside MyLayer -> call : 4" not in demo:
        session.error(f"callscope demo printed\n{demo}")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run the benchmarks roughly, to see that they run and that their cases do real work."""
    session.install("-e", ".[bench]")
    session.run("python", "-m", "benchmarks", "--quick", *session.posargs)


@nox.session
def frameworks(session: nox.Session) -> None:
    """Run the tests that need real Keras, torch and scikit-learn, notebooks or data frames."""
    pinned = ("torch==2.13.0", "keras==3.15.1", "scikit-learn==1.9.0", "cloudpickle")
    session.install("-e", ".[ipython,pandas,test]", "debugpy", "ipykernel", "nbclient", *pinned)
    files = ["test_examples", "test_torch", "test_sklearn", "test_processes"]
    files += ["test_debugging", "test_docs", "test_ipython", "test_summary"]
    session.run("python", "-m", "pytest", "-q", *(f"tests/{file}.py" for file in files))


@nox.session
def tensorflow(session: nox.Session) -> None:
    """Run the tests that need TensorFlow, which takes 1.6 GB and so is no part of CI."""
    session.install("-e", ".[test]", "tensorflow-cpu==2.21.0")
    session.run("python", "-m", "pytest", "-q", "-W", "ignore", "tests/test_tensorflow.py")


@nox.session
def downstream(session: nox.Session) -> None:
    """Run other libraries' own tests without and with tracing; names of some may follow ``--``."""
    session.run("python", "-m", "downstream", *session.posargs)

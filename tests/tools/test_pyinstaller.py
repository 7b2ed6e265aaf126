"""Programs that PyInstaller freezes: callscope's modules that are imported by name are in them."""

import runpy
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import callscope

pytest.importorskip("PyInstaller")
PACKAGE = Path(callscope.__file__).parent
TOOLS = ("cli.children", "ipython", "pyinstaller", "pytest_fixture", "pytest_plugin")
PROGRAM = """
import callscope

class Base:
    def call(self, n):
        return n

if __name__ == "__main__":
    with callscope.record(Base, to="s.jsonl") as trace:
        Base().call(1)
    print(trace.outline(), callscope.engine)
    for suffix in ("jsonl", "html", "json", "pftrace", "speedscope.json", "mmd", "txt"):
        trace.save(f"t.{suffix}")
    print(callscope.load("t.jsonl").summary().sites[0].calls, callscope.explain(Base).name)
    print(callscope.event_schema()["title"])
"""


def modules():
    """Return the names of all modules of the package but for tools."""
    paths = [path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths}
    outside = tuple(f"callscope.tools.{name}" for name in TOOLS)
    return {name for name in names if not name.startswith(outside)}


def test_the_hook_names_all_modules():
    """None is missing, and the files of formats and schemas are there."""
    [hook] = entry_points(group="pyinstaller40", name="hook-dirs").select(
        value="callscope.tools.pyinstaller:get_hook_dirs"
    )
    [folder] = hook.load()()
    said = runpy.run_path(str(Path(folder, "hook-callscope.py")))
    assert modules() <= set(said["hiddenimports"])
    files = {Path(path).name for path, _ in said["datas"]}
    assert {"event.schema.json", "page.html", "style.css"} <= files


@pytest.mark.slow
def test_a_frozen_program(tmp_path):
    """It records, saves in each format, loads and explains."""
    (tmp_path / "program.py").write_text(PROGRAM)
    build = [sys.executable, "-m", "PyInstaller", "--onedir", "--log-level", "ERROR"]
    subprocess.run([*build, "program.py"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [str(tmp_path / "dist" / "program" / "program")],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        f"Base.call(n=1) [Base#1] -> 1 {callscope.engine}",
        "1 __main__.Base",
        "One line of a callscope trace",
    ]

"""A virtual environment for each library, with the pinned version, its source and callscope."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from downstream.suites import Suite

ROOT: Final = Path(__file__).parent.parent
_building: Final = Lock()
"""Held while pip builds callscope, which it does in the project's own folder."""


class Place(NamedTuple):
    """Where a library's tests are run."""

    python: Path
    folder: Path


def install(suite: Suite, work: Path) -> Place:
    """Install what a suite needs, and this callscope, into a folder; what is there is kept."""
    environment = work / "venv"
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # Written last, so that an installation that was broken off is made anew.
    stamp = work / "installed.txt"
    wanted = "\n".join((sys.version, *suite.pinned))
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        venv.create(environment, clear=True, with_pip=True)
        _pip(python, "install", *suite.pinned)
        if suite.needs_source:
            _pip(python, "download", *_source(suite), "--dest", str(work))
        stamp.write_text(wanted, encoding="utf-8")
    with _building:
        _pip(python, "install", str(ROOT))
        _pip(python, "install", "--force-reinstall", "--no-deps", str(ROOT))
    folder = suite.folder(_unpack(work)) if suite.needs_source else work
    return Place(python, folder)


def _source(suite: Suite) -> tuple[str, ...]:
    # What it is built with may come as wheels: to build that, too, takes minutes.
    return ("--no-deps", "--no-binary", suite.package, f"{suite.package}=={suite.version}")


def _unpack(work: Path) -> Path:
    """Unpack the source anew, for tests may leave things behind."""
    (archive,) = work.glob("*.tar.gz")
    folder = work / archive.name.removesuffix(".tar.gz")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as source:
        source.extractall(work, filter="data")
    return folder


def _pip(python: Path, command: str, *arguments: str) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", command, "--quiet"]
    subprocess.run([*pip, *arguments], check=True)

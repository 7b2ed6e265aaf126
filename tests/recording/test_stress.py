"""The stress program holds for some rounds; `nox -s stress` runs it for minutes."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "support" / "stress.py"


@pytest.mark.parametrize(
    ("rounds", "steps"), [(2, 40), pytest.param(12, 120, marks=pytest.mark.slow)]
)
def test_nothing_is_lost_whatever_happens_at_once(rounds, steps):
    """Threads, greenlets, tasks, forks, garbage and other recordings disturb no recording."""
    command = [sys.executable, PROGRAM, f"--rounds={rounds}", f"--steps={steps}"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")

"""What ``import callscope`` costs a program that has imported nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import callscope
from benchmarks.proof import CaseError

IMPORT: Final = "import"

# The interpreter times it itself: the difference between two whole processes, started with and
# without the import, would mostly show how long starting a process took this time.
_PROGRAM: Final = """\
import sys
import time

if "callscope" in sys.modules:
    sys.exit("callscope was imported before it was asked for")
begin = time.perf_counter()
import callscope
end = time.perf_counter()
print(end - begin, callscope.__version__)
"""


def time_import(loops: int) -> float:
    """Return the seconds that importing callscope takes in fresh interpreters."""
    return sum(_import_once() for _ in range(loops))


def _import_once() -> float:
    command = [sys.executable, "-c", _PROGRAM]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, version = output.split()
    if version != callscope.__version__:
        msg = f"callscope {version} was imported, not {callscope.__version__}"
        raise CaseError(msg)
    return float(seconds)

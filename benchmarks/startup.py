"""What ``import callscope`` costs a program that has imported nothing else."""

from __future__ import annotations

import subprocess
import sys
from string import Template
from typing import Final, NamedTuple

import callscope
from benchmarks import clock
from benchmarks.proof import CaseError

BUDGET_MS: Final = 10.0
"""What importing callscope may take at most."""


class ImportCase(NamedTuple):
    """What a program asks for."""

    name: str
    statement: str


CASES: Final = (
    ImportCase("import", "from callscope import traced"),
    # The part that only a recording needs is imported when it is first asked for.
    ImportCase("import-record", "from callscope import record"),
)

# The interpreter times it itself: the difference between two whole processes, started with and
# without the import, would mostly show how long starting a process took this time.
_PROGRAM: Final = Template("""\
import sys
from time import $clock as now

if "callscope" in sys.modules:
    sys.exit("callscope was imported before it was asked for")
begin = now()
$statement
end = now()
print(end - begin, sys.modules["callscope"].__version__)
""")


def time_import(loops: int, case: ImportCase) -> float:
    """Return the seconds that a case takes in fresh interpreters."""
    program = _PROGRAM.substitute(clock=clock.NAME, statement=case.statement)
    return sum(_import_once(program) for _ in range(loops))


def _import_once(program: str) -> float:
    done = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, version = done.stdout.split()
    if version != callscope.__version__:
        msg = f"callscope {version} was imported, not {callscope.__version__}"
        raise CaseError(msg)
    return float(seconds)

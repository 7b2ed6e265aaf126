"""What importing costs a program that has imported nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from string import Template
from typing import Final

from benchmarks.measure import clock
from benchmarks.peers.protocol import Peer

# The interpreter times it itself: the difference between two whole processes, started with and
# without the import, would mostly show how long starting a process took this time.
_PROGRAM: Final = Template("""\
import json, os, site, sys
from time import $clock as now

sys.path[:] = json.loads(sys.argv[1])
begin = now()
$statement
end = now()
print(end - begin)
""")


def measure(peer: type[Peer]) -> float | None:
    """Return the seconds that its import takes in a fresh interpreter; None if it has none."""
    if not peer.imports:
        return None
    program = _PROGRAM.substitute(clock=clock.NAME, statement=peer.imports)
    done = subprocess.run(  # noqa: S603 - the program above
        # Without -S, what other packages have in their .pth files would be imported before.
        [sys.executable, "-S", "-c", program, json.dumps(sys.path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout.split()[-1])

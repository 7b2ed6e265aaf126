"""How much memory the process takes."""

from __future__ import annotations

import os
from pathlib import Path


def resident_bytes() -> int:
    """Return it: on Linux as it is, elsewhere the most that there ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

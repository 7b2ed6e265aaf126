"""The clock: CPU time of the process, to which nothing adds that runs beside it on the machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

NAME: Final = "perf_counter" if sys.platform == "win32" else "process_time"
"""Its name in `time`. On Windows, CPU time goes in ticks of 16 ms, too coarse for this."""

now: Final[Callable[[], float]] = getattr(time, NAME)
"""Returns the time in seconds; what other threads of the process do counts."""

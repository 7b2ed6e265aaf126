"""Warning about processes that multiprocessing starts and that do not record."""

from __future__ import annotations

import os
import re
import sys

from callscope.errors import ProcessWarning, warn
from callscope.introspect.origin import PARENT


class StartedProcesses:
    """Counter of the processes that this one starts with multiprocessing from now on."""

    def __init__(self) -> None:
        self._before = _count()

    def warn(self, forks: int) -> None:
        """Warn if processes were started that did not record.

        Args:
            forks: number of processes that were forked and recorded.
        """
        number = _count() - self._before - forks
        if number > 0 and PARENT not in os.environ:
            processes = "1 process was" if number == 1 else f"{number} processes were"
            warn(
                f"{processes} started by multiprocessing while this was recorded, and did not"
                " record: their calls are missing. Set CALLSCOPE and CALLSCOPE_TO=trace.jsonl,"
                " use `callscope run --children -o trace.jsonl`, or fork them and record"
                " with to='trace.jsonl'.",
                ProcessWarning,
            )


def _count() -> int:
    """Return the number of processes started here, also by joblib, torch and futures.

    There is no list of them, so this reads the counter that names them.
    """
    counter = getattr(sys.modules.get("multiprocessing.process"), "_process_counter", None)
    digits = re.search(r"\d+", repr(counter))
    return int(digits[0]) - 1 if digits else 0

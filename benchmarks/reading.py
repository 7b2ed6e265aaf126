"""What reading a trace back costs, beside `json.loads` of each of its lines."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple
from unittest.mock import patch

import callscope
from benchmarks import clock
from benchmarks.proof import CaseError
from benchmarks.seed import CALLS_PER_PASS, make_seed

CALLS: Final = 200_000
BUDGET: Final = 1 / 3
"""Of the time that `json.loads` takes, what `load` may take with the extra."""
_FAST: Final = "callscope.formats.jsonl.fast"


class ReadCase(NamedTuple):
    """One way to read."""

    name: str
    hidden: tuple[str, ...]
    """Modules that are not to be had."""

    @property
    def json_name(self) -> str:
        """The name of what `json.loads` took beside it."""
        return f"json.loads beside {self.name}"


CASES: Final = (ReadCase("load", ()), ReadCase("load-without-extra", (_FAST,)))


class Pair:
    """Times `callscope.load` of a file and, before and after, `json.loads` of its lines.

    Every call is made, and can be read, when `load` returns; the check reads all of them.
    """

    def __init__(self, case: ReadCase) -> None:
        self._case = case
        self._json: deque[float] = deque()

    def time_load(self, loops: int) -> float:
        """Return the seconds that it takes to load `CALLS` calls, times `loops`."""
        seconds = parsing = 0.0
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "seed.jsonl"
            _record(path)
            for _ in range(loops):
                half = _time_json(path)
                seconds += self._load(path)
                parsing += (half + _time_json(path)) / 2
        self._json.append(parsing)
        return seconds

    def time_json(self, _: int) -> float:
        """Return what `json.loads` took beside each `time_load`, from the first one on."""
        return self._json.popleft()

    def _load(self, path: Path) -> float:
        with patch.dict(sys.modules, dict.fromkeys(self._case.hidden)):
            callscope.load(path)  # imports what it needs
            gc.collect()
            begin = clock.now()
            trace = callscope.load(path)
            seconds = clock.now() - begin
        _check(trace)
        return seconds


def _record(path: Path) -> None:
    seed = make_seed()
    with callscope.record(seed.layer, to=path):
        seed.run(CALLS // CALLS_PER_PASS)


def _time_json(path: Path) -> float:
    with path.open(encoding="utf-8") as file:
        begin = clock.now()
        for line in file:
            json.loads(line)
        return clock.now() - begin


def _check(trace: callscope.Trace) -> None:
    calls = trace.calls
    found = (len(calls), sum(call.finished for call in calls), sum(len(c.children) for c in calls))
    if found != (CALLS, CALLS, CALLS // 2):
        msg = f"{CALLS} calls were read as {found}: calls, ends and children"
        raise CaseError(msg)

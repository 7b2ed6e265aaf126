"""What it takes to save what was recorded, and to load it again."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple
from unittest.mock import patch

from benchmarks.checks.proof import CaseError
from benchmarks.measure import clock
from benchmarks.measure.effort import Effort
from benchmarks.peers.protocol import Peer
from benchmarks.workloads.program import Program
from benchmarks.workloads.seed import CALLS_PER_PASS, make_seed

_WITH_EXTRA: Final = "callscope.read.formats.jsonl.fast"
_PLAIN: Final = " without extra"


class FileCost(NamedTuple):
    """Seconds of CPU time, and bytes."""

    read: float
    """For making calls of what is in memory, which whoever reads first pays."""
    save: float | None
    """None for what was written while the program ran."""
    size: int
    load: float | None
    """None for what is only looked at, by another program."""
    parse: float | None
    """For comparison: `json.loads` of each line."""


def measure(peer_class: type[Peer], effort: Effort) -> dict[str, dict[str, FileCost]]:
    """Return what each kind of file took, by its suffix and the number of calls.

    Raises:
        CaseError: if the file does not hold every call.
    """
    _measure_calls(peer_class, 100)  # imports what it needs
    found: dict[str, dict[str, FileCost]] = {}
    for calls in effort.file_calls:
        begin = clock.now()
        for suffix, cost in _measure_calls(peer_class, calls).items():
            found.setdefault(suffix, {})[str(calls)] = cost
        if clock.now() - begin > effort.file_seconds:
            break
    return found


def _measure_calls(peer_class: type[Peer], calls: int) -> dict[str, FileCost]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        program = make_seed()
        peer = peer_class(program, folder)
        peer.start()
        _run(program, peer, calls)
        peer.stop()
        written = peer.output()
        if written is not None:
            return {written.suffix: _cost(peer, written, calls, read=0.0, save=None)}
        gc.collect()
        begin = clock.now()
        peer.read()
        read = clock.now() - begin
        found: dict[str, FileCost] = {}
        for suffix in peer.suffixes:
            path = folder / f"trace{suffix}"
            begin = clock.now()
            peer.save(path)
            save = clock.now() - begin
            found[suffix] = _cost(peer, path, calls, read=read, save=save)
            if suffix == ".jsonl":
                with patch.dict(sys.modules, {_WITH_EXTRA: None}):
                    found[suffix + _PLAIN] = _cost(peer, path, calls, read=read, save=save)
        return found


def _run(program: Program, peer: Peer, calls: int) -> None:
    for _ in range(0, calls, 1_000):
        program.run(min(calls, 1_000) // CALLS_PER_PASS)
        peer.flush()


def _cost(peer: Peer, path: Path, calls: int, *, read: float, save: float | None) -> FileCost:
    if path.suffix == ".json":
        _check(sum("Layer." in e["name"] for e in _events(path)), calls)
        return FileCost(read, save, path.stat().st_size, None, None)
    gc.collect()
    half = _parse(path)
    begin = clock.now()
    loaded = peer.load(path)
    load = clock.now() - begin
    if loaded is None:
        return FileCost(read, save, path.stat().st_size, None, None)
    _check(loaded, calls)
    return FileCost(read, save, path.stat().st_size, load, (half + _parse(path)) / 2)


def _events(path: Path) -> list[dict[str, str]]:
    events: list[dict[str, str]] = json.loads(path.read_bytes())["traceEvents"]
    return [event for event in events if event["ph"] == "X"]


def _parse(path: Path) -> float:
    if path.suffix != ".jsonl":
        return 0.0
    with path.open(encoding="utf-8") as file:
        begin = clock.now()
        for line in file:
            json.loads(line)
        return clock.now() - begin


def _check(found: int, calls: int) -> None:
    if found != calls:
        msg = f"{calls} calls gave a file with {found} of them"
        raise CaseError(msg)

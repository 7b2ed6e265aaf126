"""Measures one thing of one peer in a process of its own, which `run` starts.

``python -m benchmarks.measure.worker PEER SUBJECT EFFORT FILE`` writes JSON to the file: ``outcome`` is
``"measured"``, ``"absent"`` or ``"failed"``, and ``value`` what was measured, or why not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import callscope
from benchmarks import peers, workloads
from benchmarks.measure import calls, files, growth, millions, reading, startup, weaving
from benchmarks.measure.effort import EFFORTS, Effort
from benchmarks.peers.protocol import Peer

DESCRIBE: Final = "describe"
_MEASURED: Final[Mapping[str, Callable[[type[Peer], Effort], Any]]] = {
    "growth": growth.measure,
    "weave": weaving.measure,
    "files": files.measure,
    "reading": reading.measure,
    "millions": millions.measure,
}
MEASURES: Final = (*_MEASURED, "imports")
"""What is measured of a peer besides the cost of calls on each workload."""


class Answer(NamedTuple):
    """What came of it."""

    outcome: Literal["measured", "absent", "failed"]
    value: Any


class Description(NamedTuple):
    """What is said of a peer beside its figures."""

    version: str
    distribution: str | None
    setup: str
    link: str
    note: str
    records: bool
    """Whether it holds or writes what it has seen, and so has more to measure than its cost."""
    suffixes: tuple[str, ...]
    imports: str
    is_read: bool
    """Whether there are ways of reading what it holds that are measured one by one."""


def main() -> None:
    """Do what the command line asks for."""
    name, subject, effort, path = sys.argv[1:]
    answer = _answer(peers.BY_NAME[name], subject, EFFORTS[effort])
    Path(path).write_text(json.dumps(answer._asdict()), encoding="utf-8")


def _answer(entry: peers.Entry, subject: str, effort: Effort) -> Answer:
    try:
        peer = entry.load()
    except ImportError as error:
        return Answer("absent", str(error))
    engine = entry.environment.get(peers.ENGINE)
    if engine is not None and callscope.engine != engine:
        return Answer("absent", f"callscope's engine {engine!r} is not built")
    try:
        return Answer("measured", _measure(peer, subject, effort))
    except Exception as error:  # the others are still to be measured
        return Answer("failed", f"{type(error).__name__}: {error}")


def _measure(peer: type[Peer], subject: str, effort: Effort) -> Any:
    if subject == DESCRIBE:
        return _describe(peer)._asdict()
    if subject == "imports":
        return startup.measure(peer)
    if subject in _MEASURED:
        return _MEASURED[subject](peer, effort)
    return calls.measure(peer, workloads.BY_NAME[subject], effort)


def _describe(peer: type[Peer]) -> Description:
    return Description(
        peer.version(),
        peer.distribution,
        peer.setup,
        peer.link,
        peer.note,
        peer.wrappers is None,
        peer.suffixes,
        peer.imports,
        peer.is_read,
    )


if __name__ == "__main__":
    main()

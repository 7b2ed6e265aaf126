"""Runs the workers, round after round, and gathers what they measured."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import peers
from benchmarks.measure import worker
from benchmarks.measure.effort import Effort
from benchmarks.measure.results import Results
from benchmarks.workloads import WORKLOADS

SUBJECTS: Final = (*(workload.name for workload in WORKLOADS), *worker.MEASURES)
"""All that can be measured, in the order it is."""
_NEEDS: Final = {"keras": ("keras", "torch", "numpy"), "torch": ("torch",)}
_PATIENCE: Final = 600
"""Seconds that one worker may take."""


class Job(NamedTuple):
    """What one worker does."""

    subject: str
    peer: peers.Entry


def measure(
    entries: Sequence[peers.Entry], subjects: Sequence[str], effort: Effort, unfinished: Path
) -> Results:
    """Measure these subjects with these peers.

    Args:
        entries: the peers.
        subjects: some of `SUBJECTS`.
        effort: how much is measured.
        unfinished: the file that keeps what there is so far, should the run be broken off.
    """
    results = Results.empty(effort)
    for entry in entries:
        answer = _run(Job(worker.DESCRIBE, entry), effort)
        if answer.outcome == "absent":
            results.absent[entry.name] = answer.value
        elif answer.outcome == "failed":
            sys.exit(f"{entry.name} cannot be described: {answer.value}")
        else:
            results.peers[entry.name] = answer.value
    for subject in subjects:
        missing = [n for n in _NEEDS.get(subject, ()) if importlib.util.find_spec(n) is None]
        if missing:
            results.absent[subject] = f"{', '.join(missing)} not installed"
            continue
        begin = time.monotonic()
        for job in _jobs(subject, entries, results, effort):
            _keep(results, job, _run(job, effort))
        results.write(unfinished)
        print(f"{subject}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    unfinished.unlink(missing_ok=True)
    return results


def _jobs(
    subject: str, entries: Sequence[peers.Entry], results: Results, effort: Effort
) -> Iterator[Job]:
    """Yield one job of each peer in turn, as many times as there are rounds."""
    fitting = [e for e in entries if e.name in results.peers and e.runs(subject)]
    if subject in worker.MEASURES:
        fitting = [e for e in fitting if _has(results.peers[e.name], subject)]
    rounds = effort.rounds.get(subject, 1)
    for number in range(rounds):
        for index, entry in enumerate(fitting):
            if sys.stderr.isatty():
                line = f"{subject}: round {number + 1} of {rounds}, {index + 1} of {len(fitting)}"
                print(f"{line:<60}", end="\r", file=sys.stderr, flush=True)
            if entry.name not in results.failed.get(subject, {}):
                yield Job(subject, entry)


def _has(description: dict[str, Any], subject: str) -> bool:
    """Tell whether there is anything to measure of a peer besides the cost of its calls."""
    return {
        "growth": bool(description["records"]),
        "files": bool(description["suffixes"]),
        "reading": bool(description["is_read"]),
        "millions": bool(description["is_read"]),
        "imports": bool(description["imports"]),
        "weave": True,
    }[subject]


def _keep(results: Results, job: Job, answer: worker.Answer) -> None:
    if answer.outcome == "measured":
        results.measured.setdefault(job.subject, {}).setdefault(job.peer.name, []).append(
            answer.value
        )
        return
    results.failed.setdefault(job.subject, {})[job.peer.name] = answer.value
    results.measured.get(job.subject, {}).pop(job.peer.name, None)


def _run(job: Job, effort: Effort) -> worker.Answer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.json"
        names = [job.peer.name, job.subject, effort.name, str(path)]
        try:
            done = subprocess.run(  # noqa: S603 - a module of this package
                [sys.executable, "-m", "benchmarks.measure.worker", *names],
                check=False,
                capture_output=True,
                text=True,
                errors="replace",
                env={**os.environ, **job.peer.environment},
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return worker.Answer("failed", f"took more than {_PATIENCE} s")
        if not path.exists():
            said = done.stderr.strip().splitlines()[-1:]
            return worker.Answer("failed", f"exit code {done.returncode}: {' '.join(said)}")
        return worker.Answer(**json.loads(path.read_text(encoding="utf-8")))

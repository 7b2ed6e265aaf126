"""What a run found, as it was measured, and as a file of JSON."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

import callscope
from benchmarks.measure import clock
from benchmarks.measure.effort import Effort

_SCHEMA = 1


class Results(NamedTuple):
    """Everything that figures are worked out of."""

    effort: str
    facts: dict[str, Any]
    """What the figures depend on, and nothing that names the machine."""
    peers: dict[str, dict[str, Any]]
    """What each peer says of itself, by its name: see `benchmarks.measure.worker.Description`."""
    absent: dict[str, str]
    """Why a peer or a workload was not measured, by its name."""
    failed: dict[str, dict[str, str]]
    """What went wrong, by what was measured and the peer."""
    measured: dict[str, dict[str, list[Any]]]
    """By what was measured and the peer: what each round gave."""

    @classmethod
    def empty(cls, effort: Effort) -> Results:
        """Return the results of nothing yet."""
        facts = {
            "callscope": callscope.__version__,
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "platform": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
            "clock": clock.NAME,
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
        }
        return cls(effort.name, facts, {}, {}, {}, {})

    @property
    def version(self) -> str:
        """Minor version of Python: ``"3.11"``."""
        return ".".join(self.facts["python"].split()[-1].split(".")[:2])

    def with_part(self, part: Results) -> Results:
        """Return the same with what was measured again, on the same machine and day.

        Raises:
            ValueError: if it was measured with anything else.
        """
        if part.facts != self.facts:
            msg = f"The part was measured with {part.facts}, not {self.facts}. Measure again."
            raise ValueError(msg)
        failed = {s: peers for s, peers in self.failed.items() if s not in part.measured}
        return self._replace(
            absent=self.absent | part.absent,
            failed=failed | part.failed,
            measured=self.measured | part.measured,
        )

    def write(self, path: Path) -> None:
        """Write them to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"schema": _SCHEMA, **self._asdict()}, separators=(",", ":"))
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read them from a file.

        Raises:
            ValueError: if it is of another version.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content.pop("schema", None)
        if schema != _SCHEMA:
            msg = f"{path} is of version {schema}, not {_SCHEMA}. Measure again."
            raise ValueError(msg)
        return cls(**content)

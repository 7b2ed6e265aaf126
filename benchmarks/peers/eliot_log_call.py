"""eliot's `log_call`."""

from __future__ import annotations

import json
from pathlib import Path

import eliot
import eliot.parse

from benchmarks.peers.protocol import Method, Wrapping, count_lines
from benchmarks.workloads.program import Program, Site


class Eliot(Wrapping):
    """Logs the begin and the end of each call to a file, a line of JSON each."""

    distribution = "eliot"
    setup = "`@eliot.log_call`; `eliot.add_destinations(eliot.FileDestination(file=file))`"
    link = "https://eliot.readthedocs.io/en/stable/generating/actions.html"
    imports = "import eliot"
    suffixes = (".jsonl",)
    note = "of a coroutine it logs the making, not the run"

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        self._path = folder / "eliot.jsonl"
        self._file = self._path.open("w", encoding="utf-8")
        self._destination = eliot.FileDestination(file=self._file, json_default=_as_text)

    def start(self) -> None:
        """Log each method's calls."""
        eliot.add_destinations(self._destination)
        super().start()

    def stop(self) -> None:
        """Put the methods back."""
        super().stop()
        eliot.remove_destination(self._destination)

    def wrap(self, site: Site) -> Method:
        """Decorate one method."""
        wrapper: Method = eliot.log_call(site.function)
        return wrapper

    def flush(self) -> None:
        """Write what the file holds back."""
        self._file.flush()

    def recorded(self) -> int:
        """Count the actions that began."""
        self._file.close()
        return count_lines(self._path, '"action_status":"started"')

    def output(self) -> Path:
        """Return the file."""
        return self._path

    def load(self, path: Path) -> int | None:
        """Parse the file, as its documentation does, and count the actions."""
        with path.open("rb") as file:
            tasks = list(eliot.parse.Parser.parse_stream(map(json.loads, file)))
        return sum(_count(task.root()) for task in tasks)


def _count(action: eliot.parse.WrittenAction) -> int:
    children = [c for c in action.children if isinstance(c, eliot.parse.WrittenAction)]
    return 1 + sum(map(_count, children))


def _as_text(value: object) -> object:
    """Name the type of what JSON does not know, such as tensors, which would not be logged else."""
    return type(value).__name__

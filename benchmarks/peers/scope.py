"""callscope: off in three ways, and recording with each `capture`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

import callscope
from benchmarks.checks.proof import CaseError
from benchmarks.peers.protocol import Peer
from benchmarks.workloads.program import Program
from callscope.weave.in_place import IS_POSSIBLE

Capture = Literal["none", "types", "values"]


class _Ours(Peer):
    distribution = "callscope"

    @classmethod
    def version(cls) -> str:
        """Return the version, with the engine in use."""
        return f"{callscope.__version__} ({callscope.engine})"


class Off(_Ours):
    """Declared; nothing records."""

    replaces_methods = False
    setup = "declared as with `@callscope.traced`; nothing records"
    link = "embedding.md"
    imports = "from callscope import traced"
    wrappers = 0

    def start(self) -> None:
        """Declare the hierarchy."""
        callscope.instrument(self.program.root, methods=self.program.methods)

    def stop(self) -> None:
        """Take the declaration back."""
        callscope.uninstrument(self.program.root)


class OffAgain(Off):
    """Declared, after a recording came and went."""

    setup = "declared, after a recording came and went"

    def start(self) -> None:
        """Record one pass."""
        super().start()
        with callscope.record() as trace:
            self.program.run(1)
        if len(trace) != self.program.calls:
            raise CaseError(f"{self.program.calls} calls gave {len(trace)} recorded calls")


class _Recording(_Ours):
    replaces_methods = not IS_POSSIBLE
    link = "files.md"
    imports = "from callscope import record"
    suffixes = (".jsonl", ".json")
    capture: ClassVar[Capture]

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program, folder)
        self._stack = ExitStack()
        self._trace: callscope.Trace | None = None
        self._count = 0

    @property
    def trace(self) -> callscope.Trace:
        """Of the last recording."""
        assert self._trace is not None
        return self._trace

    def start(self) -> None:
        """Begin a recording of the hierarchy, as the others trace it: without the root's bases."""
        self._count_last()
        declared = callscope.instrument(self.program.root, methods=self.program.methods)
        self._stack.enter_context(declared)
        recording = callscope.record(capture=self.capture, max_calls=None)
        self._trace = self._stack.enter_context(recording)

    def stop(self) -> None:
        """End it."""
        self._stack.close()

    def _count_last(self) -> None:
        if self._trace is not None:
            self._count += len(self._trace)

    def recorded(self) -> int:
        """Return how many calls all recordings hold; check what the last pass holds."""
        expected = [
            (site, _captured(arguments, self.capture), True)
            for site, arguments in self.program.last_pass
        ]
        last = self.trace.calls[len(self.trace) - len(expected) :]
        found = [(call.site, dict(call.arguments), call.finished) for call in last]
        if found != expected:
            raise CaseError(f"the last pass was recorded as {found}, not {expected}")
        self._count_last()
        return self._count

    def read(self) -> None:
        """Make calls of the tape."""
        _ = self.trace.calls

    def save(self, path: Path) -> None:
        """Save the trace."""
        self.trace.save(path)

    def load(self, path: Path) -> int | None:
        """Load JSON Lines; Chrome's JSON is for viewers."""
        return len(callscope.load(path).calls) if path.suffix == ".jsonl" else None


def _captured(arguments: dict[str, int], capture: Capture) -> dict[str, object]:
    if capture == "none":
        return {}
    if capture == "types":
        return {name: type(value).__name__ for name, value in arguments.items()}
    return {**arguments}


class OnNone(_Recording):
    """Times only."""

    capture = "none"
    setup = '`record(..., capture="none", max_calls=None)`: times, in memory'


class OnTypes(_Recording):
    """Types of arguments and results."""

    capture = "types"
    setup = '`record(..., capture="types", max_calls=None)`: times and types, in memory'


class OnValues(_Recording):
    """Arguments and results, as `record` has it by default."""

    capture = "values"
    is_read = True
    setup = "`record(..., max_calls=None)`: times, arguments and results, in memory"

    def readings(self) -> dict[str, Callable[[], object]]:
        """Return what can be asked of a trace, and its files."""
        trace, load = self.trace, callscope.load
        jsonl, parquet = self.folder / "trace.jsonl", self.folder / "trace.parquet"
        readings: dict[str, Callable[[], object]] = {
            "decode": lambda: len(trace.calls),
            "summary": trace.summary,
            "findings": trace.findings,
            "print": trace.__str__,
            "outline": trace.outline,
            "save .json": partial(trace.save, self.folder / "trace.json"),
            "save .pftrace": partial(trace.save, self.folder / "trace.pftrace"),
            "save .html": partial(trace.save, self.folder / "trace.html"),
            "save .jsonl": partial(trace.save, jsonl),
            "load .jsonl": lambda: len(load(jsonl).calls),
        }
        if find_spec("pyarrow") is not None:
            readings["save .parquet"] = partial(trace.save, parquet)
            readings["load .parquet"] = lambda: len(load(parquet).calls)
        return {**readings, "diff with itself": lambda: callscope.diff(trace, trace)}

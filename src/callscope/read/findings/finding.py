"""`Finding`: one mistake that a trace shows."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from callscope.trace import Call
from callscope.trace.text import one_line

_MOST_SHOWN: Final = 10

Severity = Literal["error", "warning"]


class Finding(NamedTuple):
    """One mistake that the calls of a trace show, and what to do about it."""

    id: str
    """What kind of mistake it is: ``"super-init-missing"``."""
    severity: Severity
    """``"error"`` where an object is surely not what its classes expect; else ``"warning"``."""
    message: str
    """What happened, in one sentence."""
    advice: str
    """What to do about it, in one sentence."""
    classes: tuple[str, ...]
    """Module-qualified names of the classes it is about; the one to look at first comes first."""
    method: str
    """Name of the method it is about."""
    file: str | None
    """The file to look at; None if not known."""
    line: int | None
    """The line of `file` at which the method to look at begins; None if not known."""
    calls: tuple[Call, ...]
    """The calls that show it, in the order they began."""

    def __str__(self) -> str:
        where = "" if self.file is None else f" ({self.file}:{self.line})"
        said = f"{self.severity}: {self.message} {self.advice} [{self.id}]{where}"
        return one_line(said)


class Findings(tuple[Finding, ...]):
    """What was found in a trace: errors first, then warnings; printed, one per line."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "No findings."

    def brief(self) -> str:
        """Return what happened, in a line each, without what to do about it."""
        more = len(self) - _MOST_SHOWN
        lines = [one_line(f"{f.severity}: {f.message} [{f.id}]") for f in self[:_MOST_SHOWN]]
        return "\n".join([*lines, *([f"... {more:,} more findings"] if more > 0 else [])])

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those of severity ``"error"``."""
        return tuple(finding for finding in self if finding.severity == "error")

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
    """Kind of mistake, such as ``"super-init-missing"``."""
    severity: Severity
    """``"error"`` if an object is surely not as its classes expect; else ``"warning"``."""
    message: str
    """Description of what happened, in one sentence."""
    advice: str
    """Recommended fix, in one sentence."""
    classes: tuple[str, ...]
    """Module-qualified names of the classes involved; the one to look at first comes first."""
    method: str
    """Name of the method involved."""
    file: str | None
    """The file to look at; None if unknown."""
    line: int | None
    """First line of the method to look at, in `file`; None if unknown."""
    calls: tuple[Call, ...]
    """The calls that show it, in the order they began."""

    def __str__(self) -> str:
        where = "" if self.file is None else f" ({self.file}:{self.line})"
        text = f"{self.severity}: {self.message} {self.advice} [{self.id}]{where}"
        return one_line(text)


class Findings(tuple[Finding, ...]):
    """The findings of a trace: errors first, then warnings; printed one per line."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "No findings."

    def brief(self) -> str:
        """Return the messages, one per line, without advice."""
        more = len(self) - _MOST_SHOWN
        lines = [one_line(f"{f.severity}: {f.message} [{f.id}]") for f in self[:_MOST_SHOWN]]
        return "\n".join([*lines, *([f"... {more:,} more findings"] if more > 0 else [])])

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity ``"error"``."""
        return tuple(finding for finding in self if finding.severity == "error")

"""`Change`: one difference between two traces."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from callscope.trace import Call, call_text, outcome_text


class Change(NamedTuple):
    """One difference between two traces."""

    kind: Literal["added", "removed", "moved", "changed"]
    before: Call | None
    """The call in the first trace; None if it was added."""
    after: Call | None
    """The call in the second trace; None if it was removed."""
    aspects: tuple[str, ...] = ()
    """Changed aspects of a call: ``"instance"`` (it ran on another object), ``"arguments"``,
    ``"result"``, ``"error"``."""
    calls: int = 1
    """Number of calls involved: an added, removed or moved call includes its descendants, except
    those that are moved separately."""

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON-compatible data, with calls as text."""
        return {
            "kind": self.kind,
            "before": None if self.before is None else described(self.before),
            "after": None if self.after is None else described(self.after),
            "aspects": list(self.aspects),
            "calls": self.calls,
        }


def described(call: Call) -> str:
    """Return a call and its outcome in one line."""
    return call_text(call) + outcome_text(call)

"""Calls that have begun and not ended, while a tape is read."""

from __future__ import annotations

from typing import Any, NamedTuple

from callscope.tape.records import Layout
from callscope.trace import Call


class OpenCall(NamedTuple):
    """A call that has begun and not ended, as seen from one recording."""

    layout: Layout
    identity: Any
    call: Call | None
    """None if the recording does not keep it."""
    parent: Call | None
    """What the calls within hang below: the innermost call that is kept."""
    task: str | None = None
    """Name of the asyncio task it runs in."""
    token: Any = None
    """Stands for a call that can be suspended."""
    context: Any = None
    """Token of the innermost coroutine, or mark, in whose context it runs."""

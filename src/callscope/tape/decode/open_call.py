"""`OpenCall`: a call that has begun and not ended, while a tape is decoded."""

from __future__ import annotations

from typing import Any, NamedTuple

from callscope.tape.records import Layout
from callscope.trace import Call


class OpenCall(NamedTuple):
    """A call that has begun and not ended, as seen by one recording."""

    layout: Layout
    identity: Any
    call: Call | None
    """None if the recording does not keep it."""
    parent: Call | None
    """Parent for nested calls: the innermost recorded call."""
    task: str | None = None
    """Name of the asyncio task it runs in."""
    token: Any = None
    """Token of a suspendable call."""
    context: Any = None
    """Token of the innermost coroutine or mark in whose context it runs."""

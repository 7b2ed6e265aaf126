"""What stands on a tape.

A tape is a flat list, one per thread. Records follow one another with nothing between them, and
each is appended whole by a single list operation, so that neither a signal handler nor another
thread ever sees half of one:

===========  =====================================================================
begin        `Layout`, identity of the object, `ClassRef`, captured values..., maker, time
return       time (an `int`; None was returned, or results are not captured)
result       `RESULT`, time, captured value
raise        `RAISE`, soon followed by the error record
error        `ERROR`, time, `CallError`
suspend      `SUSPEND`, time, token
resume       `RESUME`, time, token
mark         `MARK`, time, token
===========  =====================================================================

The maker is a token for what runs in the context of the call: the innermost traced coroutine, or
what a mark stands for, which is the innermost call that was open when it was written. It tells
what led to a call in another task or thread; None where nothing is known.

What can be suspended (coroutines and generators) has a token of its own: its begin record also
holds, before the maker, the token and the name of the task. Where a sink follows the program's
context, what it noted of that stands behind the captured values: see `callscope.tape.context_hooks`.

Calls of one thread nest, so an end belongs to the innermost call that has not ended. The end of
a call is never lost: between taking the time and appending, the shadow runs no instruction at
which the interpreter would look for a signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from callscope.introspect.identity import is_same
from callscope.introspect.sites import Site, class_ref
from callscope.trace import CallError

FieldKind = Literal["value", "var_positional", "var_keyword"]

LEAST_BEGIN: Final = 5
"""Places that a begin record takes which holds no captured value."""


class Field(NamedTuple):
    """One captured parameter of a site."""

    name: str
    kind: FieldKind


class Layout:
    """Begins each begin record: the site, and which values stand behind it."""

    __slots__ = (
        "captured",
        "covers",
        "fields",
        "is_coroutine",
        "is_suspendable",
        "notes",
        "redact",
        "site",
        "size",
    )

    def __init__(
        self,
        site: Site,
        fields: tuple[Field, ...],
        captured: tuple[str, ...],
        redact: tuple[str, ...],
        *,
        is_suspendable: bool = False,
        is_coroutine: bool = False,
        notes: bool = False,
    ) -> None:
        self.site: Site = site
        self.fields: tuple[Field, ...] = fields
        self.redact: frozenset[str] = frozenset(redact)
        """Names whose values are hidden, besides those that always are."""
        self.captured: tuple[str, ...] = captured
        """``("values",)``, ``("types",)``, both (each value is then a pair) or none."""
        self.is_suspendable: bool = is_suspendable
        """Whether it is a coroutine or a generator."""
        self.is_coroutine: bool = is_coroutine
        """Whether it is a coroutine or an asynchronous generator."""
        self.notes: bool = notes
        """Whether a sink notes something of the context in which the call begins."""
        self.size: int = LEAST_BEGIN + len(fields) + (2 if is_suspendable else 0) + notes
        """Number of places a begin record takes."""
        self.covers: Sequence[Layout] = ()
        """Shadows of the same site that may run below, for somebody patched one in between."""

    def is_covered(self, by: Layout, identity: Any, of_above: Any) -> bool:
        """Tell whether a call only goes on with the one above it, which is counted already.

        Args:
            by: the layout of the call above.
            identity: of what this call is on.
            of_above: of what the one above is on.
        """
        return self in by.covers and is_same(of_above, identity)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # a shadow that was pickled is switched off, and writes no record


class _Marker:
    __slots__ = ("name", "size")

    def __init__(self, name: str, size: int = 0) -> None:
        self.name: str = name
        self.size: int = size
        """Number of places the record takes that it begins."""

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name


RESULT: Final = _Marker("RESULT", 3)
RAISE: Final = _Marker("RAISE", 1)
ERROR: Final = _Marker("ERROR", 3)
SUSPEND: Final = _Marker("SUSPEND", 3)
RESUME: Final = _Marker("RESUME", 3)
MARK: Final = _Marker("MARK", 3)
UNKNOWN: Final = Layout(class_ref(object).site("?"), (), (), ())
"""Of a call that was suspended when the reading began, and has begun before that."""
UNKNOWN_ERROR: Final = CallError("BaseException", "")
"""Where an interrupt kept the error record from being written."""
AT_LIMIT: Final = CallError("RecursionError", "maximum recursion depth exceeded")
"""Where no function could be called any more to write it."""
OMITTED: Final = _Marker("OMITTED")
"""Stands for an argument left at its default."""

"""Records on a tape.

A tape is a flat list, one per thread. Records follow one another with nothing between them. Each is
appended whole by a single list operation, so that neither a signal handler nor another thread ever
sees a partial record:

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

The maker is a token from the context of the call. It identifies the innermost traced coroutine, or
a mark, which represents the innermost open call at the time it was written. It tells what led to a
call in another task or thread; None if that is not known.

A suspendable call (of a coroutine or generator) has its own token: its begin record also holds,
before the maker, the token and the name of the task. If a sink follows the program's context, the
context it noted comes after the captured values: see `callscope.tape.context_hooks`.

Calls of one thread nest, so an end belongs to the innermost open call. The end of a call is never
lost: between reading the time and appending, the shadow runs no instruction at which the
interpreter would check for a signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from callscope.introspect.identity import is_same
from callscope.introspect.sites import Site, class_ref
from callscope.trace import CallError

FieldKind = Literal["value", "var_positional", "var_keyword"]

LEAST_BEGIN: Final = 5
"""Size of a begin record without captured values, in places on the tape."""


class Field(NamedTuple):
    """One captured parameter of a site."""

    name: str
    kind: FieldKind


class Layout:
    """First item of a begin record: the site, and the values that follow."""

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
        """Names whose values are hidden, in addition to those that always are."""
        self.captured: tuple[str, ...] = captured
        """``("values",)``, ``("types",)``, both (each value is then a pair) or none."""
        self.is_suspendable: bool = is_suspendable
        """True if it is a coroutine or a generator."""
        self.is_coroutine: bool = is_coroutine
        """True if it is a coroutine or an asynchronous generator."""
        self.notes: bool = notes
        """True if a sink notes the context in which the call begins."""
        self.size: int = LEAST_BEGIN + len(fields) + (2 if is_suspendable else 0) + notes
        """Size of a begin record, in places."""
        self.covers: Sequence[Layout] = ()
        """Layouts of the same site that may run below this one, after a patch in between."""

    def is_covered(self, by: Layout, identity: Any, of_above: Any) -> bool:
        """Return whether a call only continues the one above it, which is already counted.

        Args:
            by: the layout of the call above.
            identity: identity of this call's object.
            of_above: identity of the object of the call above.
        """
        return self in by.covers and is_same(of_above, identity)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # a pickled shadow is switched off and writes no record


class _Marker:
    __slots__ = ("name", "size")

    def __init__(self, name: str, size: int = 0) -> None:
        self.name: str = name
        self.size: int = size
        """Size of the record that it begins, in places."""

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
"""Layout of a call that began, and was suspended, before the reading began."""
UNKNOWN_ERROR: Final = CallError("BaseException", "")
"""Error of a call whose error record an interrupt prevented."""
AT_LIMIT: Final = CallError("RecursionError", "maximum recursion depth exceeded")
"""Error of a call at the recursion limit, where no function could be called to write it."""
OMITTED: Final = _Marker("OMITTED")
"""Marker for an argument left at its default."""

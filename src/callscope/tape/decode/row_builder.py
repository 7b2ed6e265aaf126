"""`RowBuilder`: builds the rows of calls from begin records."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from typing import Any, Final, NamedTuple

from callscope.introspect.identity import Numbers
from callscope.introspect.sites import ClassRef, Site
from callscope.introspect.summaries import REDACTED, ObjectMark, bounded, scrubbed, summarizer
from callscope.tape.decode.filter import SiteOptions, is_asked_for
from callscope.tape.decode.metadata import MetadataReader
from callscope.tape.records import OMITTED, Layout
from callscope.trace import Arguments, Callee, Table, TableBuilder, Text, Value

UNCHANGED: Final = frozenset({float, bool, type(None)})
"""Types of captured values that need no conversion."""
LARGE: Final = 1 << 63
LEAST: Final = -LARGE
"""Integers between these two are shown unchanged."""


# The same values stand in ctape/decoding.h.
_IS_ASKED_FOR: Final = 1
IS_NOT_PLAIN: Final = 2
_HAS_COVERS: Final = 4
KEEPS_ARGUMENTS: Final = 8
ARGUMENTS_AS_THEY_ARE: Final = 16
RESULT_AS_IT_IS: Final = 32


class _Captured(NamedTuple):
    """Handling of the captured values of one layout."""

    is_kept: bool
    names: tuple[str, ...] | None
    """Names of the arguments; None if none is kept, or one is of ``*args`` or ``**kwargs``."""
    is_as_asked: bool
    """True if they were captured exactly as this recording asked for."""
    hides_result: bool
    """True if the method's name says that it returns a secret."""


class Plan(NamedTuple):
    """Shared part of the rows of one layout on objects of one class."""

    callee: int
    """Index of the callee if no argument is left out."""
    captured: _Captured
    partial: dict[tuple[str, ...], int]
    """Indices of the callees of calls with only some arguments, by the names of these."""


class RowBuilder:
    """Builder of the rows of one recording.

    Args:
        sites: options of the requested sites; classes that are made later add more.
        pid: number of the process that made the calls.
    """

    def __init__(self, sites: Mapping[Site, SiteOptions], pid: int) -> None:
        self._asked = sites
        self._metadata = MetadataReader(sites)
        self._pid = pid
        self._plans: dict[tuple[Layout, ClassRef | None], Plan] = {}
        self._captured: dict[Layout, _Captured] = {}
        self._builder = TableBuilder()
        self.numbers: Numbers = Numbers()
        """Serial numbers of the objects."""

    @property
    def table(self) -> Table:
        """The table that the rows are for."""
        return self._builder.table

    def begin_table(self) -> None:
        """Begin another table for the rows that follow."""
        self._plans.clear()
        self._builder = TableBuilder(self.table.origin)

    def refresh(self) -> None:
        """Clear the caches: sites may have been added, and classes named."""
        self._metadata.refresh()
        self._plans.clear()
        self._captured.clear()

    def strand(self, thread: str, task: str | None) -> int:
        """Return the index of a strand of this process."""
        return self._builder.strand((self._pid, thread, task))

    def callee(self, callee: Callee) -> int:
        """Return the index of a callee of an earlier table."""
        return self._builder.callee(callee)

    def plan(self, layout: Layout, runtime: ClassRef | None) -> Plan | None:
        """Return the plan of the rows of a layout; None if the recording did not ask for them."""
        plan = self._plans.get((layout, runtime))
        if plan is None and is_asked_for(self._asked, layout.site, runtime):
            plan = self._plans[layout, runtime] = self._new_plan(layout, runtime)
        return plan

    def fast_plan(self, layout: Layout, runtime: ClassRef | None) -> tuple[int, int, Plan | None]:
        """Return flags, the callee and the plan of the rows of a layout, for the fast decoders."""
        flags = self.flags(layout)
        if layout.is_suspendable or layout.notes:
            return flags | IS_NOT_PLAIN, -1, None
        plan = self.plan(layout, runtime)
        if plan is None:
            return flags, -1, None
        how = plan.captured
        if how.is_kept and layout.captured:
            flags |= KEEPS_ARGUMENTS
            if how.names is not None and how.is_as_asked:
                flags |= ARGUMENTS_AS_THEY_ARE
        return flags | _IS_ASKED_FOR, plan.callee, plan

    def flags(self, layout: Layout) -> int:
        """Return what the fast decoders know of an open call, which need not be requested."""
        flags = _HAS_COVERS if layout.covers else 0
        if layout.site in self._asked:
            how = self._captured.get(layout) or self._capture(layout)
            flags |= RESULT_AS_IT_IS if how.is_as_asked and not how.hides_result else 0
        return flags

    def row(
        self, plan: Plan, layout: Layout, identity: Any, values: list[Any]
    ) -> tuple[int, int, Arguments]:
        """Return the callee, the instance and the arguments of a call."""
        return self.arguments(
            plan, layout, values, 0 if identity is None else self.numbers[identity]
        )

    def arguments(
        self, plan: Plan, layout: Layout, values: list[Any], instance: int
    ) -> tuple[int, int, Arguments]:
        """Return the same for a call on an object of which the number is known."""
        how = plan.captured
        if not how.is_kept or not layout.captured:
            return plan.callee, instance, None
        if how.names is None:
            return plan.callee, instance, self._spread(layout, values)
        if how.is_as_asked:
            for value in values:
                kind = type(value)
                if not (kind is int and LEAST < value < LARGE) and kind not in UNCHANGED:
                    break
            else:
                return plan.callee, instance, tuple(values)
        return self._converted(layout, plan, values, instance)

    def _converted(
        self, layout: Layout, plan: Plan, values: list[Any], instance: int
    ) -> tuple[int, int, Arguments]:
        """Return the same for a call with values that need conversion, or left at their default."""
        names = plan.captured.names or ()
        left = [captured is not OMITTED for captured in values]
        arguments = tuple(self.value(layout, captured) for captured in compress(values, left))
        if len(arguments) == len(values):
            return plan.callee, instance, arguments
        names = tuple(compress(names, left))
        callee = plan.partial.get(names)
        if callee is None:
            whole = self.table.callees[plan.callee]
            callee = self._builder.callee(whole._replace(argument_names=names))
            plan.partial[names] = callee
        return callee, instance, arguments

    def value(self, layout: Layout, captured: Any) -> Value:
        """Return a captured value as this recording asked for it."""
        how = self._captured.get(layout) or self._capture(layout)
        if how.is_as_asked:
            kind = type(captured)
            if kind is str:
                return scrubbed(captured)
            if kind in UNCHANGED or (kind is int and LEAST < captured < LARGE):
                return captured  # type: ignore[no-any-return]
        if not how.is_kept:
            return None
        asked = self._asked[layout.site]
        if not asked.redact <= layout.redact:
            return REDACTED  # captured by a shadow from before this recording, which hid less
        if len(layout.captured) > 1:
            captured = captured[layout.captured.index(asked.capture)]
        if type(captured) is ObjectMark:
            number = self.numbers.get(captured.ref)
            text: Text = captured.text
            return text if number is None else Text(f"{text[1:-1]}#{number}")
        return _plain(captured)

    def result(self, layout: Layout, captured: Any) -> Value:
        """Return a captured result; the method's name decides whether it is hidden."""
        how = self._captured.get(layout) or self._capture(layout)
        if how.is_kept and how.hides_result:
            return REDACTED
        return self.value(layout, captured)

    def _spread(self, layout: Layout, values: list[Any]) -> dict[str, Value]:
        """Return the arguments, with ``*args`` and ``**kwargs`` expanded."""
        arguments: dict[str, Value] = {}
        for field, captured in zip(layout.fields, values, strict=True):
            if captured is OMITTED:
                continue
            if field.kind == "value":
                arguments[field.name] = self.value(layout, captured)
            elif field.kind == "var_positional":
                for index, item in enumerate(captured):
                    arguments[f"{field.name}[{index}]"] = self.value(layout, item)
            else:
                for name, item in captured.items():
                    # A keyword may be named like a positional-only parameter.
                    key = f"**{name}" if name in arguments else name
                    arguments[key] = self.value(layout, item)
        return arguments

    def _new_plan(self, layout: Layout, runtime: ClassRef | None) -> Plan:
        site = layout.site
        defining = site.defining
        cls = runtime or defining
        captured = self._captured.get(layout) or self._capture(layout)
        callee = Callee(
            site.method,
            defining.name,
            cls.name,
            cls.mro.index(defining) if defining in cls.mro else None,
            captured.names,
            *(self._metadata.of_call(site, cls)),
        )
        return Plan(self._builder.callee(callee), captured, {})

    def _capture(self, layout: Layout) -> _Captured:
        asked = self._asked[layout.site]
        is_kept = asked.capture != "none"
        is_captured = is_kept and bool(layout.captured)
        has_names = is_captured and all(field.kind == "value" for field in layout.fields)
        captured = self._captured[layout] = _Captured(
            is_kept,
            tuple(field.name for field in layout.fields) if has_names else None,
            is_kept and asked.redact <= layout.redact and len(layout.captured) == 1,
            summarizer(tuple(sorted(asked.redact))).hides(layout.site.method),
        )
        return captured


def _plain(captured: Any) -> Value:
    """Return a captured value, with texts scrubbed and integers bounded."""
    if type(captured) is str:
        return scrubbed(captured)
    return bounded(captured) if type(captured) is int else captured

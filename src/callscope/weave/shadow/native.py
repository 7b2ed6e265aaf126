"""Recorders of the tape in C, for the shadows of functions, coroutines and generators."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, Final

from callscope.introspect.signature import ShadowSpec
from callscope.introspect.sites import class_ref, class_ref_of_bound, identify_by_serials
from callscope.introspect.summaries import (
    MAX_STRING,
    REDACTED,
    plain_array,
    summarizer,
    type_name,
)
from callscope.tape.engine import NATIVE, Inert
from callscope.tape.records import (
    AT_LIMIT,
    ERROR,
    OMITTED,
    RAISE,
    RESULT,
    RESUME,
    SUSPEND,
    UNKNOWN_ERROR,
    Layout,
)
from callscope.tape.threads import TAPES
from callscope.weave.shadow.capture import capture
from callscope.weave.shadow.compiling import is_compiling
from callscope.weave.shadow.context import Current
from callscope.weave.shadow.source import Source, spread

if TYPE_CHECKING:
    from callscope.introspect.sites import Strangers
    from callscope.tape.records import Field

if NATIVE is not None:
    NATIVE.configure(
        drain=TAPES.drain,
        local_tape=lambda: TAPES.local.tape,
        class_ref=class_ref,
        class_ref_of_bound=class_ref_of_bound,
        current=Current._variable,
        omitted=OMITTED,
        redacted=REDACTED,
        result=RESULT,
        raise_=RAISE,
        error=ERROR,
        suspend=SUSPEND,
        resume=RESUME,
        at_limit=AT_LIMIT,
        unknown_error=UNKNOWN_ERROR,
        inert=Inert,
        array_class=plain_array,
        type_texts=tuple(map(type_name, NATIVE.SCALARS)),
        most_string=MAX_STRING,
    )
    identify_by_serials(NATIVE.identify, NATIVE.SerialNumbers)


_CAPTURES: Final[dict[tuple[str, ...], str]] = {("values",): "v", ("types",): "t"}
_BINDINGS: Final = {"instance": "i", "class": "c", None: "n"}
_KINDS: Final = {"function": "f", "generator": "g", "coroutine": "c", "async generator": "a"}


def make_recorder(
    original: types.FunctionType,
    layout: Layout,
    on: types.CellType,
    source: Source,
    spec: ShadowSpec,
    strangers: Strangers | None,
) -> Any:
    """Return the `_tape.Recorder` that writes the records of one site.

    Args:
        original: its function.
        layout: layout of its records.
        on: cell that holds whether calls of its shadow are recorded.
        source: source of its shadows.
        spec: spec of its shadows.
        strangers: tells on which objects calls are not recorded; None if they are on all.
    """
    captures, spreads = _captures(source.fields, spec.captured, spec.redact)
    capturing, how = capture(spec.redact), _CAPTURES.get(spec.captured, "c")
    native: Any = NATIVE  # type checkers merge its declared and assigned types
    return native.Recorder(
        layout=layout,
        original=original,
        on=on,
        binding=_BINDINGS[source.binding if source.is_bound else None],
        captures=captures,
        result=how if spec.captured else "-",
        value={"v": capturing.value, "t": capturing.type, "c": capturing.both}[how],
        note_error=capturing.note_error,
        spreads=spreads,
        is_compiling=is_compiling(),
        is_akin=None if strangers is None else strangers.learn,
        live=spec.live,
        kind=_KINDS[source.kind],
    )


@functools.cache
def _captures(
    fields: tuple[Field, ...], captured: tuple[str, ...], redact: tuple[str, ...]
) -> tuple[str, tuple[Any, ...]]:
    """Return how each field is captured, and what is called, or kept, for those that need it."""
    capturing, hides = capture(redact), summarizer(redact).hides
    several = len(captured) > 1
    how = _CAPTURES.get(captured, "c")
    captures, spreads = "", []
    for field in fields:
        if field.kind != "value":
            has_items = field.kind == "var_positional" and not hides(field.name)
            captures += "i" if has_items else "s"
            name = spread(field, captured, is_hidden=hides(field.name))
            spreads.append(getattr(capturing, name))
        elif hides(field.name):
            captures += "h"
            spreads.append((REDACTED, REDACTED) if several else REDACTED)
        else:
            captures += how
            spreads.append(None)
    return captures, tuple(spreads)

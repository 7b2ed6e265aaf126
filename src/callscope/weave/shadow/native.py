"""Recorders of the tape in C, for the shadows of plain functions."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final

from callscope.introspect.signature import ShadowSpec, Signature, default_values
from callscope.introspect.sites import class_ref, class_ref_of_bound, identify_by_serials
from callscope.introspect.summaries import (
    MAX_STRING,
    REDACTED,
    plain_array,
    summarizer,
    type_name,
)
from callscope.tape.engine import NATIVE, Inert
from callscope.tape.records import AT_LIMIT, ERROR, OMITTED, RAISE, RESULT, UNKNOWN_ERROR, Layout
from callscope.tape.threads import TAPES
from callscope.weave.shadow.capture import capture
from callscope.weave.shadow.compiling import is_compiling
from callscope.weave.shadow.context import Current
from callscope.weave.shadow.source import spread

if TYPE_CHECKING:
    from callscope.introspect.sites import Binding

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


def make_recorder(
    original: types.FunctionType,
    layout: Layout,
    on: types.CellType,
    signature: Signature,
    binding: Binding | None,
    spec: ShadowSpec,
) -> Any:
    """Return the `_tape.Recorder` that writes the records of one shadow.

    Args:
        original: function that the shadow replaces.
        layout: layout of its records.
        on: cell that holds whether calls are recorded.
        signature: signature of the original.
        binding: how it binds; None if it is not bound.
        spec: spec of the shadow.
    """
    capturing = capture(spec.redact)
    hides = summarizer(spec.redact).hides
    several = len(spec.captured) > 1
    how = _CAPTURES.get(spec.captured, "c")
    defaults = default_values(original) if signature.defaulted else {}
    captures, spreads = "", []
    for field in layout.fields:
        if field.kind != "value":
            has_items = field.kind == "var_positional" and not hides(field.name)
            captures += "i" if has_items else "s"
            spreads.append(getattr(capturing, spread(field, spec, is_hidden=hides(field.name))))
        elif hides(field.name):
            captures += "h"
            spreads.append((REDACTED, REDACTED) if several else REDACTED)
        else:
            captures += how
            spreads.append(None)
    value = {"v": capturing.value, "t": capturing.type, "c": capturing.both}[how]
    native: Any = NATIVE  # type checkers merge its declared and assigned types
    return native.Recorder(
        layout=layout,
        original=original,
        on=on,
        binding=_BINDINGS[binding],
        captures=captures,
        result=how if spec.captured else "-",
        value=value,
        note_error=capturing.note_error,
        defaults=tuple(defaults.get(field.name, OMITTED) for field in layout.fields),
        spreads=tuple(spreads),
        is_compiling=is_compiling(),
        live=spec.live,
        names=signature.named,
    )

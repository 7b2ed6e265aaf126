"""Contents of the closure cells of shadows."""

from __future__ import annotations

import functools
import types
from typing import Any, Final

from callscope.introspect.identity import identify_unwatched, identify_watched
from callscope.introspect.signature import ShadowSpec, unstarred
from callscope.introspect.sites import Strangers, class_ref, class_ref_of_bound
from callscope.introspect.summaries import REDACTED
from callscope.tape.context_hooks import CONTEXT_HOOKS, end_span, resume_span, suspend_span
from callscope.tape.records import (
    AT_LIMIT,
    ERROR,
    OMITTED,
    RAISE,
    RESULT,
    UNKNOWN_ERROR,
)
from callscope.tape.threads import TAPES
from callscope.trace.event import SKIPPED
from callscope.weave.shadow.capture import capture
from callscope.weave.shadow.compiling import begin_below, leave_alone
from callscope.weave.shadow.context import Current
from callscope.weave.shadow.frames import drop_own_frames
from callscope.weave.shadow.suspend import (
    drive,
    first_step,
    new_token,
    resume,
    suspend,
    task_name,
)

_CONSTANTS: Final[dict[str, Any]] = {
    "RESULT": RESULT,
    "RAISE": RAISE,
    "OMITTED": OMITTED,
    "REDACTED": REDACTED,
    "BaseException": BaseException,
    "RecursionError": RecursionError,
    "GeneratorExit": GeneratorExit,
    "StopAsyncIteration": StopAsyncIteration,
    "drop_own_frames": drop_own_frames,
    "drive": drive,
    "first_step": first_step,
    "suspend": suspend,
    "resume": resume,
    "new_token": new_token,
    "current": Current,
    "task_name": task_name,
    "partial": functools.partial,
    "begin_span": CONTEXT_HOOKS.begin,
    "resume_span": resume_span,
    "suspend_span": suspend_span,
    "end_span": end_span,
    "SKIPPED": SKIPPED,
    "ERROR": ERROR,
    "AT_LIMIT": AT_LIMIT,
    "UNKNOWN_ERROR": UNKNOWN_ERROR,
    "type": type,
    "id": id,
    "len": len,
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "tuple": tuple,
    "dict": dict,
    "unstarred": unstarred,
    "drain": TAPES.drain,
    "class_ref": class_ref,
    "class_ref_of_bound": class_ref_of_bound,
}
_CAPTURING: Final = (
    "note_error",
    *("value", "values", "types", "both", "boths", "hidden", "hidden_boths"),
    *("named_values", "named_types", "named_boths", "named_hidden", "named_hidden_boths"),
)
CELLS: Final = (
    *_CONSTANTS,
    *("original", "on", "origin", "layout", "seen", "clock", "local", "type_text"),
    *("is_compiling", "enter", "leave", "strange", "akin", "learn"),
    *_CAPTURING,
)
"""Names of the cells that a shadow may use."""


@functools.cache
def shared_cells(spec: ShadowSpec) -> dict[str, types.CellType]:
    """Return the cells that all shadows of a spec share, by name."""
    capturing = capture(spec.redact)
    values = {
        **_CONSTANTS,
        **{name: getattr(capturing, name) for name in _CAPTURING},
        "type_text": capturing.type,
    }
    if spec.compiles:
        begin_below(drive.__code__)
        for value in values.values():
            if value is not drive:
                leave_alone(value)
        leave_alone(Strangers.learn)
        leave_alone(identify_watched)
        leave_alone(identify_unwatched)
    cells = {name: types.CellType(value) for name, value in values.items()}
    return cells | {"clock": TAPES.clock, "local": TAPES.writer}

"""Builds shadows: compiles their source and puts it on the original's own parts."""

from __future__ import annotations

import functools
import keyword
import linecache
import sys
import types
from typing import TYPE_CHECKING, Any, Final

from callscope.hierarchy import Site, class_ref, function_of
from callscope.shadow.capture import FILE_PREFIX, capture, drop_own_frames
from callscope.shadow.shape import Recipe, Shape, default_values
from callscope.shadow.source import Source
from callscope.shadow.suspend import (
    CURRENT,
    drive,
    new_token,
    resume,
    suspend,
    task_name,
)
from callscope.summarize import REDACTED
from callscope.tape.records import (
    AT_LIMIT,
    ERROR,
    OMITTED,
    RAISE,
    RESULT,
    UNKNOWN_ERROR,
    Field,
    Layout,
)
from callscope.tape.threads import TAPES

if TYPE_CHECKING:
    from callscope.hierarchy import Binding

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
    "suspend": suspend,
    "resume": resume,
    "new_token": new_token,
    "current": CURRENT.get,
    "task_name": task_name,
    "partial": functools.partial,
    "ERROR": ERROR,
    "AT_LIMIT": AT_LIMIT,
    "UNKNOWN_ERROR": UNKNOWN_ERROR,
    "type": type,
    "len": len,
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "local": TAPES.local,
    "drain": TAPES.drain,
    "class_ref": class_ref,
}


ABSENT: Final = object()
"""Stands for a name that a class's `__dict__` does not hold."""


class Entry:
    """What was put into a class's `__dict__`, and what stood there before.

    It is held by the function that was put there, and by nothing else: so callscope keeps no
    class alive.
    """

    __slots__ = ("__weakref__", "entry", "layout", "on", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        """The `__dict__` entry from before, the very same one; `ABSENT` if there was none."""
        self.layout: Layout | None = None
        """Begins a shadow's records."""
        self.entry: Any = None
        """The `__dict__` entry that took its place."""
        self.on = types.CellType(False)
        """Whether calls are recorded; while it holds False, a shadow passes straight through."""


def entry_of(function: types.FunctionType) -> Entry | None:
    """Return the entry of a shadow, or None for any other function.

    No mark is left on the function, whose `__dict__` others copy (Django's `as_view` does).
    """
    code = function.__code__
    if not code.co_filename.startswith(FILE_PREFIX):
        return None
    for cell in function.__closure__ or ():
        if type(cell.cell_contents) is Entry:
            return cell.cell_contents
    return None


def without_callscope(raw: Any) -> Any:
    """Return what would stand in a `__dict__` without callscope, in place of what does.

    That may be `ABSENT`. A class that a decorator makes a second time (`slots=True`) takes over
    what was put into the first.
    """
    while True:
        found = function_of(raw)
        entry = None if found is None else entry_of(found[0])
        if entry is None:
            return raw
        raw = entry.raw


def why_not(function: types.FunctionType) -> str | None:
    """Return why a function cannot have a shadow, or None if it can."""
    names = Shape.of(function).parameters
    if not all(n.isidentifier() and not keyword.iskeyword(n) and n != "__debug__" for n in names):
        return "a parameter has a name that no source can spell"
    return None


def make_shadow(raw: Any, site: Site, recipe: Recipe) -> Entry:
    """Return the entry of a new shadow, switched off.

    Args:
        raw: the `__dict__` entry it is to replace, of a kind that `function_of` knows.
        site: what its calls are recorded as.
        recipe: what is written.
    """
    found = function_of(raw)
    assert found is not None, raw
    original, binding = found
    shape = Shape.of(original)
    code, fields = _compile(shape, binding, recipe)
    entry = Entry(raw)
    entry.layout = Layout(
        site, fields, recipe.captured, recipe.redact, is_suspendable=shape.kind != "function"
    )
    values = _values(original, recipe)
    values |= {"entry": entry, "layout": entry.layout, "seen": site.defining}
    cells = {shape.prefix + name: types.CellType(value) for name, value in values.items()}
    cells[shape.prefix + "clock"] = TAPES.clock
    cells[shape.prefix + "on"] = entry.on
    cells.update(zip(shape.freevars, original.__closure__ or (), strict=True))
    entry.entry = _rebind(_build(original, code, cells), binding)
    if binding != "instance":
        own = {k: v for k, v in raw.__dict__.items() if k != "__wrapped__"}
        entry.entry.__dict__.update(own)
    return entry


def hand_back(entry: Entry) -> None:
    """Give the original what was set on its shadow meanwhile: attributes belong to the method."""
    shadow, original = function_of(entry.entry), function_of(entry.raw)
    if shadow is None or original is None:
        return
    ours, theirs = shadow[0].__dict__, original[0].__dict__
    for name in theirs.keys() - ours.keys():
        if name != "__wrapped__":
            del theirs[name]
    theirs.update({name: value for name, value in ours.items() if name != "__wrapped__"})


def _rebind(function: types.FunctionType, binding: Binding) -> Any:
    if binding == "class":
        return classmethod(function)
    return staticmethod(function) if binding == "static" else function


def _values(original: types.FunctionType, recipe: Recipe) -> dict[str, Any]:
    """Return what the shadow's closure cells hold at first."""
    capturing = capture(recipe.redact)
    return {
        **_CONSTANTS,
        **{f"default_{k}": v for k, v in default_values(original).items()},
        "original": original,
        **{name: getattr(capturing, name) for name in _CAPTURING},
        "type_text": capturing.type,
    }


_CAPTURING: Final = (
    "note_error",
    *("value", "values", "types", "both", "boths", "hidden", "hidden_boths"),
    *("named_values", "named_types", "named_boths", "named_hidden", "named_hidden_boths"),
)
_CELLS: Final = (
    *_CONSTANTS,
    *("original", "on", "entry", "layout", "seen", "clock", "type_text"),
    *_CAPTURING,
)


@functools.cache
def _compile(
    shape: Shape, binding: Binding, recipe: Recipe
) -> tuple[types.CodeType, tuple[Field, ...]]:
    source = Source(shape, binding, recipe)
    text = source.text((*_CELLS, *(f"default_{name}" for name in shape.defaulted)))
    filename = f"{FILE_PREFIX}shadow {_compile.cache_info().currsize}>"
    outer = compile(text, filename, "exec", dont_inherit=True)
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    return _inner_code(_inner_code(outer)), source.fields


def _inner_code(code: types.CodeType) -> types.CodeType:
    return next(const for const in code.co_consts if isinstance(const, types.CodeType))


def _build(
    original: types.FunctionType, code: types.CodeType, cells: dict[str, types.CellType]
) -> types.FunctionType:
    theirs = original.__code__
    function = types.FunctionType(
        code.replace(co_name=theirs.co_name, co_qualname=theirs.co_qualname),
        original.__globals__,
        original.__name__,
        original.__defaults__,
        tuple(cells[name] for name in code.co_freevars),
    )
    function.__kwdefaults__ = original.__kwdefaults__
    function.__qualname__ = original.__qualname__
    function.__module__ = original.__module__
    function.__doc__ = original.__doc__
    function.__annotations__ = original.__annotations__
    if sys.version_info >= (3, 12):
        function.__type_params__ = original.__type_params__
    function.__dict__.update(original.__dict__)
    function.__wrapped__ = original  # type: ignore[attr-defined]
    return function

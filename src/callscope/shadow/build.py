"""Builds shadows: compiles their source and puts it on the original's own parts."""

from __future__ import annotations

import functools
import linecache
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from callscope.hierarchy import Site, class_ref, function_of
from callscope.shadow.capture import Capture
from callscope.shadow.source import Parameters, Recipe, Source
from callscope.summarize import REDACTED, summarizer
from callscope.tape.records import OMITTED, RAISE, RESULT, Layout
from callscope.tape.threads import TAPES

if TYPE_CHECKING:
    from callscope.hierarchy import Binding

_P = ParamSpec("_P")

# inspect.CO_GENERATOR and its kin; `inspect` itself would double the time that importing takes.
_OTHER_KINDS: Final = {0x20: "generator", 0x80: "coroutine", 0x200: "async generator"}

_CONSTANTS: Final[dict[str, Any]] = {
    "RESULT": RESULT,
    "RAISE": RAISE,
    "OMITTED": OMITTED,
    "REDACTED": REDACTED,
    "BaseException": BaseException,
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


_FILE_PREFIX: Final = "<callscope importlib._bootstrap "
# `warnings` skips frames whose file is named like this, so that a warning with `stacklevel=2`
# names the caller's file and not ours: `is_internal_frame` in CPython's Python/_warnings.c.


def entry_of(function: types.FunctionType) -> Entry | None:
    """Return the entry of a shadow, or None for any other function.

    No mark is left on the function, whose `__dict__` others copy (Django's `as_view` does).
    """
    code = function.__code__
    if not code.co_filename.startswith(_FILE_PREFIX):
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
    for flag, kind in _OTHER_KINDS.items():
        if function.__code__.co_flags & flag:
            return f"{kind} functions are not traced yet"
    if not all(name.isidentifier() for name in Parameters.of(function)):
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
    source = Source(original, binding, recipe)
    entry = Entry(raw)
    entry.layout = Layout(site, source.fields, recipe.captured)
    values = {**_values(original, recipe), "seen": site.defining}
    values |= {"entry": entry, "layout": entry.layout}
    cells = {source.prefix + name: types.CellType(value) for name, value in values.items()}
    cells[source.prefix + "clock"] = TAPES.clock
    cells[source.prefix + "on"] = entry.on
    cells.update(zip(original.__code__.co_freevars, original.__closure__ or (), strict=True))
    code = _compile(source.text((*values, "clock", "on")))
    entry.entry = _rebind(_build(original, code, cells), binding)
    return entry


def _rebind(function: types.FunctionType, binding: Binding) -> Any:
    if binding == "class":
        return classmethod(function)
    return staticmethod(function) if binding == "static" else function


def hide(function: Callable[_P, None]) -> Callable[_P, None]:
    """Keep a function's frames from counting as the caller that a warning names."""
    assert isinstance(function, types.FunctionType)
    filename = f"{_FILE_PREFIX}{function.__name__}>"
    function.__code__ = function.__code__.replace(co_filename=filename)
    return function


def _values(original: types.FunctionType, recipe: Recipe) -> dict[str, Any]:
    """Return what the shadow's closure cells hold at first."""
    capture = Capture(summarizer(recipe.redact))
    return {
        **_CONSTANTS,
        **{f"default_{k}": v for k, v in sorted(Parameters.of(original).defaults.items())},
        "original": original,
        "value": capture.value,
        "values": capture.values,
        "named_values": capture.named_values,
        "type_text": capture.type,
        "types": capture.types,
        "named_types": capture.named_types,
        "both": capture.both,
        "boths": capture.boths,
        "named_boths": capture.named_boths,
        "note_error": capture.note_error,
    }


@functools.cache
def _compile(source: str) -> types.CodeType:
    filename = f"{_FILE_PREFIX}shadow {_compile.cache_info().currsize}>"
    outer = compile(source, filename, "exec", dont_inherit=True)
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    return _inner_code(_inner_code(outer))


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

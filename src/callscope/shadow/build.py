"""Builds shadows: compiles their source and puts it on the original's own parts."""

from __future__ import annotations

import functools
import gc
import linecache
import sys
import types
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.bytecode import written_code
from callscope.hierarchy import Site, class_ref, class_ref_of_bound
from callscope.identity import identify_unwatched, identify_watched
from callscope.shadow.capture import FILE_PREFIX, capture, drop_own_frames, is_ours
from callscope.shadow.compiling import begin_below, is_compiling, leave_alone
from callscope.shadow.context import Current
from callscope.shadow.descriptors import Part, anatomy, why_not
from callscope.shadow.native import make_recorder
from callscope.shadow.shape import CALLABLE, ITERABLE_COROUTINE, Recipe, Shape, default_values
from callscope.shadow.source import Source
from callscope.shadow.suspend import (
    drive,
    first_step,
    new_token,
    resume,
    suspend,
    task_name,
)
from callscope.summarize import REDACTED
from callscope.tape.around import AROUNDS, end_around, resume_around, suspend_around
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
from callscope.trace.event import SKIPPED

if TYPE_CHECKING:
    from callscope.hierarchy import Binding, ClassRef

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
    "begin_around": AROUNDS.begin,
    "resume_around": resume_around,
    "suspend_around": suspend_around,
    "end_around": end_around,
    "SKIPPED": SKIPPED,
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
    "class_ref_of_bound": class_ref_of_bound,
}


class _Absent:
    """Stays the one object when pickled."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""Stands for a name that a class's `__dict__` does not hold."""


class Entry:
    """What was put into a class's `__dict__`, and what stood there before.

    It is held by the functions that were put there, and by nothing else: so callscope keeps no
    class alive.
    """

    __slots__ = ("__weakref__", "covers", "entry", "layouts", "looks", "on", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        """The `__dict__` entry from before, the very same one; `ABSENT` if there was none."""
        self.entry: Any = None
        """The `__dict__` entry that took its place."""
        self.looks: list[tuple[types.FunctionType, types.FunctionType, dict[str, Any]]] = []
        """Its shadows, what they stand in for, and the attributes that both had in the beginning."""
        self.layouts: list[Layout] = []
        """Begin the records of its shadows."""
        self.covers: list[Layout] = []
        """Begin the records of earlier shadows that its own may call, for somebody patched one on
        top of the other."""
        self.on = types.CellType(False)
        """Whether calls are recorded; while it holds False, a shadow passes straight through."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The cell is in the shadow's closure too, and stays one object with it.
        return _switched_off, (self.raw, self.on), (None, {"entry": self.entry})


def _switched_off(raw: Any, on: types.CellType) -> Entry:
    """Return the entry of a shadow that was pickled by value, as `cloudpickle` does it.

    Nobody in here wove it, and so nobody would ever switch it off.
    """
    on.cell_contents = False
    return Entry(raw)


class Origin(NamedTuple):
    """Where a function of ours comes from; stands in a cell of its closure.

    No mark is left on the function, whose `__dict__` others copy (Django's `as_view` does).
    """

    entry: Entry
    function: Any
    """What it stands in for."""


def origin_of(function: Any) -> Origin | None:
    """Return where a function of ours comes from, or None for any other object."""
    if _is_proxy(function):
        function = function._self_wrapper
    if type(function) is not types.FunctionType or not is_ours(function.__code__):
        return None
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        # Others may still be empty.
        if name.endswith("origin") and type(cell.cell_contents) is Origin:
            return cell.cell_contents
    return None


def _is_proxy(raw: Any) -> bool:
    proxy = sys.modules.get("callscope.shadow.proxy")
    return proxy is not None and type(raw) is proxy.Proxy


def without_callscope(raw: Any) -> Any:
    """Return what would stand in a `__dict__` without callscope, in place of what does.

    That may be `ABSENT`. A class that a decorator makes a second time (`slots=True`) takes over
    what was put into the first; and a program may build something of its own around a shadow, as
    ``@Base.prop.setter`` does.
    """
    while True:
        found = anatomy(raw)
        origins = [] if found is None else [origin_of(part.function) for part in found.parts]
        if found is None or not any(origins):
            return raw
        whole = [o.entry for o in origins if o is not None and o.entry.entry is raw]
        raw = whole[0].raw if whole else found.rebuild(_original)


def _original(part: Part) -> Any:
    origin = origin_of(part.function)
    return part.function if origin is None else origin.function


def make_entry(raw: Any, defining: ClassRef, name: str, recipe: Recipe) -> Entry:
    """Return a new entry whose shadows are switched off.

    Args:
        raw: the `__dict__` entry it is to replace; some part of it can be traced.
        defining: the class.
        name: of the entry in the class's `__dict__`.
        recipe: what is written.
    """
    entry = Entry(raw)

    def shadow(part: Part) -> Any:
        if why_not(raw, part):
            return part.function
        # The interpreter makes `__new__` a static method, but hands it the class.
        is_new = name == "__new__" and part.binding == "static"
        part = part._replace(binding="class") if is_new else part
        return _make_shadow(part, entry, defining.site(name + part.suffix), recipe)

    found = anatomy(raw)
    assert found is not None, raw
    entry.entry = found.rebuild(shadow)
    return entry


def _make_shadow(part: Part, entry: Entry, site: Site, recipe: Recipe) -> Any:
    original = part.function
    site.code = written_code(original)
    is_function = type(original) is types.FunctionType
    site.is_marked_abstract = is_function and "__isabstractmethod__" in original.__dict__
    shape = Shape.of(original) if is_function else CALLABLE
    if shape.is_coroutine:
        TAPES.follow_contexts()
    compiled = _compile(shape, part.binding, recipe)
    code, fields = compiled.code, compiled.fields
    layout = Layout(
        site,
        fields,
        recipe.captured,
        recipe.redact,
        is_suspendable=shape.is_suspendable,
        is_coroutine=shape.is_coroutine,
        notes=recipe.notes,
    )
    layout.covers = entry.covers
    entry.layouts.append(layout)
    values = _values(recipe) | {
        "origin": Origin(entry, original),
        "original": original,
        "layout": layout,
        "seen": site.defining,
        "is_compiling": is_compiling(),
    }
    if is_function:
        values |= {f"default_{k}": v for k, v in default_values(original).items()}
    recorder = None
    if compiled.is_native:
        bound_by = part.binding if compiled.is_bound else None
        recorder = make_recorder(
            original, layout, entry.on, shape, bound_by, recipe, is_compiling()
        )
        values |= {"enter": recorder, "leave": recorder.leave, "fail": recorder.fail}
    cells = {shape.prefix + name: types.CellType(value) for name, value in values.items()}
    cells[shape.prefix + "clock"] = TAPES.clock
    cells[shape.prefix + "on"] = entry.on
    if is_function:
        cells.update(zip(shape.freevars, original.__closure__ or (), strict=True))
        function = _build(original, code, cells)
        begin_below(function.__code__)
        if recorder is not None:
            recorder.attach(function)
        entry.looks.append((function, original, _attributes(function)))
        return function
    from callscope.shadow.proxy import Proxy

    begin_below(code)
    closure = tuple(cells[name] for name in code.co_freevars)
    return Proxy(original, types.FunctionType(code, {}, site.method, None, closure))


def hand_back(entry: Entry) -> None:
    """Give the originals what was set on their shadows meanwhile: attributes are the method's."""
    for made, original, before in entry.looks:
        now = _attributes(made)
        for name in before.keys() | now.keys():
            if name not in now:
                original.__dict__.pop(name, None)
            elif name not in before or now[name] is not before[name]:
                setattr(original, name, now[name])
        before.clear()
        before.update(now)


_ATTRIBUTES: Final = (
    *("__name__", "__qualname__", "__module__", "__doc__"),
    *("__defaults__", "__kwdefaults__"),
    # To read them is to evaluate them, from Python 3.14 on.
    *(("__annotations__",) if sys.version_info < (3, 14) else ()),
    *(("__type_params__",) if sys.version_info >= (3, 12) else ()),
)


def _attributes(function: types.FunctionType) -> dict[str, Any]:
    own = {name: value for name, value in function.__dict__.items() if name != "__wrapped__"}
    return own | {name: getattr(function, name) for name in _ATTRIBUTES}


@functools.cache
def _values(recipe: Recipe) -> dict[str, Any]:
    """Return what the closure cells of all shadows of a recipe hold."""
    capturing = capture(recipe.redact)
    values = {
        **_CONSTANTS,
        **{name: getattr(capturing, name) for name in _CAPTURING},
        "type_text": capturing.type,
    }
    if recipe.compiles:
        begin_below(drive.__code__)
        for value in values.values():
            if value is not drive:
                leave_alone(value)
        leave_alone(identify_watched)
        leave_alone(identify_unwatched)
    return values


_CAPTURING: Final = (
    "note_error",
    *("value", "values", "types", "both", "boths", "hidden", "hidden_boths"),
    *("named_values", "named_types", "named_boths", "named_hidden", "named_hidden_boths"),
)
_CELLS: Final = (
    *_CONSTANTS,
    *("original", "on", "origin", "layout", "seen", "clock", "type_text", "is_compiling"),
    *("enter", "leave", "fail"),
    *_CAPTURING,
)


class _Compiled(NamedTuple):
    """What the shadows of one shape have in common."""

    code: types.CodeType
    fields: tuple[Field, ...]
    is_bound: bool
    is_native: bool


@functools.cache
def _compile(shape: Shape, binding: Binding, recipe: Recipe) -> _Compiled:
    source = Source(shape, binding, recipe)
    text = source.text((*_CELLS, *(f"default_{name}" for name in shape.defaulted)))
    filename = f"{FILE_PREFIX}shadow {_compile.cache_info().currsize}>"
    outer = compile(text, filename, "exec", dont_inherit=True)
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    code = _inner_code(_inner_code(outer))
    return _Compiled(code, source.fields, source.is_bound, source.is_native)


@functools.cache
def _named(code: types.CodeType, name: str, qualname: str, flags: int) -> types.CodeType:
    # The same one for each recording: torch compiles anew what calls another code than before.
    return code.replace(co_name=name, co_qualname=qualname, co_flags=flags)


def _inner_code(code: types.CodeType) -> types.CodeType:
    return next(const for const in code.co_consts if isinstance(const, types.CodeType))


def _build(
    original: types.FunctionType, code: types.CodeType, cells: dict[str, types.CellType]
) -> types.FunctionType:
    theirs = original.__code__
    # What `types.coroutine` makes can be awaited by this flag.
    flags = code.co_flags | theirs.co_flags & ITERABLE_COROUTINE
    function = types.FunctionType(
        _named(code, theirs.co_name, theirs.co_qualname, flags),
        original.__globals__,
        closure=tuple(cells[name] for name in code.co_freevars),
    )
    for name in _ATTRIBUTES:
        setattr(function, name, getattr(original, name))
    _copy_annotations(original, function)
    function.__dict__.update(original.__dict__)
    function.__wrapped__ = original  # type: ignore[attr-defined]
    return function


def _copy_annotations(original: types.FunctionType, function: types.FunctionType) -> None:
    # From Python 3.14 on, to read them is to evaluate them, for the first time: that is left to
    # the program (https://peps.python.org/pep-0649/).
    if sys.version_info >= (3, 14) and not _are_evaluated(original):
        function.__annotate__ = original.__annotate__
    else:
        function.__annotations__ = original.__annotations__


def _are_evaluated(function: types.FunctionType) -> bool:
    """Tell whether a function's annotations have been read, or set, before."""
    builtins = function.__builtins__  # type: ignore[attr-defined,unused-ignore]
    others = (function.__globals__, builtins, function.__dict__)
    known = {*map(id, others), id(function.__kwdefaults__)}
    return any(type(held) is dict and id(held) not in known for held in gc.get_referents(function))

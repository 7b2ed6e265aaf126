"""Builder of shadows: compiles their source and binds it to the original's parts."""

from __future__ import annotations

import functools
import linecache
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from callscope.introspect.bytecode import written_code
from callscope.introspect.descriptors import Part, descriptor_parts, why_not
from callscope.introspect.signature import (
    CALLABLE,
    ITERABLE_COROUTINE,
    ShadowSpec,
    Signature,
    default_values,
)
from callscope.introspect.sites import Site, Strangers
from callscope.tape.records import Field, Layout
from callscope.tape.threads import TAPES
from callscope.weave.shadow.cells import CELLS, shared_values
from callscope.weave.shadow.compiling import begin_below, is_compiling
from callscope.weave.shadow.frames import FILE_PREFIX
from callscope.weave.shadow.function_attributes import attributes, make_alike
from callscope.weave.shadow.native import make_recorder
from callscope.weave.shadow.patch import Origin, Patch
from callscope.weave.shadow.source import Source

if TYPE_CHECKING:
    from callscope.introspect.sites import Binding, ClassRef


def make_patch(raw: Any, defining: ClassRef, name: str, spec: ShadowSpec) -> Patch:
    """Return a new patch whose shadows are switched off.

    Args:
        raw: the `__dict__` entry to replace; some part of it can be traced.
        defining: the class.
        name: of the entry in the class's `__dict__`.
        spec: spec of its shadows.
    """
    patch = Patch(raw)

    def shadow(part: Part) -> Any:
        if why_not(raw, part):
            return part.function
        # The interpreter makes `__new__` a static method, but passes it the class.
        is_new = name == "__new__" and part.binding == "static"
        part = part._replace(binding="class") if is_new else part
        return _make_shadow(part, patch, defining.site(name + part.suffix), spec)

    descriptor = descriptor_parts(raw)
    assert descriptor is not None, raw
    patch.replacement = descriptor.rebuild(shadow)
    return patch


def _make_shadow(part: Part, patch: Patch, site: Site, spec: ShadowSpec) -> Any:
    original = part.function
    site.code = written_code(original)
    is_function = type(original) is types.FunctionType
    site.is_marked_abstract = is_function and "__isabstractmethod__" in original.__dict__
    signature = Signature.from_function(original) if is_function else CALLABLE
    if signature.is_coroutine:
        TAPES.follow_contexts()
    compiled = _compile(signature, part.binding, spec.text)
    layout = Layout(
        site,
        compiled.fields,
        spec.captured,
        spec.redact,
        is_suspendable=signature.is_suspendable,
        is_coroutine=signature.is_coroutine,
        notes=spec.notes,
    )
    layout.covers = patch.covers
    patch.layouts.append(layout)
    cells = _cells(signature, patch, layout, original, spec)
    if not is_function:
        return _build_proxy(original, compiled.code, cells, site.method)
    recorder = None
    if compiled.is_native:
        bound_by = part.binding if compiled.is_bound else None
        recorder = make_recorder(original, layout, patch.on, signature, bound_by, spec)
        written_by = {"enter": recorder, "leave": recorder.leave}
        cells |= {signature.prefix + k: types.CellType(v) for k, v in written_by.items()}
    function = _build(original, compiled.code, cells)
    if recorder is not None:
        # Only its bytecode detects strangers, so the interpreter must not bypass it.
        recorder.attach(_twin(function) if spec.roots else function)
    patch.shadows.append((function, original, attributes(function)))
    return function


def _cells(
    signature: Signature, patch: Patch, layout: Layout, original: Any, spec: ShadowSpec
) -> dict[str, types.CellType]:
    """Return the closure cells of a shadow by name: callscope's and the original's."""
    values = shared_values(spec.text) | {
        "origin": Origin(patch, original),
        "original": original,
        "layout": layout,
        "seen": layout.site.defining,
        "is_compiling": is_compiling(),
    }
    if spec.roots:
        strangers = Strangers(spec.roots)
        values |= {"strange": strangers.strange, "akin": strangers.akin, "learn": strangers.learn}
    theirs: dict[str, types.CellType] = {}
    if signature is not CALLABLE:
        values |= {f"default_{k}": v for k, v in default_values(original).items()}
        theirs = dict(zip(signature.freevars, original.__closure__ or (), strict=True))
    ours = {name: types.CellType(value) for name, value in values.items()}
    ours |= {"clock": TAPES.clock, "local": TAPES.writer, "on": patch.on}
    return {signature.prefix + name: cell for name, cell in ours.items()} | theirs


class _Compiled(NamedTuple):
    """Compiled code that shadows of one signature share."""

    code: types.CodeType
    fields: tuple[Field, ...]
    is_bound: bool
    is_native: bool


@functools.cache
def _compile(signature: Signature, binding: Binding, spec: ShadowSpec) -> _Compiled:
    source = Source(signature, binding, spec)
    text = source.text((*CELLS, *(f"default_{name}" for name in signature.defaulted)))
    filename = f"{FILE_PREFIX}shadow {_compile.cache_info().currsize}>"
    outer = compile(text, filename, "exec", dont_inherit=True)
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    code = _inner_code(_inner_code(outer))
    return _Compiled(code, source.fields, source.is_bound, source.is_native)


@functools.cache
def _named(code: types.CodeType, name: str, qualname: str, flags: int) -> types.CodeType:
    # The same one for each recording: torch recompiles callers if the called code changes.
    return code.replace(co_name=name, co_qualname=qualname, co_flags=flags)


def _inner_code(code: types.CodeType) -> types.CodeType:
    return next(const for const in code.co_consts if isinstance(const, types.CodeType))


def _build(
    original: types.FunctionType, code: types.CodeType, cells: dict[str, types.CellType]
) -> types.FunctionType:
    theirs = original.__code__
    # This flag makes the result of `types.coroutine` awaitable.
    flags = code.co_flags | theirs.co_flags & ITERABLE_COROUTINE
    function = types.FunctionType(
        _named(code, theirs.co_name, theirs.co_qualname, flags),
        original.__globals__,
        closure=tuple(cells[name] for name in code.co_freevars),
    )
    make_alike(function, original)
    begin_below(function.__code__)
    return function


def _twin(function: types.FunctionType) -> types.FunctionType:
    """Return another function with the same code."""
    return types.FunctionType(function.__code__, {}, closure=function.__closure__)


def _build_proxy(
    original: Any, code: types.CodeType, cells: dict[str, types.CellType], name: str
) -> Any:
    # Imported lazily: `wrapt` is slow to import.
    from callscope.weave.shadow.proxy import Proxy

    begin_below(code)
    closure = tuple(cells[free] for free in code.co_freevars)
    return Proxy(original, types.FunctionType(code, {}, name, None, closure))

"""Builder of shadows: compiles their source and binds it to the original's parts."""

from __future__ import annotations

import functools
import linecache
import re
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
from callscope.introspect.summaries import summarizer
from callscope.tape.records import Field, Layout
from callscope.tape.threads import TAPES
from callscope.weave.shadow.cells import CELLS, shared_cells
from callscope.weave.shadow.compiling import begin_below, is_compiling
from callscope.weave.shadow.frames import FILE_PREFIX
from callscope.weave.shadow.function_attributes import attributes, make_alike
from callscope.weave.shadow.native import make_recorder
from callscope.weave.shadow.patch import Origin, Patch
from callscope.weave.shadow.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    cells = _own_cells(signature, patch, layout, original, spec)
    shared, code = shared_cells(spec.text), compiled.code
    if not is_function:
        return _build_proxy(original, code, _closure(code, signature, cells, shared), site.method)
    recorder = None
    if compiled.is_native:
        bound_by = part.binding if compiled.is_bound else None
        recorder = make_recorder(original, layout, patch.on, signature, bound_by, spec)
        written_by = {"enter": recorder, "leave": recorder.leave}
        cells |= {signature.prefix + k: types.CellType(v) for k, v in written_by.items()}
    function = _build(original, code, _closure(code, signature, cells, shared))
    if recorder is not None:
        # Only its bytecode detects strangers, so the interpreter must not bypass it.
        recorder.attach(_twin(function) if spec.roots else function)
    patch.shadows.append((function, original, attributes(function)))
    return function


def _own_cells(
    signature: Signature, patch: Patch, layout: Layout, original: Any, spec: ShadowSpec
) -> dict[str, types.CellType]:
    """Return the closure cells of one shadow by free variable: callscope's and the original's."""
    values = {
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
    if signature.defaulted:
        values |= {f"default_{k}": v for k, v in default_values(original).items()}
    if signature.freevars:
        theirs = dict(zip(signature.freevars, original.__closure__, strict=True))
    ours = {signature.prefix + name: types.CellType(value) for name, value in values.items()}
    return ours | {f"{signature.prefix}on": patch.on} | theirs


def _closure(
    code: types.CodeType,
    signature: Signature,
    own: Mapping[str, types.CellType],
    shared: Mapping[str, types.CellType],
) -> tuple[types.CellType, ...]:
    """Return the closure of a shadow, from its own cells and those it shares with others."""
    free, prefix = code.co_freevars, signature.prefix
    return tuple(own.get(name) or shared[name.removeprefix(prefix)] for name in free)


class _Compiled(NamedTuple):
    """Compiled code that shadows of one signature share."""

    code: types.CodeType
    fields: tuple[Field, ...]
    is_bound: bool
    is_native: bool


@functools.cache
def _compile(signature: Signature, binding: Binding, spec: ShadowSpec) -> _Compiled:
    """Return the code for a signature: that of its general form, with its own names."""
    hides, general = summarizer(spec.redact).hides, signature.general
    names = dict(zip(general.parameters, signature.parameters, strict=True))
    hidden = frozenset(name for name, theirs in names.items() if hides(theirs))
    text, code, source = _compile_general(general, binding, spec, hidden)
    names |= zip(general.freevars, signature.freevars, strict=True)
    text = re.sub(rf"{signature.prefix}[pf]\d+\b", lambda found: names[found.group()], text)
    filename = f"{FILE_PREFIX}shadow {_compile.cache_info().currsize}>"
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    default = f"{signature.prefix}default_"
    names |= {default + name: default + names[name] for name in general.defaulted}
    fields = tuple(
        field._replace(name=names.get(field.name, field.name)) for field in source.fields
    )
    code = _renamed(code, names).replace(co_filename=filename)
    return _Compiled(code, fields, source.is_bound, source.is_native)


@functools.cache
def _compile_general(
    signature: Signature, binding: Binding, spec: ShadowSpec, hidden: frozenset[str]
) -> tuple[str, types.CodeType, Source]:
    source = Source(signature, binding, spec, hidden)
    text = source.text((*CELLS, *(f"default_{name}" for name in signature.defaulted)))
    outer = compile(text, FILE_PREFIX, "exec", dont_inherit=True)
    return text, _inner_code(_inner_code(outer)), source


def _renamed(code: types.CodeType, names: Mapping[str, str]) -> types.CodeType:
    """Return code with other names of local variables, free variables and keywords."""

    def renamed(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(names.get(item, item) for item in items)

    # The names of keywords that a call passes are constants, one by one or in a tuple.
    consts = (renamed(const) if type(const) is tuple else const for const in code.co_consts)
    return code.replace(
        co_varnames=renamed(code.co_varnames),
        co_freevars=renamed(code.co_freevars),
        co_consts=renamed(tuple(consts)),
    )


@functools.cache
def _named(code: types.CodeType, name: str, qualname: str, flags: int) -> types.CodeType:
    # The same one for each recording: torch recompiles callers if the called code changes.
    return code.replace(co_name=name, co_qualname=qualname, co_flags=flags)


def _inner_code(code: types.CodeType) -> types.CodeType:
    return next(const for const in code.co_consts if isinstance(const, types.CodeType))


def _build(
    original: types.FunctionType, code: types.CodeType, closure: tuple[types.CellType, ...]
) -> types.FunctionType:
    theirs = original.__code__
    # This flag makes the result of `types.coroutine` awaitable.
    flags = code.co_flags | theirs.co_flags & ITERABLE_COROUTINE
    function = types.FunctionType(
        _named(code, theirs.co_name, theirs.co_qualname, flags),
        original.__globals__,
        closure=closure,
    )
    make_alike(function, original)
    begin_below(function.__code__)
    return function


def _twin(function: types.FunctionType) -> types.FunctionType:
    """Return another function with the same code."""
    return types.FunctionType(function.__code__, {}, closure=function.__closure__)


def _build_proxy(
    original: Any, code: types.CodeType, closure: tuple[types.CellType, ...], name: str
) -> Any:
    # Imported lazily: `wrapt` is slow to import.
    from callscope.weave.shadow.proxy import Proxy

    begin_below(code)
    return Proxy(original, types.FunctionType(code, {}, name, None, closure))

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
from callscope.tape.records import Layout
from callscope.tape.threads import TAPES
from callscope.weave.shadow.cells import CELLS, shared_cells
from callscope.weave.shadow.compiling import begin_below, is_compiling
from callscope.weave.shadow.frames import FILE_PREFIX
from callscope.weave.shadow.function_attributes import attributes, make_alike
from callscope.weave.shadow.native import make_recorder
from callscope.weave.shadow.patch import Origin, Patch
from callscope.weave.shadow.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        site = defining.site(name + part.suffix)
        return _make_shadow(binding_of(part, name), patch, site, spec)

    descriptor = descriptor_parts(raw)
    assert descriptor is not None, raw
    patch.replacement = descriptor.rebuild(shadow)
    return patch


class Records(NamedTuple):
    """Signature, source and layout by which the calls of one function are recorded."""

    signature: Signature
    source: Source
    """Source of its shadows, as far as it says what is recorded."""
    layout: Layout


def plan_records(part: Part, site: Site, spec: ShadowSpec, covers: Sequence[Layout]) -> Records:
    """Return what the calls of a site are recorded as.

    Args:
        part: its function, or another callable.
        site: the site.
        spec: spec of its shadows.
        covers: layouts of earlier recordings of it that may run below.
    """
    function = part.function
    site.code = written_code(function)
    is_function = type(function) is types.FunctionType
    site.is_marked_abstract = is_function and "__isabstractmethod__" in function.__dict__
    signature = Signature.from_function(function) if is_function else CALLABLE
    if signature.is_coroutine:
        TAPES.follow_contexts()
    source = _source(signature, part.binding, spec.text)
    layout = Layout(
        site,
        source.fields,
        spec.captured,
        spec.redact,
        is_suspendable=signature.is_suspendable,
        is_coroutine=signature.is_coroutine,
        notes=spec.notes,
    )
    layout.covers = covers
    return Records(signature, source, layout)


def binding_of(part: Part, name: str) -> Part:
    """Return a part of an entry with the binding that its calls have."""
    # The interpreter makes `__new__` a static method, but passes it the class.
    is_new = name == "__new__" and part.binding == "static"
    return part._replace(binding="class") if is_new else part


@functools.cache
def _source(signature: Signature, binding: Binding, spec: ShadowSpec) -> Source:
    return Source(signature, binding, spec)


def _make_shadow(part: Part, patch: Patch, site: Site, spec: ShadowSpec) -> Any:
    original = part.function
    signature, source, layout = plan_records(part, site, spec, patch.covers)
    patch.layouts.append(layout)
    code = _compile(signature, part.binding, spec.text)
    strangers = Strangers(spec.roots) if spec.roots else None
    cells = _own_cells(signature, patch, layout, original, strangers)
    shared = shared_cells(spec.text)
    if signature is CALLABLE:
        return _build_proxy(original, code, _closure(code, signature, cells, shared), site.method)
    recorder = None
    if source.is_native:
        recorder = make_recorder(original, layout, patch.on, source, spec, strangers)
        written_by = {"enter": recorder, "leave": recorder.leave}
        cells |= {signature.prefix + k: types.CellType(v) for k, v in written_by.items()}
    function = _build(original, code, _closure(code, signature, cells, shared))
    if recorder is not None:
        recorder.attach(function)
    patch.shadows.append((function, original, attributes(function)))
    return function


def _own_cells(
    signature: Signature, patch: Patch, layout: Layout, original: Any, strangers: Strangers | None
) -> dict[str, types.CellType]:
    """Return the closure cells of one shadow by free variable: callscope's and the original's."""
    values = {
        "origin": Origin(patch, original),
        "original": original,
        "layout": layout,
        "seen": layout.site.defining,
        "is_compiling": is_compiling(),
    }
    if strangers is not None:
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


@functools.cache
def _compile(signature: Signature, binding: Binding, spec: ShadowSpec) -> types.CodeType:
    """Return the code for a signature: that of its general form, with its own names."""
    hides, general = summarizer(spec.redact).hides, signature.general
    names = dict(zip(general.parameters, signature.parameters, strict=True))
    hidden = frozenset(name for name, theirs in names.items() if hides(theirs))
    text, code = _compile_general(general, binding, spec, hidden)
    names |= zip(general.freevars, signature.freevars, strict=True)
    text = re.sub(rf"{signature.prefix}[pf]\d+\b", lambda found: names[found.group()], text)
    filename = f"{FILE_PREFIX}shadow {_compile.cache_info().currsize}>"
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    default = f"{signature.prefix}default_"
    names |= {default + name: default + names[name] for name in general.defaulted}
    return _renamed(code, names).replace(co_filename=filename)


@functools.cache
def _compile_general(
    signature: Signature, binding: Binding, spec: ShadowSpec, hidden: frozenset[str]
) -> tuple[str, types.CodeType]:
    source = Source(signature, binding, spec, hidden)
    text = source.text((*CELLS, *(f"default_{name}" for name in signature.defaulted)))
    outer = compile(text, FILE_PREFIX, "exec", dont_inherit=True)
    return text, _inner_code(_inner_code(outer))


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


def _build_proxy(
    original: Any, code: types.CodeType, closure: tuple[types.CellType, ...], name: str
) -> Any:
    # Imported lazily: `wrapt` is slow to import.
    from callscope.weave.shadow.proxy import Proxy

    begin_below(code)
    return Proxy(original, types.FunctionType(code, {}, name, None, closure))

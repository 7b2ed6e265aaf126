"""Recording in place: recorders attached to functions, which stay what they are, where they are.

It takes the tape in C and Python 3.12 or later. Shadows do the rest: coroutines and generators,
functions that are several sites, and a thread whose C stack is short.
"""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Any, Final

from callscope.introspect.classes import qualified_name
from callscope.introspect.descriptors import (
    Part,
    descriptor_parts,
    functions_called,
    isinstance_of,
    why_not,
)
from callscope.introspect.sites import Strangers
from callscope.tape.engine import NATIVE
from callscope.weave.shadow import (
    Records,
    Shadow,
    ShadowSpec,
    binding_of,
    make_recorder,
    plan_records,
)

if TYPE_CHECKING:
    from callscope.introspect.sites import ClassRef
    from callscope.tape.records import Layout

IS_POSSIBLE: Final[bool] = hasattr(NATIVE, "is_placed")
"""True if calls can be recorded in place."""
_ENTERS_INIT: Final = sys.version_info >= (3, 13)
"""True if the interpreter enters the `__init__` of a new object without calling it.

It does so by `CALL_ALLOC_AND_ENTER_INIT` in CPython's Python/bytecodes.c. A class with an allocator of
its own is excepted; but lines that run meanwhile would then go without that instruction for good.
"""
_ALWAYS: Final = types.CellType(True)


class Attachment:
    """Recorders of the functions of one `__dict__` entry, which stays as it is.

    It holds no function, so callscope keeps no class alive.
    """

    __slots__ = ("_recorders", "covers", "layouts")

    shadows: Sequence[Shadow] = ()

    def __init__(self) -> None:
        self.layouts: list[Layout] = []
        """Layouts of its records."""
        self.covers: list[Layout] = []
        """Layouts of earlier recordings that its functions may lead to, through a patch on top."""
        self._recorders: list[tuple[weakref.ref[types.FunctionType], types.CodeType, Any]] = []

    @property
    def codes(self) -> set[types.CodeType]:
        """Code of its functions."""
        return {code for _, code, _ in self._recorders}

    def add(self, function: types.FunctionType, layout: Layout, recorder: Any) -> None:
        """Add the recorder of one function."""
        self.layouts.append(layout)
        self._recorders.append((weakref.ref(function), function.__code__, recorder))

    def switch(self, *, on: bool) -> None:
        """Begin or end to record the functions' calls."""
        for ref, _, recorder in self._recorders:
            function = ref()
            if not on:
                recorder.detach()
            elif function is not None:
                recorder.attach_in_place(function)

    def stands_as(self, entry: Any) -> bool:
        """Return whether a `__dict__` entry has its functions."""
        found = [*map(id, functions_called(entry))]
        return all(id(function) in found for function in self._functions())

    def is_of(self, entry: Any) -> bool:
        """Return whether it records a `__dict__` entry that is a function, as it is now."""
        if type(entry) is not types.FunctionType or self.covers:
            return False
        function, code = self._recorders[0][0](), self._recorders[0][1]
        return function is entry and code is entry.__code__

    def has_any(self, functions: Container[int]) -> bool:
        """Return whether one of its functions is among those of these `id`s."""
        return any(id(function) in functions for function in self._functions())

    def _functions(self) -> list[types.FunctionType | None]:
        return [ref() for ref, *_ in self._recorders]


def attach(
    raw: Any, defining: ClassRef, name: str, spec: ShadowSpec, by_shadow: Container[int]
) -> Attachment | None:
    """Return an attachment, switched off; None where the entry needs shadows.

    Args:
        raw: the `__dict__` entry.
        defining: the class.
        name: of the entry in the class's `__dict__`.
        spec: spec of its shadows.
        by_shadow: `id` of each function that cannot be recorded in place.
    """
    cls, descriptor = defining(), descriptor_parts(raw)
    if not IS_POSSIBLE or cls is None or descriptor is None:
        return None
    if isinstance_of(raw, functools.singledispatchmethod):
        return None  # its further implementations are found when it is called
    if name == "__init__" and _ENTERS_INIT:
        return None
    attachment = Attachment()
    for part in descriptor.parts:
        if descriptor.parts[0].function is not raw and why_not(raw, part):
            continue
        if id(part.function) in by_shadow or not _is_written_in(cls, name, raw, part.function):
            return None
        site = defining.site(name + part.suffix)
        records = plan_records(binding_of(part, name), site, spec, attachment.covers)
        if not records.source.is_placeable:
            return None
        attachment.add(part.function, records.layout, _recorder(part, records, spec))
    return attachment


def _recorder(part: Part, records: Records, spec: ShadowSpec) -> Any:
    strangers = Strangers(spec.roots) if spec.roots else None
    source, layout = records.source, records.layout
    return make_recorder(part.function, layout, _ALWAYS, source, spec, strangers)


def _is_written_in(cls: type, name: str, raw: Any, function: Any) -> bool:
    """Return whether a function was written as this method of a class, and is not borrowed.

    It may have been written under a private name, as PyTorch's `Module.__call__` was.
    """
    if type(function) is not types.FunctionType:
        return False
    own, module = function.__name__, function.__module__
    is_name = own == name or (raw is function and own.startswith("_") and not own.endswith("__"))
    # Within a class, `__name` is `_Class__name`.
    is_mangled = own.startswith("__") and name.startswith("_") and name.endswith(own)
    return (
        (is_name or is_mangled)
        and type(module) is str
        and f"{module}.{function.__qualname__}" == f"{qualified_name(cls)}.{own}"
    )


def is_attached(function: Any) -> bool:
    """Return whether the calls of a function are recorded in place."""
    return IS_POSSIBLE and bool(NATIVE.is_placed(function))


def when_stack_is_short(give_way: Callable[[], bool]) -> None:
    """Say what lets shadows take over, and returns whether they have."""
    if IS_POSSIBLE:
        NATIVE.set_give_way(give_way)

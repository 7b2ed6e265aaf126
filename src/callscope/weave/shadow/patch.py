"""Patches of `__dict__` entries of classes, and the way back to the originals."""

from __future__ import annotations

import sys
import types
from typing import Any, Final, NamedTuple, TypeAlias

from callscope.introspect.classes import ORIGINALS
from callscope.introspect.descriptors import Part, descriptor_parts
from callscope.tape.records import Layout
from callscope.weave.shadow.frames import hide, is_ours

Shadow: TypeAlias = tuple[types.FunctionType, types.FunctionType, dict[str, Any]]
"""A shadow, its original, and the attributes that both had at first."""


class Patch:
    """Replacement of a `__dict__` entry of a class, with the original entry.

    Only the woven functions hold it, so callscope keeps no class alive.
    """

    __slots__ = ("__weakref__", "covers", "layouts", "on", "original", "replacement", "shadows")

    def __init__(self, raw: Any) -> None:
        self.original: Any = raw
        """The original `__dict__` entry itself; `ABSENT` if there was none."""
        self.replacement: Any = None
        """The `__dict__` entry that replaced it."""
        self.shadows: list[Shadow] = []
        self.layouts: list[Layout] = []
        """Layouts of its shadows, which begin their records."""
        self.covers: list[Layout] = []
        """Layouts of earlier shadows that its own may call, because a patch was put on top."""
        self.on: types.CellType = types.CellType(False)
        """Cell with the recording state; while it holds False, a shadow only calls the original."""

    @property
    def codes(self) -> set[types.CodeType]:
        """Code of the originals of its shadows."""
        return {original.__code__ for _, original, _ in self.shadows}

    def switch(self, *, on: bool) -> None:
        """Switch recording on or off; when off, shadows only call the originals."""
        self.on.cell_contents = ON if on else False

    def stands_as(self, entry: Any) -> bool:
        """Return whether a `__dict__` entry is its replacement."""
        return entry is self.replacement

    def __reduce__(self) -> tuple[Any, ...]:
        return Patch, (self.original,), self.replacement

    def __setstate__(self, replacement: Any) -> None:
        self.replacement = replacement
        # A pickler by value may replace file names in code, as `cloudpickle` does since 3.1.3.
        parts = descriptor_parts(replacement)
        for part in () if parts is None else parts.parts:
            if type(part.function) is types.FunctionType:
                hide(part.function)


class _On:
    """Value of a shadow's cell while calls are recorded; in a pickle, it becomes False.

    Picklers by value (`cloudpickle`, `dill`) write the cell's value. The process that loads it did
    not weave the shadow, so it would never switch it off.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return bool, ()


ON: Final = _On()


class Origin(NamedTuple):
    """Origin of a woven function, held in a cell of its closure.

    The function itself has no mark, since others copy its `__dict__` (Django's `as_view` does).
    """

    patch: Patch
    function: Any
    """The original that it replaces."""


def origin_of(function: Any) -> Origin | None:
    """Return the origin of a woven function; None for any other object."""
    if _is_proxy(function):
        function = function._self_wrapper
    if type(function) is not types.FunctionType or not is_ours(function.__code__):
        return None
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        # Other cells may still be empty.
        if name.endswith("origin") and type(cell.cell_contents) is Origin:
            return cell.cell_contents
    return None


def _is_proxy(raw: Any) -> bool:
    proxy = sys.modules.get("callscope.weave.shadow.proxy")
    return proxy is not None and type(raw) is proxy.Proxy


def without_callscope(raw: Any) -> Any:
    """Return the `__dict__` entry that would be there without callscope.

    It may be `ABSENT`. A class that a decorator recreates (`slots=True`) inherits the woven entries
    of the first, and a program may build an object of its own around a shadow, as
    ``@Base.prop.setter`` does.
    """
    if type(raw) is types.FunctionType and not is_ours(raw.__code__):
        return raw
    while True:
        entry = descriptor_parts(raw)
        origins = [] if entry is None else [origin_of(part.function) for part in entry.parts]
        if entry is None or not any(origins):
            return raw
        whole = [o.patch for o in origins if o is not None and o.patch.replacement is raw]
        raw = whole[0].original if whole else entry.rebuild(_original)


def _original(part: Part) -> Any:
    origin = origin_of(part.function)
    return part.function if origin is None else origin.function


ORIGINALS.append(without_callscope)

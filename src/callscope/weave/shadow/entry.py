"""What was put into a class's `__dict__`, and what would stand there without callscope."""

from __future__ import annotations

import sys
import types
from typing import Any, Final, NamedTuple

from callscope.introspect.classes import ORIGINALS
from callscope.introspect.descriptors import Part, anatomy
from callscope.tape.records import Layout
from callscope.weave.shadow.frames import hide, is_ours


class Entry:
    """What was put into a class's `__dict__`, and what stood there before.

    It is held by the functions that were put there, and by nothing else: so callscope keeps no
    class alive.
    """

    __slots__ = ("__weakref__", "covers", "entry", "layouts", "looks", "on", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw: Any = raw
        """The `__dict__` entry from before, the very same one; `ABSENT` if there was none."""
        self.entry: Any = None
        """The `__dict__` entry that took its place."""
        self.looks: list[tuple[types.FunctionType, types.FunctionType, dict[str, Any]]] = []
        """Its shadows, what they stand in for, and the attributes that both had at first."""
        self.layouts: list[Layout] = []
        """Begin the records of its shadows."""
        self.covers: list[Layout] = []
        """Begin the records of earlier shadows that its own may call, for somebody patched one on
        top of the other."""
        self.on: types.CellType = types.CellType(False)
        """Whether calls are recorded; while it holds False, a shadow passes straight through."""

    def switch(self, *, on: bool) -> None:
        """Have calls recorded, or passed straight through."""
        self.on.cell_contents = ON if on else False

    def __reduce__(self) -> tuple[Any, ...]:
        return Entry, (self.raw,), self.entry

    def __setstate__(self, entry: Any) -> None:
        self.entry = entry
        # A pickler by value may name the file of all code alike, as `cloudpickle` does since 3.1.3.
        parts = anatomy(entry)
        for part in () if parts is None else parts.parts:
            if type(part.function) is types.FunctionType:
                hide(part.function)


class _On:
    """Stands in a shadow's cell while calls are recorded; in a pickle, it becomes False.

    Picklers by value (`cloudpickle`, `dill`) write what the cell holds. Nobody where that is loaded
    wove the shadow, and so nobody would ever switch it off.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return bool, ()


ON: Final = _On()


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
    proxy = sys.modules.get("callscope.weave.shadow.proxy")
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


ORIGINALS.append(without_callscope)

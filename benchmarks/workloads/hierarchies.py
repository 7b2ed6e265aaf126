"""Hierarchies made for the purpose: deep, wide, and many classes as in a framework."""

from __future__ import annotations

import itertools
import types
from typing import Any, Final

from benchmarks.workloads.program import Program, find_sites

_CALL: Final = ("call",)
_TREE: Final = ("__init__", "call")
_SUBCLASSES_EACH: Final = 10
_serial = itertools.count()


def make_deep(depth: int) -> Program:
    """Return so many classes, each below the one before, whose `call` goes up all of them."""

    class Layer:
        def call(self, x: int) -> int:
            return x

    root: type[Any] = Layer
    cls: type[Any] = Layer
    for index in range(1, depth):
        cls = _derive(cls, index)
    obj = cls()

    def run(passes: int) -> None:
        for _ in range(passes):
            obj.call(4)

    sites = find_sites(root, _CALL, unspecialize=True)
    return Program(root, _CALL, sites, run, depth, depth)


def _derive(base: type[Any], index: int) -> type[Any]:
    class Layer(base):  # type: ignore[misc]
        def call(self, x: int) -> int:
            result: int = super().call(x)
            return result

    Layer.__name__ = Layer.__qualname__ = f"Layer{index}"
    _name(f"Layer{index}", vars(Layer)["call"])
    return Layer


def _name(cls: str, *methods: Any) -> None:
    """Name methods as if they had been written in a class of that name."""
    for method in methods:
        method.__qualname__ = f"{cls}.{method.__name__}"


def make_wide(width: int) -> Program:
    """Return so many classes below one root; a pass runs the `call` of each."""

    class Layer:
        def call(self, x: int) -> int:
            return x

    def override(self: object, x: int) -> int:
        del self
        return x

    def derive(name: str) -> type[Any]:
        call = types.FunctionType(override.__code__, globals(), "call")
        _name(name, call)
        return type(name, (Layer,), {"call": call})

    classes = [derive(f"Layer{index}") for index in range(width)]
    objects = [cls() for cls in classes]

    def run(passes: int) -> None:
        for _ in range(passes):
            for obj in objects:
                obj.call(4)

    sites = find_sites(Layer, _CALL, unspecialize=True)
    return Program(Layer, _CALL, sites, run, width, width)


def make_tree(size: int) -> Program:
    """Return a tree of so many classes, each of which defines `__init__` and `call`.

    As in real hierarchies, all `call` alike and each constructor takes something else.
    """
    classes: list[type[Any]] = []
    for index in range(size):
        bases = (classes[(index - 1) // _SUBCLASSES_EACH],) if classes else ()
        methods = _make_methods()
        _name(f"Layer{index}", *methods.values())
        classes.append(type(f"Layer{index}", bases, methods))

    def run(passes: int) -> None:
        for _ in range(passes):
            for cls in classes:
                cls(4).call(4)

    sites = find_sites(classes[0], _TREE, unspecialize=False)
    return Program(classes[0], _TREE, sites, run, 2 * size, 2 * size)


def _make_methods() -> dict[str, Any]:
    def init(self: object, units: int, *, name: str = "") -> None: ...
    def call(self: object, inputs: object) -> None: ...

    units = f"units_{next(_serial)}"
    code = init.__code__.replace(co_varnames=("self", units, "name"))
    own = types.FunctionType(code, globals(), "__init__")
    own.__kwdefaults__ = init.__kwdefaults__
    return {"__init__": own, "call": call}

"""The workload: the seed example, whose every pass makes four calls.

Constructing ``MyLayer(3)`` runs `MyLayer.__init__` and `Layer.__init__`; calling the object runs
`Layer.__call__` and `MyLayer.call`.
"""

from __future__ import annotations

import types
from typing import Any, Final, NamedTuple

CALLS_PER_PASS: Final = 4


class Site(NamedTuple):
    """One method as defined in one class."""

    defining_class: type
    method: str
    function: types.FunctionType

    @property
    def name(self) -> str:
        """The class's bare name and the method, as a trace shows it: ``"Layer.__call__"``."""
        return f"{self.defining_class.__name__}.{self.method}"


class Seed(NamedTuple):
    """The example's two classes, and the sites that a pass runs, in order."""

    layer: type[Any]
    my_layer: type[Any]
    sites: tuple[Site, ...]
    passes: types.FunctionType
    """Makes an object of the class and calls it, as often as told."""

    def run(self, passes: int) -> None:
        """Make so many passes."""
        self.passes(self.my_layer, passes)


def make_seed() -> Seed:
    """Return an example that nothing has run yet."""

    class Layer:
        def __init__(self, x: int) -> None: ...

        def __call__(self, y: int) -> None:
            self.call(y)

        def call(self, z: int) -> None: ...

    class MyLayer(Layer):
        def __init__(self, k: int) -> None:
            super().__init__(k)

        def call(self, m: int) -> None: ...

    def passes(cls: type[Any], count: int) -> None:
        for _ in range(count):
            obj = cls(3)
            obj(4)

    defined = (
        (MyLayer, "__init__"),
        (Layer, "__init__"),
        (Layer, "__call__"),
        (MyLayer, "call"),
    )
    sites = tuple(Site(cls, name, _unspecialize(vars(cls)[name])) for cls, name in defined)
    return Seed(Layer, MyLayer, sites, _unspecialize(passes))


def _unspecialize(function: Any) -> types.FunctionType:
    """Take from a function what the interpreter has specialized it for, in earlier cases."""
    fresh: types.FunctionType = function
    fresh.__code__ = fresh.__code__.replace()
    return fresh

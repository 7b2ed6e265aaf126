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


def make_seed() -> Seed:
    """Return classes that nothing has touched yet."""

    class Layer:
        def __init__(self, x: int) -> None: ...

        def __call__(self, y: int) -> None:
            self.call(y)

        def call(self, z: int) -> None: ...

    class MyLayer(Layer):
        def __init__(self, k: int) -> None:
            super().__init__(k)

        def call(self, m: int) -> None: ...

    sites = (
        (MyLayer, "__init__"),
        (Layer, "__init__"),
        (Layer, "__call__"),
        (MyLayer, "call"),
    )
    return Seed(Layer, MyLayer, tuple(Site(cls, name, vars(cls)[name]) for cls, name in sites))


def run(my_layer: type[Any], passes: int) -> None:
    """Make an object and call it, as often as asked."""
    for _ in range(passes):
        obj = my_layer(3)
        obj(4)

"""What starting and stopping a recording costs, by the size of the hierarchy."""

from __future__ import annotations

import gc
import itertools
import types
from typing import Any, Final, NamedTuple

from benchmarks import clock
from benchmarks.proof import CaseError
from callscope import start, stop, traced

SIZES: Final = (10, 100, 1000)
_METHODS: Final = ("__init__", "call")
_SUBCLASSES_EACH: Final = 10
_serial = itertools.count()


class WeaveCase(NamedTuple):
    """A recording of a hierarchy of so many classes: the program's first one, or a later one."""

    classes: int
    recorded_before: bool

    @property
    def name(self) -> str:
        """The name of the case."""
        return f"weave-{'again' if self.recorded_before else 'first'}-{self.classes}"


CASES: Final = tuple(WeaveCase(size, before) for before in (False, True) for size in SIZES)


def time_weave(loops: int, case: WeaveCase) -> float:
    """Return the seconds that start and stop take, on fresh classes each time."""
    seconds = 0.0
    for _ in range(loops):
        classes = make_hierarchy(case.classes)
        traced(classes[0])
        if case.recorded_before:
            _weave(classes)
        gc.collect()
        seconds += _weave(classes)
        del classes
    return seconds


def make_hierarchy(size: int) -> list[type]:
    """Return so many classes, the root first; each defines `__init__` and `call`."""
    classes: list[type] = []
    for index in range(size):
        bases = (classes[(index - 1) // _SUBCLASSES_EACH],) if classes else ()
        classes.append(type(f"Layer{index}", bases, _make_methods()))
    return classes


def _make_methods() -> dict[str, Any]:
    def init(self: object, units: int, *, name: str = "") -> None: ...
    def call(self: object, inputs: object) -> None: ...

    # As in real hierarchies, all `call` alike and each constructor takes something else.
    units = f"units_{next(_serial)}"
    code = init.__code__.replace(co_varnames=("self", units, "name"))
    own = types.FunctionType(code, globals(), "__init__")
    own.__kwdefaults__ = init.__kwdefaults__
    return {"__init__": own, "call": call}


def _weave(classes: list[type]) -> float:
    before = _methods(classes)
    begin = clock.now()
    start()
    started = clock.now()
    woven = _methods(classes)
    stopping = clock.now()
    stop()
    end = clock.now()
    _check(before, woven, _methods(classes))
    return started - begin + end - stopping


def _methods(classes: list[type]) -> list[object]:
    return [vars(cls)[name] for cls in classes for name in _METHODS]


def _check(before: list[object], woven: list[object], after: list[object]) -> None:
    for own, shadow, restored in zip(before, woven, after, strict=True):
        if shadow is own:
            msg = f"{own!r} was not woven"
            raise CaseError(msg)
        if restored is not own:
            msg = f"{own!r} was not put back"
            raise CaseError(msg)

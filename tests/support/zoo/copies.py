"""Copies and pickles: classes that are found by their names."""

import asyncio
import copy
import dataclasses
import enum
import functools
import pickle
import sys
import threading
import typing

from zoo.program import Differs, Program, attempt, case, differs, has, only


def pickles(obj):
    """Return what becomes of an object in each protocol, and what it is pickled to."""
    found = []
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        made = attempt(pickle.dumps, obj, protocol)
        found += [made, attempt(pickle.loads, made) if isinstance(made, bytes) else None]
    return found


@case
def pickled():
    global Pickled

    class Pickled:
        def __init__(self, x=1):
            self.x = x

        def method(self, y=2):
            return self.x + y

        @classmethod
        def of_class(cls):
            return cls.__name__

        @staticmethod
        def of_nobody():
            return "nobody"

        def __repr__(self):
            return f"Pickled({self.x})"

    obj = Pickled(5)
    return Program(
        Pickled,
        *(lambda o=o: pickles(o) for o in (obj, Pickled)),
        lambda: [pickles(getattr(obj, name)) for name in ("method", "of_class", "of_nobody")],
        lambda: pickles(Pickled.method),
        lambda: pickle.loads(pickle.dumps(obj.method))(3),
        lambda: (copy.copy(obj), copy.deepcopy([obj, obj]), copy.deepcopy(Pickled) is Pickled),
        lambda: pickle.loads(pickle.dumps(functools.partial(obj.method, 4)))(),
    )


@case
def pickled_by_its_state():
    global Stateful

    class Stateful:
        def __init__(self, x=1):
            self.x, self.lock = x, threading.Lock()

        def __getstate__(self):
            return {"x": self.x}

        def __setstate__(self, state):
            self.__init__(state["x"] + 1)

        def __repr__(self):
            return f"Stateful({self.x})"

    return Program(
        Stateful,
        lambda: pickles(Stateful()),
        lambda: copy.copy(Stateful(3)),
        lambda: copy.deepcopy(Stateful(3)),
    )


@case
def pickled_by_reduce():
    global Reduced, ReducedEx, NewArgs

    class Reduced:
        def __init__(self, x):
            self.x = x

        def __reduce__(self):
            return type(self), (self.x,), None, iter([1]), None

        def append(self, item):
            self.x += item

        def extend(self, items):
            [*map(self.append, items)]

        def __repr__(self):
            return f"{type(self).__name__}({self.x})"

    class ReducedEx(Reduced):
        def __reduce_ex__(self, protocol):
            return type(self)._make, (self.x, protocol)

        @classmethod
        def _make(cls, *args):
            return cls(args)

    class NewArgs(Reduced, int):
        def __new__(cls, x):
            return super().__new__(cls, x)

        def __getnewargs__(self):
            return (self.x + 1,)

        __reduce__ = int.__reduce__

    return Program(
        Reduced,
        lambda: pickles(Reduced(1)),
        lambda: pickles(ReducedEx(1)),
        lambda: pickles(NewArgs(1)),
        lambda: (copy.copy(Reduced(1)), copy.deepcopy(ReducedEx(2))),
    )


@case
def copied():
    class Case:
        def __init__(self, x):
            self.x = x

        def __copy__(self):
            return Case("copy")

        def __deepcopy__(self, memo):
            memo[id(self)] = made = Case(copy.deepcopy(self.x, memo))
            return made

        def __replace__(self, **changes):
            return Case(changes)

    def deep():
        case = Case([])
        case.x.append(case)
        made = copy.deepcopy(case)
        return made.x[0] is made

    return Program(
        Case,
        lambda: copy.copy(Case(1)).x,
        lambda: copy.deepcopy([Case([1])])[0].x,
        deep,
        lambda: copy.replace(Case(1), x=2).x if sys.version_info >= (3, 13) else None,
    )


@case
def pickled_builtin_kinds():
    global PickledEnum, PickledTuple, PickledError, PickledData

    class PickledEnum(enum.Enum):
        ONE = 1

        def method(self):
            return self.value

    class PickledTuple(typing.NamedTuple):
        x: int

        def method(self):
            return self.x

    class PickledError(Exception):
        def __init__(self, x, y=2):
            super().__init__(x)
            self.y = y

    @dataclasses.dataclass(slots=True, frozen=True)
    class PickledData:
        x: int = 1

        def method(self):
            return self.x

    return Program(
        PickledData,
        lambda: pickles(PickledEnum.ONE),
        lambda: pickles(PickledTuple(1)),
        lambda: pickles(PickledError(1)),
        lambda: pickles(PickledData(2)),
        lambda: PickledData(3).method(),
        lambda: pickles(PickledData.method),
    )


@case
def pickled_callables():
    """What stands in for an `lru_cache` or a C function pickles as what it stands for."""
    global Cached

    class Cached:
        @functools.lru_cache
        def memo(self, x):
            return x

        @classmethod
        @functools.cache
        def known(cls, x):
            return x

        upper = str.upper

        def __eq__(self, other):
            return type(other) is Cached

        def __hash__(self):
            return 1

    return Program(
        Cached,
        lambda: pickle.loads(pickle.dumps(Cached().memo))("p"),
        lambda: pickle.loads(pickle.dumps(Cached.known))("q"),
        lambda: pickles(Cached.upper),
        lambda: Cached.upper("u"),
    )


@only(has("cloudpickle"))
def pickled_by_value():
    import cloudpickle

    class Case:
        def method(self, x=1):
            return x + 1

        async def later(self):
            return 3

    def loaded():
        cls = pickle.loads(cloudpickle.dumps(Case))
        return cls().method(4), asyncio.run(cls().later())

    return Program(
        Case,
        lambda: Case().method(),
        loaded,
        differs(Differs.BY_VALUE, lambda: b"callscope" in cloudpickle.dumps(Case)),
    )

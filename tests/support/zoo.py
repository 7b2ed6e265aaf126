"""The zoo: small programs of every kind, which must run and look the same while they are recorded.

Each case makes fresh classes and says what is done with them; `test_zoo.py` does it twice, bare and
traced, and compares all that can be seen. What may differ is a row of the table in
docs/what-tracing-changes.md, and is marked where it occurs.
"""

# The programs in here are odd on purpose.
# ruff: noqa: A002, B006, B012, B016, B019, B024, B904, B905, C901, E731, F401, F821, F841
# ruff: noqa: FURB171, LOG001, N803, N804, N805, N806, N818, PERF401, PLC2401, PLE0101, PLE0303
# ruff: noqa: PLE0304, PLE0309, PLE0704, PLR1708, PLW0108, PLW0602, PLW0603, PTH119, PTH120
# ruff: noqa: PYI024, PYI063, RUF005, RUF023, RUF059, SLOT000, SLOT001, TRY201, TRY203, TRY301
# ruff: noqa: UP008, UP031

import abc
import asyncio
import bisect
import collections
import contextlib
import contextvars
import copy
import ctypes
import dataclasses
import enum
import functools
import gc
import importlib.util
import inspect
import io
import itertools
import json
import logging
import operator
import os
import pickle
import re
import reprlib
import string
import sys
import threading
import traceback
import types
import typing
import unittest.mock
import warnings
import weakref

import wrapt

import callscope

EVERYTHING = ("*", "__*__")


class Differs:
    """What may differ, each as its row in docs/what-tracing-changes.md has it."""

    FRAME = (
        "`sys._getframe(1)` and `inspect.stack()` in a method; what a profiler or a debugger counts"
    )
    RECURSION = "recursion"
    WRAPPED = "`method.__wrapped__`"
    CODE = "`method.__code__` but for its name, parameters and kind, `method.__closure__`, `inspect.getfile(method)`"
    COMMENTS = "`inspect.getcomments(method)`"
    THROW = "`throw()` into a generator or a coroutine before its first step; one that answers `GeneratorExit` by returning a value"
    STEPS = "`gi_frame`, `gi_yieldfrom`, `gi_code` and their kin (`cr_`, `ag_`) of what a method returns"
    LIFETIME = "`del argument` in a method, `sys.getrefcount(argument)`"
    HOOKS = "`vars(root)`"
    WEAKREFS = "`weakref.getweakrefcount(obj)`"
    BY_VALUE = "a class pickled by value (`cloudpickle`, of a class in `__main__`)"
    PROXY = "`Class.method` of an `lru_cache`, a C function or another callable that is not a Python function"
    ALIAS = "`Class.a is Class.b` of two names of one function, in one class or in several"
    BOUND = "bound methods kept over the begin or the end of a recording"
    ENVIRONMENT = "`os.environ`"
    SIGNAL = "`signal.getsignal(SIGTERM)`"
    RUN = "`sys._getframe()` and `traceback.print_stack()` in a program that `callscope run` runs"
    COLLECTOR = "`gc.callbacks`"
    TIMES = "`gc`, times"


class Act(typing.NamedTuple):
    """One thing that is done with the classes of a case."""

    do: typing.Callable
    differs: str | None = None
    """What is different while it is recorded."""
    is_witnessed: bool = True
    """Whether each call within is noted."""


ADDS_FRAMES = callscope.engine == "python" or sys.version_info < (3, 12)
"""Whether a recorded call of a plain function always takes a frame more."""


def differs(row, do, *, where=True):
    """Return an act whose outcome is another while it is recorded.

    Where the condition does not hold, it has to be the same.
    """
    return Act(do, row if where else None)


def unwitnessed(do):
    """Return an act whose results are compared, but not each single call within.

    How many an endless recursion makes depends on the limit. And a generator that is closed or
    dropped before its first step is entered, for a profiler, though nothing of it runs; as is one
    that ignores it, once it is finalized.
    """
    return Act(do, is_witnessed=False)


class Program:
    """What a case makes.

    Args:
        root: the class whose hierarchy is recorded.
        acts: are done one after the other, whether or not the one before raises.
        after: are done once nothing records any more.
        methods: what is recorded.
    """

    def __init__(self, root, *acts, after=(), methods=EVERYTHING):
        self.root = root
        self.acts = [act if isinstance(act, Act) else Act(act) for act in acts]
        self.after = [Act(act) for act in after]
        self.methods = methods


CASES = {}


def case(function):
    """Add a case to the zoo."""
    assert function.__name__ not in CASES, function.__name__
    CASES[function.__name__] = function
    return function


def only(condition):
    """Add a case where it can be had."""
    return case if condition else lambda function: function


def has(module):
    """Tell whether a module is installed."""
    return importlib.util.find_spec(module) is not None


WRONG = (
    ((), {}),
    (tuple(range(400)), {}),
    ((1,), {"surely_unknown": 1}),
    ((1,), {"x": 1, "self": 2, "y": 3, "p0": 4}),
    ((), {"x": 1, "z": 2, "self": 3}),
    ((), {"a b": 1}),
)


def ways(cls, /, *args, **kwargs):
    """Return the program that calls `cls.method` in every way, also with wrong arguments."""

    class Plain(cls): ...

    class Sub(cls):
        def method(self, *args, **kwargs):
            return super().method(*args, **kwargs)

    def wrongly(a, k):
        return (lambda: cls().method(*a, **k)), (lambda: cls.method(*a, **k))

    return Program(
        cls,
        lambda: cls().method(*args, **kwargs),
        lambda: Plain().method(*args, **kwargs),
        lambda: Sub().method(*args, **kwargs),
        lambda: cls.method(cls(), *args, **kwargs),
        lambda: vars(cls)["method"].__get__(cls(), cls)(*args, **kwargs),
        lambda: functools.partial(cls().method, *args)(**kwargs),
        lambda: operator.methodcaller("method", *args, **kwargs)(cls()),
        *itertools.chain.from_iterable(wrongly(a, k) for a, k in WRONG),
    )


def attempt(function, *args, **kwargs):
    """Return a function's result, or the class and the message of what it raises."""
    try:
        return function(*args, **kwargs)
    except RecursionError as error:
        # What the interpreter was about when it reached the limit depends on where it began.
        return type(error), str(error).partition(" while ")[0]
    except Exception as error:
        return type(error), str(error)


# Methods of every shape


class Odd:
    """A default value that can be neither compared nor hashed nor tested."""

    def __eq__(self, other):
        raise AssertionError("eq")

    __hash__ = None

    def __bool__(self):
        raise AssertionError("bool")

    def __repr__(self):
        return "ODD"  # `inspect` shows defaults


ODD = Odd()
MUTABLE = []
NAN = float("nan")


@case
def plain():
    class Case:
        # A comment.
        def method(self, x, y=2):
            """Do what a plain method does."""
            return x, y

    return ways(Case, 1, y=3)


@case
def annotated():
    class Case:
        def method(self, x: int, y: "int | None" = None, *args: str, **kwargs: float) -> list[int]:
            return [x]

    return ways(Case, 1)


@case
def annotated_with_what_is_not_there():
    class Case:
        def method(self, x: "Missing") -> "list[Missing]":
            return [x]

    return ways(Case, 1)


@case
def positional_only():
    class Case:
        def method(self, x, /, y=ODD, *, z):
            return x, y, z

    return ways(Case, 1, z=3)


@case
def keyword_only():
    class Case:
        def method(self, *, x, y=2, **z):
            return x, y, z

    return ways(Case, x=1, self_=3)


@case
def variadic():
    class Case:
        def method(self, *args, **kwargs):
            return args, kwargs

    return ways(Case, 1, 2, a=3, args=4, kwargs=5)


@case
def all_variadic():
    class Case:
        def method(*args, **kwargs):
            return type(args[0]).__name__, args[1:], kwargs

    return ways(Case, 1, 2, a=4)


@case
def only_args():
    class Case:
        def method(*args):
            return args[1:]

    return ways(Case, 1, 2)


@case
def positional_only_self():
    class Case:
        def method(self, /, **kwargs):
            return kwargs

    return ways(Case, x=2)


@case
def same_name_twice():
    class Case:
        def method(self, x, /, **kwargs):
            return x, kwargs

    return ways(Case, 1, x=2)


@case
def no_parameters():
    class Case:
        def method():
            return 1

    return ways(Case)


@case
def odd_defaults():
    class Case:
        def method(self, a=ODD, b=MUTABLE, c=NAN, *, d=Odd, e=..., f=NotImplemented):
            b.append(1)
            b.pop()
            return a is ODD, b is MUTABLE, c is NAN, d is Odd, e, f

    return ways(Case)


@case
def default_that_remembers():
    class Case:
        def method(self, x, seen=[]):
            seen.append(x)
            return seen

    return ways(Case, 1)


@case
def self_is_second():
    class Case:
        def method(this, self, cls=None):
            return type(this).__name__, self, cls

    return ways(Case, 1, cls=2)


@case
def internal_names():
    class Case:
        def method(self, _cs_tape, original, result, type, len, args, shadow, make, error):
            return _cs_tape, original, result, type, len, args, shadow, make, error

    return ways(Case, *range(9))


@case
def prefixed_names():
    class Case:
        def method(_cs_self, _cs_original=1, *, _cs__on=2, _cs___entry=3, **_cs_local):
            _cs_clock = _cs_original
            return _cs_clock, _cs__on, _cs___entry, _cs_local

    return ways(Case, 4, _cs_seen=5)


@case
def builtin_names():
    class Case:
        def method(self, list, BaseException, None_=1, *, int, str=2):
            return list, BaseException, None_, int, str

    return ways(Case, 1, 2, int=3)


@case
def unicode_names():
    class Case:
        def method(self, été, ﬁn=2, *, ß=3):
            return été, fin, ß

    return ways(Case, 1)


@case
def mangled():
    class Case:
        def method(self, __x, *, __y=2, **__z):
            self.__hidden = __x
            return __x, __y, __z, self.__hidden, self.__private()

        def __private(self):
            return "private"

    return ways(Case, 1, _Case__y=3)


@case
def closure():
    outer, original, type_ = 1, 2, 3

    class Case:
        def method(self, x=original):
            return outer, original, type_, x, __class__.__name__

    return ways(Case)


@case
def closure_named_as_ours():
    _cs_on, _cs_original, _cs_entry = 1, 2, 3

    class Case:
        def method(self):
            return _cs_on, _cs_original, _cs_entry

    return ways(Case)


@case
def nonlocal_cells():
    count = 0

    class Case:
        def method(self, by=1):
            nonlocal count
            count += by
            return count

    return ways(Case, 2)


@case
def unbound_cell():
    class Case:
        def method(self):
            return never

    if sys is None:
        never = 1
    return ways(Case)


@case
def global_names():
    class Case:
        def method(self):
            global ODD
            return ODD is globals()["ODD"], __name__, sorted(locals())

    return ways(Case)


@case
def names_in_the_body():
    """`locals`, `eval`, `exec` and comprehensions see the method's own names."""
    outer = 5

    class Case:
        def method(self, x, *, y=2):
            z = [x + i for i in range(y) if (last := i) is not None]
            exec("made = x + y")
            eval("z.append(x)")
            return {k: v for k, v in locals().items() if k != "self"}, eval("x + y"), dir(), outer

    return ways(Case, 1, y=3)


@case
def a_lambda():
    class Case:
        method = lambda self, x, *a, y=2: (x, a, y)

    return ways(Case, 1, 2)


@case
def with_attributes():
    def mark(function):
        function.order = 3
        function.tags = {"a"}
        return function

    class Case:
        @mark
        def method(self):
            return Case.method.order, self.method.tags

    return ways(Case)


@case
def decorated():
    def twice(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs) * 2

        return wrapper

    class Case:
        @twice
        @twice
        def method(self, x, y=1):
            """Be decorated."""
            return [x, y]

    return ways(Case, 1)


@case
def decorated_without_wraps():
    def twice(function):
        return lambda *args: function(*args) * 2

    class Case:
        @twice
        def method(self, x, y=1):
            return [x, y]

    return ways(Case, 1)


@case
def with_signature():
    class Case:
        def method(self, *args):
            return args

        method.__signature__ = inspect.Signature(
            [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )

    return ways(Case, 1)


@case
def renamed():
    class Case:
        def method(self, x):
            return x

        method.__name__ = "other"
        method.__qualname__ = "Some.other"
        method.__module__ = "elsewhere"
        method.__doc__ = "Come from elsewhere."

    return ways(Case, 1)


@case
def recursive():
    class Case:
        def method(self, n):
            return 1 if n == 0 else n * self.method(n - 1)

    return ways(Case, 5)


@case
def mutually_recursive():
    class Case:
        def method(self, n):
            return n == 0 or self.odd(n - 1)

        def odd(self, n):
            return n != 0 and self.method(n - 1)

    return ways(Case, 5)


@case
def rebinding():
    class Case:
        def method(self, x, *args, **kwargs):
            x, args, kwargs = kwargs, x, args
            del self
            return x, args, kwargs

    return ways(Case, 1, 2, k=3)


@case
def of_class():
    class Case:
        @classmethod
        def method(cls, x, *, y=1):
            """Belong to the class."""
            return cls.__name__, x, y

    return ways(Case, 1)


@case
def of_nobody():
    class Case:
        @staticmethod
        def method(x, *, y=1):
            """Belong to nobody."""
            return x, y

    return ways(Case, 1)


@case
def hundreds_of_parameters():
    names = ", ".join(f"p{i}={i}" for i in range(300))
    namespace = {}
    exec(f"def method(self, {names}): return p299", namespace)
    return ways(type("Case", (), {"method": namespace["method"]}), p299=-1)


@case
def other_globals():
    namespace = {"__name__": "elsewhere", "limit": 3}
    exec("def method(self, x): return x + limit, __name__", namespace)
    return ways(type("Case", (), {"method": namespace["method"]}), 1)


@case
def other_builtins():
    namespace = {"__builtins__": {"len": lambda _: "my own len", "None": None}}
    exec("def method(self, x): return len(x)", namespace)
    return ways(type("Case", (), {"method": namespace["method"]}), [])


@case
def function_made_by_hand():
    """Of one code object, several functions with other defaults, globals and cells."""

    def method(self, x=1):
        return x, limit

    limit = 5
    made = types.FunctionType(
        method.__code__, {"__name__": "made"}, "made", (7,), (types.CellType(6),)
    )
    return ways(type("Case", (), {"method": made, "limit": limit}))


@case
def function_of_a_module():
    """One that is also found elsewhere, and belongs there by its name."""
    return ways(type("Case", (), {"method": attempt}), lambda: 1 / 0)


@only(sys.version_info >= (3, 12))
def type_parameters():
    source = """
class Case[T]:
    def method[S](self, x: S, y: T | None = None) -> tuple[S, T]:
        return S.__name__, T.__name__, x
class Sub(Case[int]):
    def other[S](self, x: S) -> S:
        return super().method(x), __class__
"""
    namespace = {"__name__": "generics"}
    exec(compile(source, "generics.py", "exec", dont_inherit=True), namespace)
    program = ways(namespace["Case"], 1)
    program.acts.append(Act(lambda: namespace["Sub"]().other(2)))
    return program


@case
def overloaded():
    class Case:
        @typing.overload
        def method(self, x: int) -> int: ...
        @typing.overload
        def method(self, x: str) -> str: ...
        def method(self, x):
            return x

    return ways(Case, 1)


@case
def marked_for_type_checkers():
    class Case:
        @typing.final
        def method(self, x):
            return x

        @typing.no_type_check
        def unchecked(self, x: 3) -> 4:
            return x

        if sys.version_info >= (3, 12):

            @typing.override
            def __repr__(self):
                return "Case"

    return ways(Case, 1)


# Subclasses, super and __class__


@case
def zero_argument_super():
    """`super()` finds its class and its object, in every sort of method."""

    class Base:
        def __new__(cls, *args):
            return super().__new__(cls)

        def __init__(self, x):
            self.x = x

        @classmethod
        def of_class(cls):
            return [cls.__name__]

        def method(self):
            return [self.x]

        def steps(self):
            yield self.x

        async def later(self):
            return self.x

        @property
        def value(self):
            return self.x

        def __getattr__(self, name):
            return name

        def __repr__(self):
            return "Base"

    class Sub(Base):
        def __new__(cls, *args):
            return super().__new__(cls, *args)

        def __init__(self, x):
            super().__init__(x + 1)

        @classmethod
        def of_class(cls):
            return [__class__.__name__, *super().of_class()]

        def method(self):
            return [__class__.__name__, *super().method()]

        def steps(self):
            yield from super().steps()

        async def later(self):
            return [await super().later()]

        @property
        def value(self):
            return [super().value]

        def __repr__(self):
            return f"Sub({super().__repr__()})"

    return Program(
        Base,
        lambda: Sub(1),
        lambda: Sub(1).of_class() + Sub.of_class(),
        lambda: Sub(1).method(),
        lambda: [*Sub(1).steps()],
        lambda: asyncio.run(Sub(1).later()),
        lambda: Sub(1).value,
        lambda: Sub(1).whatever,
        lambda: f"{Sub(1)}",
        lambda: Sub(),
        lambda: super(Sub, Sub(1)).method(),
        lambda: Base.method(Sub(3)),
        lambda: Sub.method(Base(3)),
    )


@case
def super_with_arguments():
    class Base:
        def method(self):
            return ["Base"]

    class Sub(Base):
        def method(self):
            return ["Sub", *super(Sub, self).method()]

        def by_nested_function(self):
            return [super(Sub, self).method() for _ in range(2)]

        def by_unbound(self):
            return super(Sub).__get__(self).method()

        def by_wrong_self(self):
            return super(Sub, 3).method()

    return Program(
        Base,
        lambda: Sub().method(),
        lambda: Sub().by_nested_function(),
        lambda: Sub().by_unbound(),
        lambda: Sub().by_wrong_self(),
    )


@case
def super_that_cannot_work():
    class Case:
        def without_self():
            return super().method()

        def self_is_gone(self):
            del self
            return super().method()

        def nothing_above(self):
            return super().nothing()

        @staticmethod
        def of_nobody():
            return super().method()

    return Program(
        Case,
        lambda: Case.without_self(),
        lambda: Case().self_is_gone(),
        lambda: Case().nothing_above(),
        lambda: Case.of_nobody(),
    )


@case
def diamond_by_name():
    """Bases that are called by name, as `Left.__init__(self)` is: the top one runs twice."""

    class Top:
        def __init__(self, log):
            log.append("Top")

    class Left(Top):
        def __init__(self, log):
            Top.__init__(self, log)
            log.append("Left")

    class Right(Top):
        def __init__(self, log):
            Top.__init__(self, log)
            log.append("Right")

    class Bottom(Left, Right):
        def __init__(self, log):
            Left.__init__(self, log)
            Right.__init__(self, log)

    def use():
        log = []
        Bottom(log)
        return log

    return Program(Top, use, lambda: Bottom(), lambda: Right.__init__(Bottom([]), None))


@case
def diamond_by_super():
    """The order of `super` is that of the object's class: nothing is pinned onto a subclass."""

    class Top:
        def method(self, *args):
            return ["Top", *args]

    class A(Top): ...

    class B(Top):
        def method(self, *args):
            return ["B", *super().method(*args)]

    class C(A, B):
        def method(self, *args):
            return ["C", *super().method(*args)]

    return Program(
        Top,
        lambda: C().method(1),
        lambda: A().method(),
        lambda: A.method(C()),
        lambda: super(A, C()).method(2),
        lambda: C.method(B()),
        lambda: [k for cls in C.__mro__ for k in vars(cls) if k == "method"],
    )


@case
def cooperative_mixins():
    class Root:
        def __init__(self, **kwargs):
            self.rest = kwargs

    class Named:
        def __init__(self, *, name, **kwargs):
            super().__init__(**kwargs)
            self.name = name

    class Sized:
        def __init__(self, *, size=1, **kwargs):
            super().__init__(**kwargs)
            self.size = size

    class Whole(Named, Sized, Root): ...

    class OnlyObject(Sized, Named): ...

    return Program(
        Root,
        lambda: vars(Whole(name="n", size=2, k=3)),
        lambda: vars(Whole(name="n")),
        lambda: Whole(size=1),
        lambda: OnlyObject(name="n", k=1),
    )


@case
def inherited_and_pinned_nowhere():
    """A method that only the base has is looked up anew after the base was patched."""

    class Base:
        def method(self):
            return "Base"

    class Sub(Base): ...

    def patched():
        kept, Base.method = vars(Base)["method"], lambda self: "patched"
        try:
            return Sub().method(), Sub.method is Base.method
        finally:
            Base.method = kept

    return Program(Base, lambda: Sub().method(), patched, lambda: Sub().method())


@case
def rewritten_class_cell():
    """What attrs does with slots: a second class, and the cell `__class__` points to that one."""

    class Case:
        def method(self, x):
            return __class__, super().__repr__()[:3], x

    def again():
        names = {k: v for k, v in vars(Case).items() if k not in ("__dict__", "__weakref__")}
        second = type("Second", (), {**names, "__slots__": ("x",)})
        function = second.method
        cell = function.__closure__[function.__code__.co_freevars.index("__class__")]
        kept, cell.cell_contents = cell.cell_contents, second
        try:
            return second().method(1)
        finally:
            cell.cell_contents = kept

    return Program(Case, lambda: Case().method(1), again, lambda: Case().method(2))


@case
def nested_classes():
    class Outer:
        class Inner:
            def method(self):
                return __class__.__qualname__

        def method(self):
            class Local(Outer):
                def method(self):
                    return super().__init__(), __class__.__qualname__

            return self.Inner().method(), Local().method()

    return Program(Outer, lambda: Outer().method(), lambda: Outer.Inner().method())


@case
def same_name_classes():
    class Same:
        def method(self):
            return ["base"]

    Base = Same

    class Same(Base):
        def method(self):
            return ["derived", *super().method()]

    return Program(Base, lambda: Same().method(), lambda: Base().method())


@case
def change_of_class():
    class One:
        def method(self):
            self.__class__ = Two
            return self.method()

    class Two(One):
        def method(self):
            return __class__.__name__

    return Program(One, lambda: One().method(), lambda: Two().method())


@case
def patched_in_use():
    """Methods are added, replaced, marked and deleted while the program runs."""

    class Case:
        def method(self, x=1):
            return x

        def other(self):
            return "other"

    def change():
        kept = Case.method
        Case.method = lambda self, x=2: kept(self, x)
        Case.added = lambda self: self.other()
        del Case.other
        return Case().method(), attempt(Case().added)

    return Program(Case, lambda: Case().method(), change, lambda: Case().method(3))


@case
def function_attributes_set_in_use():
    """What a program sets on a method stays, and counts at once."""

    class Case:
        def method(self, x=1, *, y=2):
            """Do."""
            return x, y

    def change():
        function = Case.method
        function.mark = 3
        function.__doc__ = "Changed."
        function.__defaults__ = (5,)
        function.__kwdefaults__ = {"y": 6}
        function.__annotations__ = {"x": int}
        function.__name__ = "changed"
        function.__qualname__ = "Case.changed"
        function.__module__ = "elsewhere"
        function.__signature__ = inspect.Signature()
        return Case().method()

    def seen():
        names = ("__doc__", "__defaults__", "__kwdefaults__", "__annotations__", "__name__")
        names += ("__qualname__", "__module__", "__signature__", "mark")
        return [getattr(Case.method, name, None) for name in names], Case().method()

    return Program(Case, seen, change, seen, after=[seen])


# Making objects and classes


@case
def new_with_arguments():
    """`object.__init__` takes what `__new__` takes, and is pinned nowhere."""

    class OnlyNew:
        def __new__(cls, *args, **kwargs):
            self = super().__new__(cls)
            self.args = args, kwargs
            return self

    class Both(OnlyNew):
        def __init__(self, x, *, y=2):
            self.x = x, y

    class Elsewhere(OnlyNew):
        def __new__(cls, x):
            return x

        def __init__(self, x):
            raise AssertionError

    return Program(
        OnlyNew,
        lambda: OnlyNew(1, k=2).args,
        lambda: (Both(1, y=3).x, Both(1, y=3).args),
        lambda: Elsewhere(5),
        lambda: Both(),
        lambda: OnlyNew.__new__(Both, 1).args,
        lambda: OnlyNew.__new__(),
        lambda: Elsewhere(1, 2),
    )


@case
def object_refuses_arguments():
    class OnlyInit:
        def __init__(self, x):
            self.x = x

    class Neither(OnlyInit):
        __init__ = object.__init__

    return Program(
        OnlyInit,
        lambda: OnlyInit(1).x,
        lambda: OnlyInit(),
        lambda: Neither(1),
        lambda: object.__new__(OnlyInit, 1),
        lambda: OnlyInit.__init__(object(), 1),
    )


@case
def what_the_interpreter_looks_for():
    """Methods of `object` and of built-in classes that a class names as its own."""

    class Case:
        __new__ = object.__new__
        __hash__ = object.__hash__
        __reduce__ = object.__reduce__
        __reduce_ex__ = object.__reduce_ex__
        __format__ = object.__format__

        def __init__(self, x=1):
            self.x = x

        def __eq__(self, other):
            return True

    return Program(
        Case,
        lambda: Case(5).x,
        lambda: vars(copy.copy(Case(2))),
        lambda: Case(1, 2),
        lambda: f"{Case()}",
        lambda: f"{Case():>3}",
        methods=(*EVERYTHING, "__new__"),
    )


@case
def what_a_builtin_class_gives():
    """Its own `__new__` and other methods, named as those of a subclass."""

    class Number(int):
        __new__ = int.__new__
        __getnewargs__ = int.__getnewargs__
        bit_length = int.bit_length

        def __init__(self, x, **options):
            self.options = options

        def method(self):
            return type(self)(self + 1)

    return Program(
        Number,
        lambda: Number(5).method(),
        lambda: Number(5, base=3),
        lambda: copy.copy(Number(5)),
        lambda: Number(5).bit_length(),
        lambda: Number.bit_length("x"),
        lambda: Number("x"),
        lambda: Number.__new__(int, 5),
        methods=(*EVERYTHING, "__new__"),
    )


@case
def init_that_returns():
    class Case:
        def __init__(self, x):
            return x

    return Program(Case, lambda: type(Case(None)), lambda: Case(1))


@case
def singleton():
    class Case:
        made = None

        def __new__(cls):
            if cls.made is None:
                cls.made = super().__new__(cls)
            return cls.made

        def __init__(self):
            self.times = getattr(self, "times", 0) + 1

    return Program(Case, lambda: Case() is Case(), lambda: Case().times)


@case
def call_on_a_metaclass():
    class Meta(type):
        def __call__(cls, *args, **kwargs):
            obj = super().__call__(*args, **kwargs)
            obj.built_by = type(cls).__name__
            return obj

    class Case(metaclass=Meta):
        def __init__(self, x):
            self.x = x

        def __call__(self, y):
            return self.x, y

    return Program(
        Case, lambda: Case(1).built_by, lambda: Case(1)(2), lambda: Case(), lambda: Case(1)()
    )


@case
def a_traced_metaclass():
    class Meta(type):
        @classmethod
        def __prepare__(mcls, name, bases, **keywords):
            return {"prepared": sorted(keywords)}

        def __new__(mcls, name, bases, namespace, **keywords):
            return super().__new__(mcls, name, bases, namespace)

        def __init__(cls, name, bases, namespace, *, key=None):
            super().__init__(name, bases, namespace)

        def __call__(cls, *args):
            return super().__call__(*args)

        def __instancecheck__(cls, obj):
            return obj == 3

        def __subclasscheck__(cls, other):
            return other is int

        def __iter__(cls):
            return iter("abc")

        @property
        def answer(cls):
            return 42

    def make(**keywords):
        class Made(metaclass=Meta, **keywords):
            def __init__(self, x=1):
                self.x = x

        return Made

    return Program(
        Meta,
        lambda: make(key=1).prepared,
        lambda: make(unknown=1),
        lambda: make()(5).x,
        lambda: make()(5, 6),
        lambda: (isinstance(3, make()), isinstance(4, make()), issubclass(int, make())),
        lambda: [*make()],
        lambda: make().answer,
        lambda: make()().answer,
    )


class Strict(type):
    """A metaclass that refuses attributes, and keeps its subclasses and itself to itself."""

    def __setattr__(cls, name, value):
        raise AttributeError(f"{cls.__name__} is closed")

    def __delattr__(cls, name):
        raise AttributeError(f"{cls.__name__} is closed")

    def __eq__(cls, other):
        raise AssertionError("eq")

    __hash__ = None

    def __subclasses__(cls):
        raise AssertionError("subclasses")

    def __bool__(cls):
        raise AssertionError("bool")

    def mro(cls):
        return super().mro()


@case
def hostile_metaclass():
    class Case(metaclass=Strict):
        def method(self, x=None):
            return x

    class Sub(Case):
        def method(self, x=None):
            return [super().method(x)]

    return Program(
        Case,
        lambda: Sub().method(1),
        lambda: Case().method(2),
        lambda: setattr(Case, "x", 1),
        lambda: Case == Sub,
        lambda: hash(Case),
    )


@case
def metaclass_that_answers_for_itself():
    class Meta(type):
        def __getattribute__(cls, name):
            if name in ("__dict__", "__mro__", "__subclasses__", "__qualname__", "__module__"):
                raise AttributeError(name)
            return super().__getattribute__(name)

        def __dir__(cls):
            return ["lies"]

    class Case(metaclass=Meta):
        def method(self):
            return type(self).method.__name__

    return Program(Case, lambda: Case().method(), lambda: dir(Case), lambda: Case.missing)


@case
def subclass_hooks():
    """`__init_subclass__` with keywords, with and without `super`; `__set_name__`."""
    log = []

    class Field:
        def __set_name__(self, owner, name):
            log.append((owner.__name__, name))

    class Root:
        def __init_subclass__(cls, /, tag=None, **kwargs):
            """Note the tag."""
            super().__init_subclass__(**kwargs)
            cls.tag = tag

        def method(self):
            return self.tag

    class Quiet(Root):
        def __init_subclass__(cls, **kwargs):
            log.append(("quiet", cls.__name__, sorted(kwargs)))

        def method(self):
            return "quiet", super().method()

    def derive(*bases, **keywords):
        class Made(*bases, **keywords):
            field = Field()

            def method(self):
                return "made", super().method()

        return Made

    return Program(
        Root,
        lambda: derive(Root, tag=1)().method(),
        lambda: derive(Quiet, tag=1)().method(),
        lambda: derive(Root, unknown=1),
        lambda: Root.__init_subclass__(tag=3),
        lambda: log,
    )


@case
def subclass_hook_that_raises():
    class Root:
        def __init_subclass__(cls):
            raise ValueError(cls.__name__)

        def method(self):
            return type("Sub", (Root,), {})

    return Program(Root, lambda: Root().method())


@case
def subclasses_made_in_use():
    class Root:
        def method(self):
            return type(self).__name__

    def derive(**keywords):
        class Sub(Root, **keywords):
            def method(self):
                return ["Sub", super().method()]

        return Sub().method()

    return Program(
        Root,
        derive,
        lambda: derive(unknown=1),
        lambda: type("Dynamic", (Root,), {})().method(),
        lambda: types.new_class("New", (Root,), {}, lambda ns: ns.update(x=1))().method(),
        lambda: sorted(c.__name__ for c in Root.__subclasses__()),
        lambda: Root.__init_subclass__(),
        lambda: Root.__init_subclass__(1),
    )


@case
def class_getitem():
    class Case:
        def __class_getitem__(cls, item):
            return cls.__name__, item

        def method(self):
            return type(self)[3]

    return Program(
        Case, lambda: Case[int], lambda: Case().method(), lambda: Case[1:2], lambda: Case()[1]
    )


@case
def attribute_hooks():
    class Case:
        def __init__(self):
            self.there = 1

        def __getattribute__(self, name):
            if name == "secret":
                raise AttributeError("none of your business")
            return super().__getattribute__(name)

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            return f"no {name}"

        def __setattr__(self, name, value):
            super().__setattr__(name, [value])

        def __delattr__(self, name):
            super().__delattr__(name)

        def __dir__(self):
            return ["there"]

    def change():
        obj = Case()
        obj.x = 2
        found = obj.x, obj.there
        del obj.x
        return found, obj.x

    return Program(
        Case,
        lambda: (Case().there, Case().other, Case().secret),
        change,
        lambda: Case()._private,
        lambda: delattr(Case(), "never"),
        lambda: (hasattr(Case(), "_x"), getattr(Case(), "_x", 3), dir(Case())),
        lambda: copy.copy(Case()).there,
    )


@case
def endless_getattr():
    class Case:
        def __getattr__(self, name):
            return getattr(self.inner, name)

    return Program(
        Case,
        lambda: hasattr(Case, "x"),
        lambda: Case().__class__.__name__,
        unwitnessed(lambda: attempt(lambda: Case().x)),
        lambda: Case.__getattr__(types.SimpleNamespace(inner=3), "real"),
    )


@case
def slots():
    class Case:
        __slots__ = ("x", "__weakref__")

        def __init__(self, x=1):
            self.x = x

        def method(self):
            return self.x

    class Sub(Case):
        __slots__ = ("y",)

    def undefined():
        obj = Sub()
        del obj.x
        return obj.method()

    return Program(
        Case,
        lambda: Case(2).method(),
        lambda: setattr(Sub(), "z", 1),
        lambda: Sub().y,
        undefined,
        lambda: (weakref.ref(Case())(), Case.x.__get__(Case(5))),
        lambda: pickle.dumps(Case()),
    )


@case
def slots_without_weakref():
    class Case:
        __slots__ = ("x",)

        def method(self, x):
            self.x = x
            return self.x

    return Program(
        Case,
        lambda: Case().method(1),
        lambda: weakref.ref(Case()),
        lambda: vars(Case()),
        differs(Differs.HOOKS, lambda: hasattr(Case, "__del__")),
    )


@case
def finalizers():
    log = []

    class Case:
        def __init__(self, x):
            self.x = x

        def __del__(self):
            log.append(self.x)

    class Slim:
        __slots__ = ("x",)

    class Sub(Case):
        def __del__(self):
            super().__del__()
            log.append("sub")

    return Program(Case, lambda: [Case(1), 2][1], lambda: [Sub(3), 4][1], lambda: log)


@case
def slots_with_a_finalizer():
    log = []

    class Case:
        __slots__ = ("x",)

        def __init__(self, x):
            self.x = x

        def __del__(self):
            """Say so."""
            log.append(self.x)

    return Program(Case, lambda: [Case(1), 2][1], lambda: Case.__del__(Case(3)), lambda: log)


@case
def finalizer_that_raises():
    """What the hook for such errors is told is the same."""

    class Case:
        def method(self):
            return 1

        def __del__(self):
            self.fail()

        def fail(self):
            raise ValueError("lost")

    class Slim(Case):
        __slots__ = ()

    def lost(cls):
        told = []
        kept, sys.unraisablehook = (
            sys.unraisablehook,
            lambda hooked: told.append(
                [
                    "".join(traceback.format_tb(hooked.exc_traceback)),
                    repr(hooked.object),
                    hooked.err_msg,
                ]
            ),
        )
        try:
            cls().method()
        finally:
            sys.unraisablehook = kept
        return told

    return Program(Case, lambda: lost(Case), lambda: lost(Slim))


@case
def finalizer_without_weakref_that_raises():
    class Case:
        __slots__ = ()

        def method(self):
            return 1

        def __del__(self):
            raise ValueError("lost")

    def lost():
        told = []
        kept, sys.unraisablehook = (
            sys.unraisablehook,
            lambda hooked: told.append(
                [
                    "".join(traceback.format_tb(hooked.exc_traceback)),
                    repr(hooked.object),
                    hooked.err_msg,
                ]
            ),
        )
        try:
            Case().method()
        finally:
            sys.unraisablehook = kept
        return told

    return Program(Case, lost)


@case
def weak_references():
    class Case:
        def method(self):
            return 1

        def references(self):
            return weakref.getweakrefcount(self)

    def watched():
        log, obj = [], Case()
        weakref.finalize(obj, log.append, "gone")
        ref, method = weakref.ref(obj), weakref.WeakMethod(obj.method)
        found = method()(), ref() is obj, len({ref, weakref.ref(obj)})
        del obj
        return found, ref(), method(), log

    return Program(Case, watched, differs(Differs.WEAKREFS, lambda: Case().references()))


@case
def bound_methods_over_the_edge():
    class Case:
        def method(self):
            return 1

    obj, references = Case(), []
    before, within = [obj.method], []
    return Program(
        Case,
        lambda: within.append(obj.method),
        lambda: references.append(weakref.WeakMethod(obj.method)),
        lambda: (obj.method in within, within[0](), before[0](), references[0]()()),
        differs(Differs.BOUND, lambda: obj.method in before),
        after=[
            lambda: (obj.method in before, within[0](), references[0]()()),
            Act(lambda: obj.method in within, Differs.BOUND),
        ],
    )


@case
def structure_of_ctypes():
    class Case:
        def method(self):
            return 1

    class Sub(Case, ctypes.Structure):
        _fields_ = (("x", ctypes.c_int),)

        def method(self):
            return super().method() + self.x

    def late():
        class Late(Case, ctypes.Union):
            _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_long))

            def method(self):
                return super().method() + self.y

        return Late(3).method(), Late(4).y, ctypes.sizeof(Late)

    return Program(Case, lambda: Sub(2).method(), lambda: bytes(Sub(3)), late)


@case
def metaclass_with_properties():
    log = []

    class Meta(type):
        @property
        def method(cls):
            return log.append("get")

        @method.setter
        def method(cls, value):
            log.append("set")

        @method.deleter
        def method(cls):
            log.append("delete")

    class Case(metaclass=Meta):
        def method(self):
            return 1

        def other(self):
            return 2

    return Program(
        Case, lambda: (Case().method(), Case().other()), lambda: log, after=[lambda: log]
    )


@case
def proxy_of_another_class():
    class Case:
        def __init__(self, target):
            self.target = target

        @property
        def __class__(self):
            return type(self.target)

        @property
        def __doc__(self):
            return "The target's."

        def __getattr__(self, name):
            return getattr(self.target, name)

    return Program(
        Case,
        lambda: isinstance(Case([1]), list),
        lambda: (Case([1]).__doc__, Case([1]).index(1)),
        lambda: Case([1]).__class__.__name__,
    )


@case
def more_defaults_than_parameters():
    class Case:
        def method(self, *args):
            return args

        method.__defaults__ = (1, 2)

    return Program(Case, lambda: Case().method(), lambda: Case().method(1), lambda: Case.method())


@case
def lifetimes():
    """Arguments, results and objects live as long as before, but for an early `del`."""

    class Case:
        def method(self, x):
            return [x]

        def drops(self, x):
            gone = weakref.ref(x)
            del x
            return gone() is None

        def counts(self, x):
            return sys.getrefcount(x)

        def fails(self, x):
            raise ValueError

    def ends(call):
        obj, x = Case(), Case()
        gone = [weakref.ref(obj), weakref.ref(x)]
        with contextlib.suppress(ValueError):
            call(obj, x)
        del obj, x
        return [ref() for ref in gone]

    return Program(
        Case,
        lambda: ends(Case.method),
        lambda: ends(Case.fails),
        differs(Differs.LIFETIME, lambda: Case().drops(Case())),
        differs(Differs.LIFETIME, lambda: Case().counts(Case())),
    )


# Subclasses of what is built in


@case
def of_int():
    class Case(int):
        def __new__(cls, x, more=0):
            return super().__new__(cls, x + more)

        def __add__(self, other):
            return type(self)(super().__add__(other))

        __radd__ = __add__

        def method(self):
            return self * 2

    return Program(
        Case,
        lambda: Case(1, 2) + 3,
        lambda: type(sum([Case(1), 2])).__name__,
        lambda: Case(4).method(),
        lambda: Case("x"),
        lambda: [0, 1, 2][Case(1)],
        lambda: copy.copy(Case(3)),
        lambda: {Case(1): 2}[1],
    )


@case
def of_str():
    class Case(str):
        def __new__(cls, text, *, tag=None):
            self = super().__new__(cls, text)
            self.tag = tag
            return self

        def upper(self):
            return type(self)(super().upper(), tag="upper")

        def __format__(self, spec):
            return f"<{super().__format__(spec)}>"

        def __str__(self):
            return "shown"

        def __mod__(self, other):
            return "mod", other

    return Program(
        Case,
        lambda: Case("a", tag=1).upper().tag,
        lambda: f"{Case('a'):>3} {Case('a')!s} {Case('a')!r}",
        lambda: Case("%s") % 1,
        lambda: "".join([Case("a"), Case("b")]),
        lambda: {Case("k"): 1}["k"],
        lambda: Case(),
    )


@case
def of_tuple():
    class Case(tuple):
        def __new__(cls, *items):
            return super().__new__(cls, items)

        def __getitem__(self, index):
            return super().__getitem__(-1 - index)

        def __add__(self, other):
            return Case(*super().__add__(tuple(other)))

        def __hash__(self):
            return super().__hash__()

    return Program(
        Case,
        lambda: Case(1, 2)[0],
        lambda: Case(1) + [2],
        lambda: {Case(1): 2}[(1,)],
        lambda: Case(1)[5],
        lambda: [*Case(1, 2)],
        lambda: weakref.ref(Case()),
    )


@case
def of_dict():
    class Case(dict):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.misses = 0

        def __missing__(self, key):
            self.misses += 1
            return key

        def __setitem__(self, key, value):
            super().__setitem__(key, [value])

        def __contains__(self, key):
            return True

        def update(self, *args, **kwargs):
            for key, value in dict(*args, **kwargs).items():
                self[key] = value

    def fill():
        case = Case(a=1)
        case["b"] = 2
        case.update(c=3)
        return case, case["z"], case.misses, "q" in case, json.dumps(case), {**case}

    return Program(
        Case,
        fill,
        lambda: Case(1),
        lambda: Case()[[]],
        lambda: string.Template("$x").substitute(Case()),
    )


@case
def of_list():
    class Case(list):
        def append(self, item):
            super().append(item)
            return self

        def __iter__(self):
            return map(str, super().__iter__())

        def __len__(self):
            return 2

        def sort(self, *, key=None):
            super().sort(key=key)

    def use():
        case = Case().append(3).append(1)
        case.sort()
        return [*case], len(case), case == [1, 3], bool(case), case.append()

    return Program(Case, use, lambda: Case([2, 1]).sort(key=1))


@case
def of_exception():
    class Case(Exception):
        def __init__(self, code, *, hint=None):
            super().__init__(f"code {code}")
            self.code, self.hint = code, hint

        def __str__(self):
            return f"{super().__str__()} ({self.hint})"

        def method(self):
            raise self

    def caught():
        try:
            raise Case(3, hint="h")
        except Case as error:
            return error.code, error.args, str(error)

    def fail():
        raise Case(1, hint=2) from Case(0)

    return Program(
        Case,
        caught,
        fail,
        lambda: Case(4).method(),
        lambda: Case(),
        lambda: Case(5).with_traceback(None).add_note("n"),
    )


@case
def of_an_exception_group():
    class Case(ExceptionGroup):
        def derive(self, excs):
            return Case(self.message, excs)

        def method(self):
            return self.subgroup(ValueError)

    def make():
        return Case("several", [ValueError(1), TypeError(2)])

    def split():
        try:
            raise make()
        except* TypeError as group:
            return_ = type(group).__name__
            raise

    return Program(Case, lambda: make().method(), lambda: make().split(TypeError), split)


@case
def of_type_and_others():
    class Thread(threading.Thread):
        def __init__(self, log):
            super().__init__(name="worker")
            self.log = log

        def run(self):
            self.log.append(threading.current_thread().name)

    def use():
        log = []
        thread = Thread(log)
        thread.start()
        thread.join()
        return log

    return Program(Thread, use, methods=("__init__", "run"))


@case
def of_abstract_collections():
    class Case(collections.abc.MutableMapping):
        def __init__(self, **items):
            self.items_ = items

        def __getitem__(self, key):
            return self.items_[key]

        def __setitem__(self, key, value):
            self.items_[key] = value

        def __delitem__(self, key):
            del self.items_[key]

        def __iter__(self):
            return iter(self.items_)

        def __len__(self):
            return len(self.items_)

    def use():
        case = Case(a=1)
        case.update(b=2)
        return (
            case.pop("a"),
            [*case.items()],
            case.get("z"),
            "b" in case,
            case.setdefault("c", 3),
            case == {"b": 2, "c": 3},
        )

    return Program(
        Case,
        use,
        lambda: Case()["x"],
        lambda: Case().popitem(),
        lambda: isinstance(Case(), collections.abc.Mapping),
    )


@case
def of_user_classes():
    class Stack(collections.UserList):
        def append(self, item):
            super().append(item * 2)

    class Deque(collections.deque):
        def append(self, item):
            super().append(item)
            return len(self)

    return Program(
        Stack,
        lambda: [s := Stack([1]), s.append(2), s[:] + [3]],
        lambda: copy.copy(Stack([1])),
        lambda: Deque([1], 2).append(3),
    )


# What makes classes


@case
def dataclass():
    @dataclasses.dataclass(order=True)
    class Case:
        x: int
        y: list = dataclasses.field(default_factory=list, compare=False)
        z: dataclasses.InitVar[int] = 0

        def __post_init__(self, z):
            self.y.append(z)

        def method(self):
            return self.x

    @dataclasses.dataclass
    class Sub(Case):
        more: str = "m"

    return Program(
        Case,
        lambda: Sub(1, z=5, more="n"),
        lambda: (Case(1) < Case(2), Case(1) == Case(1), Case(1) == Sub(1)),
        lambda: dataclasses.replace(Case(1), x=2, z=0).method(),
        lambda: (dataclasses.asdict(Sub(1)), dataclasses.astuple(Case(1))),
        lambda: hash(Case(1)),
        lambda: Case(),
        lambda: Case(1) < 3,
        lambda: [f.name for f in dataclasses.fields(Sub)],
    )


@case
def dataclass_with_slots():
    """It is made twice; the second self is the one that is woven."""

    class Root:
        __slots__ = ()

        def method(self):
            return "root"

    @dataclasses.dataclass(slots=True)
    class Case(Root):
        x: int = 1

        def method(self):
            return self.x, Case

    def made_in_use():
        @dataclasses.dataclass(slots=True)
        class Later(Root):
            x: int = 2

            def method(self):
                return self.x, Root.method(self)

        return Later().method(), Later(3)

    return Program(
        Root,
        lambda: Case(2).method(),
        lambda: setattr(Case(), "y", 1),
        lambda: Case(1, 2),
        made_in_use,
        methods=("*", "__*__"),
    )


@case
def dataclass_frozen():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Case:
        x: int
        y: int = 2

        @functools.cached_property
        def total(self):
            return self.x + self.y

    return Program(
        Case,
        lambda: Case(x=1).total,
        lambda: setattr(Case(x=1), "x", 2),
        lambda: delattr(Case(x=1), "x"),
        lambda: {Case(x=1): 3}[Case(x=1)],
        lambda: Case(1),
        lambda: copy.replace(Case(x=1), x=3) if sys.version_info >= (3, 13) else None,
    )


@only(has("attr"))
def attrs_classes():
    import attr

    @attr.define
    class Case:
        x: int = attr.field(default=1, converter=int)
        y: list = attr.field(factory=list)

        @x.validator
        def _check(self, attribute, value):
            if value < 0:
                raise ValueError(value)

        def __attrs_post_init__(self):
            self.y.append(self.x)

        def method(self):
            return __class__ is Case, super().__repr__()[:5], self.y

    @attr.frozen
    class Sub(Case):
        z: int = 3

        def method(self):
            return super().method(), self.z

    return Program(
        Case,
        lambda: Case("2").method(),
        lambda: attempt(Case, -1),
        lambda: Case(1) == Case(1),
        lambda: (attr.asdict(Case(2)), attr.evolve(Case(1), x=5)),
        lambda: Case(1, 2, 3),
        lambda: setattr(Case(), "w", 1),
    )


@case
def protocol():
    @typing.runtime_checkable
    class Quacks(typing.Protocol):
        def quack(self, times: int = 1) -> str: ...

    class Duck(Quacks):
        def quack(self, times=1):
            return [super().quack(times), "quack"] * times

    class Named:
        def __init__(self, name):
            self.name = name

    class Goose(Quacks, Named):
        def quack(self, times=1):
            return self.name * times

    class Stranger:
        def quack(self):
            return "?"

    return Program(
        Quacks,
        lambda: Duck().quack(2),
        lambda: (Goose("g").quack(2), Goose("h").quack()),
        lambda: Goose(),
        lambda: [isinstance(x, Quacks) for x in (Duck(), Stranger(), 3)],
        lambda: [issubclass(c, Quacks) for c in (Duck, Stranger, int)],
        lambda: Quacks(),
        lambda: sorted(getattr(Quacks, "__protocol_attrs__", ())),
    )


@case
def generic():
    T = typing.TypeVar("T")

    class Box(typing.Generic[T]):
        def __init__(self, item: T):
            self.item = item

        def get(self) -> T:
            return self.item

    class IntBox(Box[int]):
        def get(self) -> int:
            return super().get() + 1

    return Program(
        Box,
        lambda: Box[str]("a").get(),
        lambda: IntBox(1).get(),
        lambda: Box[int](1).__orig_class__.__args__,
        lambda: (Box[int].get(Box(2)), Box.__parameters__, IntBox.__orig_bases__),
        lambda: Box[int](),
        lambda: IntBox[int],
        lambda: Box[int, str],
    )


@case
def abstract():
    class Base(abc.ABC):
        @abc.abstractmethod
        def call(self):
            return "base"

        @classmethod
        @abc.abstractmethod
        def of_class(cls): ...

        @staticmethod
        @abc.abstractmethod
        def of_nobody(): ...

        @property
        @abc.abstractmethod
        def value(self): ...

        def other(self):
            return 1

    class Whole(Base):
        def call(self):
            return [super().call()]

        of_class = of_nobody = value = None

    class Part(Base):
        of_class = None

    return Program(
        Base,
        lambda: Base(),
        lambda: Part(),
        lambda: (Whole().call(), Whole().other()),
        lambda: type("Late", (Part,), {})(),
        lambda: sorted(Part.__abstractmethods__),
        lambda: type("Late", (Whole,), {"call": abc.abstractmethod(lambda self: 1)})(),
        lambda: (
            abc.update_abstractmethods(Base).__abstractmethods__
            == {"call", "of_class", "of_nobody", "value"}
        ),
    )


@case
def virtual_subclasses():
    class Base(abc.ABC):
        @classmethod
        def __subclasshook__(cls, other):
            return True if hasattr(other, "quack") else NotImplemented

        def method(self):
            return isinstance(self, Base)

    class Registered:
        def method(self):
            return Base.method(self)

    Base.register(Registered)
    return Program(
        Base,
        lambda: Registered().method(),
        lambda: (isinstance(3, Base), issubclass(Registered, Base)),
        lambda: issubclass(type("Duck", (), {"quack": 1}), Base),
        lambda: issubclass(3, Base),
    )


@case
def enumeration():
    class Colour(enum.Enum):
        RED = 1
        GREEN = enum.auto()

        def __init__(self, value):
            self.half = value / 2

        def describe(self):
            return self.name.lower()

        @classmethod
        def default(cls):
            return cls.RED

        @property
        def shade(self):
            return f"dark {self.describe()}"

        @classmethod
        def _missing_(cls, value):
            return cls.GREEN if value == "g" else None

        def __str__(self):
            return f"<{self.describe()}>"

    return Program(
        Colour,
        lambda: (Colour.RED.describe(), Colour.default(), Colour.GREEN.shade),
        lambda: (Colour(1), Colour["RED"], Colour("g"), str(Colour.RED), f"{Colour.RED}"),
        lambda: Colour(9),
        lambda: setattr(Colour, "RED", 3),
        lambda: Colour.RED.describe(1),
        lambda: [*Colour],
        lambda: copy.deepcopy(Colour.RED) is Colour.RED,
        lambda: type("More", (Colour,), {}),
    )


@case
def flags():
    class Right(enum.IntFlag):
        READ = 1
        WRITE = 2

        def method(self):
            return self | Right.WRITE

        @staticmethod
        def parse(text):
            return Right[text.upper()]

    class Level(enum.StrEnum):
        LOW = enum.auto()

    return Program(
        Right,
        lambda: Right.READ.method(),
        lambda: Right.parse("read") & 3,
        lambda: Right.parse("x"),
        lambda: ~Right.READ,
    )


@case
def named_tuple():
    class Point(typing.NamedTuple):
        x: int
        y: int = 2

        def method(self):
            return self.x + self.y

        @property
        def swapped(self):
            return self._replace(x=self.y, y=self.x)

    class Sub(Point):
        def __new__(cls, x, y=5, *, scale=1):
            return super().__new__(cls, x * scale, y * scale)

        def __eq__(self, other):
            return "eq"

    return Program(
        Point,
        lambda: (Point(1).method(), Point(1).swapped, Point._make([3, 4])),
        lambda: (Sub(1, scale=2), Sub(1) == 3, Sub(2)._asdict()),
        lambda: Point(),
        lambda: Point(1)._replace(z=1),
        lambda: hash(Sub(1)),
        lambda: copy.copy(Point(1)),
        lambda: setattr(Point(1), "x", 2),
    )


@case
def derived_from_namedtuple():
    class Case(collections.namedtuple("Pair", "a b", defaults=[0])):
        __slots__ = ()

        def method(self):
            return self.a, self._fields

        def __repr__(self):
            return "Case" + super().__repr__()

    return Program(
        Case,
        lambda: Case(1),
        lambda: Case(1).method(),
        lambda: Case(),
        lambda: Case._make([1, 2, 3]),
    )


@case
def total_ordering():
    @functools.total_ordering
    class Case:
        def __init__(self, x):
            self.x = x

        def __eq__(self, other):
            return self.x == other.x

        def __lt__(self, other):
            return NotImplemented if other is None else self.x < other.x

    return Program(
        Case,
        lambda: [Case(1) < Case(2), Case(1) >= Case(2), Case(1) <= Case(1), Case(2) > Case(1)],
        lambda: [c.x for c in sorted([Case(2), Case(1)])],
        lambda: Case(1) < None,
        lambda: hash(Case(1)),
        lambda: bisect.bisect([Case(1), Case(3)], Case(2)),
    )


@case
def class_decorators():
    def logged(cls):
        for name, raw in [*vars(cls).items()]:
            if inspect.isfunction(raw):
                setattr(cls, name, wrap(raw))
        return cls

    def wrap(function):
        @functools.wraps(function)
        def wrapper(self, *args, **kwargs):
            return [function.__name__, function(self, *args, **kwargs)]

        return wrapper

    @logged
    class Case:
        def method(self, x):
            return x

        def fail(self):
            raise ValueError

    return Program(
        Case, lambda: Case().method(1), lambda: Case().fail(), lambda: logged(Case)().method(2)
    )


@case
def borrowed_methods():
    """A function that two classes hold, and bound methods that a class holds."""

    class Lender:
        def method(self, x=1):
            return type(self).__name__, x

    class Case:
        method = Lender.method
        bound = Lender().method
        part = functools.partial(Lender.method, None)

    return Program(
        Case,
        lambda: Case().method(2),
        lambda: Case.bound(3),
        lambda: Case().part(4),
        lambda: Case.method(),
        differs(Differs.ALIAS, lambda: Case.method is Lender.method),
        methods=("*",),
    )


@case
def pickled_under_another_name():
    """A function that is found by its own name elsewhere is not the one in the class."""

    class Case:
        look_up = attempt

    return Program(
        Case,
        lambda: Case.look_up(len, "ab"),
        differs(Differs.ALIAS, lambda: pickle.loads(pickle.dumps(Case.look_up)) is attempt),
    )


@case
def aliases():
    class Case:
        def call(self, x=1):
            return x

        forward = call

        @property
        def size(self):
            return 3

        length = size
        __call__ = call

    obj = Case()
    return Program(
        Case,
        lambda: (Case().forward(2), Case().call(), Case().length, Case()(5)),
        lambda: Case().forward(1, 2),
        differs(Differs.ALIAS, lambda: Case.forward is Case.call),
        differs(Differs.ALIAS, lambda: obj.forward == obj.call),
    )


# Methods that are no plain functions


@case
def properties():
    class Case:
        def __init__(self, size=0):
            self._size = size

        @property
        def size(self):
            """How large it is."""
            return self._size

        @size.setter
        def size(self, value):
            self._size = int(value)

        @size.deleter
        def size(self):
            del self._size

        only_get = property(lambda self: 1, doc="One.")
        only_set = property(None, lambda self, value: None)
        nothing = property()

        @property
        def fails(self):
            raise AttributeError("inner")

    class Sub(Case):
        @Case.size.getter
        def size(self):
            return [Case.size.fget(self)]

        @property
        def only_get(self):
            return super().only_get + 1

    def change():
        obj = Sub(1)
        obj.size = "5"
        found = obj.size
        del obj.size
        return found, obj.size

    return Program(
        Case,
        change,
        lambda: (Sub().only_get, Case.size.__doc__, Case.size.fget(Case(4))),
        lambda: setattr(Case(), "size", "x"),
        lambda: setattr(Case(), "only_get", 1),
        lambda: delattr(Case(), "only_get"),
        lambda: Case().only_set,
        lambda: Case().nothing,
        lambda: Case().fails,
        lambda: getattr(Case(), "fails", "default"),
    )


@case
def subclasses_of_property():
    class Marked(property):
        mark = 1

    class Strange(property):
        def __init__(self, name):
            super().__init__(lambda self: name)

    class Case:
        marked = Marked(lambda self: 2, doc="two")
        strange = Strange("x")

    return Program(
        Case,
        lambda: (Case().marked, Case.marked.mark, Case().strange),
        lambda: setattr(Case(), "marked", 1),
    )


@case
def cached_properties():
    class Case:
        times = 0

        @functools.cached_property
        def value(self):
            """Computed once."""
            self.times += 1
            return self.times

        @functools.cached_property
        def fails(self):
            raise ValueError(self.times)

    class Slim(Case):
        pass

    class Slotted:
        __slots__ = ()
        value = functools.cached_property(lambda self: 1)

    def use():
        obj = Case()
        found = obj.value, obj.value, vars(obj)
        del obj.value
        return found, obj.value, Case.value.attrname

    return Program(Case, use, lambda: Slim().value, lambda: Case().fails, lambda: Slotted().value)


@case
def cached_property_with_slots():
    class Case:
        __slots__ = ()
        value = functools.cached_property(lambda self: 1)

        def method(self):
            return self.value

    return Program(Case, lambda: Case().value, lambda: Case().method())


@case
def partial_methods():
    class Case:
        def scale(self, by, *, times=1):
            return by, times

        double = functools.partialmethod(scale, 2)
        square = functools.partialmethod(double, times=2)
        made = functools.partialmethod(classmethod(lambda cls, x: (cls.__name__, x)), 5)

    return Program(
        Case,
        lambda: (Case().double(), Case().square(), Case().double(times=3), Case.made()),
        lambda: Case().double(1),
        lambda: Case.double(Case(), times=4),
        lambda: Case.double(),
        lambda: str(inspect.signature(Case.double)),
    )


@case
def single_dispatch():
    class Case:
        @functools.singledispatchmethod
        def show(self, value):
            """Show it."""
            return f"object {value}"

        @show.register
        def _(self, value: int):
            return f"int {value}"

        @show.register
        @staticmethod
        def _(value: str):
            return f"str {value}"

        @show.register(list)
        @classmethod
        def _(cls, value):
            raise ValueError(cls.__name__)

        @functools.singledispatchmethod
        @classmethod
        def make(cls, value):
            return cls.__name__

    def register():
        Case.show.register(float, lambda self, value: "float")
        return Case().show(1.5)

    return Program(
        Case,
        lambda: [Case().show(x) for x in (None, 1, True, "s")],
        lambda: Case().show([]),
        lambda: Case().show(),
        lambda: Case.make(1),
        register,
        lambda: Case.show(Case(), 5),
    )


@case
def caches():
    class Case:
        @functools.lru_cache
        def memo(self, key, extra=None):
            """Remember."""
            return key

        @classmethod
        @functools.cache
        def known(cls, key):
            return cls.__name__, key

        @staticmethod
        @functools.lru_cache(maxsize=2)
        def free(key):
            return [key][key]

    obj = Case()
    return Program(
        Case,
        lambda: (obj.memo(1), obj.memo(1, extra=2), obj.memo(1), Case.memo(obj, 3)),
        lambda: (obj.known("k"), Case.known("k"), obj.free(0)),
        lambda: Case.free(5),
        lambda: obj.memo([]),
        lambda: obj.memo(),
        lambda: (Case.memo.cache_info(), Case.memo.cache_parameters(), obj.free.cache_info()),
        lambda: Case.memo.cache_clear(),
        differs(Differs.PROXY, lambda: type(Case.memo).__name__),
        lambda: isinstance(vars(Case)["known"], classmethod),
    )


@case
def stacked_decorators():
    def noted(function):
        function.noted = True
        return function

    class Case:
        @classmethod
        @noted
        def of_class(cls, x):
            return cls.__name__, x

        @staticmethod
        @functools.wraps(len)
        def of_nobody(x):
            return len(x)

        @property
        @noted
        def value(self):
            return 5

        @classmethod
        @contextlib.contextmanager
        def within(cls, x):
            yield cls.__name__, x

    def enter():
        with Case.within(3) as found:
            return found

    return Program(
        Case,
        lambda: (Case().of_class(1), Case.of_nobody("ab"), Case().value, Case.of_class.noted),
        lambda: Case.of_nobody(3),
        lambda: Case.of_class(),
        enter,
    )


@case
def descriptor_attributes():
    """What a framework notes on a classmethod, staticmethod or property object is still there."""

    class Noted(property): ...

    class Case:
        @classmethod
        def of_class(cls):
            return 1

        @staticmethod
        def of_nobody():
            return 2

        value = Noted(lambda self: 3)

    for name in ("of_class", "of_nobody", "value"):
        vars(Case)[name].mark = name
    return Program(
        Case,
        lambda: [vars(Case)[name].mark for name in ("of_class", "of_nobody", "value")],
        lambda: (Case.of_class(), Case.of_nobody(), Case().value, vars(Case)["of_nobody"]()),
        lambda: vars(Case)["of_class"](),
    )


@case
def decorated_by_wrapt():
    @wrapt.decorator
    def twice(wrapped, instance, args, kwargs):
        return [wrapped(*args, **kwargs), type(instance).__name__]

    class Case:
        @twice
        def method(self, x, y=1):
            """Be wrapped."""
            return x, y

        @twice
        @classmethod
        def of_class(cls, x):
            return cls.__name__, x

        @classmethod
        @twice
        def inside(cls, x):
            return x

    return Program(
        Case,
        lambda: Case().method(1, y=2),
        lambda: Case.of_class(3),
        lambda: Case().inside(4),
        lambda: Case.method(Case(), 5),
        lambda: Case().method(),
        lambda: str(inspect.signature(Case.method)),
    )


@case
def context_manager_methods():
    class Case:
        @contextlib.contextmanager
        def within(self, swallow=False):
            """Enter."""
            try:
                yield "in"
            except KeyError:
                if not swallow:
                    raise

    def use(error=None, **kwargs):
        with Case().within(**kwargs) as found:
            if error:
                raise error
        return found

    @Case().within()
    def as_decorator():
        return "decorated"

    return Program(
        Case,
        use,
        lambda: use(KeyError("k"), swallow=True),
        lambda: use(KeyError("k")),
        lambda: use(StopIteration("s")),
        lambda: use(unknown=1),
        lambda: Case().within().__enter__(),
    )


@case
def own_descriptors():
    """Descriptors of the program's own making work as before, and hand out what they handed out."""

    class Handing:
        def __get__(self, obj, owner=None):
            return lambda x: (obj is None, owner.__name__, x)

    class Data:
        def __set_name__(self, owner, name):
            self.name = f"_{name}"

        def __get__(self, obj, owner=None):
            return self if obj is None else getattr(obj, self.name)

        def __set__(self, obj, value):
            setattr(obj, self.name, value)

    class Case:
        handed = Handing()
        data = Data()

        def __init__(self):
            self.data = 5

        def method(self):
            return self.handed(self.data)

    return Program(
        Case,
        lambda: Case().method(),
        lambda: Case.handed(1),
        lambda: Case.data.name,
        lambda: Case().handed(),
    )


@case
def a_traced_descriptor():
    class Field:
        def __init__(self, default):
            self.default = default

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, obj, owner):
            return self.default if obj is None else vars(obj).get(self.name, self.default)

        def __set__(self, obj, value):
            if value is None:
                raise ValueError(self.name)
            vars(obj)[self.name] = value

        def __delete__(self, obj):
            del vars(obj)[self.name]

    class Owner:
        x = Field(1)

    def use():
        class Later:
            y = Field(2)

        obj = Owner()
        found = obj.x, Owner.x, Later.y
        obj.x = 5
        return found, obj.x, delattr(obj, "x"), obj.x

    return Program(
        Field,
        use,
        lambda: setattr(Owner(), "x", None),
        lambda: delattr(Owner(), "x"),
        lambda: Field(),
    )


@case
def callable_instances():
    class Adder:
        def __init__(self, by):
            self.by = by

        def __call__(self, x, *, times=1):
            return x + self.by * times

    class Owner:
        add = Adder(1)

    return Program(
        Adder,
        lambda: (Adder(1)(2), Owner().add(3), Owner.add(4, times=2)),
        lambda: [*map(Adder(1), range(2))],
        lambda: Adder(1)(),
        lambda: sorted([1, 2], key=Adder("x")),
        lambda: functools.reduce(lambda f, g: lambda x: f(g(x)), [Adder(1), Adder(2)])(0),
    )


@case
def c_functions():
    class Case(str):
        upper_ = str.upper
        length = len
        pick = operator.itemgetter(0)
        parse = int
        made = dict.fromkeys
        joined = staticmethod(",".join)
        __str__ = str.upper

        def method(self):
            return self.upper_()

    return Program(
        Case,
        lambda: (Case("a").upper_(), Case("a").method(), Case("a").joined(["b", "c"])),
        lambda: (Case.length("ab"), Case.pick([1]), Case("3").parse("4"), Case.made("a")),
        lambda: Case.upper_(3),
        differs(Differs.PROXY, lambda: Case("a").upper_(1))
        if sys.version_info >= (3, 12)
        else lambda: Case("a").upper_(1),
        lambda: str(Case("b")),
        methods=("*", "__*__", "length", "pick", "parse", "made"),
    )


@only(sys.version_info < (3, 13))
def classmethod_around_a_property():
    class Case:
        @classmethod
        @property
        def name(cls):
            return cls.__name__

        def method(self):
            return self.name

    return Program(Case, lambda: Case.name, lambda: Case().method())


@case
def bound_methods():
    """Bound methods compare, hash and are kept as before."""

    class Case:
        def method(self, x=1):
            return x

        @classmethod
        def of_class(cls):
            return cls.__name__

    obj = Case()
    return Program(
        Case,
        lambda: (obj.method == obj.method, obj.method == Case().method, obj.method is obj.method),
        lambda: (
            {obj.method: 1}[obj.method],
            {Case.method: 2}[Case.method],
            Case.of_class == Case.of_class,
        ),
        lambda: (
            obj.method.__func__ is Case.method,
            obj.method.__self__ is obj,
            obj.method.__name__,
        ),
        lambda: (types.MethodType(Case.method, 3)(4), Case.method.__get__(5)(6)),
        lambda: type("Sub", (Case,), {}).method is Case.method,
        lambda: (copy.deepcopy(obj.method)(7), copy.copy(Case.method) is Case.method),
        lambda: obj.method.x,
        lambda: setattr(obj.method, "x", 1),
    )


@case
def functions_around_methods():
    """A traced method can be registered, wrapped, cached, made partial and mapped."""

    class Case:
        def method(self, x, y=1):
            """Do."""
            return x, y

    obj = Case()

    def wrapped():
        @functools.wraps(Case.method)
        def wrapper(*args, **kwargs):
            return Case.method(*args, **kwargs)

        return (
            str(inspect.signature(wrapper)),
            wrapper.__doc__,
            wrapper(obj, 1),
            inspect.getsource(wrapper),
        )

    def dispatched():
        dispatch = functools.singledispatch(lambda x: "default")
        dispatch.register(int)(lambda x: obj.method(x))
        return dispatch(3), dispatch("x")

    return Program(
        Case,
        wrapped,
        dispatched,
        lambda: [functools.lru_cache(obj.method)(4) for _ in range(2)],
        lambda: functools.partialmethod(Case.method, 5).__get__(obj)(),
        lambda: [*map(obj.method, [1, 2], [3])],
        lambda: functools.reduce(lambda a, b: (a, obj.method(b)), [1, 2, 3]),
        lambda: inspect.getcallargs(obj.method, 1),
        lambda: inspect.signature(Case.method).bind(obj, 2).arguments["x"],
    )


@case
def mocks():
    class Case:
        def method(self, x, *, y=1):
            return x

        @property
        def value(self):
            return 1

    def autospec():
        mock = unittest.mock.create_autospec(Case)
        mock().method(1, y=2)
        return (
            attempt(mock().method),
            attempt(mock().method, 1, z=2),
            str(inspect.signature(mock.method)),
        )

    def patched():
        with unittest.mock.patch.object(Case, "method", autospec=True, return_value=3) as mock:
            found = Case().method(1)
        return found, mock.call_count, Case().method(2)

    return Program(Case, autospec, patched, lambda: unittest.mock.Mock(wraps=Case()).method(5))


# Generators and coroutines


@case
def generators():
    class Case:
        def method(self, n):
            got = []
            for i in range(n):
                try:
                    got.append((yield i))
                except KeyError as error:
                    got.append(str(error))
            return got

        def fails(self):
            yield 1
            raise ValueError("in a generator")

        def stops(self):
            yield 1
            raise StopIteration(2)

    def drive():
        steps = Case().method(4)
        seen = [next(steps), steps.send("a"), steps.throw(KeyError("k")), steps.send("b")]
        try:
            steps.send("c")
        except StopIteration as stop:
            return seen, stop.value, [*steps]

    def thrown(error):
        steps = Case().method(3)
        next(steps)
        steps.throw(error)

    return Program(
        Case,
        lambda: [*Case().method(3)],
        drive,
        lambda: thrown(LookupError("thrown")),
        lambda: thrown(StopIteration(1)),
        lambda: [*Case().fails()],
        lambda: [*Case().stops()],
        unwitnessed(lambda: Case().method(1).send("too early")),
        lambda: Case().method(),
        lambda: next(Case().method(0)),
        unwitnessed(lambda: Case().method(1)),
        differs(Differs.THROW, lambda: Case().method(1).throw(KeyError("early"))),
    )


@case
def generators_that_close():
    log = []

    class Case:
        def method(self):
            try:
                yield 1
            finally:
                log.append(type(sys.exc_info()[1]).__name__)

        def ignores(self):
            try:
                yield 1
            finally:
                yield 2

        def fails(self):
            try:
                yield 1
            finally:
                raise ValueError("on the way out")

        def returns(self):
            try:
                yield 1
            except GeneratorExit:
                return 5

    def closed(method):
        steps = method()
        next(steps)
        return steps.close(), [*steps]

    def thrown_out():
        steps = Case().returns()
        next(steps)
        steps.throw(GeneratorExit("thrown"))

    def dropped():
        next(Case().method())
        return [*log]

    return Program(
        Case,
        lambda: closed(Case().method),
        unwitnessed(lambda: closed(Case().ignores)),
        lambda: closed(Case().fails),
        differs(Differs.THROW, lambda: closed(Case().returns))
        if sys.version_info >= (3, 13)
        else lambda: closed(Case().returns),
        differs(Differs.THROW, thrown_out),
        unwitnessed(lambda: Case().method().close()),
        dropped,
    )


@case
def generators_within_generators():
    class Case:
        def __init__(self, *children):
            self.children = children

        def walk(self):
            yield self
            for child in self.children:
                yield from child.walk()

        def outer(self):
            return (yield from self.inner())

        def inner(self):
            try:
                got = yield 1
            except KeyError:
                got = "caught"
            return got

    def drive(how):
        steps = Case().outer()
        next(steps)
        try:
            how(steps)
        except StopIteration as stop:
            return stop.value

    return Program(
        Case,
        lambda: len([*Case(Case(), Case(Case())).walk()]),
        lambda: drive(lambda steps: steps.send(5)),
        lambda: drive(lambda steps: steps.throw(KeyError)),
        lambda: drive(lambda steps: steps.throw(ValueError("v"))),
        lambda: [*zip(Case().inner(), Case().outer())],
    )


@case
def states_of_generators():
    class Case:
        def method(self, x):
            own = yield x
            yield inspect.getgeneratorstate(own)

        async def later(self):
            await asyncio.sleep(0)

        async def stream(self):
            yield 1

    def states():
        steps = Case().method(1)
        seen = [inspect.getgeneratorstate(steps), steps.gi_running, repr(steps), steps.__name__]
        seen += [next(steps), inspect.getgeneratorstate(steps), steps.send(steps)]
        steps.close()
        return (
            seen,
            inspect.getgeneratorstate(steps),
            inspect.isgenerator(steps),
            steps.__qualname__,
        )

    def coroutine():
        coro = Case().later()
        seen = [
            inspect.getcoroutinestate(coro),
            repr(coro),
            coro.__qualname__,
            inspect.isawaitable(coro),
        ]
        coro.close()
        return seen, inspect.getcoroutinestate(coro)

    def kept(make, *names):
        made = make()
        found = [repr(getattr(made, name)) for name in names]
        if hasattr(made, "close"):
            made.close()
        return found

    def stepped():
        steps = Case().method(1)
        next(steps)
        # A copy: Python 3.13.0 lets the frame's own locals outlive the generator, and then crashes.
        return dict(inspect.getgeneratorlocals(steps)), steps.gi_yieldfrom

    return Program(
        Case,
        unwitnessed(states),
        unwitnessed(coroutine),
        unwitnessed(lambda: kept(Case().later, "cr_await", "cr_origin", "cr_running")),
        unwitnessed(
            lambda: kept(Case().stream, "ag_await", "ag_running", "__name__", "__qualname__")
        ),
        differs(Differs.STEPS, stepped),
        differs(Differs.STEPS, lambda: kept(Case().later, "cr_code")),
        differs(Differs.STEPS, lambda: kept(Case().stream, "ag_frame")),
    )


@case
def coroutines():
    class Case:
        async def method(self, n):
            for _ in range(n):
                await asyncio.sleep(0)
            if n == 2:
                raise ValueError("two")
            return n

        async def gathers(self, n):
            return await asyncio.gather(*map(self.method, range(n)), return_exceptions=True)

        async def times_out(self):
            async with asyncio.timeout(0):
                await asyncio.sleep(60)

        async def groups(self):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.method(1))
                group.create_task(self.method(2))

        async def cancelled(self):
            task = asyncio.create_task(self.method(5))
            await asyncio.sleep(0)
            task.cancel("enough")
            await task

    class Sub(Case):
        async def method(self, n):
            return [await super().method(n)]

    return Program(
        Case,
        lambda: asyncio.run(Sub().method(1)),
        lambda: asyncio.run(Sub().gathers(4)),
        lambda: asyncio.run(Case().method(2)),
        lambda: asyncio.run(Case().times_out()),
        lambda: asyncio.run(Case().groups()),
        lambda: asyncio.run(Case().cancelled()),
        lambda: Case().method(),
    )


@case
def coroutines_by_hand():
    class Awaited:
        def __await__(self):
            got = yield "waiting"
            return got

    class Case:
        async def method(self):
            try:
                return await Awaited()
            except KeyError:
                return await Awaited()

    def drive(*how):
        coro, seen = Case().method(), []
        try:
            for step in how:
                seen.append(step(coro))
        except StopIteration as stop:
            seen.append(stop.value)
        finally:
            coro.close()
        return seen

    start = lambda coro: coro.send(None)
    return Program(
        Case,
        lambda: drive(start, lambda coro: coro.send(5)),
        lambda: drive(start, lambda coro: coro.throw(KeyError()), lambda coro: coro.send(6)),
        lambda: drive(start, lambda coro: coro.throw(ValueError("thrown"))),
        lambda: drive(start, lambda coro: coro.close(), start),
        unwitnessed(lambda: drive(lambda coro: coro.send(1))),
        lambda: drive(start, lambda coro: [*coro.__await__()]),
        lambda: [*Case().method()],
        differs(Differs.THROW, lambda: drive(lambda coro: coro.throw(KeyError("early")))),
    )


@case
def never_awaited():
    """The warning is the same, also with the place where the coroutine was made."""

    class Case:
        async def method(self):
            return 1

        def forgets(self):
            self.method()

    def tracked():
        """Python can be asked to say which frames made it; the shadow of `forgets` is one."""
        sys.set_coroutine_origin_tracking_depth(2)
        try:
            Case().forgets()
        finally:
            sys.set_coroutine_origin_tracking_depth(0)

    return Program(
        Case,
        lambda: Case().forgets(),
        differs(Differs.FRAME, tracked, where=ADDS_FRAMES),
        lambda: asyncio.run(Case().method()),
    )


@case
def generator_based_coroutines():
    class Case:
        @types.coroutine
        def method(self, x):
            got = yield
            return x, got

        async def awaits(self):
            return await self.method(1)

    def by_hand():
        steps = Case().method(2)
        next(steps)
        try:
            steps.send(3)
        except StopIteration as stop:
            return stop.value

    return Program(
        Case,
        lambda: asyncio.run(Case().awaits()),
        by_hand,
        unwitnessed(lambda: inspect.isawaitable(Case().method(1))),
        lambda: inspect.iscoroutinefunction(Case.method),
    )


@case
def async_generators():
    class Case:
        async def method(self, n):
            for i in range(n):
                await asyncio.sleep(0)
                try:
                    got = yield i
                except KeyError as error:
                    got = str(error)
                if got:
                    yield got

        async def fails(self):
            yield 1
            raise ValueError("in an async generator")

        async def stops(self):
            yield 1
            raise StopAsyncIteration

    async def drive():
        steps = Case().method(3)
        seen = [await anext(steps), await steps.asend("a"), await anext(steps)]
        return [*seen, await steps.athrow(KeyError("k")), [x async for x in steps]]

    async def collect(steps):
        return [x async for x in steps]

    async def thrown():
        steps = Case().method(2)
        await anext(steps)
        await steps.athrow(ValueError("thrown"))

    async def too_early():
        await Case().method(2).asend(1)

    return Program(
        Case,
        lambda: asyncio.run(drive()),
        lambda: asyncio.run(collect(Case().fails())),
        lambda: asyncio.run(collect(Case().stops())),
        lambda: asyncio.run(thrown()),
        unwitnessed(lambda: asyncio.run(too_early())),
        lambda: asyncio.run(anext(Case().method(0), None)) if sys.version_info >= (3, 12) else None,
        lambda: Case().method(),
        unwitnessed(lambda: Case().method(1)),
    )


@case
def async_generators_that_close():
    log = []

    class Case:
        async def method(self):
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                log.append(type(sys.exc_info()[1]).__name__)

        async def ignores(self):
            try:
                yield 1
            except GeneratorExit:
                yield 2

        async def fails(self):
            try:
                yield 1
            finally:
                raise ValueError("on the way out")

    async def closed(method):
        steps = method()
        await anext(steps)
        return await steps.aclose(), [x async for x in steps]

    def left_open():
        """Left for the event loop to close as it ends."""
        told, kept = [], []

        async def main():
            asyncio.get_running_loop().set_exception_handler(
                lambda _, about: told.append(about["message"])
            )
            kept.append(Case().method())
            return await anext(kept[0])

        return asyncio.run(main()), told, [*log]

    async def hooked():
        seen, (first, last) = [], sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(seen.append, last)
        try:
            found = [x async for x in Case().method()]
        finally:
            sys.set_asyncgen_hooks(first, last)
        return found, len(seen)

    async def dropped():
        async for _ in Case().method():
            break
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [*log]

    return Program(
        Case,
        lambda: asyncio.run(closed(Case().method)),
        lambda: asyncio.run(closed(Case().fails)),
        lambda: asyncio.run(hooked()),
        left_open,
        lambda: asyncio.run(dropped()),
        unwitnessed(lambda: closed(Case().ignores).send(None)),
    )


@case
def async_protocols():
    class Case:
        def __init__(self, n):
            self.n = n

        async def __aenter__(self):
            return self

        async def __aexit__(self, kind, error, tb):
            return kind is KeyError

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.n:
                raise StopAsyncIteration
            self.n -= 1
            return self.n

        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return self.n

        @contextlib.asynccontextmanager
        async def within(self):
            try:
                yield self.n
            finally:
                await asyncio.sleep(0)

    async def enter(error=None):
        async with Case(1) as case:
            if error:
                raise error
        return case.n

    async def within(error=None):
        async with Case(2).within() as found:
            if error:
                raise error
        return found

    async def iterate():
        return [x async for x in Case(3)], await Case(5)

    return Program(
        Case,
        lambda: asyncio.run(enter()),
        lambda: asyncio.run(enter(KeyError())),
        lambda: asyncio.run(enter(ValueError("v"))),
        lambda: asyncio.run(iterate()),
        lambda: asyncio.run(within()),
        lambda: asyncio.run(within(ValueError("v"))),
    )


@case
def context_variables():
    """What a method, a coroutine or a generator sets is seen where it was seen before."""
    variable = contextvars.ContextVar("variable", default=0)

    class Case:
        def plain(self):
            variable.set(variable.get() + 1)
            return len(contextvars.copy_context())

        def steps(self):
            variable.set(10)
            yield variable.get()
            yield variable.get()

        async def later(self, n):
            variable.set(n)
            await asyncio.sleep(0)
            variable.set(variable.get() + 1)

    async def main():
        await Case().later(5)
        await asyncio.create_task(Case().later(50))
        return variable.get()

    def stepped():
        steps = Case().steps()
        seen = [next(steps)]
        variable.set(20)
        return [*seen, next(steps), variable.get()]

    in_context = lambda act: lambda: contextvars.Context().run(act)
    return Program(
        Case,
        in_context(lambda: (Case().plain(), variable.get())),
        in_context(stepped),
        in_context(lambda: asyncio.run(main())),
        lambda: contextvars.Context().run(Case().plain),
    )


@only(sys.version_info >= (3, 12))
def eager_tasks():
    class Case:
        async def method(self, n):
            if n:
                await asyncio.sleep(0)
            return n, asyncio.current_task() is not None

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        tasks = [asyncio.create_task(Case().method(n)) for n in range(2)]
        return [task.done() for task in tasks], await asyncio.gather(*tasks)

    return Program(Case, lambda: asyncio.run(main()))


@only(sys.version_info >= (3, 12))
def marked_as_coroutine_function():
    class Case:
        @inspect.markcoroutinefunction
        def method(self):
            return asyncio.sleep(0, 5)

    return Program(
        Case,
        lambda: inspect.iscoroutinefunction(Case.method),
        lambda: asyncio.run(await_(Case().method())),
    )


async def await_(awaitable):
    return await awaitable


@case
def threads():
    class Case(threading.local):
        def __init__(self, x=1):
            self.x = x

        def method(self, log):
            log.append((self.x, threading.current_thread().name))

    def use():
        log, case = [], Case(2)
        case.x = 5
        thread = threading.Thread(target=case.method, args=(log,), name="other")
        thread.start()
        thread.join()
        case.method(log)
        return [x for x, _ in log]

    return Program(Case, use)


# Exceptions and tracebacks


class Chained:
    """Methods that raise in all sorts of ways."""

    def simple(self):
        raise ValueError("simple")

    def nested(self):
        return self.simple()

    def via_class(self):
        return type(self).nested(self)

    def from_cause(self):
        try:
            self.nested()
        except ValueError as error:
            raise KeyError("second") from error

    def in_context(self):
        try:
            self.nested()
        except ValueError:
            raise KeyError("second")

    def from_none(self):
        try:
            self.nested()
        except ValueError:
            raise KeyError("second") from None

    def reraised(self):
        try:
            self.nested()
        except ValueError as error:
            raise error

    def bare_raise(self):
        try:
            self.nested()
        except ValueError:
            raise

    def in_finally(self):
        try:
            self.nested()
        finally:
            self.nothing()

    def nothing(self):
        return None

    def raised_in_finally(self):
        try:
            self.nested()
        finally:
            self.simple()

    def returned_in_finally(self):
        for _ in range(2):
            try:
                self.nested()
            except ValueError:
                continue
        return "swallowed"

    def without_traceback(self):
        try:
            self.nested()
        except ValueError as error:
            raise error.with_traceback(None)

    def stored(self):
        with contextlib.suppress(ValueError):
            self.nested()
        raise STORED

    def with_notes(self):
        error = ValueError("noted")
        error.add_note("a note")
        raise error

    def in_generator(self):
        return [self.nested() for _ in range(2)]

    def in_c(self):
        return sorted([1, 2], key=lambda _: self.nested())

    def in_property(self):
        return self.failing

    @property
    def failing(self):
        return self.nested()

    def by_c(self):
        return int("x")

    def asserts(self):
        assert self.nothing(), "a message"

    def undefined(self):
        return no_such_name

    def not_yet(self):
        found = later
        later = 1
        return found

    def no_attribute(self):
        return self.nestd

    def imports(self):
        import no_such_module

    def recursion(self, n=3):
        return self.recursion(n - 1) if n else self.simple()

    @classmethod
    def of_class(cls):
        return cls().nested()

    @staticmethod
    def of_nobody():
        return Chained().nested()

    def context_manager(self):
        @contextlib.contextmanager
        def manager():
            yield self.nothing()

        with manager():
            self.nested()

    def exit_stack(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.simple)
            self.nested()


class Grouped(Chained):
    """Methods that raise groups of exceptions."""

    def group(self):
        errors = []
        for method in (self.simple, self.nested, self.from_cause):
            try:
                method()
            except Exception as error:
                errors.append(error)
        raise ExceptionGroup("several", errors)

    def split_group(self):
        try:
            self.group()
        except* KeyError:
            self.nested()

    def nested_group(self):
        try:
            self.group()
        except ExceptionGroup as error:
            raise BaseExceptionGroup("outer", [error, KeyboardInterrupt()]) from error


class Slotted(Exception):
    """An exception with slots."""

    __slots__ = ("code",)


class Forbids(Exception):
    """An exception that takes no attributes."""

    def __setattr__(self, name, value):
        raise AssertionError(name)

    def __getattribute__(self, name):
        if name in ("args", "with_traceback", "code"):
            raise AssertionError(name)
        return super().__getattribute__(name)


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """An exception that is a frozen dataclass."""

    code: int


class OwnTraceback(Exception):
    """An exception that hides the traceback behind a property."""

    __traceback__ = property(lambda self: None)
    args = property(lambda self: 1 / 0)


class Unshowable(Exception):
    """An exception that cannot be shown, compared or tested."""

    def __str__(self):
        raise AssertionError("str")

    __repr__ = __str__

    def __eq__(self, other):
        raise AssertionError("eq")

    __hash__ = None


class Hostile:
    """Methods that raise what is hostile, or no `Exception`."""

    def slotted(self):
        raise Slotted(1)

    def forbids(self):
        raise Forbids("x")

    def frozen(self):
        raise Frozen(3)

    def own_traceback(self):
        raise OwnTraceback

    def unshowable(self):
        raise Unshowable

    def interrupted(self):
        raise KeyboardInterrupt

    def exits(self):
        raise SystemExit(3)

    def generator_exit(self):
        raise GeneratorExit

    def stop_iteration(self):
        raise StopIteration(3)

    def no_exception(self):
        raise 3


STORED = ValueError("stored")


def raising(cls):
    """Return the program that calls each method of a class."""

    def act(name):
        def do():
            STORED.__traceback__ = STORED.__context__ = None
            return getattr(cls(), name)()

        return do

    names = [n for n in vars(cls) if not n.startswith("_") and n not in ("failing", "nothing")]
    return Program(cls, *map(act, names), methods=("*",))


@case
def exceptions():
    return raising(Chained)


@case
def exception_groups():
    return raising(Grouped)


@case
def hostile_exceptions():
    return raising(Hostile)


@case
def exceptions_in_flight():
    """A method sees the exception that its caller is handling, and leaves it in place."""

    class Case:
        def method(self):
            return type(sys.exc_info()[1]).__name__, sys.exc_info()[2] is None

        def fails(self):
            raise KeyError

        def reraises(self):
            raise

    def use():
        try:
            raise ValueError
        except ValueError as error:
            with contextlib.suppress(KeyError):
                Case().fails()
            return Case().method(), sys.exc_info()[1] is error

    def reraise():
        try:
            raise ValueError("in flight")
        except ValueError:
            Case().reraises()

    return Program(Case, use, reraise, lambda: Case().method(), lambda: Case().reraises())


@case
def finally_and_return():
    class Case:
        def method(self, log):
            try:
                try:
                    return log.append(1)
                finally:
                    log.append(2)
            finally:
                log.append(3)

        def overrides(self):
            while True:
                try:
                    raise ValueError
                finally:
                    break
            return "overridden"

        def falls_through(self):
            with contextlib.suppress(ZeroDivisionError):
                return 1 / 0

    log = []
    return Program(
        Case,
        lambda: (Case().method(log), log),
        lambda: Case().overrides(),
        lambda: Case().falls_through(),
    )


@case
def deep_recursion():
    class Case:
        def method(self, n):
            return n and self.method(n - 1)

        def endless(self):
            return self.endless()

        def depth(self, n=0):
            try:
                return self.depth(n + 1)
            except RecursionError:
                return n

        def steps(self, n=0):
            try:
                yield from self.steps(n + 1)
            except RecursionError:
                yield n

    def deepest():
        return Case().depth()

    # Python 3.12 lets calls through C go less deep than others, how deep depends on the release.
    is_known = ADDS_FRAMES or sys.version_info >= (3, 13)

    def ends():
        try:
            Case().endless()
        except RecursionError as error:
            return str(error)[:32], error.__context__

    return Program(
        Case,
        lambda: Case().method(100),
        unwitnessed(ends),
        *([differs(Differs.RECURSION, deepest, where=ADDS_FRAMES)] if is_known else []),
        differs(Differs.RECURSION, lambda: next(Case().steps())),
    )


@case
def frames():
    """Who looks at the frames finds the shadow's."""

    class Case:
        def caller(self):
            return os.path.basename(sys._getframe(1).f_code.co_filename)

        def steps(self):
            yield os.path.basename(sys._getframe(1).f_code.co_filename)

        def module(self):
            return sys._getframe(1).f_globals["__name__"]

        def own(self):
            frame = sys._getframe()
            return frame.f_code.co_name, sorted(frame.f_locals), inspect.currentframe() is frame

        def stack(self):
            return len(inspect.stack(0)), "".join(traceback.format_stack()).count("File")

        def makes_a_class(self):
            Pair = collections.namedtuple("Pair", "a")
            Kind = enum.Enum("Kind", "A")
            return Pair.__module__, Kind.__module__, typing.NewType("New", int).__module__

        def profiled(self):
            """Return nothing: what looks at a result would be seen, too."""

    def profile():
        seen, kept = [], sys.getprofile()
        sys.setprofile(lambda frame, event, arg: seen.append(event))
        try:
            Case().profiled()
        finally:
            sys.setprofile(kept)
        return seen.count("call")

    def traced():
        seen, kept = [], sys.gettrace()

        def trace(frame, event, arg):
            if frame.f_code.co_filename == __file__:
                seen.append((event, frame.f_lineno))
            return trace

        sys.settrace(trace)
        try:
            Case().profiled()
        finally:
            sys.settrace(kept)
        return seen

    return Program(
        Case,
        lambda: Case().own(),
        lambda: Case().makes_a_class(),
        lambda: Case().module(),
        traced,
        differs(Differs.FRAME, lambda: Case().caller(), where=ADDS_FRAMES),
        differs(Differs.FRAME, lambda: Case().stack(), where=ADDS_FRAMES),
        differs(Differs.FRAME, profile, where=ADDS_FRAMES),
        differs(Differs.FRAME, lambda: next(Case().steps())),
    )


# Warnings and logging


def warn(text, level):
    warnings.warn(text, UserWarning, stacklevel=level + 1)


@case
def warnings_issued():
    """They name the program's own file and line, wherever the method was called from."""

    class Case:
        def __init__(self, level):
            warn("init", level)

        def method(self, level):
            warn("method", level)

        def outer(self, level):
            return self.inner(level)

        def inner(self, level):
            warnings.warn("inner", DeprecationWarning, stacklevel=level)

        @classmethod
        def of_class(cls, level):
            warn("of class", level)

        @staticmethod
        def of_nobody(level):
            warn("of nobody", level)

        @property
        def value(self):
            warn("value", 2)

        @functools.lru_cache(maxsize=0)
        def memo(self, level):
            warn("memo", level)

        def steps(self, level):
            warn("steps", level)
            yield
            warn("steps", level)

        async def later(self, level):
            warn("later", level)
            await asyncio.sleep(0)
            warn("later", level)

        async def stream(self, level):
            warn("stream", level)
            yield

        def __getattr__(self, name):
            warn(f"no {name}", 2)
            return 3

        def __add__(self, level):
            warn("add", level)

        def __init_subclass__(cls):
            if cls.__name__ == "Late":
                warn("init_subclass", 2)

    class Sub(Case):
        def __init__(self, level):
            super().__init__(level)

        def method(self, level):
            super().method(level)

    async def collect(level):
        await Case(level).later(level)
        return [x async for x in Case(level).stream(level)]

    def at(level):
        return (
            lambda: Sub(level).method(level),
            lambda: Sub(level).outer(level),
            lambda: (Sub(level).of_class(level), Case.of_nobody(level)),
            lambda: (Case(level).value, Case(level).missing),
            lambda: Case(level).memo(level),
            lambda: [*Case(level).steps(level)],
            lambda: Case(level) + level,
            lambda: asyncio.run(collect(level)),
            lambda: [Case.method(Case(level), level) for _ in "ab"],
        )

    return Program(
        Case,
        *(act for level in (1, 2, 3, 4) for act in at(level)),
        lambda: type("Late", (Case,), {}),
    )


@case
def warnings_as_errors():
    class Case:
        def method(self, level):
            warnings.warn("method", UserWarning, stacklevel=level)

    def use(level):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Case().method(level)

    def once():
        globals().pop("__warningregistry__", None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(3):
                Case().method(2)
        return len(caught)

    def of_a_module():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", module=re.escape(__name__))
            Case().method(1), Case().method(2)
        return len(caught)

    return Program(Case, lambda: use(1), lambda: use(2), lambda: use(3), once, of_a_module)


@only(sys.version_info >= (3, 12))
def warnings_that_skip_files():
    class Case:
        def method(self):
            warnings.warn("skips", skip_file_prefixes=(os.path.dirname(__file__),))

    return Program(Case, lambda: Case().method())


@case
def deprecated():
    def deprecate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            warnings.warn(f"{function.__name__} is deprecated", DeprecationWarning, stacklevel=2)
            return function(*args, **kwargs)

        return wrapper

    mark = warnings.deprecated("gone soon") if sys.version_info >= (3, 13) else deprecate

    class Case:
        @mark
        def __init__(self):
            pass

        @mark
        def method(self):
            return 1

        @classmethod
        @mark
        def of_class(cls):
            return cls()

        @property
        @deprecate
        def value(self):
            return 3

    @mark
    class Old:
        def method(self): ...

    return Program(
        Case, lambda: Case(), lambda: Case().method(), lambda: Case.of_class(), lambda: Case().value
    )


@case
def logged_calls():
    """A log record names the file, the line and the function of the program."""
    records = []
    logger = logging.Logger("zoo")
    logger.addHandler(logging.Handler())
    logger.handlers[0].emit = lambda r: records.append(
        (r.filename, r.lineno, r.funcName, bool(r.exc_info))
    )

    class Case:
        def method(self, level):
            logger.warning("logged", stacklevel=level)

        def fails(self):
            try:
                self.nothing()
            except AttributeError:
                logger.exception("failed", stack_info=False)

    def use(level):
        Case().method(level)
        return records[-1]

    return Program(
        Case, lambda: use(1), lambda: use(2), lambda: use(3), lambda: (Case().fails(), records[-1])
    )


# The data model


@case
def arithmetic():
    class Case:
        def __init__(self, x):
            self.x = x

        def __add__(self, other):
            if isinstance(other, str):
                return NotImplemented
            return type(self)(self.x + getattr(other, "x", other))

        __radd__ = __add__

        def __iadd__(self, other):
            self.x += other
            return self

        def __matmul__(self, other):
            return "matmul"

        def __neg__(self):
            return Case(-self.x)

        def __pow__(self, other, modulo=None):
            return pow(self.x, other, modulo)

        def __divmod__(self, other):
            return divmod(self.x, other)

        def __index__(self):
            return self.x

        def __float__(self):
            return float(self.x)

        def __complex__(self):
            return complex(self.x)

        def __round__(self, digits=None):
            return round(self.x, digits)

        def __abs__(self):
            return abs(self.x)

        def __repr__(self):
            return f"Case({self.x})"

    class Sub(Case):
        def __radd__(self, other):
            return "reflected first"

    def in_place():
        case = kept = Case(1)
        case += 5
        return case, case is kept

    return Program(
        Case,
        lambda: (Case(1) + 2, 3 + Case(4), sum([Case(1), Case(2)]), Case(1) + Sub(2)),
        in_place,
        lambda: Case(1) + "x",
        lambda: "x" + Case(1),
        lambda: (Case(1) @ 2, -Case(3), Case(2) ** 3, pow(Case(2), 3, 5), divmod(Case(7), 2)),
        lambda: (hex(Case(255)), [1, 2, 3][Case(1)], "abc"[Case(0) : Case(2)], range(Case(2))),
        lambda: (float(Case(1)), complex(Case(1)), round(Case(5)), abs(Case(-1)), int(Case(4))),
        lambda: Case(1) - 1,
        lambda: Case("x") + 1,
    )


@case
def comparisons():
    class Case:
        def __init__(self, x):
            self.x = x

        def __eq__(self, other):
            return self.x == other.x if isinstance(other, Case) else NotImplemented

        def __hash__(self):
            return hash(self.x)

        def __lt__(self, other):
            return self.x < other.x

        def __bool__(self):
            return self.x > 1

    class Unhashable(Case):
        def __eq__(self, other):
            return super().__eq__(other)

    class Odd(Case):
        def __hash__(self):
            return "no number"

        def __bool__(self):
            return 2

    return Program(
        Case,
        lambda: (Case(1) == Case(1), Case(1) != Case(2), Case(1) == 1, Case(1) in [Case(1)]),
        lambda: ({Case(1): 2}[Case(1)], len({Case(1), Case(1)}), bool(Case(1)), not Case(2)),
        lambda: [c.x for c in sorted([Case(2), Case(1)])],
        lambda: max(Case(1), Case(3)).x,
        lambda: Case(1) < 3,
        lambda: Case(1) <= Case(2),
        lambda: hash(Unhashable(1)),
        lambda: hash(Odd(1)),
        lambda: bool(Odd(1)),
        lambda: [Case(1), Case(2)].index(Case(2)),
    )


@case
def containers():
    class Case:
        def __init__(self, *items):
            self.items = [*items]

        def __len__(self):
            return len(self.items)

        def __length_hint__(self):
            return 3

        def __getitem__(self, index):
            return self.items[index]

        def __setitem__(self, index, value):
            self.items[index] = value

        def __delitem__(self, index):
            del self.items[index]

        def __contains__(self, item):
            return item == "always" or item in self.items

        def __reversed__(self):
            return reversed(self.items)

    class Refuses(Case):
        __iter__ = None
        __contains__ = None

        def __len__(self):
            return -1

    def change():
        case = Case(1, 2, 3)
        case[0], case[1:] = 5, [6]
        del case[-1]
        return case.items, len(case), [*case], "always" in case, [*reversed(case)], bool(Case())

    def matched(case):
        match case:
            case [first, *rest]:
                return first, rest
            case Case():
                return "a case"

    return Program(
        Case,
        change,
        lambda: Case()[3],
        lambda: [*Refuses()],
        lambda: 1 in Refuses(),
        lambda: len(Refuses()),
        lambda: operator.length_hint(Case()),
        lambda: matched(Case(1)),
        lambda: [x for x, _ in zip(Case(1, 2), "ab")],
        lambda: Case(1)["x"],
    )


@case
def iterators():
    class Case:
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return self

        def __next__(self):
            if self.n == 0:
                raise StopIteration("done")
            if self.n < 0:
                raise ValueError(self.n)
            self.n -= 1
            return self.n

    class Each:
        def __iter__(self):
            yield from Case(2)

    def unpack():
        a, b = Case(3)

    return Program(
        Case,
        lambda: [*Case(3)],
        lambda: next(Case(0)),
        lambda: next(Case(0), "default"),
        lambda: [*Case(-1)],
        unpack,
        lambda: (2 in Case(3), sum(Case(4)), dict(zip(Case(2), Case(2))), [*Each()]),
    )


@case
def context_managers():
    class Case:
        def __init__(self, log):
            self.log = log

        def __enter__(self):
            self.log.append("enter")
            return self

        def __exit__(self, kind, error, tb):
            self.log.append(
                (kind and kind.__name__, str(error), tb and len([*traceback.walk_tb(tb)]))
            )
            if kind is TypeError:
                raise KeyError("from exit")
            return kind is ValueError

    def use(error=None):
        log = []
        with Case(log) as case:
            if error:
                raise error
        return log

    def stack():
        log = []
        with contextlib.ExitStack() as stack:
            stack.enter_context(Case(log))
            stack.push(Case(log))
            raise ValueError("v")
        return log

    return Program(
        Case,
        use,
        lambda: use(ValueError("v")),
        lambda: use(IndexError("i")),
        lambda: use(TypeError("t")),
        stack,
        lambda: Case.__exit__(Case([])),
    )


@case
def text():
    class Case:
        def __repr__(self):
            return "repr"

        def __str__(self):
            return "str"

        def __format__(self, spec):
            return f"{spec}!"

        def __bytes__(self):
            return b"bytes"

        def __fspath__(self):
            return "path"

        def __sizeof__(self):
            return 1000

        def __hash__(self):
            return 5

    class Wrong(Case):
        def __repr__(self):
            return 3

        def __str__(self):
            raise ValueError("str")

    class Recursive(Case):
        @reprlib.recursive_repr()
        def __repr__(self):
            return f"<{[self]!r}>"

    return Program(
        Case,
        lambda: (f"{Case()} {Case():>3} {Case()!r}", "%s %r" % (Case(), Case()), str(Case())),
        lambda: (bytes(Case()), os.fspath(Case()), sys.getsizeof(Case()) >= 1000, {Case(): 1}),
        lambda: repr(Wrong()),
        lambda: str(Wrong()),
        lambda: f"{Wrong()}",
        lambda: Recursive(),
        lambda: print(Case(), file=(file := io.StringIO())) or file.getvalue(),
        lambda: reprlib.repr([Case()]),
    )


@case
def class_hooks():
    class Case:
        __match_args__ = ("x",)

        def __init__(self, x):
            self.x = x

        def __mro_entries__(self, bases):
            return (Case,)

        def __instancecheck__(self, obj):
            return True

        def __call__(self, *args, **kwargs):
            return args, kwargs

    def derive():
        class Sub(Case(1)):
            pass

        return Sub.__mro__[1].__name__, Sub(2).x

    def matched(obj):
        match obj:
            case Case(3):
                return "three"
            case Case(x=found):
                return found

    return Program(
        Case,
        derive,
        lambda: isinstance(3, Case(1)),
        lambda: matched(Case(3)),
        lambda: matched(Case(4)),
        lambda: Case(1)(2, k=3),
        lambda: callable(Case(1)),
    )


@only(sys.version_info >= (3, 12))
def buffers():
    class Case:
        def __buffer__(self, flags):
            return memoryview(b"abc")

        def __release_buffer__(self, view):
            view.release()

    return Program(
        Case,
        lambda: bytes(memoryview(Case())),
        lambda: int.from_bytes(Case()),
        lambda: isinstance(Case(), collections.abc.Buffer),
    )


# Copies and pickles: classes that are found by their names


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
        differs(Differs.BY_VALUE, lambda: len(cloudpickle.dumps(Case)) > 4_000),
    )


# Programs that look at themselves


@case
def self_inspection():
    """A program that builds on what `inspect` says of its methods."""

    class Command:
        def run(self, name: str, count: int = 1, *, loud: bool = False):
            """Run it.

            >>> 1 + 1
            2
            """
            return [name.upper() if loud else name] * count

        def parse(self, line):
            hints = typing.get_type_hints(self.run)
            names = list(inspect.signature(self.run).parameters)
            values = {n: hints[n](v) for n, v in zip(names, line.split())}
            return self.run(**values)

        def help(self):
            return inspect.getdoc(self.run), inspect.getsource(self.run).splitlines()[0]

        @classmethod
        def commands(cls):
            return [
                n for n, f in inspect.getmembers(cls, inspect.isfunction) if not n.startswith("_")
            ]

    def doctests():
        import doctest

        found = doctest.DocTestFinder().find(Command, "Command", globs={}, module=False)
        return [(t.name, len(t.examples), t.lineno) for t in found]

    return Program(
        Command,
        lambda: Command().parse("a 2 yes"),
        lambda: Command().parse("a x"),
        lambda: Command().help(),
        lambda: Command.commands(),
        differs(Differs.CODE, doctests) if sys.version_info < (3, 13) else doctests,
        lambda: Command().run(1, 2, 3),
    )


@case
def views():
    """Django's `as_view`: a function that takes over a method's `__dict__`."""

    class View:
        def dispatch(self, request):
            return getattr(self, request)()

        dispatch.exempt = True

        def get(self):
            return "got"

        @classmethod
        def as_view(cls):
            def view(request):
                return cls().dispatch(request)

            view.__doc__ = cls.__doc__
            view.__module__ = cls.__module__
            view.__dict__.update(cls.dispatch.__dict__)
            return view

    return Program(
        View,
        lambda: View.as_view()("get"),
        lambda: View.as_view().exempt,
        lambda: View.as_view()("post"),
        differs(Differs.WRAPPED, lambda: sorted(vars(View.as_view()))),
    )


@case
def registries():
    """Decorators and hooks that keep what they are given in tables, keyed by the function."""
    table = {}

    def register(function):
        table[function.__name__] = function
        return function

    class Case:
        @register
        def method(self, x):
            return x

        def call(self, name, *args):
            return table[name](self, *args)

        def handlers(self):
            return [name for name in dir(self) if name in table]

        def bound(self):
            return {self.call: 1}[self.call], self.call in {self.call}

    return Program(
        Case,
        lambda: Case().call("method", 1),
        lambda: Case().handlers(),
        lambda: Case().bound(),
        lambda: Case().call("none"),
    )


@case
def visitor():
    """`getattr` by computed names, and a fallback."""

    class Visitor:
        def visit(self, node):
            return getattr(self, f"visit_{type(node).__name__}", self.generic)(node)

        def generic(self, node):
            return "generic"

        def visit_list(self, node):
            return [*map(self.visit, node)]

        def visit_int(self, node):
            return -node

    return Program(
        Visitor,
        lambda: Visitor().visit([1, [2, "x"]]),
        lambda: Visitor().visit_int("x"),
        lambda: Visitor().visit(),
    )

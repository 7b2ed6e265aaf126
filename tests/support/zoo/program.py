"""The programs of the zoo: the acts of each, and what may differ while they are recorded."""

import functools
import importlib.util
import itertools
import operator
import sys
import typing

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
    CONTEXT = "`contextvars.copy_context()` in a coroutine or an async generator; with the tape in C also afterwards, in the same context"
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

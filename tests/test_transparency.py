"""Transparency: while woven, a program behaves and looks as it does without callscope.

Most tests do something with a class twice, bare and while it is recorded, and compare.
"""

# The programs in here are odd on purpose.
# ruff: noqa: A002, C901, PLW0108, PLW0602, PT011, PT017, PYI063, SIM401, SLOT000
# ruff: noqa: TRY203, TRY301

from __future__ import annotations

import abc
import asyncio
import contextlib
import copy
import dataclasses
import enum
import functools
import inspect
import logging
import pickle
import pydoc
import re
import sys
import textwrap
import traceback
import typing
import unittest.mock
import warnings

import pytest

from callscope import instrument, record

EVERYTHING = ("*", "__*__")


def both(make, observe, *, calls=True):
    """Return what `observe` finds in a class that `make` returns: bare, and while recorded.

    Args:
        make: returns a new class each time.
        observe: is given the class; what it returns is to be compared.
        calls: whether what is observed makes calls, which then must have been recorded.
    """
    bare = observe(make())
    cls = make()
    with record(cls, methods=EVERYTHING) as trace:
        woven = observe(cls)
    assert bool(len(trace)) == calls
    return bare, woven


# The zoo: methods of every shape


class Odd:
    """A default value that can be neither compared nor shown nor tested."""

    def __eq__(self, other):
        raise AssertionError("eq")

    __hash__ = None

    def __bool__(self):
        raise AssertionError("bool")

    def __repr__(self):
        return "ODD"  # `inspect` shows defaults


ODD = Odd()
MUTABLE: list[int] = []
NAN = float("nan")


def plain():
    class Case:
        def method(self, x, y=2):
            """Do what a plain method does."""
            return x, y

    return Case, (1,), {"y": 3}


def annotated():
    class Case:
        def method(self, x: int, y: Case | None = None, *args: str, **kwargs: float) -> list[int]:
            return [x]

    return Case, (1,), {}


def positional_only():
    class Case:
        def method(self, x, /, y=ODD, *, z):
            return x, y, z

    return Case, (1,), {"z": 3}


def keyword_only():
    class Case:
        def method(self, *, x, y=2, **z):
            return x, y, z

    return Case, (), {"x": 1, "self_": 3}


def variadic():
    class Case:
        def method(self, *args, **kwargs):
            return args, kwargs

    return Case, (1, 2), {"a": 3, "args": 4, "kwargs": 5}


def all_variadic():
    class Case:
        def method(*args, **kwargs):
            return type(args[0]).__name__, args[1:], kwargs

    return Case, (1, 2), {"self": 3, "a": 4}


def only_args():
    class Case:
        def method(*args):
            return args[1:]

    return Case, (1, 2), {}


def positional_only_self():
    class Case:
        def method(self, /, **kwargs):
            return kwargs

    return Case, (), {"self": 1, "x": 2}


def same_name_twice():
    class Case:
        def method(self, x, /, **kwargs):
            return x, kwargs

    return Case, (1,), {"x": 2}


def odd_defaults():
    class Case:
        def method(self, a=ODD, b=MUTABLE, c=NAN, *, d=Odd, e=..., f=NotImplemented):
            b.append(1)
            return a is ODD, b is MUTABLE, c is NAN, d is Odd, e, f

    return Case, (), {}


def self_is_second():
    class Case:
        def method(this, self, cls=None):  # noqa: N805
            return type(this).__name__, self, cls

    return Case, (1,), {"cls": 2}


def internal_names():
    class Case:
        def method(self, _cs_tape, original, result, type, len, args, shadow, make, error):
            return _cs_tape, original, result, type, len, args, shadow, make, error

    return Case, tuple(range(9)), {}


def prefixed_names():
    class Case:
        def method(_cs_self, _cs_original=1, *, _cs__on=2, _cs___entry=3, **_cs_local):  # noqa: N805
            _cs_clock = _cs_original
            return _cs_clock, _cs__on, _cs___entry, _cs_local

    return Case, (4,), {"_cs_seen": 5}


def builtin_names():
    class Case:
        def method(self, list, BaseException, None_=1, *, int, str=2):  # noqa: N803
            return list, BaseException, None_, int, str

    return Case, (1, 2), {"int": 3}


def unicode_names():
    class Case:
        def method(self, été, ﬁn=2, *, ß=3):  # noqa: PLC2401
            return été, fin, ß

    return Case, (1,), {}


def mangled():
    class Case:
        def method(self, __x, *, __y=2, **__z):
            self.__hidden = __x
            return __x, __y, __z, self.__hidden

    return Case, (1,), {"_Case__y": 3}


def closure():
    outer, original, type_ = 1, 2, 3

    class Case:
        def method(self, x=original):
            return outer, original, type_, x, __class__.__name__

    return Case, (), {}


def closure_named_as_ours():
    _cs_on, _cs_original, _cs_entry = 1, 2, 3

    class Case:
        def method(self):
            return _cs_on, _cs_original, _cs_entry

    return Case, (), {}


def unbound_cell():
    class Case:
        def method(self):
            try:
                return never
            except NameError as error:
                return str(error)

    if sys is None:
        never = 1
    return Case, (), {}


def global_names():
    class Case:
        def method(self):
            global ODD
            return ODD is globals()["ODD"], __name__, sorted(locals())

    return Case, (), {}


def a_lambda():
    class Case:
        method = lambda self, x, *a, y=2: (x, a, y)  # noqa: E731

    return Case, (1, 2), {}


def with_attributes():
    def mark(function):
        function.order = 3
        function.tags = {"a"}
        return function

    class Case:
        @mark
        def method(self):
            return Case.method.order

    return Case, (), {}


def decorated():
    def twice(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs) * 2

        return wrapper

    class Case:
        @twice
        def method(self, x, y=1):
            """Be decorated."""
            return [x, y]

    return Case, (1,), {}


def with_signature():
    class Case:
        def method(self, *args):
            return args

        method.__signature__ = inspect.Signature(
            [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )

    return Case, (1,), {}


def renamed():
    class Case:
        def method(self, x):
            return x

        method.__name__ = "other"
        method.__qualname__ = "Some.other"
        method.__module__ = "elsewhere"
        method.__doc__ = "Come from elsewhere."

    return Case, (1,), {}


def recursive():
    class Case:
        def method(self, n):
            return 1 if n == 0 else n * self.method(n - 1)

    return Case, (5,), {}


def rebinding():
    class Case:
        def method(self, x, *args, **kwargs):
            x, args, kwargs = kwargs, x, args
            del self
            return x, args, kwargs

    return Case, (1, 2), {"k": 3}


def of_class():
    class Case:
        @classmethod
        def method(cls, x, *, y=1):
            """Belong to the class."""
            return cls.__name__, x, y

    return Case, (1,), {}


def of_nobody():
    class Case:
        @staticmethod
        def method(x, *, y=1):
            """Belong to nobody."""
            return x, y

    return Case, (1,), {}


def hundreds_of_parameters():
    names = ", ".join(f"p{i}={i}" for i in range(300))
    namespace = {}
    exec(f"def method(self, {names}): return p299", namespace)
    return type("Case", (), {"method": namespace["method"]}), (), {"p299": -1}


def other_globals():
    namespace = {"__name__": "elsewhere", "limit": 3}
    exec("def method(self, x): return x + limit, __name__", namespace)
    return type("Case", (), {"method": namespace["method"]}), (1,), {}


def other_builtins():
    namespace = {"__builtins__": {"len": lambda _: "my own len", "None": None}}
    exec("def method(self, x): return len(x)", namespace)
    return type("Case", (), {"method": namespace["method"]}), ([],), {}


ZOO = {
    case.__name__: case
    for case in (
        plain,
        annotated,
        positional_only,
        keyword_only,
        variadic,
        all_variadic,
        only_args,
        positional_only_self,
        same_name_twice,
        odd_defaults,
        self_is_second,
        internal_names,
        prefixed_names,
        builtin_names,
        unicode_names,
        mangled,
        closure,
        closure_named_as_ours,
        unbound_cell,
        global_names,
        a_lambda,
        with_attributes,
        decorated,
        with_signature,
        renamed,
        recursive,
        rebinding,
        of_class,
        of_nobody,
        hundreds_of_parameters,
        other_globals,
        other_builtins,
    )
}


def attempt(function, *args, **kwargs):
    """Return a function's result, or the class and the message of what it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)


def function_of(cls):
    """Return the plain function behind `method`."""
    return getattr(cls.method, "__func__", cls.method)


def parameter_names(function):
    """Return a function's parameters as code sees that reads `__code__` by itself."""
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    variadic = bool(code.co_flags & inspect.CO_VARARGS) + bool(
        code.co_flags & inspect.CO_VARKEYWORDS
    )
    return code.co_varnames[: count + variadic]


def doc_text(thing):
    """Return the text of `help`, without the addresses in it."""
    return re.sub(r" at 0x[0-9a-f]+", "", pydoc.render_doc(thing))


OBSERVATIONS = {
    "signature": lambda cls: str(inspect.signature(cls.method)),
    "signature of a bound method": lambda cls: str(inspect.signature(cls().method)),
    "parameters": lambda cls: [
        (p.name, p.kind, id(p.default)) for p in inspect.signature(cls.method).parameters.values()
    ],
    "getfullargspec": lambda cls: attempt(
        lambda: str(inspect.getfullargspec(cls.method)._replace(annotations=None))
    ),
    "getcallargs": lambda cls: attempt(lambda: sorted(inspect.getcallargs(cls().method, 1))),
    "get_type_hints": lambda cls: attempt(typing.get_type_hints, cls.method, None, {"Case": int}),
    "annotations": lambda cls: cls.method.__annotations__,
    "getsource": lambda cls: attempt(inspect.getsource, cls.method),
    "getsourcelines": lambda cls: attempt(inspect.getsourcelines, cls.method),
    "getdoc": lambda cls: inspect.getdoc(cls.method),
    "getcomments": lambda cls: inspect.getcomments(cls.method),
    "getmodule": lambda cls: inspect.getmodule(cls.method),
    "help": lambda cls: doc_text(cls.method),
    "type": lambda cls: [type(vars(cls)["method"]), type(cls.method), type(cls().method)],
    "isfunction": lambda cls: [
        check(thing)
        for check in (
            inspect.isfunction,
            inspect.ismethod,
            inspect.isroutine,
            inspect.isbuiltin,
            inspect.ismethoddescriptor,
            inspect.isdatadescriptor,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
            inspect.iscoroutinefunction,
            inspect.isabstract,
            callable,
        )
        for thing in (vars(cls)["method"], cls.method, cls().method)
    ],
    "names": lambda cls: [
        cls.method.__name__,
        cls.method.__qualname__,
        cls.method.__module__,
        cls.method.__doc__,
        function_of(cls).__code__.co_name,
        function_of(cls).__code__.co_qualname,
    ],
    "__code__": lambda cls: [
        getattr(function_of(cls).__code__, name)
        for name in ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
    ],
    "co_varnames": lambda cls: parameter_names(function_of(cls)),
    "co_flags": lambda cls: (
        function_of(cls).__code__.co_flags
        & (
            inspect.CO_VARARGS
            | inspect.CO_VARKEYWORDS
            | inspect.CO_GENERATOR
            | inspect.CO_COROUTINE
        )
    ),
    "__defaults__": lambda cls: [*map(id, cls.method.__defaults__ or ())],
    "__kwdefaults__": lambda cls: {k: id(v) for k, v in (cls.method.__kwdefaults__ or {}).items()},
    "__dict__": lambda cls: {
        k: v for k, v in cls.method.__dict__.items() if k not in ("__wrapped__", "__signature__")
    },
    "__globals__": lambda cls: (
        function_of(cls).__globals__["__name__"]
        if "__name__" in function_of(cls).__globals__
        else None
    ),
    "__type_params__": lambda cls: getattr(cls.method, "__type_params__", None),
    "repr": lambda cls: re.sub(" at 0x[0-9a-f]+", "", repr(cls.method)),
    "dir of the object": lambda cls: dir(cls()),
    "equality": lambda cls: [cls.method == cls.method, cls.method is vars(cls)["method"]],
}


@pytest.mark.parametrize("case", ZOO)
def test_introspection_is_the_same(case):
    """Whatever looks at a method sees what it sees in a bare class."""
    cls = ZOO[case]()[0]
    bare = {name: observe(cls) for name, observe in OBSERVATIONS.items()}
    with record(cls, methods=EVERYTHING):
        woven = {name: observe(cls) for name, observe in OBSERVATIONS.items()}
    assert {name: woven[name] for name in woven if woven[name] != bare[name]} == {}


@pytest.mark.parametrize("case", ZOO)
def test_calls_are_the_same(case):
    """A call gives the same result, bound and unbound and from a subclass."""
    _, args, kwargs = ZOO[case]()

    def call(cls):
        sub = type("Case", (cls,), {})
        return repr(
            (
                cls().method(*args, **kwargs),
                sub().method(*args, **kwargs),
                attempt(cls.method, cls(), *args, **kwargs),
                attempt(cls.__dict__["method"].__get__(cls(), cls), *args, **kwargs),
                functools.partial(cls().method, *args)(**kwargs),
            )
        )

    bare, woven = both(lambda: ZOO[case]()[0], call)
    assert woven == bare


WRONG = {
    "none": ((), {}),
    "too many": (tuple(range(400)), {}),
    "unknown keyword": ((1,), {"surely_unknown": 1}),
    "twice": ((1,), {"x": 1, "self": 2, "y": 3, "p0": 4}),
    "positional-only by keyword": ((), {"x": 1, "z": 2, "self": 3}),
    "a keyword that is no name": ((), {"a b": 1}),
}


def failures(cls):
    """Return what comes of each way to call a method with wrong arguments."""
    found = {}
    for wrong, (args, kwargs) in WRONG.items():
        for target in (cls().method, cls.method):
            try:
                found[wrong, type(target)] = repr(target(*args, **kwargs))
            except Exception:
                found[wrong, type(target)] = traceback.format_exc()
    return found


@pytest.mark.parametrize("case", ZOO)
def test_wrong_arguments_raise_the_same_error(case):
    """The `TypeError` is the callee's own, word for word, and its traceback too."""
    cls = ZOO[case]()[0]
    bare = failures(cls)
    with record(cls, methods=EVERYTHING):
        woven = failures(cls)
    assert {how: woven[how] for how in bare if woven[how] != bare[how]} == {}


@pytest.mark.parametrize("case", ZOO)
def test_the_originals_cells_are_in_the_closure(case):
    """Code that looks for, or rewrites, a cell such as `__class__` finds the original's own."""
    cls = ZOO[case]()[0]
    cells = function_of(cls).__closure__ or ()
    with record(cls, methods=EVERYTHING):
        woven = [*map(id, function_of(cls).__closure__)]
        names = function_of(cls).__code__.co_freevars
        assert len(names) == len(woven)
    assert {*map(id, cells)} <= {*woven}


def test_a_cell_that_is_rewritten_reaches_the_original():
    """As attrs does with `__class__` when it makes a class a second time."""

    class Base:
        def call(self):
            return __class__

    with record(Base):
        function = Base.call
        cell = function.__closure__[function.__code__.co_freevars.index("__class__")]
        assert cell.cell_contents is Base
        cell.cell_contents = int
        assert Base().call() is int


def test_generic_functions():
    """Type parameters of Python 3.12 stay."""
    if sys.version_info < (3, 12):
        pytest.skip("type parameters came with Python 3.12")
    source = """
        class Base[T]:
            def call[S](self, x: S, y: T | None = None) -> tuple[S, T]:
                return S, T, x
        class Sub(Base[int]):
            def call[S](self, x: S) -> S:
                return super().call(x)[2], __class__
        """

    def make():
        namespace = {"__name__": "generics"}
        code = compile(textwrap.dedent(source), "generics.py", "exec", dont_inherit=True)
        exec(code, namespace)
        return namespace["Sub"].__mro__[1]

    def observe(cls):
        (sub,) = cls.__subclasses__()
        return repr(
            (
                cls().call(1),
                sub().call(2),
                inspect.signature(cls.call),
                cls.call.__type_params__,
                typing.get_type_hints(cls.call),
            )
        )

    bare, woven = both(make, observe)
    assert woven == bare


# super, __class__, __new__, properties


def test_zero_argument_super():
    """`super()` finds its class and its object, in every sort of method."""

    def make():
        class Base:
            def __init__(self, x):
                self.x = x

            def __new__(cls, *args):
                return super().__new__(cls)

            @classmethod
            def of_class(cls):
                return [cls.__name__]

            def method(self):
                return [self.x]

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

            def __repr__(self):
                return f"Sub({super().__repr__()})"

        Base.kept = Sub  # or the collector may take it
        return Base

    def observe(cls):
        obj = cls.kept(1)
        return obj.of_class(), obj.method(), obj.whatever, repr(obj), f"{obj}"

    bare, woven = both(make, observe)
    assert woven == bare


def make_special():
    """Return a class that defines a good part of the data model."""

    class Special:
        def __init__(self, x):
            self.x = x

        def __eq__(self, other):
            return isinstance(other, Special) and self.x == other.x

        def __hash__(self):
            return hash(self.x)

        def __lt__(self, other):
            return self.x < other.x

        def __add__(self, other):
            return type(self)(self.x + getattr(other, "x", other))

        __radd__ = __add__

        def __len__(self):
            return self.x

        def __bool__(self):
            return self.x > 1

        def __contains__(self, item):
            return item == self.x

        def __getitem__(self, item):
            return item

        def __iter__(self):
            return iter(range(self.x))

        def __call__(self, *args, **kwargs):
            return args, kwargs

        def __enter__(self):
            return self

        def __exit__(self, kind, error, tb):
            return kind is ValueError

        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

        def __setattr__(self, name, value):
            object.__setattr__(self, name, value)

        def __repr__(self):
            return f"Special({self.x})"

        def __format__(self, spec):
            return f"{spec}:{self.x}"

        def __index__(self):
            return self.x

        def __dir__(self):
            return ["x"]

        def __sizeof__(self):
            return 1

        def __set_name__(self, owner, name):
            pass

        def __class_getitem__(cls, item):
            return cls, item

        def __reduce__(self):
            return (Special, (self.x,))

        def __instancecheck__(self, obj):
            return True

    return Special


def test_special_methods():
    """Operators and protocols that look methods up on the type work as before."""

    def observe(cls):
        obj, other = cls(2), cls(1)
        with obj as entered:
            raise ValueError
        return repr((
            obj == other, obj != other, obj == cls(2), {obj: 1}[cls(2)], sorted([obj, other]),
            obj + other, sum([obj, other]), len(obj), bool(obj), bool(other), 2 in obj, obj[1:2],
            [*obj], obj(1, k=2), entered, f"{obj:>3}", hex(obj), dir(obj), cls[int][1],
            isinstance(3, obj), [10, 20, 30][obj], copy.copy(obj), copy.deepcopy([obj]),
        ))  # fmt: skip

    bare, woven = both(make_special, observe)
    assert woven == bare


# Generators and coroutines


def make_other_kinds():
    """Return a class with a method of each kind that is no plain function."""

    class Base:
        def generator(self, x):
            got = yield x
            return got

        async def coroutine(self, x):
            await asyncio.sleep(0)
            return x

        async def async_generator(self, x):
            yield x

        def plain(self, x):
            return self.generator(x)

    return Base


def test_generators_and_coroutines_work():
    """They are still what they were, and do what they did."""

    def observe(cls):
        obj = cls()
        generator = obj.generator(1)
        sent = [next(generator), attempt(generator.send, 2)]

        async def collect():
            return await obj.coroutine(3), [x async for x in obj.async_generator(4)]

        return (
            sent[0],
            asyncio.run(collect()),
            inspect.isgeneratorfunction(cls.generator),
            inspect.iscoroutinefunction(cls.coroutine),
            inspect.isasyncgenfunction(cls.async_generator),
            [*obj.plain(5)],
        )

    bare, woven = both(make_other_kinds, observe)
    assert woven == bare


def test_what_is_not_traced_is_listed():
    """No kind of method is skipped silently."""
    base = make_other_kinds()
    with instrument(base, methods=("*",)) as handle, record():
        found = {c.site.rpartition(".")[2]: c.reason for c in handle.coverage()}
        woven = [name for name in found if hasattr(vars(base)[name], "__wrapped__")]
    assert [name for name, reason in found.items() if not reason] == woven
    assert [*found] == ["generator", "coroutine", "async_generator", "plain"]
    assert found["plain"] == ""


def test_a_parameter_that_no_source_can_spell_is_left_alone():
    """Code objects made by programs may have any names; these are listed and not woven."""

    def make(name):
        def method(self, x):
            return x

        code = method.__code__.replace(co_varnames=("self", name))
        return type("Base", (), {"call": type(method)(code, {})})

    for name in ("a b", "class", "None", ".0", "__debug__", "1"):
        base = make(name)
        with instrument(base) as handle, record():
            assert base().call(3) == 3
            assert [bool(c.reason) for c in handle.coverage()] == [True], name


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are lazy since Python 3.14")
def test_annotations_are_not_evaluated():
    """They may name what is defined later, and may have been changed."""
    source = """
class Base:
    def later(self, x: Later) -> list[Later]: ...
    def changed(self, x: int): ...
    def plain(self, x: int = 1, *, y: str = ""): ...
"""
    space = {"__name__": __name__}
    exec(compile(source, "<source>", "exec", dont_inherit=True), space)
    base = space["Base"]
    base.changed.__annotations__["x"] = "other"
    with record(base, methods=("*",)):
        with pytest.raises(NameError):
            _ = base.later.__annotations__
        assert inspect.signature(base.plain) is not None
        space["Later"] = float
        assert base.later.__annotations__ == {"x": float, "return": list[float]}
        assert base.changed.__annotations__ == {"x": "other"}
        assert base.plain.__annotations__ == {"x": int, "y": str}
    assert base.later.__annotations__ == {"x": float, "return": list[float]}


# Copies and pickles


class Picklable:
    """A class that `pickle` finds by its name."""

    def __init__(self, x=1):
        self.x = x

    def call(self, y=2):
        return self.x + y

    @classmethod
    def of_class(cls):
        return cls.__name__

    @staticmethod
    def of_nobody():
        return "nobody"

    def __getstate__(self):
        return {"x": self.x}

    def __setstate__(self, state):
        self.x = state["x"]

    def __reduce_ex__(self, protocol):
        return super().__reduce_ex__(protocol)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("copied", ["object", "bound", "function", "classmethod", "static"])
def test_pickles(copied, protocol):
    """Objects, bound methods and functions are pickled to the same bytes and come back."""

    def dump():
        obj = Picklable(5)
        values = {
            "object": obj,
            "bound": obj.call,
            "function": Picklable.call,
            "classmethod": Picklable.of_class,
            "static": Picklable.of_nobody,
        }
        return pickle.dumps(values[copied], protocol)

    bare = dump()
    with record(Picklable, methods=EVERYTHING):
        woven = dump()
        loaded = pickle.loads(bare)
        again = pickle.loads(woven)
    assert woven == bare
    assert type(loaded) is type(again)
    assert pickle.dumps(pickle.loads(woven), protocol) == bare


def test_copies():
    """Objects, bound methods, functions and classes are copied as ever."""

    def observe(cls):
        obj = cls(5)
        bound = copy.deepcopy(obj.call)
        return (
            copy.copy(obj).x,
            copy.deepcopy([obj, obj])[1].call(),
            bound(1),
            bound.__self__ is obj,
            copy.copy(cls.call) is cls.call,
            copy.deepcopy(cls) is cls,
            dataclasses.is_dataclass(cls),
        )

    bare = observe(Picklable)
    with record(Picklable, methods=EVERYTHING):
        assert observe(Picklable) == bare


# Abstract classes


def test_abstract_methods():
    """Abstract methods are still abstract, for classes old and new."""

    def make():
        class Base(abc.ABC):
            @abc.abstractmethod
            def call(self): ...

            @classmethod
            @abc.abstractmethod
            def of_class(cls): ...

            @staticmethod
            @abc.abstractmethod
            def of_nobody(): ...

            def other(self):
                return 1

        return Base

    def observe(base):
        part = type("Part", (base,), {"call": lambda self: 2})
        whole = type("Whole", (part,), {"of_class": None, "of_nobody": lambda: 3})
        return (
            inspect.isabstract(base),
            sorted(base.__abstractmethods__),
            sorted(part.__abstractmethods__),
            [vars(base)[name].__isabstractmethod__ for name in ("call", "of_class", "of_nobody")],
            getattr(base.other, "__isabstractmethod__", False),
            attempt(base),
            attempt(part),
            whole().other(),
        )

    bare, woven = both(make, observe)
    assert woven == bare


def test_attributes_of_descriptors():
    """What a framework notes on a classmethod or staticmethod object is still there."""

    class Base:
        @classmethod
        def of_class(cls):
            pass

        @staticmethod
        def of_nobody():
            pass

    for name in ("of_class", "of_nobody"):
        vars(Base)[name].mark = 3

    def observe():
        raw = [vars(Base)[name] for name in ("of_class", "of_nobody")]
        return [(r.mark, r.__name__, r.__doc__, r.__qualname__, r.__module__) for r in raw]

    bare = observe()
    with record(Base, methods=EVERYTHING):
        assert observe() == bare


def test_attributes_set_on_a_method_during_a_recording_stay():
    """A mark that a program puts on `Base.call` is there when the recording has ended."""

    class Base:
        def call(self):
            pass

    with record(Base):
        Base.call.mark = 3
        assert Base.call.mark == 3
    assert Base.call.mark == 3


def test_functools_wraps_on_top():
    """A wrapper that somebody puts around a woven method looks like one around a bare method."""

    def observe(cls):
        @functools.wraps(cls.method)
        def wrapper(*args, **kwargs):
            return cls.method(*args, **kwargs)

        return (
            str(inspect.signature(wrapper)),
            wrapper.__name__,
            wrapper.__doc__,
            inspect.getsource(wrapper),
            wrapper(cls(), 1),
            inspect.unwrap(wrapper).__code__.co_filename,
        )

    bare, woven = both(lambda: plain()[0], observe)
    assert woven == bare


def test_mock_autospec():
    """A mock made from a woven class accepts and refuses what one from a bare class does."""

    def observe(cls):
        mock = unittest.mock.create_autospec(cls)
        instance = mock()
        instance.method(1, y=2)
        return (
            attempt(instance.method),
            attempt(instance.method, 1, z=2),
            str(inspect.signature(mock.method)),
            attempt(lambda: instance.other),
        )

    bare, woven = both(lambda: plain()[0], observe, calls=False)
    assert woven == bare


# Exceptions


class Slotted(Exception):  # noqa: N818
    """An exception with slots."""

    __slots__ = ("code",)


class Forbids(Exception):  # noqa: N818
    """An exception that takes no attributes."""

    def __setattr__(self, name, value):
        raise AssertionError(name)

    def __getattribute__(self, name):
        if name in ("args", "with_traceback", "code"):
            raise AssertionError(name)
        return super().__getattribute__(name)


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    """An exception that is a frozen dataclass."""

    code: int


class OwnTraceback(Exception):  # noqa: N818
    """An exception that hides the traceback behind a property."""

    __traceback__ = property(lambda self: None)
    args = property(lambda self: 1 / 0)


class Unshowable(Exception):  # noqa: N818
    """An exception that cannot be shown, compared or tested."""

    def __str__(self):
        raise AssertionError("str")

    __repr__ = __str__

    def __eq__(self, other):
        raise AssertionError("eq")

    __hash__ = None


class Chained:
    """Methods that raise in all sorts of ways."""

    def simple(self):
        raise ValueError("simple")

    def nested(self):
        return self.simple()

    def via_class(self):
        return Chained.nested(self)

    def from_cause(self):
        try:
            self.nested()
        except ValueError as error:
            raise KeyError("second") from error

    def in_context(self):
        try:
            self.nested()
        except ValueError:
            raise KeyError("second")  # noqa: B904

    def from_none(self):
        try:
            self.nested()
        except ValueError:
            raise KeyError("second") from None

    def reraised(self):
        try:
            self.nested()
        except ValueError as error:
            raise error  # noqa: TRY201

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

    def without_traceback(self):
        try:
            self.nested()
        except ValueError as error:
            raise error.with_traceback(None)  # noqa: B904

    def stored(self):
        with contextlib.suppress(ValueError):
            self.nested()
        raise STORED

    def with_notes(self):
        error = ValueError("noted")
        error.add_note("a note")
        raise error

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

    def undefined(self):
        return no_such_name  # noqa: F821

    def no_attribute(self):
        return self.nestd

    def recursion(self, n=3):
        return self.recursion(n - 1) if n else self.simple()

    @classmethod
    def of_class(cls):
        return cls().nested()

    @staticmethod
    def of_nobody():
        return Chained().nested()

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


STORED = ValueError("stored")
RAISES = [
    name
    for name in vars(Chained)
    if not name.startswith("_") and name not in ("failing", "nothing")
]


def failure(cls, name):
    """Return the text of the traceback that a method gives, and what else shows of its error."""
    STORED.__traceback__ = STORED.__context__ = None
    try:
        getattr(cls(), name)()
    except BaseException as error:
        summary = traceback.TracebackException(*sys.exc_info())
        frames = [(f.filename, f.lineno, f.name, f.line) for f in summary.stack]
        suppressed = BaseException.__dict__["__suppress_context__"].__get__(error)
        cause = BaseException.__dict__["__cause__"].__get__(error)
        return type(error), frames, suppressed, type(cause), "".join(summary.format())
    return None


@pytest.mark.parametrize("name", RAISES)
def test_tracebacks_are_the_same(name):
    """The text of a traceback has the same frames, lines, carets, causes and notes."""
    bare = failure(Chained, name)
    with record(Chained, methods=("*",)) as trace:
        woven = failure(Chained, name)
    assert woven == bare
    assert trace.calls[0].error is not None
    assert all(call.finished for call in trace.calls)


def test_the_error_of_a_call_is_recorded_with_its_class_and_message():
    """Also of exceptions that nothing may be asked of."""
    names = ["simple", "slotted", "forbids", "frozen", "own_traceback", "unshowable", "by_c"]
    with record(Chained, methods=names) as trace:
        for name in names:
            failure(Chained, name)
    assert [call.error for call in trace.calls] == [
        ("ValueError", "simple"),
        (f"{__name__}.Slotted", "1"),
        (f"{__name__}.Forbids", "x"),
        (f"{__name__}.Frozen", "3"),
        (f"{__name__}.OwnTraceback", ""),
        (f"{__name__}.Unshowable", ""),
        ("ValueError", "invalid literal for int() with base 10: 'x'"),
    ]


@pytest.mark.parametrize("name", ["simple", "nested", "from_cause", "group", "recursion"])
def test_tracebacks_of_a_kept_wrapper_are_the_same(name):
    """A bound method that was taken during a recording leaves no frame either, when it is off."""

    def text(method):
        try:
            method()
        except Exception:
            return traceback.format_exc()

    bare = text(getattr(Chained(), name))
    with record(Chained, methods=("*",)):
        kept = getattr(Chained(), name)
    assert text(kept) == bare


def test_sys_exc_info_within_and_after_a_call():
    """A method sees the exception that its caller is handling, and leaves it in place."""

    class Base:
        def call(self):
            return type(sys.exc_info()[1])

        def fail(self):
            raise KeyError

    with record(Base, methods=("*",)):
        try:
            raise ValueError
        except ValueError as error:
            with contextlib.suppress(KeyError):
                Base().fail()
            assert Base().call() is ValueError
            assert sys.exc_info()[1] is error
        assert Base().call() is type(None)


def test_the_context_of_an_exception_is_the_programs_own():
    """No exception of ours is chained to one of the program's."""

    class Base:
        def call(self, x):
            raise ValueError

    with record(Base), pytest.raises(ValueError) as caught:
        Base().call(Unshowable())
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def recursion_error(cls):
    """Return the error of an endless recursion: its message, context, and the files it ran in."""
    try:
        cls().endless(0)
    except RecursionError as error:
        frames = traceback.walk_tb(error.__traceback__)
        files = {frame.f_code.co_filename for frame, _ in frames}
        return str(error)[:32], error.__context__, files
    return None


class Endless:
    """A recursion that never ends."""

    def endless(self, n):
        return self.endless(n + 1)


def test_endless_recursion():
    """It ends with Python's own `RecursionError`, with no frame and no error of ours in it."""
    bare = recursion_error(Endless)
    with record(Endless, methods=("endless",)) as trace:
        woven = recursion_error(Endless)
    assert woven == bare == ("maximum recursion depth exceeded", None, {__file__})
    assert {call.error.type for call in trace.calls} == {"RecursionError"}


@pytest.mark.parametrize("outcome", ["return", "raise"])
def test_what_a_call_did_at_the_limit_of_recursion_stands(outcome):
    """A method that returned or raised has done so, though no depth is left to note it."""

    class Base:
        def call(self, values):
            nonlocal done
            done = True
            if outcome == "raise":
                raise ValueError(values)
            return values

    def descend(depth):
        return descend(depth - 1) if depth else Base().call([[1]])

    limit, different = sys.getrecursionlimit() - len(inspect.stack()), []
    with record(Base):
        for depth in range(limit - 40, limit):
            done = False
            try:
                kind = type(descend(depth))
            except Exception as error:
                kind = type(error)
            expected = {"return": list, "raise": ValueError}[outcome] if done else RecursionError
            if kind is not expected:
                different.append((depth - limit, kind))
    assert different == []


def test_the_trace_is_sound_after_an_endless_recursion():
    """What is recorded afterwards hangs where it belongs, and the class is unwoven."""

    class Base(Endless):
        def call(self, x):
            return x

        def endless(self, n):
            return self.endless(n + 1)

    before = dict(vars(Base))
    with record(Base, methods=("call", "endless")) as trace:
        recursion_error(Base)
        Base().call(1)
    last = trace.calls[-1]
    assert (last.site, last.depth, last.result, last.finished) == ("Base.call", 0, 1, True)
    assert all(call.finished for call in trace.calls)
    assert dict(vars(Base)) == before


def test_deep_recursion():
    """A recursion of more than a third of the limit still works: one more frame per call."""

    class Base:
        def call(self, n):
            return n and self.call(n - 1)

    depth = (sys.getrecursionlimit() - len(inspect.stack())) // 2 - 40
    with record(Base) as trace:
        assert Base().call(depth) == 0
    assert len(trace) == depth + 1
    assert trace.calls[-1].depth == depth
    assert len(trace.outline().splitlines()) == depth + 1


# Warnings, logging, and who called


class Warns:
    """Methods that name a caller by counting frames."""

    def __init__(self, level):
        warnings.warn(f"init {level}", UserWarning, stacklevel=level)

    def call(self, level):
        warnings.warn(f"call {level}", UserWarning, stacklevel=level)

    def outer(self, level):
        return self.inner(level)

    def inner(self, level):
        warnings.warn(f"inner {level}", DeprecationWarning, stacklevel=level)

    @classmethod
    def of_class(cls, level):
        warnings.warn(f"of_class {level}", UserWarning, stacklevel=level)

    @staticmethod
    def of_nobody(level):
        warnings.warn(f"of_nobody {level}", UserWarning, stacklevel=level)

    def log(self, level):
        logging.getLogger(__name__).warning("logged", stacklevel=level)

    def __getattr__(self, name):
        warnings.warn(f"no {name}", UserWarning, stacklevel=2)
        return 3


class SubWarns(Warns):
    """A subclass that hands over by `super`."""

    def __init__(self, level):
        super().__init__(level)

    def call(self, level):
        super().call(level)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_warnings_name_the_same_line(level):
    """`warnings.warn(stacklevel=...)` names the program's own file and line."""

    def use():
        obj = SubWarns(level)
        obj.call(level)
        obj.outer(level)
        obj.of_class(level)
        obj.of_nobody(level)
        return obj.missing

    def issued():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            use()
        return [(str(w.message), w.category, w.filename, w.lineno) for w in caught]

    found = []
    for recording in (contextlib.nullcontext(), record(Warns, methods=EVERYTHING)):
        with recording:
            found.append(issued())
    assert found[1] == found[0]


def test_warnings_are_shown_once_per_line():
    """The default filter, which keeps a registry in the module named, works as before."""

    def issued():
        globals().pop("__warningregistry__", None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(3):
                Warns(2)
        return [(str(w.message), w.filename, w.lineno) for w in caught]

    bare = issued()
    with record(Warns, methods=EVERYTHING):
        assert issued() == bare
    assert len(bare) == 1


def test_warnings_as_errors():
    """A warning that is an error has the same traceback."""

    def text():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning) as caught:
                SubWarns(2)
        return [(entry.name, entry.lineno) for entry in caught.traceback]

    found = []
    for recording in (contextlib.nullcontext(), record(Warns, methods=EVERYTHING)):
        with recording:
            found.append(text())
    assert found[1] == found[0]


@pytest.mark.parametrize("level", [1, 2])
def test_logging_names_the_same_line(level, caplog):
    """A log record's file, line and function are those of the program."""

    def logged():
        caplog.clear()
        obj = object.__new__(Warns)
        obj.log(level)
        (entry,) = caplog.records
        return entry.pathname, entry.lineno, entry.funcName

    found = []
    for recording in (contextlib.nullcontext(), record(Warns, methods=("log",))):
        with recording:
            found.append(logged())
    assert found[1] == found[0]


# Hostile arguments


def refuse(name):
    """Return a method that raises whenever it is called."""

    def method(self, *args, **kwargs):
        raise AssertionError(name)

    return method


SPECIAL = [
    "__repr__",
    "__str__",
    "__bytes__",
    "__format__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__hash__",
    "__bool__",
    "__len__",
    "__length_hint__",
    "__iter__",
    "__next__",
    "__reversed__",
    "__contains__",
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__missing__",
    "__getattr__",
    "__getattribute__",
    "__setattr__",
    "__delattr__",
    "__dir__",
    "__call__",
    "__enter__",
    "__exit__",
    "__int__",
    "__float__",
    "__complex__",
    "__index__",
    "__round__",
    "__add__",
    "__radd__",
    "__iadd__",
    "__copy__",
    "__deepcopy__",
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__sizeof__",
    "__instancecheck__",
    "__fspath__",
    "__array__",
    "__buffer__",
    "__await__",
    "__get__",
    "__set__",
    "__delete__",
    "__set_name__",
]

Refuses = type("Refuses", (), {name: refuse(name) for name in SPECIAL})


class HostileMeta(type):
    """A metaclass whose classes can be neither compared nor hashed nor shown."""

    __eq__ = refuse("eq")
    __hash__ = refuse("hash")
    __repr__ = refuse("repr")
    __bool__ = refuse("bool")
    __getattr__ = refuse("getattr")
    __instancecheck__ = refuse("instancecheck")
    __subclasscheck__ = refuse("subclasscheck")


class EqMeta(type):
    """A metaclass that defines `__eq__` and so has no `__hash__`."""

    def __eq__(cls, other):
        return True


class LyingClass:
    """An object that claims to be a number."""

    __class__ = int


class RaisingClass:
    """An object that raises when it is asked for its class."""

    @property
    def __class__(self):
        raise AssertionError("class")


class FalseArray:
    """Something with a shape and a dtype that cannot be read."""

    @property
    def shape(self):
        raise AssertionError("shape")

    @property
    def dtype(self):
        raise AssertionError("dtype")


class FatalArray:
    """Something whose shape ends the program when it is read."""

    dtype = "float32"

    @property
    def shape(self):
        raise SystemExit("shape")


def cyclic():
    """Return a list that holds itself, by way of all sorts of containers."""
    values = [1]
    values += [values, {"values": values, "t": (values,)}]
    return values


def deep():
    """Return a list that is nested far deeper than the recursion limit."""
    values = []
    for _ in range(100_000):
        values = [values]
    return values


class Endless2(list):
    """A list that claims to go on for ever."""

    def __iter__(self):
        while True:
            yield 1

    def __len__(self):
        return sys.maxsize


class HostileDict(dict):
    """A dictionary that lies about itself."""

    __iter__ = __len__ = __getitem__ = items = keys = values = __contains__ = refuse("dict")


class HostileStr(str):
    """A string that lies about itself."""

    __len__ = __iter__ = __getitem__ = __str__ = __repr__ = __format__ = __eq__ = refuse("str")
    __hash__ = refuse("hash")


class HostileInt(int):
    """A number that lies about itself."""

    __int__ = __index__ = __repr__ = __str__ = __eq__ = __bool__ = bit_length = refuse("int")
    __hash__ = refuse("hash")


class HostileFloat(float):
    """A number that lies about itself."""

    __float__ = __repr__ = __str__ = __eq__ = __bool__ = refuse("float")
    __hash__ = refuse("hash")


class HostileTuple(tuple):
    """A tuple that lies about itself."""

    __slots__ = ()
    __len__ = __iter__ = __getitem__ = __repr__ = __eq__ = refuse("tuple")
    __hash__ = refuse("hash")


class HostileEnum(enum.Enum):
    """An enumeration that cannot be shown."""

    ONE = 1
    __repr__ = __str__ = __format__ = refuse("enum")


@dataclasses.dataclass(repr=False, eq=False)
class HostileDataclass:
    """A dataclass whose fields are hostile."""

    x: object
    __repr__ = refuse("repr")


HOSTILE = {
    "everything raises": Refuses,
    "class of a hostile metaclass": lambda: HostileMeta("Hostile", (), {}),
    "object of a hostile metaclass": lambda: HostileMeta("Hostile", (), {})(),
    "class of a metaclass without hash": lambda: EqMeta("Same", (), {}),
    "object of a metaclass without hash": lambda: EqMeta("Same", (), {})(),
    "lying __class__": LyingClass,
    "raising __class__": RaisingClass,
    "false array": FalseArray,
    "fatal array": FatalArray,
    "cyclic": cyclic,
    "deep": deep,
    "endless": Endless2,
    "dict": lambda: HostileDict(a=1),
    "str": lambda: HostileStr("abc"),
    "long str": lambda: HostileStr("abc" * 1000),
    "int": lambda: HostileInt(3),
    "float": lambda: HostileFloat(3),
    "tuple": lambda: HostileTuple([1]),
    "enum": lambda: HostileEnum.ONE,
    "dataclass": lambda: HostileDataclass(Refuses()),
    "in containers": lambda: [Refuses(), {"a": Refuses()}, (Refuses(),)],
    "exception": lambda: Unshowable("x", Refuses()),
    "huge int": lambda: 1 << 1_000_000,
    "huge negative int": lambda: -(1 << 1_000_000),
    "huge str": lambda: "x" * 10_000_000,
    "huge bytes": lambda: b"x" * 10_000_000,
    "huge bytearray": lambda: bytearray(10_000_000),
    "huge list": lambda: [0] * 10_000_000,
    "huge range": lambda: range(10**30),
    "surrogates": lambda: "\udfff\ud800\x00\x1b[31m\n",
    "memoryview": lambda: memoryview(b"abc"),
    "half-built object": lambda: object.__new__(HostileDataclass),
    "mock": unittest.mock.MagicMock,
    "generator": lambda: (x for x in [1]),
    "released memoryview": lambda: released(),
    "proxy of nothing": lambda: dead_proxy(),
    "NaN": lambda: float("nan"),
    "not implemented": lambda: NotImplemented,
}


def released():
    """Return a memory view that may no longer be read."""
    view = memoryview(b"abc")
    view.release()
    return view


def dead_proxy():
    """Return a weak proxy of an object that is gone."""
    import weakref

    return weakref.proxy(Odd())


def make_receiver():
    """Return a class whose methods take anything in any way and give it back."""

    class Receiver:
        def __init__(self, x):
            pass

        def by_name(self, x):
            return x

        def by_default(self, x=None):
            return x

        def spread(self, *args, **kwargs):
            return args[0], kwargs["k"]

        def raising(self, x):
            raise ValueError(x)

        @classmethod
        def of_class(cls, *, x):
            return x

    return Receiver


@pytest.mark.parametrize("capture", ["values", "types", "none"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_arguments(kind, capture, recwarn):
    """Any object may be passed and returned: it is asked nothing, and comes back itself."""
    value, cls = HOSTILE[kind](), make_receiver()
    with record(cls, methods=EVERYTHING, capture=capture) as trace:
        obj = cls(value)
        assert obj.by_name(value) is value
        assert obj.by_name(x=value) is value
        assert obj.by_default(value) is value
        args, kwargs = obj.spread(value, value, k=value)
        assert args is value
        assert kwargs is value
        assert cls.of_class(x=value) is value
        with pytest.raises(ValueError) as caught:
            obj.raising(value)
        assert caught.value.args[0] is value
    assert len(trace) == 7
    assert len(trace.outline()) < 10_000
    assert len(str(trace)) < 10_000
    assert len([*trace.events()]) == 14
    for event in trace.events():
        event.to_dict()


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_arguments_survive_a_file(kind, tmp_path):
    """What stands for any object can be written, and read back to the same outline."""
    from callscope import load

    value, cls = HOSTILE[kind](), make_receiver()
    with record(cls, methods=EVERYTHING) as trace:
        cls(value).spread(value, k=[value])
    assert load(trace.save(tmp_path / "t.jsonl")).outline() == trace.outline()


def make_hostile_self(bases=(), **more):
    """Return a class all of whose special methods raise, with a method that can be traced."""
    namespace = {name: refuse(name) for name in SPECIAL}

    def call(self, x):
        return x

    return type("Hostile", bases, {**namespace, **more, "call": call})


@pytest.mark.parametrize("slots", [False, True], ids=["dict", "slots"])
def test_hostile_objects(slots):
    """The object a method runs on is asked nothing either."""
    cls = make_hostile_self(**({"__slots__": ()} if slots else {}))
    function = cls.__dict__["call"]
    with record(cls) as trace:
        obj = cls()
        assert vars(cls)["call"](obj, 1) == 1
        assert vars(cls)["call"](obj, x=2) == 2
    assert trace.outline() == (
        "Hostile.call(x=1) [Hostile#1] -> 1\nHostile.call(x=2) [Hostile#1] -> 2"
    )
    assert vars(cls)["call"] is function


def test_a_half_built_object_is_not_looked_at():
    """`__init__` of an object that `__repr__` and `__getattr__` cannot handle yet."""

    class Base:
        def __init__(self, x):
            self.x = self.call(x)

        def call(self, x):
            return [x, self]

        def __repr__(self):
            return f"Base({self.x})"

        def __getattr__(self, name):
            return getattr(self.x, name)

    with record(Base) as trace:
        Base(1)
    assert trace.outline() == (
        "Base.__init__(x=1) [Base#1]\n  Base.call(x=1) [Base#1] -> [1, <Base>]"
    )


UNUSUAL_SELF = {
    "None": lambda cls: None,
    "int": lambda cls: 3,
    "tuple": lambda cls: (1, 2),
    "object": lambda cls: object(),
    "proxy": lambda cls: proxy_of(cls),
    "the class": lambda cls: cls,
    "mock": lambda cls: unittest.mock.Mock(),
    "slotted": lambda cls: type("Slim", (), {"__slots__": ("x",)})(),
}
KEPT = []


def proxy_of(cls):
    """Return a weak proxy of an object that lives on."""
    import weakref

    KEPT.append(cls())
    return weakref.proxy(KEPT[-1])


@pytest.mark.parametrize("kind", UNUSUAL_SELF)
@pytest.mark.parametrize("name", ["call", "spread"])
def test_a_function_called_on_an_object_of_another_class(name, kind):
    """`Base.call(None, 1)` is a call like any other; tests of views do this."""

    class Base:
        def call(self, x):
            return self, x

        def spread(*args):
            return args

    with record(Base, methods=("call", "spread")) as trace:
        obj = UNUSUAL_SELF[kind](Base)
        found = getattr(Base, name)(obj, 1)
    assert found[0] is obj
    assert found[1] == 1
    assert [call.site for call in trace.calls] == [f"Base.{name}"]


def test_functions_without_self():
    """A function in a class that takes nothing can be called through the class."""

    class Base:
        def nothing():
            return 1

        def keywords(*, x=1):
            return x

        def spread(*args, **kwargs):
            return args, kwargs

    with record(Base, methods=("*",)) as trace:
        assert (Base.nothing(), Base.keywords(x=2), Base.spread(k=3)) == (1, 2, ((), {"k": 3}))
        with pytest.raises(TypeError) as caught:
            Base().nothing()
    assert (
        str(caught.value)
        == f"{Base.nothing.__qualname__}() takes 0 positional arguments but 1 was given"
    )
    assert [call.instance for call in trace.calls] == [None] * len(trace)
    assert [call.site for call in trace.calls][:2] == ["Base.nothing", "Base.keywords"]


# Other users of functions


def test_a_method_used_as_a_key_or_compared():
    """Within a recording, a method is equal to itself and hashes alike."""

    def observe(cls):
        obj = cls()
        table = {cls.method: 1, obj.method: 2}
        sub = type("Sub", (cls,), {})
        return (
            table[cls.method],
            table[obj.method],
            sub.method is cls.method,
            sub().method.__func__ is cls.method,
            obj.method == cls().method,
        )

    bare, woven = both(lambda: plain()[0], observe, calls=False)
    assert woven == bare


def test_single_dispatch_and_other_decorators_over_methods():
    """A woven method can be registered, wrapped, cached and made partial."""

    def observe(cls):
        obj = cls()
        dispatch = functools.singledispatch(lambda x: "default")
        dispatch.register(int)(lambda x: obj.method(x))
        cached = functools.lru_cache(obj.method)
        return (
            dispatch(3),
            cached(4),
            cached(4),
            functools.partialmethod(cls.method, 5).__get__(obj)(),
            [*map(obj.method, [1, 2])],
            functools.reduce(lambda a, b: (a, obj.method(b)), [1, 2, 3]),
        )

    bare, woven = both(lambda: plain()[0], observe)
    assert woven == bare


def test_contextvars_and_threads_see_the_program_alone():
    """A context copied during a recording holds no variable of ours."""
    import contextvars

    class Base:
        def call(self):
            return len(contextvars.copy_context())

    bare = Base().call()
    with record(Base):
        assert Base().call() == bare


def test_tracing_functions_of_others_still_work():
    """`sys.setprofile` sees the program's own methods run, as often as they do."""
    seen = []

    class Base:
        def call(self):
            return 1

    def profile(frame, event, arg):
        if event == "call" and frame.f_code.co_filename == __file__:
            seen.append(frame.f_code.co_name)

    with record(Base):
        obj = Base()
        sys.setprofile(profile)
        try:
            obj.call()
        finally:
            sys.setprofile(None)
    assert seen == ["call"]


def test_the_source_of_a_wrapper_can_be_shown():
    """A debugger that stops in a wrapper finds its source."""
    import linecache

    class Base:
        def call(self, x):
            return x

    with record(Base):
        code = Base.call.__code__
        line = linecache.getline(code.co_filename, code.co_firstlineno)
        linecache.checkcache()
        assert linecache.getline(code.co_filename, code.co_firstlineno) == line
    assert "def" in line

"""Transparency of what is not a program of the zoo: odd code, the limit of recursion, hostile values.

That programs of every kind behave and look as they do without callscope is tested by `test_zoo.py`.
"""

# The programs in here are odd on purpose.
# ruff: noqa: PLW0108, PT011, SLOT000

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import inspect
import sys
import traceback
import unittest.mock

import pytest

from callscope import engine, instrument, record
from callscope.weave.in_place import is_attached
from zoo import EVERYTHING
from zoo.exceptions import Chained, Grouped, Hostile, Unshowable

# What is not traced


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


def test_what_is_not_traced_is_listed():
    """No kind of method is skipped silently."""
    base = make_other_kinds()
    with instrument(base, methods=("*",)) as handle, record():
        found = {c.site.rpartition(".")[2]: c.reason for c in handle.coverage()}
        methods = vars(base)
        woven = [n for n in found if hasattr(methods[n], "__wrapped__") or is_attached(methods[n])]
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


# Exceptions


def test_the_error_of_a_call_is_recorded_with_its_class_and_message():
    """Also of exceptions that nothing may be asked of."""
    names = ["simple", "by_c", "slotted", "forbids", "frozen", "own_traceback", "unshowable"]
    with record(Chained, Hostile, methods=("*",)) as trace:
        for name in names:
            with contextlib.suppress(Exception):
                getattr(Chained() if hasattr(Chained, name) else Hostile(), name)()
    assert [call.error for call in trace.calls] == [
        ("ValueError", "simple"),
        ("ValueError", "invalid literal for int() with base 10: 'x'"),
        ("zoo.exceptions.Slotted", "1"),
        ("zoo.exceptions.Forbids", "x"),
        ("zoo.exceptions.Frozen", "3"),
        ("zoo.exceptions.OwnTraceback", ""),
        ("zoo.exceptions.Unshowable", ""),
    ]


@pytest.mark.parametrize("name", ["simple", "nested", "from_cause", "group", "recursion"])
def test_tracebacks_of_a_kept_wrapper_are_the_same(name):
    """A bound method that was taken during a recording leaves no frame either, when it is off."""

    def text(method):
        try:
            method()
        except Exception:
            return traceback.format_exc()

    bare = text(getattr(Grouped(), name))
    with record(Chained, methods=("*",)):
        kept = getattr(Grouped(), name)
    assert text(kept) == bare


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
    assert bare == ("maximum recursion depth exceeded", None, {__file__})
    # These are asked before each call, and may be what reaches the limit.
    asks_greenlet = "greenlet" in sys.modules and engine == "python"
    if "torch" in sys.modules or asks_greenlet:
        assert woven[:2] == bare[:2]
    else:
        assert woven == bare
    assert {call.error.type for call in trace.calls} == {"RecursionError"}


@pytest.mark.parametrize("limit", [1_000, 3_000])
def test_endless_generators(limit):
    """However little depth is left to note it, the error is Python's, and it came the same way."""

    class Base:
        def endless(self):
            nonlocal active
            active += 1
            yield from self.endless()

    def descend(depth):
        if depth:
            return descend(depth - 1)
        try:
            next(Base().endless())
        except Exception as error:
            frames = traceback.walk_tb(error.__traceback__)
            names = [frame.f_code.co_name for frame, _ in frames if frame.f_code in known]
            return type(error), names.count("endless") - active, names.count("descend")

    known, found = {descend.__code__, Base.endless.__code__}, []
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        with record(Base, methods=("endless",)):
            for depth in range(12):
                active = 0
                found.append(descend(depth))
    finally:
        sys.setrecursionlimit(before)
    assert found == [(RecursionError, 0, 1)] * 12


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

    return weakref.proxy(Refuses())


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

"""Recording in place: functions stay what they are, where they are, and none of their calls is lost."""

import contextlib
import functools
import gc
import inspect
import pickle
import sys
import weakref

import pytest

from callscope import record
from ways import IN_PLACE

pytestmark = pytest.mark.skipif(not IN_PLACE, reason="nothing is recorded in place here")

TIMES = 3_000
EVERYTHING = ("*", "__*__")


class Base:
    """A method for each way in which the interpreter may specialize its call."""

    def __init__(self, x):
        self.x = x

    def method(self, y):
        return y

    def __call__(self, y):
        return y

    def __getitem__(self, y):
        return y

    def __eq__(self, other):
        return other == 1

    __hash__ = None

    def __len__(self):
        return 1

    def __bool__(self):
        return True

    def __contains__(self, y):
        return True

    def __getattr__(self, name):
        return name

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def __add__(self, other):
        return 1

    def __iter__(self):
        return iter((1,))

    def __format__(self, text):
        return text

    @property
    def prop(self):
        return 1

    @functools.cached_property
    def kept(self):
        return 1

    @classmethod
    def of_class(cls, y):
        return y

    @staticmethod
    def of_nothing(y):
        return y

    def keyword_only(self, *, y=1):
        return y

    def variadic(self, *args, **kwargs):
        return args, kwargs


class Sub(Base):
    def __init__(self, x):
        super().__init__(x)

    def method(self, y):
        return super().method(y)


class Slotted(Base):
    __slots__ = ("y",)


def entered(obj):
    with obj:
        return 1


WAYS = {
    "method": lambda obj: obj.method(1),
    "through the class": lambda obj: Base.method(obj, 1),
    "bound": lambda obj, kept=Base(1).method: kept(1),
    "super": lambda _, sub=Sub(1): sub.method(1),
    "make": lambda _: Base(1),
    "make with a keyword": lambda _: Base(x=1),
    "make a subclass": lambda _: Sub(1),
    "make a slotted one": lambda _: Slotted(1),
    "call": lambda obj: obj(1),
    "item": lambda obj: obj[1],
    "equal": lambda obj: obj == 1,
    "length": len,
    "truth": lambda obj: 1 if obj else 0,
    "contains": lambda obj: 1 in obj,
    "getattr": lambda obj: obj.nothing,
    "with": entered,
    "operator": lambda obj: obj + 1,
    "iteration": lambda obj: [*obj],
    "format": lambda obj: f"{obj:a}",
    "property": lambda obj: obj.prop,
    "cached property": lambda obj: (obj.kept, vars(obj).pop("kept")),
    "classmethod": lambda obj: obj.of_class(1),
    "staticmethod": lambda obj: obj.of_nothing(1),
    "keyword-only": lambda obj: obj.keyword_only(y=2),
    "spread": lambda obj: obj.variadic(*(1, 2), a=3),
    "from C": lambda obj: [*map(obj.method, (1,))],
}
CALLS = {"super": 2, "make a subclass": 2, "with": 2, "iteration": 2}  # a list asks for a length


@pytest.mark.parametrize("way", WAYS)
def test_no_call_is_lost(way):
    """Also where the interpreter has specialized it before, in and after earlier recordings."""
    use, obj = WAYS[way], Base(1)
    results = []
    for _ in range(3):
        results += [repr(use(obj))[:20] for _ in range(100)]
        with record(Base, methods=EVERYTHING, capture="none") as trace:
            for _ in range(TIMES):
                use(obj)
        assert len(trace) == TIMES * CALLS.get(way, 1), way
    assert len({*results}) == 1


@pytest.mark.parametrize("capture", ["none", "values"])
def test_classes_stay_what_they_are(capture):
    """Only what sees new subclasses is added, and from Python 3.13 on, `__init__` has a shadow."""
    before = [dict(vars(cls)) for cls in (Base, Sub, Slotted)]
    with record(Base, methods=EVERYTHING, capture=capture) as trace:
        during = [dict(vars(cls)) for cls in (Base, Sub, Slotted)]
        Sub(1).method(2)
    assert during[0].pop("__init_subclass__")
    changed = {
        name
        for now, was in zip(during, before, strict=True)
        for name in was
        if now[name] is not was[name]
    }
    assert changed == ({"__init__"} if sys.version_info >= (3, 13) else set())
    assert [now.keys() for now in during] == [was.keys() for was in before]
    assert [dict(vars(cls)) for cls in (Base, Sub, Slotted)] == before
    assert len(trace) == 4


def test_a_function_is_what_was_written():
    """Nothing tells a recorded method from another one."""
    with record(Base, methods=EVERYTHING):
        method = Base.method
        assert not hasattr(method, "__wrapped__")
        assert method.__code__.co_filename == __file__
        assert pickle.loads(pickle.dumps(method)) is method
        assert inspect.getsource(method).strip().startswith("def method")


def test_a_class_is_not_kept_alive():
    """Neither by its recorder nor by the values that its methods have as defaults."""

    class Default:
        pass

    class Short(Base):
        def method(self, y=Default()):
            return y

    with record(Base, methods=("method",)) as trace:
        Short(1).method()
        ref, of_default = weakref.ref(Short), weakref.ref(Default)
        del Short, Default
        gc.collect()
        assert (ref(), of_default()) == (None, None)
        for _ in range(20):  # a function may get the address of an old one

            class Next(Base):
                def method(self, y=2):
                    return y

            assert Next(1).method() == 2
            del Next
            gc.collect()
    assert [call.site for call in trace.calls] == [
        "Short.method",
        *["Next.method"] * 20,
    ]


def test_another_code_is_run_and_not_recorded():
    """What a program puts into a function meanwhile may take any arguments."""

    class Changed:
        def method(self, x):
            return x

    def other(self, x, y):
        return x + y

    with record(Changed, methods=("method",)) as trace:
        Changed().method(1)
        Changed.method.__code__ = other.__code__
        assert Changed().method(1, 2) == 3
    assert len(trace) == 1


def test_a_default_that_is_changed_meanwhile():
    """An argument that is left out is not told, whatever the default is by then."""

    class Changed:
        def method(self, x=1, *, y=2):
            return x, y

    with record(Changed, methods=("method",)) as trace:
        Changed.method.__defaults__, Changed.method.__kwdefaults__ = (5,), {"y": 6}
        assert Changed().method() == (5, 6)
        Changed().method(1, y=2)
    assert [call.arguments for call in trace.calls] == [{}, {"x": 1, "y": 2}]


def test_functions_that_are_several_sites():
    """They have a shadow for each, so that each call is told by the name it was made by."""

    class Alias:
        def call(self):
            return 1

        forward = call

    class Lender:
        borrowed = Alias.call

    with record(Alias, Lender, methods=("call", "forward", "borrowed")) as trace:
        Alias().call()
        Alias().forward()
        Lender.borrowed(Lender())
    assert [call.site for call in trace.calls] == ["Alias.call", "Alias.forward", "Lender.borrowed"]


def test_a_function_that_becomes_a_second_site():
    """A class that is made while another's function is recorded in place may hold it, too."""

    class Root:
        def call(self):
            return 1

    with record(Root, methods=("call", "other")) as trace:
        Root().call()

        class Late(Root):
            other = Root.call

        Late().call()
        Late().other()
    assert [call.site for call in trace.calls] == ["Root.call", "Root.call", "Late.other"]


def test_strangers_are_not_recorded():
    """The methods of a base are recorded on the objects of a recorded class alone."""

    class Mine(Base):
        pass

    with record(Mine, methods=("method",)) as trace:
        Mine(1).method(2)
        Sub(1).method(3)
        Base(1).method(4)
    assert [(call.site, call.arguments) for call in trace.calls] == [("Base.method", {"y": 2})]


def test_keywords_of_any_make():
    """Names that are not interned, and what `**kwargs` takes, are bound as the interpreter does."""

    class Named:
        def call(self, a, /, b, *, c=1, **others):
            return a, b, c, others

        def strict(self, x):
            return x

    names = {str(b"b", "ascii"): 2, "cc"[1:]: 3, "a": 4, "é": 5}
    with record(Named, methods=("*",)) as trace:
        assert Named().call(1, **names) == (1, 2, 3, {"a": 4, "é": 5})
        with pytest.raises(TypeError, match="strict"):
            Named().strict(y=1)
        with pytest.raises(TypeError, match="strict"):
            Named().strict(1, x=1)
    assert [call.arguments for call in trace.calls] == [{"a": 1, "b": 2, "c": 3, "**a": 4, "é": 5}]


def test_recordings_overlap():
    """The second finds the function recorded already, and both tell of each call."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(record(Base, methods=("method",), capture="types"))
        Base(1).method(1)
        with record(Base, methods=("method",)) as second:
            Base(1).method(2)
        Base(1).method(3)
    assert [call.arguments["y"] for call in first.calls] == ["int"] * 3
    assert [call.arguments["y"] for call in second.calls] == [2]

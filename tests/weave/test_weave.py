"""Weaving: wrappers into the dicts of classes while a recording runs, and out again exactly."""

# ruff: noqa: C901, PT008  # a family of classes; patches and recordings that overlap

import abc
import dataclasses
import enum
import functools
import gc
import sys
import typing
import unittest.mock
import weakref

import pytest

from callscope import Traced, engine, instrument, record, rescan, start, stop, traced
from callscope.weave.entry import changes_of
from ways import IN_PLACE

EVERYTHING = ("*", "__*__")


def content(*classes):
    """Return what the dicts of some classes hold: names in order, and the identity of each value."""
    return [[(name, id(value)) for name, value in vars(cls).items()] for cls in classes]


def calls(trace):
    """Return the sites of a trace in the order they were called."""
    return [call.site for call in trace.calls]


def make_family():
    """Return a root, two subclasses and their diamond, with one of each sort of method."""

    class A:
        def __init__(self, x):
            self.x = x

        def call(self, y):
            return ["A"]

        @classmethod
        def of_class(cls):
            return cls.__name__

        @staticmethod
        def of_nobody(y):
            return y

        @property
        def computed(self):
            return self.x

        def generator(self):
            yield self.x

        alias = call

    class B(A):
        def call(self, y):
            return ["B", *super().call(y)]

        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)

    class C(A):
        def __new__(cls, *args):
            return super().__new__(cls)

        def call(self, y):
            return ["C", *super().call(y)]

        @classmethod
        def of_class(cls):
            return "C " + super().of_class()

    class D(B, C):
        __slots__ = ()

        def __del__(self):
            pass

    return A, B, C, D


# Nothing is changed while nothing records


def test_dicts_are_identical_after_a_recording():
    """The very same objects stand in the dicts of all classes, in the same order."""
    family = make_family()
    before = content(*family)
    with record(family[0], methods=EVERYTHING) as trace:
        family[-1](1).call(2)
        assert content(*family) != before
    assert content(*family) == before
    assert calls(trace) == ["C.__new__", "A.__init__", "B.call", "C.call", "A.call"]


def test_dicts_are_identical_after_many_recordings():
    """Any number of recordings, by any of the ways to record, leaves nothing behind."""
    family = make_family()
    before = content(*family)
    for _ in range(20):
        with record(family[0]), record(family[1], methods=("call",), capture="types"):
            family[-1](1).call(2)
    start(family[0])
    stop()
    with instrument(family[2]), record():
        pass
    assert content(*family) == before


def test_dicts_are_identical_after_overlapping_recordings():
    """Recordings need not end in the reverse order of their beginning."""
    family = make_family()
    before = content(*family)
    first, second, third = (record(cls, methods=EVERYTHING) for cls in family[:3])
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    third.__enter__()
    second.__exit__(None, None, None)
    assert content(*family) != before
    third.__exit__(None, None, None)
    assert content(*family) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_dicts_are_identical_after_an_exception(error):
    """A block that raises unweaves too, and the exception goes on."""
    family = make_family()
    before = content(*family)
    with pytest.raises(error), record(family[0]):
        raise error
    assert content(*family) == before


def test_declaring_and_coverage_change_no_dict():
    """Only a recording weaves."""
    family = make_family()
    before = content(*family)
    traced(family[0])
    with instrument(family[1], methods=EVERYTHING) as handle:
        handle.coverage()
        assert content(*family) == before
    assert content(*family) == before


def test_a_declared_class_has_what_an_undeclared_one_has():
    """`Traced` adds nothing to the dict of its subclasses."""

    class Plain:
        def call(self):
            pass

    class Declared(Traced):
        def call(self):
            pass

    assert [*vars(Declared)] == [*vars(Plain)]


def test_a_recording_of_another_hierarchy_does_not_weave():
    """A class is woven only by recordings that want it."""
    family, other = make_family(), make_family()
    traced(family[0])
    before = content(*family)
    with record(other[0]):
        assert content(*family) == before


def test_classmethod_and_staticmethod_objects_are_put_back():
    """The descriptor objects themselves return, and not equal ones."""
    a, _, c, _ = make_family()
    descriptors = [
        vars(cls)[name] for cls in (a, c) for name in ("of_class", "of_nobody") if name in vars(cls)
    ]
    with record(a, methods=EVERYTHING):
        woven = [type(vars(a)[name]) for name in ("of_class", "of_nobody")]
        assert (c(1).of_class(), a.of_nobody(3)) == ("C C", 3)
    assert woven == [classmethod, staticmethod]
    again = [
        vars(cls)[name] for cls in (a, c) for name in ("of_class", "of_nobody") if name in vars(cls)
    ]
    assert [*map(id, again)] == [*map(id, descriptors)]


# Own methods only


def test_an_inherited_method_is_not_pinned_onto_a_subclass():
    """In a diamond, the chain stays as the MRO has it: B, C, A and not B, A."""
    a, b, c, d = make_family()
    with record(b, methods=("call",)) as trace:
        assert d(1).call(2) == ["B", "C", "A"]
        assert "call" not in vars(d)
    assert calls(trace) == ["B.call", "C.call", "A.call"]
    with record(b, methods=("call",), bases=False) as trace:
        assert d(1).call(2) == ["B", "C", "A"]
    assert calls(trace) == ["B.call"]
    with record(a, methods=("call",)) as trace:
        assert d(1).call(2) == ["B", "C", "A"]
    assert trace.outline() == (
        "B.call(y=2) [D#1] -> ['B', 'C', 'A']\n"
        "  C.call(y=2) [D#1] -> ['C', 'A']\n"
        "    A.call(y=2) [D#1] -> ['A']"
    )
    assert c.__mro__ == (c, a, object)


def test_without_bases_a_root_that_inherits_its_methods_traces_overrides_only():
    """What a class outside of the hierarchy defines is then left alone."""

    class Outside:
        def call(self):
            return ["Outside"]

    class Root(Outside):
        pass

    class Sub(Root):
        def call(self):
            return ["Sub", *super().call()]

    before = content(Outside, Root)
    with record(Root, bases=False) as trace:
        assert Sub().call() == ["Sub", "Outside"]
        assert [name for name in vars(Root) if name == "call"] == []
        assert content(Outside) == before[:1]
    assert calls(trace) == ["Sub.call"]


def test_object_init_is_never_touched():
    """A class with only a `__new__` that takes arguments can still be made."""

    class Base:
        def __new__(cls, *args, **kwargs):
            return super().__new__(cls)

        def call(self):
            return 1

    class Sub(Base):
        pass

    with record(Base, methods=("__init__", "__new__", "call")) as trace:
        assert Sub(1, x=2).call() == 1
        assert Sub.__init__ is object.__init__
    assert Sub(1, x=2).call() == 1
    assert calls(trace) == ["Base.__new__", "Base.call"]


def test_object_still_refuses_arguments():
    """A class with neither `__new__` nor `__init__` refuses arguments as ever, during and after."""

    class Base:
        def call(self):
            pass

    with record(Base, methods=EVERYTHING), pytest.raises(TypeError, match="takes no arguments"):
        Base(1)
    with pytest.raises(TypeError, match="takes no arguments"):
        Base(1)


def test_two_names_for_one_function():
    """Each name is a site of its own, and both get the very same function back."""

    class Base:
        def call(self, x):
            return x

        forward = call

    function = vars(Base)["call"]
    with record(Base, methods=("call", "forward")) as trace:
        Base().forward(1)
        Base().call(2)
    assert trace.outline() == ("Base.forward(x=1) [Base#1] -> 1\nBase.call(x=2) [Base#2] -> 2")
    assert vars(Base)["call"] is vars(Base)["forward"] is function


def test_one_function_in_two_classes():
    """A function that two classes share is a site of each."""

    def shared(self, x):
        return x

    class Base:
        call = shared

    class Sub(Base):
        call = shared

    with record(Base) as trace:
        Base().call(1)
        Sub().call(2)
        shared(None, 3)
    assert trace.outline() == "Base.call(x=1) [Base#1] -> 1\nSub.call(x=2) [Sub#2] -> 2"


def test_two_classes_of_one_bare_name_are_shown_with_their_modules():
    """As people do who call their own class `LSTM` as well."""

    class LSTM:
        __module__ = "keras"
        __qualname__ = "LSTM"

        def call(self):
            pass

    base = LSTM

    class LSTM(base):
        __module__ = "app.models"
        __qualname__ = "LSTM"

        def call(self):
            super().call()

    with record(base) as trace:
        LSTM().call()
    assert trace.outline() == (
        "app.models.LSTM.call() [app.models.LSTM#1]\n  keras.LSTM.call() [app.models.LSTM#1]"
    )


def test_a_class_name_with_a_dot_in_it():
    """A generated name such as `Box[a.b]` is shown whole."""

    class Base:
        def call(self):
            pass

    boxed = type("Box[a.b]", (Base,), {"__module__": "app", "call": lambda self: 3})
    with record(Base) as trace:
        boxed().call()
    assert trace.outline() == "Box[a.b].call() [Box[a.b]#1] -> 3"


# Once is enough


def test_declared_and_instrumented_twice_gives_one_event_per_call():
    """However often a hierarchy is declared, one call is one call."""

    class Base(Traced):
        def call(self):
            pass

    class Sub(Base, methods=("call",)):
        def call(self):
            super().call()

    traced(Base)
    traced(Sub)
    with instrument(Base), instrument(Base, methods=("c*",)), instrument(Sub), record() as trace:
        Sub().call()
    assert trace.outline() == "Sub.call() [Sub#1]\n  Base.call() [Sub#1]"


def test_a_target_named_twice_gives_one_event_per_call():
    """A class and its subclass as targets of one recording overlap."""
    a, b, _, _ = make_family()
    with record(a, a, b, methods=("call",)) as trace:
        b(1).call(2)
    assert calls(trace) == ["B.call", "A.call"]


def test_nested_recordings_each_have_every_call_once():
    """Recordings of one hierarchy within one another do not count double."""
    a, b, _, _ = make_family()
    with record(a, methods=("call",)) as outer:
        b(1).call(0)
        with record(a, methods=("call",)) as inner:
            b(1).call(1)
        b(1).call(2)
    assert calls(inner) == ["B.call", "A.call"]
    assert calls(outer) == ["B.call", "A.call"] * 3


def test_nested_recordings_capture_each_in_its_own_way():
    """Each trace has the methods and the values that its recording asked for."""

    class Base:
        def first(self, x):
            return self.second(x)

        def second(self, x):
            return x

    with (
        record(Base, methods=("first",)) as values,
        record(Base, methods=("second",), capture="types") as types_,
        record(Base, methods=("first", "second"), capture="none") as none,
    ):
        Base().first(1)
    assert values.outline() == "Base.first(x=1) [Base#1] -> 1"
    assert types_.outline() == "Base.second(x=int) [Base#1] -> int"
    assert none.outline() == "Base.first [Base#1]\n  Base.second [Base#1]"


def test_overlapping_recordings_with_other_captures_and_methods():
    """What a recording captures does not change when another begins or ends."""

    class Base:
        def call(self, x, *args, **kwargs):
            return x

    first, second = record(Base), record(Base, capture="types")
    one = first.__enter__()
    Base().call(1, 2, k=3)
    two = second.__enter__()
    Base().call("a", "b", k="c")
    first.__exit__(None, None, None)
    Base().call(None)
    second.__exit__(None, None, None)
    assert one.outline() == (
        "Base.call(x=1, args[0]=2, k=3) [Base#1] -> 1\n"
        "Base.call(x='a', args[0]='b', k='c') [Base#2] -> 'a'"
    )
    assert two.outline() == (
        "Base.call(x=str, args[0]=str, k=str) [Base#1] -> str\nBase.call(x=NoneType) [Base#2]"
    )


def test_a_recording_that_begins_and_ends_inside_a_call():
    """It has the calls between; the outer recording has them all."""

    class Base:
        def call(self, x):
            if x:
                with record(Base) as trace:
                    self.call(x - 1)
                return trace.outline()
            return "end"

    obj = Base()
    with record(Base, capture="none") as outer:
        inner = obj.call(1)
    assert inner == "Base.call(x=0) [Base#1] -> 'end'"
    assert outer.outline() == "Base.call [Base#1]\n  Base.call [Base#1]"


def test_a_recording_that_ends_inside_a_call_it_saw_begin():
    """The call is then in the trace and has not finished; the class is as it was."""

    class Base:
        def call(self):
            stop()
            return 1

    before = content(Base)
    trace = start(Base)
    assert Base().call() == 1
    assert trace.outline() == "Base.call() [Base#1] ..."
    assert content(Base) == before
    with record(Base) as trace, pytest.raises(RuntimeError):
        Base().call()
    assert [call.finished for call in trace.calls] == [True]


# New subclasses


def test_a_subclass_made_during_a_recording_is_traced():
    """From its first call on, and its dict is as it was written when the recording has ended."""

    class Base:
        def call(self):
            return 1

    with record(Base) as trace:

        class Sub(Base):
            def call(self):
                return super().call() + 1

        class SubSub(Sub):
            __init__ = lambda self: None  # noqa: E731

        SubSub().call()
    assert trace.outline() == (
        "SubSub.__init__() [SubSub#1]\nSub.call() [SubSub#1] -> 2\n  Base.call() [SubSub#1] -> 1"
    )
    assert vars(Sub)["call"].__code__.co_filename == __file__
    assert "__init_subclass__" not in vars(Base)


def test_an_init_subclass_that_does_not_call_super():
    """Classes below one that keeps the root's `__init_subclass__` from running are traced too."""
    seen = []

    class Base:
        def call(self):
            pass

    class Middle(Base):
        def __init_subclass__(cls, **kwargs):
            seen.append((cls.__name__, kwargs))

    with record(Base) as trace:

        class Sub(Middle, plugin=1):
            def call(self):
                pass

        class Late(Base):
            def __init_subclass__(cls):
                seen.append(cls.__name__)

        class LateSub(Late):
            def call(self):
                pass

        Sub().call()
        LateSub().call()
    assert calls(trace) == ["Sub.call", "LateSub.call"]
    assert seen == [("Sub", {"plugin": 1}), "LateSub"]


def test_a_mixin_whose_init_subclass_does_not_call_super():
    """A class outside of the hierarchy may end the chain; `rescan` finds what came past it."""

    class Mixin:
        def __init_subclass__(cls):
            pass

    class Base:
        def call(self):
            pass

    with record(Base) as trace:

        class Sub(Mixin, Base):
            def call(self):
                pass

        rescan()
        Sub().call()
    assert calls(trace) == ["Sub.call"]


def test_class_keywords_reach_the_users_init_subclass():
    """Arguments, defaults and errors of `__init_subclass__` are those of the user's own."""
    seen = []

    class Base:
        def __init_subclass__(cls, /, plugin, *, debug=False, **kwargs):
            seen.append((cls.__name__, plugin, debug, kwargs))
            super().__init_subclass__()

        def call(self):
            pass

    with record(Base):

        class Sub(Base, plugin="a", cls=1):
            pass

        with pytest.raises(TypeError) as caught:

            class Bad(Base):
                pass

    assert seen == [("Sub", "a", False, {"cls": 1})]
    assert "missing 1 required positional argument: 'plugin'" in str(caught.value)


def test_an_unknown_class_keyword_raises_the_same_error():
    """A root without `__init_subclass__` refuses class keywords in the words of Python."""

    class Base:
        def call(self):
            pass

    def message():
        with pytest.raises(TypeError) as caught:
            type("Sub", (Base,), {}, plugin=1)
        return str(caught.value), [entry.name for entry in caught.traceback]

    bare = message()
    with record(Base):
        assert message() == bare


def test_an_init_subclass_that_raises():
    """Its traceback has no frame of ours, and the class that failed is not kept."""

    class Base:
        def __init_subclass__(cls):
            raise ValueError(cls.__name__)

        def call(self):
            pass

    def frames():
        with pytest.raises(ValueError, match="Sub") as caught:
            type("Sub", (Base,), {})
        return [entry.name for entry in caught.traceback]

    bare = frames()
    with record(Base):
        assert frames() == bare


def test_a_new_class_is_adopted_when_its_init_subclass_makes_an_object():
    """`__init_subclass__` may itself call the new class, as plugin registries do."""
    made = []

    class Base:
        def __init_subclass__(cls):
            made.append(cls().call())

        def call(self):
            return "Base"

    with record(Base) as trace:

        class Sub(Base):
            def call(self):
                return "Sub"

        Sub().call()
    assert made == ["Sub"]
    assert calls(trace)[-1] == "Sub.call"


def test_generic_classes():
    """`Generic` has an `__init_subclass__` of its own, which still runs."""
    T = typing.TypeVar("T")

    class Box(typing.Generic[T]):
        def call(self, x: T) -> T:
            return x

    with record(Box) as trace:

        class IntBox(Box[int]):
            def call(self, x):
                return super().call(x)

        IntBox().call(1)
        Box[str]().call("a")
        with pytest.raises(TypeError):
            type("Bad", (Box, typing.Generic), {})
    assert calls(trace) == ["IntBox.call", "Box.call", "Box.call"]
    assert Box.__parameters__ == (T,)
    assert IntBox.__parameters__ == ()


def test_a_dataclass_made_during_a_recording():
    """`dataclass` adds `__init__` after the class was made; `rescan` finds it."""

    class Base:
        def call(self):
            return 1

    with record(Base) as trace:

        @dataclasses.dataclass
        class Point(Base):
            x: int

            def call(self):
                return self.x

        rescan()
        Point(3).call()
    assert trace.outline() == "Point.__init__(x=3) [Point#1]\nPoint.call() [Point#1] -> 3"


def test_a_dataclass_made_before_a_recording():
    """Generated methods are methods like any other."""

    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 0

    with record(Point, methods=("__init__", "__eq__", "__repr__")) as trace:
        assert Point(1) == Point(1, 0)
    assert trace.outline() == (
        "Point.__init__(x=1) [Point#1]\n"
        "Point.__init__(x=1) [Point#2]\n"
        "Point.__eq__(other=Point(x=1, y=0)) [Point#1] -> True"
    )


def test_a_slotted_dataclass_is_made_twice_and_woven_once():
    """Its second self gives one event per call, under its own name, and is unwoven exactly."""

    class Base:
        __slots__ = ()

        def call(self):
            return 1

    with record(Base, methods=("call", "of_class", "of_nobody")) as trace:

        @dataclasses.dataclass(slots=True)
        class Point(Base):
            x: int

            def call(self):
                return self.x

            @classmethod
            def of_class(cls):
                return cls(1)

            @staticmethod
            def of_nobody():
                return 2

        Point(3).call()
        assert Point.of_class() == Point(1)
        Point.of_nobody()
    assert calls(trace) == ["Point.call", "Point.of_class", "Point.of_nobody"]
    functions = [
        vars(Point)["call"],
        vars(Point)["of_class"].__func__,
        vars(Point)["of_nobody"].__func__,
    ]
    assert {function.__code__.co_filename for function in functions} == {__file__}
    assert not any(hasattr(function, "__wrapped__") for function in functions)
    assert {call.defining_class for call in trace.calls} == {f"{__name__}.{Point.__qualname__}"}


def test_a_slotted_dataclass_with_an_init_subclass_of_its_own():
    """What watches for new classes does not stay in the second self."""

    class Base:
        def call(self):
            pass

    with record(Base):

        @dataclasses.dataclass(slots=True)
        class Point(Base):
            x: int

            def __init_subclass__(cls):
                pass

            def __del__(self):
                pass

    assert vars(Point)["__init_subclass__"].__func__.__code__.co_filename == __file__
    assert vars(Point)["__del__"].__code__.co_filename == __file__


def test_a_slotted_dataclass_root_is_traced_as_its_second_self():
    """The class that the decorator returns is the one that is traced."""

    @traced
    @dataclasses.dataclass(slots=True)
    class Point:
        x: int

        def call(self):
            return self.x

    @dataclasses.dataclass(slots=True)
    class Other(Traced):
        x: int

        def call(self):
            return self.x

    with record() as trace:
        Point(1).call()
        Other(2).call()
    assert calls(trace) == ["Point.__init__", "Point.call", "Other.__init__", "Other.call"]


def test_a_method_set_during_a_recording_is_unharmed():
    """A method that is added or replaced while recording stays when the recording ends."""

    class Base:
        def call(self):
            return 1

    def added(self):
        return 2

    with record(Base, methods=("call", "added")):
        Base.added = added
        Base.call = added
        assert (Base().added(), Base().call()) == (2, 2)
    assert vars(Base)["added"] is added
    assert vars(Base)["call"] is added


def test_a_method_deleted_during_a_recording_stays_deleted():
    """Unweaving does not bring back what the program took away."""

    class Base:
        def call(self):
            return 1

    class Sub(Base):
        def call(self):
            return 2

    with record(Base):
        del Sub.call
        assert Sub().call() == 1
    assert "call" not in vars(Sub)


# Odd metaclasses


class Refuses(type):
    """A metaclass whose classes take no attributes."""

    def __setattr__(cls, name, value):
        raise AttributeError(name)

    def __delattr__(cls, name):
        raise AttributeError(name)


class Unhashable(type):
    """A metaclass whose classes compare by name and so cannot be hashed."""

    def __eq__(cls, other):
        return cls.__name__ == other.__name__

    __hash__ = None


class Hostile(type):
    """A metaclass whose classes can be neither compared nor hashed nor shown nor tested."""

    def __eq__(cls, other):
        raise AssertionError("eq")

    def __hash__(cls):
        raise AssertionError("hash")

    def __repr__(cls):
        raise AssertionError("repr")

    def __bool__(cls):
        raise AssertionError("bool")

    def __len__(cls):
        raise AssertionError("len")

    def __iter__(cls):
        raise AssertionError("iter")

    def __instancecheck__(cls, obj):
        raise AssertionError("instancecheck")

    def __subclasscheck__(cls, other):
        raise AssertionError("subclasscheck")


class Lies(type):
    """A metaclass that gives false answers about its classes."""

    def __subclasses__(cls):
        raise AssertionError("subclasses")

    def mro(cls):
        return [*super().mro()]

    def __getattribute__(cls, name):
        if name in ("__dict__", "__subclasses__", "__mro__", "__qualname__", "__module__"):
            raise AssertionError(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("meta", [Refuses, Unhashable, Hostile, Lies])
def test_odd_metaclasses(meta):
    """Nothing of a metaclass runs in weaving, in new subclasses, in recording and in unweaving."""

    class Base(metaclass=meta):
        def call(self, other):
            return other

    class Sub(Base):
        def call(self, other):
            return super().call(other)

    dicts = [type.__dict__["__dict__"].__get__(cls) for cls in (Base, Sub)]
    before = [[*d.items()] for d in dicts]
    with record(Base) as trace:
        late = meta("Late", (Sub,), {"call": lambda self, other: None})
        Sub().call(Sub())
        late().call(Base)
    assert trace.outline() == (
        "Sub.call(other=<Sub>) [Sub#1] -> <Sub>\n"
        "  Base.call(other=<Sub>) [Sub#1] -> <Sub>\n"
        f"Late.call(other=<class {__name__}.test_odd_metaclasses.<locals>.Base>) [Late#2]"
    )
    assert [[*map(id, dict(d).values())] for d in dicts] == [[id(v) for _, v in b] for b in before]


def test_an_abstract_hierarchy_with_virtual_subclasses():
    """What is only registered with an ABC is no part of its hierarchy."""

    class Base(abc.ABC):
        @abc.abstractmethod
        def call(self):
            pass

    class Virtual:
        def call(self):
            pass

    Base.register(Virtual)
    before = content(Virtual)
    with record(Base) as trace:
        Virtual().call()
        assert content(Virtual) == before
    assert trace.outline() == ""


def test_a_metaclass_as_a_target():
    """Classes are objects too, and a metaclass is a class."""

    class Meta(type):
        def __call__(cls, *args):
            return super().__call__(*args)

        def __init__(cls, name, bases, namespace, **kwargs):
            super().__init__(name, bases, namespace)

    before = content(Meta)
    with record(Meta) as trace:

        class Base(metaclass=Meta):
            def __init__(self, x):
                self.x = x

        class Sub(Base):
            pass

        assert Sub(3).x == 3
    assert calls(trace) == ["Meta.__init__", "Meta.__init__", "Meta.__call__"]
    assert [call.instance for call in trace.calls] == [1, 2, 2]
    assert content(Meta) == before


def test_enumerations():
    """An enumeration's members are its objects."""

    class Color(enum.Enum):
        RED = 1
        BLUE = 2

        def call(self, other):
            return other

    before = content(Color)
    with record(Color) as trace:
        Color.RED.call(Color.BLUE)
    assert trace.outline() == "Color.call(other=Color.BLUE) [Color#1] -> Color.BLUE"
    assert content(Color) == before


def test_a_runtime_checkable_protocol_as_a_target():
    """What weaving adds to a class does not count as a member of a protocol."""

    @typing.runtime_checkable
    class Callable_(typing.Protocol):  # noqa: N801
        __slots__ = ()

        def call(self): ...

    class Fits:
        def call(self):
            pass

    class Explicit(Callable_):
        def call(self):
            pass

    with record(Callable_, methods=("call",)) as trace:
        assert isinstance(Fits(), Callable_)
        assert not isinstance(3, Callable_)
        Explicit().call()
        Fits().call()
    assert calls(trace) == ["Explicit.call"]


def test_a_named_tuple_with_methods():
    """Tuple subclasses can be traced; their C parts are left alone."""

    class Pair(typing.NamedTuple):
        x: int
        y: int

        def call(self):
            return self.x

    before = content(Pair)
    with record(Pair) as trace:
        assert Pair(1, 2).call() == 1
        assert Pair(1, 2) == (1, 2)
    assert trace.outline() == "Pair.call() [Pair#1] -> 1"
    assert content(Pair) == before


# Somebody patches, too


def test_a_patch_within_a_recording():
    """`mock.patch.object` finds and puts back what it found, and tracing goes on."""

    class Base:
        def call(self):
            return "real"

    before = content(Base)
    with record(Base) as trace:
        with unittest.mock.patch.object(Base, "call", lambda self: "patched"):
            assert Base().call() == "patched"
        assert Base().call() == "real"
    assert calls(trace) == ["Base.call"]
    assert content(Base) == before


def test_a_recording_within_a_patch():
    """A patch is traced as what stands in the class, and is put back as such."""

    class Base:
        def call(self):
            return "real"

    before = content(Base)
    with unittest.mock.patch.object(Base, "call", lambda self: "patched"):
        with record(Base) as trace:
            Base().call()
    assert trace.outline() == "Base.call() [Base#1] -> 'patched'"
    assert content(Base) == before


def test_a_patch_that_begins_in_a_recording_and_ends_after_it():
    """The patch stays; what it puts back then passes straight through, and heals with the next."""

    class Base:
        def call(self):
            return "real"

    original = vars(Base)["call"]
    patch = unittest.mock.patch.object(Base, "call", lambda self: "patched")
    with record(Base) as first:
        patch.start()
    assert Base().call() == "patched"
    patch.stop()
    assert Base().call() == "real"
    with record(Base) as second:
        Base().call()
    assert (calls(first), calls(second)) == ([], ["Base.call"])
    assert vars(Base)["call"] is original


def test_a_patch_that_begins_before_a_recording_and_ends_in_it():
    """Unweaving does not bring the patch back."""

    class Base:
        def call(self):
            return "real"

    original = vars(Base)["call"]
    patch = unittest.mock.patch.object(Base, "call", lambda self: "patched")
    patch.start()
    with record(Base):
        patch.stop()
        assert Base().call() == "real"
    assert vars(Base)["call"] is original


def test_a_wrapper_put_on_top_during_a_recording():
    """It stays after the recording and works, calls are seen once, then and in the next."""

    class Base:
        def call(self, x):
            return x

    with record(Base) as first:
        original = Base.call

        @functools.wraps(original)
        def doubled(self, x):
            return 2 * original(self, x)

        Base.call = doubled
        assert Base().call(1) == 2
    assert vars(Base)["call"] is doubled
    assert Base().call(2) == 4
    with record(Base) as second:
        assert Base().call(3) == 6
    assert vars(Base)["call"] is doubled
    assert first.outline() == "Base.call(x=1) [Base#1] -> 1"
    assert second.outline() == "Base.call(x=3) [Base#1] -> 6"


def test_a_second_recording_under_a_patch_does_not_blind_the_first():
    """A recording goes on when a patch that covered its wrapper for a while is taken off."""

    class Base:
        def call(self, x):
            return x

    original = vars(Base)["call"]
    with record(Base) as outer:
        with unittest.mock.patch.object(Base, "call", lambda self, x: -x), record(Base):
            Base().call(1)
        Base().call(2)
    assert [call.result for call in outer.calls][-1] == 2
    assert vars(Base)["call"] is original


def test_a_monkeypatch_by_plain_setattr_and_back():
    """A test that keeps the method and puts it back by hand does no harm."""

    class Base:
        def call(self):
            return "real"

    before = content(Base)
    with record(Base) as trace:
        kept = Base.__dict__["call"]
        Base.call = lambda self: "patched"
        Base().call()
        Base.call = kept
        Base().call()
    assert trace.outline() == "Base.call() [Base#1] -> 'real'"
    assert content(Base) == before


def test_a_mock_with_autospec():
    """A mock made from a woven class checks calls as one made from the bare class does."""

    class Base:
        def call(self, x, *, y=1):
            return x

    with record(Base), unittest.mock.patch.object(Base, "call", autospec=True) as mock:
        Base().call(1, y=2)
        with pytest.raises(TypeError, match="missing a required argument: 'x'"):
            Base().call()
    assert mock.call_count == 1


# What somebody kept


def test_a_kept_wrapper_passes_straight_through_when_off():
    """Bound methods and functions taken during a recording work after it, and record nothing."""

    class Base:
        def call(self, x):
            return x

        @classmethod
        def of_class(cls, x):
            return cls.__name__, x

        @staticmethod
        def of_nobody(x):
            return x

    obj = Base()
    with record(Base, methods=("*",)) as first:
        kept = obj.call, functools.partial(Base.call, obj), Base.of_class, obj.of_nobody
    assert [function(1) for function in kept] == [1, 1, ("Base", 1), 1]
    with record(Base, methods=("*",)) as second:
        assert obj.call(2) == 2
    assert first.outline() == ""
    assert second.outline() == "Base.call(x=2) [Base#1] -> 2"


@pytest.mark.skipif(sys.version_info < (3, 13), reason="this Python counts no changes")
@pytest.mark.skipif(engine != "c", reason="it takes the tape in C")
def test_the_interpreter_specializes_for_a_class_after_many_recordings():
    """It stops after a thousand changes of the class, and what recordings change does not count."""

    class Base:
        def __init__(self, x):
            self.x = x

        async def call(self):
            return self.x

    class Sub(Base):
        pass

    def used():
        Sub(1), Base(1).x
        return changes_of(Base), changes_of(Sub)

    before = used()
    for _ in range(30):
        with record(Base):
            used()
        after = used()
    assert all(now <= was + 2 for now, was in zip(after, before, strict=True))


def test_a_bound_method_taken_before_a_recording_works():
    """It is the original, and is recorded where that is done in place."""

    class Base:
        def call(self, x):
            return x

    kept = Base().call
    with record(Base) as trace:
        assert kept(1) == 1
    assert len(trace) == IN_PLACE


def test_a_method_borrowed_by_another_class_during_a_recording():
    """The other class keeps a working method, and its own name for it is traced if asked for."""

    class Base:
        def call(self):
            return type(self).__name__

    with record(Base, methods=("call", "forward")) as trace:

        class Sub(Base):
            forward = Base.call

        Sub().forward()
    assert trace.outline() == "Sub.forward() [Sub#1] -> 'Sub'"
    assert vars(Sub)["forward"] is vars(Base)["call"]


# Nothing is kept alive


def freed(make):
    """Run `make` and tell whether each object it returns a reference to is gone without `gc`."""
    gc.collect()
    gc.disable()
    try:
        return [ref() is None for ref in make()]
    finally:
        gc.enable()


def test_objects_and_arguments_are_freed_as_soon_as_without_callscope():
    """A running recording holds neither objects nor arguments nor results."""

    class Thing:
        pass

    class Base:
        def call(self, x, *args, **kwargs):
            return [x]

    def make():
        obj, things = Base(), [Thing() for _ in range(4)]
        refs = [weakref.ref(value) for value in (obj, *things)]
        obj.call(things[0], things[1], k=[things[2]], j={1: things[3]})
        return refs

    with record(Base) as trace:
        assert freed(make) == [True] * 5
    assert len(trace) == 1


def test_objects_of_calls_that_raise_are_freed():
    """Neither the error that was recorded nor what its traceback holds stays alive."""

    class Failed(Exception):  # noqa: N818
        pass

    class Base:
        def call(self, x):
            raise Failed(x)

    def make():
        obj, x = Base(), Base()
        refs = [weakref.ref(obj), weakref.ref(x)]
        try:
            obj.call(x)
        except Failed as caught:
            refs.append(weakref.ref(caught))
        return refs

    bare = freed(make)
    with record(Base):
        assert freed(make) == bare == [True, True, True]


def test_a_class_is_not_kept_alive():
    """A class that was woven, and is dropped during the recording, is collected."""

    class Base:
        def call(self):
            pass

    with record(Base) as trace:

        class Sub(Base):
            def __init_subclass__(cls):
                pass

            def call(self):
                return super().call()

        @dataclasses.dataclass(slots=True)
        class Slim(Base):
            x: int

            def call(self):
                pass

        Sub().call()
        Slim(1).call()
        refs = [weakref.ref(Sub), weakref.ref(Slim)]
        del Sub, Slim
        gc.collect()
        assert [ref() for ref in refs] == [None, None]
        Base().call()
    gc.collect()
    assert calls(trace)[-1] == "Base.call"
    assert trace.calls[0].runtime_class.endswith("Sub")


def test_a_root_is_not_kept_alive_by_its_recording():
    """Not even the target of an ad hoc recording."""

    class Base:
        def call(self):
            pass

    with record(Base) as trace:
        Base().call()
        ref = weakref.ref(Base)
        del Base
        gc.collect()
        assert ref() is None
    assert trace.outline() == "Base.call() [Base#1]"


def test_a_class_is_not_kept_alive_after_a_recording():
    """Nor by a trace that is still there."""

    class Base:
        def call(self):
            pass

    with record(Base) as trace:
        Base().call()
    ref = weakref.ref(Base)
    del Base
    gc.collect()
    assert ref() is None
    assert trace.outline() == "Base.call() [Base#1]"


@pytest.mark.slow
def test_many_classes_at_reused_addresses_are_not_confused():
    """A class that took over the address of one that is gone is recorded as itself."""

    class Base:
        def call(self):
            pass

    def use(number):
        cls = type(f"Sub{number}", (Base,), {"call": lambda self: None})
        cls().call()

    with record(Base) as trace:
        for number in range(50):
            use(number)
            gc.collect(0)
            gc.collect()
    assert calls(trace) == [f"Sub{number}.call" for number in range(50)]


# The finalizer


def test_finalizers_run_once_each_as_before():
    """Watching the end of objects that take no weak reference changes no `__del__`."""
    seen = []

    class Base:
        __slots__ = ()

        def call(self):
            pass

        def __del__(self):
            seen.append("Base")

    class Sub(Base):
        __slots__ = ()

        def __del__(self):
            seen.append("Sub")
            super().__del__()

    class Plain(Base):
        __slots__ = ()

    before = content(Base, Sub, Plain)
    with record(Base):
        Sub().call()
        Plain().call()
        Base()
    assert seen == ["Sub", "Base", "Base", "Base"]
    assert content(Base, Sub, Plain) == before
    Sub()
    assert seen[4:] == ["Sub", "Base"]


def test_a_finalizer_from_outside_the_hierarchy_still_runs():
    """A root whose own base has a `__del__` keeps it."""
    seen = []

    class Outside:
        __slots__ = ()

        def __del__(self):
            seen.append(type(self).__name__)

    class Base(Outside):
        __slots__ = ()

        def call(self):
            pass

    with record(Base):
        Base().call()
    Base()
    assert seen == ["Base", "Base"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_finalizer_that_raises(monkeypatch):
    """It is reported as ever, with no frame of ours."""
    import sys

    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: reported.append(frames(args)))

    def frames(args):
        traceback, names = args.exc_traceback, []
        while traceback:
            names.append(traceback.tb_frame.f_code.co_name)
            traceback = traceback.tb_next
        return args.exc_type, names

    class Base:
        __slots__ = ()

        def call(self):
            pass

        def __del__(self):
            raise ValueError

    Base()
    with record(Base):
        Base().call()
    assert reported == [(ValueError, ["__del__"])] * 2

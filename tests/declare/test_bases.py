"""Classes that are named in a recording: the methods of their bases, on their objects alone."""

from __future__ import annotations

import abc
import asyncio
import ctypes
import functools
import gc
import weakref
from typing import Generic, Protocol, TypeVar

import pytest

import callscope
from callscope import instrument, record, traced
from callscope.errors import NoMethodsError, OptionError

T = TypeVar("T")


class Layer:
    """The base of all."""

    def __init__(self, x):
        self.x = x

    def __call__(self, y):
        return self.call(y)

    def call(self, z):
        return z


class MyLayer(Layer):
    """Named in the recordings."""

    def __init__(self, k):
        super().__init__(k)

    def call(self, m):
        return super().call(m) + 1


class Other(Layer):
    """Of the same base."""


def sites(trace):
    """Return the sites of the calls."""
    return [call.site for call in trace.calls]


def contents(*classes):
    """Return what stands in the dicts of classes."""
    return [[(name, id(value)) for name, value in vars(cls).items()] for cls in classes]


def test_methods_of_bases_are_recorded_on_objects_of_the_class_that_is_named():
    """The first thing people try shows the whole chain, and nothing of other objects."""
    with record(MyLayer) as trace:
        Other(1)(2)
        MyLayer(3)(4)
        Other(5)(6)
    assert trace.outline() == (
        "MyLayer.__init__(k=3) [MyLayer#1]\n"
        "  Layer.__init__(x=3) [MyLayer#1]\n"
        "Layer.__call__(y=4) [MyLayer#1] -> 5\n"
        "  MyLayer.call(m=4) [MyLayer#1] -> 5\n"
        "    Layer.call(z=4) [MyLayer#1] -> 4"
    )


def test_bases_can_be_left_out():
    """With `bases=False`, the hierarchy of the class alone is recorded."""
    with record(MyLayer, bases=False) as trace:
        MyLayer(3)(4)
    assert sites(trace) == ["MyLayer.__init__", "MyLayer.call"]


def test_bases_must_be_a_bool():
    """Anything else is refused at once."""
    with pytest.raises(OptionError, match="bases must be True or False, got 'no'"):
        record(MyLayer, bases="no")


def test_a_class_that_defines_nothing_itself_can_be_named():
    """What it inherits is enough; and where it inherits nothing that fits, that is said."""

    class Leaf(Layer):
        pass

    with record(Leaf) as trace:
        Leaf(1)
    assert sites(trace) == ["Layer.__init__"]
    with pytest.raises(NoMethodsError), record(Leaf, bases=False):
        pass


def test_subclasses_bring_bases_of_their_own():
    """A mixin of a subclass runs on an object of the class that is named, too."""

    class Mixin:
        def call(self, z):
            return super().call(z)

    class Early(Mixin, MyLayer):
        pass

    with record(MyLayer, methods=["call"]) as trace:
        Early(1).call(2)

        class Loud:
            def call(self, z):
                return super().call(z)

        class Late(Loud, MyLayer):
            pass

        Late(1).call(2)
    assert sites(trace) == [
        *("Mixin.call", "MyLayer.call", "Layer.call"),
        *("Loud.call", "MyLayer.call", "Layer.call"),
    ]


def test_a_late_class_takes_nothing_from_a_recording_of_its_base():
    """Two recordings of one base, the one of all objects and the other of some, tell their own."""

    class Mixin:
        def call(self, z):
            return z

    asked = {"methods": ["call"]}
    with record(Mixin, **asked) as every, record(MyLayer, **asked) as mine:

        class Late(MyLayer, Mixin):
            pass

        Late(1).call(2)
        Mixin().call(3)
        Mixin.call(Late(1), 4)
    assert sites(every) == ["MyLayer.call", "Layer.call", "Mixin.call", "Mixin.call"]
    assert sites(mine) == ["MyLayer.call", "Layer.call", "Mixin.call"]


def test_nested_recordings_of_different_classes_tell_their_own():
    """Whichever begins or ends first: each keeps its own objects, with numbers from one."""
    traces = []
    with record(MyLayer) as mine:
        with record(Other) as others:
            with record(Layer) as every:
                traces = [mine, others, every]
                Other(1)(2)
                MyLayer(3)(4)
            MyLayer(5)
        Other(6)
    assert [[(c.site, c.instance) for c in t.calls if c.method == "__init__"] for t in traces] == [
        [
            ("MyLayer.__init__", 1),
            ("Layer.__init__", 1),
            ("MyLayer.__init__", 2),
            ("Layer.__init__", 2),
        ],
        [("Layer.__init__", 1)],
        [("Layer.__init__", 1), ("MyLayer.__init__", 2), ("Layer.__init__", 2)],
    ]


def test_two_classes_are_named():
    """Objects of either are recorded, and no others."""

    class Third(Layer):
        pass

    with record(MyLayer, Other, methods=["__init__"]) as trace:
        MyLayer(1)
        Third(2)
        Other(3)
    assert [c.runtime_class.rpartition(".")[2] for c in trace.calls] == ["MyLayer"] * 2 + ["Other"]


def test_a_base_that_is_named_as_well_is_a_root():
    """Then all of its calls are recorded."""
    with record(MyLayer, Layer) as trace:
        Other(1)
    assert sites(trace) == ["Layer.__init__"]


def test_a_declared_root_stays_the_root():
    """What is above a class that its author declared is left out, whoever is named below it."""

    class Above:
        def __init__(self):
            pass

    @traced
    class Root(Above):
        def __init__(self):
            super().__init__()

    class Mine(Root):
        def __init__(self):
            super().__init__()

    with record() as declared, record(Mine) as named:
        Mine()
    assert sites(declared) == sites(named) == ["Mine.__init__", "Root.__init__"]
    with instrument(Mine), record() as instrumented:
        Mine()
    assert sites(instrumented) == ["Mine.__init__", "Root.__init__"]


class Kinds:
    """Methods of each kind."""

    def generator(self):
        yield 1

    async def coroutine(self):
        return 2

    async def stream(self):
        yield 3

    def spread(*args):
        return args[1:]

    @classmethod
    def make(cls):
        return 4

    @staticmethod
    def helper():
        return 5

    @property
    def size(self):
        return 6

    @functools.lru_cache  # noqa: B019
    def memo(self):
        return 7

    def __new__(cls):
        return super().__new__(cls)


def test_all_kinds_of_methods():
    """Each is recorded on the named class's objects alone; a static method, which has none, never."""

    class Mine(Kinds):
        pass

    async def all_of(stream):
        return [item async for item in stream]

    def use(cls):
        one = cls()
        return [
            *one.generator(),
            asyncio.run(one.coroutine()),
            *asyncio.run(all_of(one.stream())),
            *one.spread(0),
            one.make(),
            one.helper(),
            one.size,
            one.memo(),
        ]

    before = contents(Kinds, Mine)
    with record(Mine, methods=["*", "__new__"]) as trace:
        assert use(Kinds) == [1, 2, 3, 0, 4, 5, 6, 7]
        assert use(Mine) == [1, 2, 3, 0, 4, 5, 6, 7]
        assert Kinds.spread() == ()
    assert contents(Kinds, Mine) == before
    names = ["__new__", "generator", "coroutine", "stream", "spread", "make", "size", "memo"]
    assert [(c.method, c.runtime_class.rpartition(".")[2]) for c in trace.calls] == [
        (name, "Mine") for name in names
    ]


def test_errors_pass_through_without_a_trace_of_ours():
    """The traceback of another object's call names the program's own frames."""

    class Base:
        def call(self):
            raise ValueError("wrong")

        async def stream(self):
            yield 1
            raise ValueError("wrong")

    class Mine(Base):
        pass

    async def drain():
        async for _ in Base().stream():
            pass

    def names(run):
        with pytest.raises(ValueError, match="wrong") as caught:
            run()
        return [(e.name, e.lineno) for e in caught.traceback]

    untraced = names(lambda: Base().call()), names(lambda: asyncio.run(drain()))[-2:]
    with record(Mine, methods=["*"]) as trace:
        recorded = names(lambda: Base().call()), names(lambda: asyncio.run(drain()))[-2:]
    assert [names for names, _ in recorded[0]] == [names for names, _ in untraced[0]]
    assert recorded[1] == untraced[1]
    assert sites(trace) == []


def test_nothing_of_other_objects_is_captured():
    """Their arguments and results are not summarized, and they get no number."""

    class Told:
        looked = 0

        @property
        def shape(self):
            Told.looked += 1
            return (1,)

        dtype = shape

    class Base:
        def call(self, value):
            return value

        async def stream(self, value):
            yield value

    class Mine(Base):
        def __init__(self):
            pass

    async def drain():
        return [item async for item in Base().stream(Told())]

    events = []

    class Sink:
        live = True

        def on_event(self, event):
            events.append(event.call.instance)

        def flush(self):
            pass

        def close(self):
            pass

    with record(Mine, methods=["*"], sinks=[Sink()]):
        Base().call(Told())
        asyncio.run(drain())
        Mine().call(1)
    assert events == [1, 1, 1, 1]
    assert Told.looked == 0


def test_only_kept_calls_are_counted():
    """Neither the limit nor the number of lost calls takes in what runs on other objects."""
    with record(MyLayer, max_calls=2) as some:
        Other(1)(2)
        MyLayer(3)
    with pytest.warns(callscope.errors.TraceTruncatedWarning), record(MyLayer, max_calls=1) as one:
        Other(1)(2)
        MyLayer(3)
        Other(1)(2)
    assert (len(some), some.lost) == (2, 0)
    assert (len(one), one.lost) == (1, 1)


def test_where_is_asked_of_kept_calls_alone():
    """A predicate sees no call on another object."""
    seen = []
    with record(MyLayer, where=lambda call: not seen.append(call.runtime_class)) as trace:
        Other(1)(2)
        MyLayer(3)
    assert len(trace) == 2
    assert {name.rpartition(".")[2] for name in seen} == {"MyLayer"}


def test_bases_that_take_no_new_methods_are_skipped():
    """`dict` and `Exception` are, and what they lead to is recorded all the same."""

    class Table(dict):
        def __init__(self):
            super().__init__()

    class Mine(Table):
        def call(self):
            return len(self)

    class WrongError(ValueError):
        def call(self):
            return str(self)

    with record(Mine, WrongError) as trace:
        Mine().call()
        WrongError("x").call()
    assert sites(trace) == ["Table.__init__", "Mine.call", "WrongError.call"]


def test_typing_and_abc_stay_as_they_are():
    """`Generic`, `Protocol` and `ABC` define nothing of the program's; a protocol's own methods do."""

    class Greets(Protocol):
        def greet(self):
            return "hello"

    class Base(abc.ABC, Generic[T]):
        @abc.abstractmethod
        def call(self):
            return "base"

    class Mine(Base[int], Greets):
        def call(self):
            return super().call()

    before = contents(Generic, Protocol, abc.ABC)
    with record(Mine, methods=["*", "__*"]) as trace:
        assert contents(Generic, Protocol, abc.ABC) == before
        mine = Mine()
        mine.call()
        mine.greet()
    assert sites(trace)[-3:] == ["Mine.call", "Base.call", "Greets.greet"]


def test_a_metaclass_can_be_named():
    """Its objects are classes, and its bases are metaclasses."""

    class Meta(type):
        def call(cls):
            return cls.__name__

    class MyMeta(Meta):
        pass

    class Named(metaclass=MyMeta):
        pass

    class Unnamed(metaclass=Meta):
        pass

    with record(MyMeta) as trace:
        assert (Named.call(), Unnamed.call()) == ("Named", "Unnamed")
    assert [(c.site, c.result) for c in trace.calls] == [("Meta.call", "Named")]


def test_a_metaclass_that_declares_its_classes_is_a_root_and_a_base():
    """A class of `TracedMeta` above the one that is named stays the root."""

    class Root(callscope.Traced):
        def call(self):
            return 1

    class Mine(Root):
        pass

    class Its(Root):
        pass

    with record(Mine) as trace:
        Mine().call()
        Its().call()
        Root.call = lambda self: 2  # seen, for a `TracedMeta` tells of it
        Mine().call()
        Its().call()
    assert [(c.runtime_class.rpartition(".")[2], c.result) for c in trace.calls] == [
        ("Mine", 1),
        ("Mine", 2),
    ]


def test_findings_know_the_bases():
    """An `__init__` of a base that never ran is found though the base was not named."""

    class Forgets(Layer):
        def __init__(self):
            pass

    with record(Forgets) as trace:
        Forgets()
    assert [(f.id, f.classes[1]) for f in trace.findings()] == [
        ("super-init-missing", f"{__name__}.Layer")
    ]


def test_findings_do_not_ask_for_what_is_not_recorded():
    """A base's `__init__` on an object of another named class without bases is not missed."""

    @traced(methods=["__init__"])
    class Declared(Layer):
        def __init__(self):
            super().__init__(1)

    with record() as trace, record(Other) as other:
        Declared()
        Other(1)
    assert [*trace.findings()] == []
    assert sites(other) == ["Layer.__init__"]


def test_a_class_that_says_how_much_is_shown_of_it_is_heard():
    """What it says of itself holds for the methods that it inherits."""

    class Mixin:
        def call(self, value):
            return value

    @traced(capture="none")
    class Root:
        pass

    class Secretive(Mixin, Root):
        pass

    with record(Secretive) as trace:
        Secretive().call("secret")
    assert [(c.site, c.arguments, c.result) for c in trace.calls] == [("Mixin.call", {}, None)]


def test_the_classes_that_are_named_are_not_kept_alive():
    """Neither by what stands in their bases nor by what is known of strangers."""

    class Short(Layer):
        pass

    gone = weakref.ref(Short)
    with record(Short):
        Short(1)
        Other(2)
        del Short
        gc.collect()
        assert gone() is None
        assert Other(3)(4) == 4


def test_classes_without_end_are_told_apart():
    """A class that takes the address of one that is gone is not taken for it."""
    with record(MyLayer, methods=["call"]) as trace:
        for number in range(200):
            kind = type("Kind", (MyLayer if number % 2 else Layer,), {})
            kind(number).call(number)
            del kind
            gc.collect(0)
    kept = [c.arguments["m"] for c in trace.calls if c.site == "MyLayer.call"]
    assert kept == [*range(1, 200, 2)]
    assert len(trace) == 200


def test_start_and_paths_take_bases_too():
    """`start` and a class named by its path do as `record` does."""
    callscope.start(f"{__name__}:MyLayer")
    MyLayer(3)
    trace = callscope.stop()
    assert sites(trace) == ["MyLayer.__init__", "Layer.__init__"]


def test_ctypes_is_left_as_it_is():
    """A base written in C is skipped without a word."""

    class Pair(ctypes.Union):
        _fields_ = ()

    class Holder:
        def call(self):
            return Pair()

    class Mine(Holder):
        pass

    with record(Mine) as trace:
        Mine().call()
    assert sites(trace) == ["Holder.call"]

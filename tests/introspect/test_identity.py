"""Identity: which object a call ran on, told apart from every other and never kept alive."""

# ruff: noqa: PLW0108

import contextlib
import copy
import functools
import gc
import json
import pickle
import sys
import threading
import weakref

import pytest

from callscope import current, instrument, record, rescan, start, stop, traced, uninstrument

MANY = 100_000


def instances(trace):
    """Return the instance number of each call."""
    return [call.instance for call in trace.calls]


def objects(trace):
    """Return the bare runtime class and the instance number of each call."""
    return [f"{call.runtime_class.rpartition('.')[2]}#{call.instance}" for call in trace.calls]


class Plain:
    """An ordinary object."""

    def __init__(self, x=0):
        self.x = x

    def call(self):
        return 1


class Slim:
    """An object that takes no weak reference."""

    __slots__ = ("x",)

    def __init__(self, x=0):
        self.x = x

    def call(self):
        return 1


class SlimSub(Slim):
    """A subclass that has no weak references either."""

    __slots__ = ()


class SlimFinal(Slim):
    """A subclass with a finalizer of its own, which does not call the next one."""

    __slots__ = ()
    ended = 0

    def __del__(self):
        SlimFinal.ended += 1


class Number(int):
    """A number with a method."""

    def call(self):
        return 1


class Row(tuple):
    """A tuple with a method."""

    __slots__ = ()

    def call(self):
        return 1


class Name(str):
    """A string with a method."""

    __slots__ = ()

    def call(self):
        return 1


class Blob(bytes):
    """Bytes with a method."""

    __slots__ = ()

    def call(self):
        return 1


class Stack(list):
    """A list with a method."""

    def call(self):
        return 1


class Unhashable:
    """An object that compares by value and cannot be hashed."""

    def __eq__(self, other):
        return True

    __hash__ = None

    def call(self):
        return 1


class Incomparable:
    """An object that raises when it is compared, hashed or tested."""

    def __eq__(self, other):
        raise AssertionError("eq")

    def __hash__(self):
        raise AssertionError("hash")

    def __bool__(self):
        raise AssertionError("bool")

    def call(self):
        return 1


class SlimIncomparable(Incomparable):
    """The same without weak references: they come with the base, so it has them."""

    __slots__ = ()


KINDS = {
    cls.__name__: cls
    for cls in (
        Plain,
        Slim,
        SlimSub,
        SlimFinal,
        Number,
        Row,
        Name,
        Blob,
        Stack,
        Unhashable,
        Incomparable,
        SlimIncomparable,
    )
}
every_kind = pytest.mark.parametrize("kind", KINDS)


# Numbers


@every_kind
def test_objects_are_numbered_in_the_order_of_their_first_calls(kind):
    """From one, whatever they are; an object keeps its number as long as it lives."""
    first, second = KINDS[kind](), KINDS[kind]()
    with record(root_of(kind), methods=("call",)) as trace:
        second.call()
        first.call()
        second.call()
        KINDS[kind]().call()
    assert instances(trace) == [1, 2, 1, 3]


def root_of(kind):
    """Return the class of the hierarchy that defines `call`."""
    return next(cls for cls in reversed(KINDS[kind].__mro__) if "call" in vars(cls))


@every_kind
def test_short_lived_objects_all_get_numbers_of_their_own(kind):
    """Their addresses are used again and again, and their numbers are not."""
    cls, count = KINDS[kind], MANY if kind in ("Plain", "Slim") else 2_000
    addresses = set()
    with record(root_of(kind), methods=("call",)) as trace:
        for _ in range(count):
            obj = cls()
            addresses.add(id(obj))
            obj.call()
            del obj
    assert instances(trace) == [*range(1, count + 1)]
    assert len(addresses) < count


class SlimReferable(Slim):
    """A subclass of a class without weak references, which has them."""

    __slots__ = ("__weakref__",)


def use_and_drop(count):
    """Make and use so many objects, one after the other; half of them take weak references."""
    for _ in range(count // 2):
        Slim().call()
        SlimReferable().call()


def is_any_alive():
    """Tell whether one of them is still there."""
    return any(issubclass(type(obj), Slim) for obj in gc.get_objects())


def blocks_when_all_is_written():
    """Return how many blocks of memory are in use once nothing stands on the tapes any more."""
    current()  # it reads them
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.slow
def test_a_million_short_lived_objects_have_a_million_numbers():
    """And not one of them is kept alive."""
    million = 1_000_000
    with record(Slim, methods=("call",), capture="none") as trace:
        use_and_drop(million)
        assert not is_any_alive()
    assert instances(trace) == [*range(1, million + 1)]


@pytest.mark.slow
def test_a_stream_of_short_lived_objects_takes_no_memory(tmp_path):
    """All have their numbers in the file; in memory, neither they nor their numbers pile up."""
    path, many = tmp_path / "t.jsonl", 2 * MANY
    with record(Slim, methods=("call",), capture="none", to=path):
        use_and_drop(MANY)
        before = blocks_when_all_is_written()
        use_and_drop(many - MANY)
        assert blocks_when_all_is_written() - before < MANY
        assert not is_any_alive()
    with path.open() as lines:
        calls = [json.loads(line) for line in lines if '"kind":"call"' in line]
    assert [call["instance"] for call in calls] == [*range(1, many + 1)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Plain", "Slim"])
def test_the_last_calls_of_short_lived_objects_take_no_memory(kind):
    """Numbers of objects that are gone do not pile up where old calls are dropped."""
    cls = KINDS[kind]
    with record(cls, methods=("call",), max_calls=100, on_full="drop_oldest") as trace:
        for _ in range(20_000):
            cls().call()
        before = blocks_when_all_is_written()
        for _ in range(60_000):
            cls().call()
        assert blocks_when_all_is_written() - before < 60_000
        kept = [cls(), cls()]
        for obj in kept * 2:
            obj.call()
    last = [call.instance for call in trace.calls[-4:]]
    assert last == [80_001, 80_002] * 2


@pytest.mark.parametrize("kind", ["Plain", "Slim", "Number"])
def test_short_lived_objects_of_a_streamed_recording(kind, tmp_path):
    """A recording that keeps nothing in memory confuses none either."""
    with record(root_of(kind), methods=("call",), to=tmp_path / "t.jsonl") as trace:
        for _ in range(5_000):
            KINDS[kind]().call()
    assert instances(trace) == [*range(1, 5_001)]


@pytest.mark.parametrize("kind", ["Plain", "Slim"])
def test_long_lived_objects_of_a_streamed_recording_keep_their_numbers(kind, tmp_path):
    """Forgetting those that are gone does not touch those that are not."""
    cls = KINDS[kind]
    with record(cls, methods=("call",), to=tmp_path / "t.jsonl") as trace:
        kept = [cls() for _ in range(10)]
        for _ in range(4):
            for obj in kept:
                obj.call()
            for _ in range(1_000):
                cls().call()
            len(trace)  # has all read that was written so far, and what is gone forgotten
        for obj in kept:
            obj.call()
    found = instances(trace)
    assert found[:10] == found[-10:] == [*range(1, 11)]
    assert len(found) == 4 * 1_010 + 10
    assert len(set(found)) == 10 + 4_000


def test_each_recording_counts_anew():
    """A number belongs to a trace, and says the order of first calls in it."""
    first, second = Plain(), Plain()
    with record(Plain, methods=("call",)) as one:
        first.call()
        with record(Plain, methods=("call",)) as two:
            second.call()
            first.call()
    with record(Plain, methods=("call",)) as three:
        second.call()
    assert (instances(one), instances(two), instances(three)) == ([1, 2, 1], [1, 2], [1])


def test_hierarchies_of_one_recording_share_one_count():
    """No two objects of a trace have the same number, whatever their classes."""
    with record(Plain, Slim, methods=("call",)) as trace:
        for cls in (Plain, Slim, Plain, Slim):
            cls().call()
    assert objects(trace) == ["Plain#1", "Slim#2", "Plain#3", "Slim#4"]


def test_classmethods_and_staticmethods_have_no_instance():
    """There is no object; the class a classmethod ran on is the runtime class."""

    class Base:
        @classmethod
        def of_class(cls):
            return cls.of_nobody()

        @staticmethod
        def of_nobody():
            return 1

        def __new__(cls):
            return super().__new__(cls)

    class Sub(Base):
        pass

    with record(Base, methods=("of_*", "__new__")) as trace:
        Sub.of_class()
        Sub().of_class()
    assert trace.outline() == (
        "Base.of_class() [Sub] -> 1\n"
        "  Base.of_nobody() [Base] -> 1\n"
        "Base.__new__() [Sub] -> <Sub>\n"
        "Base.of_class() [Sub] -> 1\n"
        "  Base.of_nobody() [Base] -> 1"
    )
    assert set(instances(trace)) == {None}


# Copies


@pytest.mark.parametrize("kind", ["Plain", "Slim", "Number", "Row", "Name", "Stack"])
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda obj: pickle.loads(pickle.dumps(obj))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_is_a_new_object(kind, duplicate):
    """So is what comes out of a pickle; the original keeps its number."""
    obj = KINDS[kind]()
    with record(root_of(kind), methods=("call",)) as trace:
        obj.call()
        twin = duplicate(obj)
        twin.call()
        obj.call()
    assert twin is not obj
    assert instances(trace) == [1, 2, 1]


def test_an_object_whose_dict_is_shared_is_still_itself():
    """The borg pattern: state says nothing about identity."""

    class Borg:
        state = {}  # noqa: RUF012

        def __init__(self):
            self.__dict__ = self.state

        def call(self):
            pass

    first, second = Borg(), Borg()
    with record(Borg, methods=("call",)) as trace:
        first.call()
        second.call()
    assert instances(trace) == [1, 2]


def test_a_singleton_is_one_object():
    """`__new__` may give the same object again."""

    class One:
        only = None

        def __new__(cls):
            cls.only = cls.only or super().__new__(cls)
            return cls.only

        def __init__(self):
            pass

    with record(One) as trace:
        One()
        One()
    assert objects(trace) == ["One#1", "One#1"]


# The class of an object


@pytest.mark.parametrize("slots", [False, True], ids=["dict", "slots"])
def test_the_runtime_class_follows_a_change_of_class(slots):
    """An object that is given another class keeps its number and shows its new class."""
    extra = {"__slots__": ()} if slots else {}

    def call(self):
        return 1

    base = type("Base", (), {**extra, "call": call})
    first = type("First", (base,), {**extra})
    second = type("Second", (base,), {**extra, "call": lambda self: base.call(self)})
    obj, other = first(), first()
    with record(base) as trace:
        obj.call()
        obj.__class__ = second
        obj.call()
        other.call()
        obj.__class__ = first
        obj.call()
    assert objects(trace) == ["First#1", "Second#1", "Second#1", "First#2", "First#1"]


def test_a_change_of_class_within_a_call():
    """The call began on the old class; what it calls then runs on the new."""

    class Base:
        def call(self):
            self.__class__ = Changed
            return self.run()

        def run(self):
            return 1

    class Changed(Base):
        def run(self):
            return 2

    with record(Base, methods=("call", "run")) as trace:
        Base().call()
    assert trace.outline() == "Base.call() [Base#1] -> 2\n  Changed.run() [Changed#1] -> 2"


def test_a_lying_class_attribute_is_not_believed():
    """The runtime class is `type(self)`, whatever `__class__` says."""

    class Base:
        __class__ = int

        def call(self):
            return isinstance(self, int)

    with record(Base) as trace:
        assert Base().call() is True
    assert objects(trace) == ["Base#1"]


def test_the_finalizer_of_a_mixin_root_may_be_hidden():
    """A base from outside whose `__del__` does not call super hides nobody's end."""

    class Outside:
        __slots__ = ()

        def __del__(self):
            pass

    class Mixin:
        __slots__ = ()

        def call(self):
            pass

    class Sub(Outside, Mixin):
        __slots__ = ()

    with record(Mixin) as trace:
        for _ in range(20):
            Sub().call()
    assert instances(trace) == [*range(1, 21)]


def test_a_finalizer_that_is_set_later():
    """A `__del__` that a class is given during the recording is watched after a `rescan`."""

    class Base:
        __slots__ = ()

        def call(self):
            pass

    with record(Base) as trace:
        Base().call()
        Base.__del__ = lambda self: None
        rescan()
        for _ in range(20):
            Base().call()
    assert instances(trace) == [*range(1, 22)]


@pytest.mark.parametrize("slots", [False, True], ids=["dict", "slots"])
def test_calls_within_a_finalizer_are_of_the_same_object(slots):
    """`__del__` may use the object once more."""

    class Base:
        if slots:
            __slots__ = ("other",)

        def __del__(self):
            self.call()

        def call(self):
            pass

    with record(Base) as trace:
        for _ in range(3):
            Base().call()
    assert instances(trace) == [1, 1, 2, 2, 3, 3]


def make_finalized(*, slots, cycle):
    """Return a class whose objects end in a finalizer, which puts them in the list `saved`."""

    class Base:
        if slots:
            __slots__ = ("other",)
        saved = []  # noqa: RUF012

        def __init__(self):
            self.other = self if cycle else None

        def __del__(self):
            self.saved.append(self)

        def call(self):
            pass

    return Base


@pytest.mark.parametrize("cycle", [False, True], ids=["counted", "collected"])
@pytest.mark.parametrize("slots", [False, True], ids=["dict", "slots"])
def test_a_resurrected_object_is_taken_for_no_other(slots, cycle):
    """One that its finalizer brings back has a number that no other object ever had or gets."""
    cls = make_finalized(slots=slots, cycle=cycle)
    with record(cls, methods=("call",)) as trace:
        for _ in range(6):
            cls().call()
            gc.collect()
            (obj,) = cls.saved
            obj.call()
            obj.other = None
            del obj
            cls.saved.clear()
            gc.collect()
    found = instances(trace)
    assert all(len({*found[i : i + 2]} & {*found[i + 2 :]}) == 0 for i in range(0, 12, 2))
    assert len(set(found[::2])) == 6


def test_a_resurrected_object_is_still_itself():
    """One whose last reference went, and that its finalizer brings back, keeps its number."""
    cls = make_finalized(slots=False, cycle=False)
    with record(cls, methods=("call",)) as trace:
        cls().call()
        cls.saved[0].call()
        cls().call()
    assert instances(trace) == [1, 1, 2]


def test_an_address_that_is_taken_over_between_two_declarations():
    """Objects that end while their hierarchy is not woven lend their numbers to nobody."""

    class Base:
        __slots__ = ()

        def call(self):
            pass

    def use(count):
        objects_ = [Base() for _ in range(count)]
        for obj in objects_:
            obj.call()
        return objects_

    traced(Base)
    with record() as trace:
        first = use(50)
        uninstrument(Base)
        del first
        traced(Base)
        use(50)
    uninstrument(Base)
    assert instances(trace) == [*range(1, 101)]


def test_an_address_that_is_taken_over_between_two_recordings():
    """What was known of an object is forgotten when it ends after the recording."""

    class Base:
        __slots__ = ()

        def call(self):
            pass

    with record(Base):
        obj = Base()
        obj.call()
    del obj
    with record(Base) as trace:
        for _ in range(3):
            Base().call()
    assert instances(trace) == [1, 2, 3]


@pytest.mark.parametrize("ends_first", ["outer", "inner"])
def test_recordings_of_two_hierarchies_that_overlap(ends_first):
    """An object has one number for as long as a recording of its hierarchy runs."""

    class One:
        __slots__ = ()

        def call(self):
            pass

    class Two(One):
        __slots__ = ()

        def call(self):
            pass

    class Other:
        __slots__ = ()

        def call(self):
            pass

    def use():
        for obj in objects_:
            obj.call()

    objects_ = One(), Two(), Other()
    recordings = {"outer": record(One), "inner": record(Two, Other)}
    traces = {name: recording.__enter__() for name, recording in recordings.items()}
    use()
    recordings.pop(ends_first).__exit__(None, None, None)
    ((last, recording),) = recordings.items()
    use()
    recording.__exit__(None, None, None)
    assert (
        objects(traces[last])
        == {
            "outer": ["One#1", "Two#2", "One#1", "Two#2"],
            "inner": ["Two#1", "Other#2", "Two#1", "Other#2"],
        }[last]
    )


def test_objects_are_not_kept_alive():
    """Every object is gone as soon as the program lets go of it, and its finalizer runs then."""
    ended = []

    class Base:
        def __init__(self, name):
            self.name = name

        def call(self):
            return self

        def __del__(self):
            ended.append(self.name)

    with record(Base) as trace:
        for name in "abc":
            Base(name).call()
            assert ended[-1] == name
    assert ended == ["a", "b", "c"]
    assert instances(trace) == [1, 1, 2, 2, 3, 3]


def test_slotted_objects_are_not_kept_alive():
    """Also those that take no weak reference."""
    SlimFinal.ended = 0
    with record(Slim, methods=("call",)):
        for expected in range(1, 4):
            SlimFinal().call()
            assert SlimFinal.ended == expected


def test_weak_references_of_the_program_are_its_own():
    """Callbacks run once, weak sets empty themselves, and counts show no reference of ours to the object."""
    ended = []
    with record(Plain, methods=("call",)):
        obj = Plain()
        weak, crowd = weakref.ref(obj, ended.append), weakref.WeakSet([obj])
        references = sys.getrefcount(obj)
        obj.call()
        assert sys.getrefcount(obj) == references
        del obj
        assert ended == [weak]
        assert len(crowd) == 0


def test_weakref_finalizers_run_in_time():
    """`weakref.finalize` is told when the program lets go."""
    ended = []
    with record(Plain, methods=("call",)):
        obj = Plain()
        weakref.finalize(obj, ended.append, 1)
        obj.call()
        del obj
        assert ended == [1]


# Odd objects


def test_objects_that_cannot_be_hashed_or_compared():
    """Two that are equal are two, and nothing of theirs is asked."""
    with record(Unhashable, Incomparable) as trace:
        pairs = Unhashable(), Unhashable(), Incomparable(), Incomparable()
        for obj in (*pairs, *pairs):
            obj.call()
    assert instances(trace) == [1, 2, 3, 4] * 2


def test_an_object_that_hides_its_weak_reference_slot():
    """Weak references that a class adds in a subclass are found there."""

    class Weak(Slim):
        __slots__ = ("__weakref__",)

    with record(Slim, methods=("call",)) as trace:
        for cls in (Slim, Weak, Slim, Weak):
            cls().call()
        weak = Weak()
        weak.call()
        weak.call()
    assert objects(trace) == ["Slim#1", "Weak#2", "Slim#3", "Weak#4", "Weak#5", "Weak#5"]


def test_a_base_without_weak_references_and_a_mixin_with_them():
    """Whichever class of the hierarchy brings them, an object has one number."""

    class Mixin:
        def run(self):
            return self.call()

    class Both(Slim, Mixin):
        __slots__ = ()

    with record(Slim, Mixin, methods=("call", "run")) as trace:
        obj = Both()
        obj.run()
        obj.call()
        Both().run()
    assert objects(trace) == ["Both#1", "Both#1", "Both#1", "Both#2", "Both#2"]


def test_equal_numbers_and_interned_strings_are_told_apart_by_object():
    """What is equal, and hashes alike, is still two objects."""
    one, two = Number(5), Number(5)
    with record(Number, Name) as trace:
        one.call()
        two.call()
        one.call()
        for name in (Name("a"), Name("a")):
            name.call()
    assert objects(trace) == ["Number#1", "Number#2", "Number#1", "Name#3", "Name#4"]


@pytest.mark.parametrize("kind", ["Plain", "Slim"])
def test_numbers_in_several_threads(kind):
    """Threads that make objects at the same time share no number, and an object keeps its own."""
    cls, shared = KINDS[kind], KINDS[kind]()

    def work():
        for _ in range(200):
            cls().call()
            shared.call()

    with record(cls, methods=("call",)) as trace:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = instances(trace)
    (number,) = {n for n in found if found.count(n) > 1}
    assert found.count(number) == 800
    assert len(set(found)) == 801


def test_an_object_that_is_called_before_and_after_a_recording():
    """Only what happens within counts."""
    obj = Plain()
    obj.call()
    start(Plain, methods=("call",))
    obj.call()
    trace = stop()
    obj.call()
    assert objects(trace) == ["Plain#1"]


def test_a_partial_of_a_method_is_of_its_object():
    """Which way a call comes makes no difference to whom it is made on."""
    obj = Plain()
    with record(Plain, methods=("call",)) as trace:
        functools.partial(obj.call)()
        Plain.call(obj)
        type(obj).__dict__["call"].__get__(obj)()
        getattr(obj, "call")()  # noqa: B009
        [*map(Plain.call, [obj])]
    assert instances(trace) == [1] * 5


def test_an_object_whose_init_raises_is_not_confused_with_the_next():
    """The next one is made at the same address, as a rule."""

    class Base:
        def __init__(self, x):
            if x % 2:
                raise ValueError(x)

    with record(Base) as trace:
        for x in range(6):
            with contextlib.suppress(ValueError):
                Base(x)
    assert instances(trace) == [1, 2, 3, 4, 5, 6]


def test_handles_of_two_hierarchies_share_the_identity_of_an_object():
    """A class in two declared hierarchies gives one number per object."""

    class Left:
        def left(self):
            return self.right()

    class Right:
        def right(self):
            pass

    class Both(Left, Right):
        pass

    with (
        instrument(Left, methods=("left",)),
        instrument(Right, methods=("right",)),
        record() as trace,
    ):
        Both().left()
    assert trace.outline() == "Left.left() [Both#1]\n  Right.right() [Both#1]"


def test_the_runtime_class_of_a_class_is_qualified():
    """`type` is named with its module, as every other class is."""

    class Base:
        def call(self): ...

    with record(Base) as trace:
        Base.call(Base)
        Base.call(3)
    assert [call.runtime_class for call in trace.calls] == ["builtins.type", "builtins.int"]

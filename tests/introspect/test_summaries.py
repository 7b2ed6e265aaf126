"""Summaries: what a trace shows of arguments, results and errors."""

# ruff: noqa: C414, ICN001, UP042  # the values in here are those of other programs

import array
import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import math
import pathlib
import random
import re
import sys
import types
import typing
import uuid
import weakref

import pytest

from callscope import load, record, traced


class Receiver:
    """Take anything and give it back."""

    def call(self, x):
        return x


def shown(value, **options):
    """Return how an argument is shown in an outline."""
    with record(Receiver, **options) as trace:
        Receiver().call(value)
    text, _, _ = trace.outline().removeprefix("Receiver.call(x=").partition(") [Receiver#1]")
    return text


def captured(value, **options):
    """Return what stands for an argument in `call.arguments`, and its class."""
    with record(Receiver, **options) as trace:
        Receiver().call(value)
    found = trace.calls[0].arguments["x"]
    return found, type(found)


# Scalars stay scalars


SCALARS = [
    None,
    True,
    False,
    0,
    -1,
    2**62,
    2**255,
    1.5,
    -0.0,
    "",
    "a b",
    "x" * 200,
    "quo\"te's",
    "\n",
]


@pytest.mark.parametrize("value", SCALARS, ids=range(len(SCALARS)))
def test_scalars_are_kept_as_they_are(value):
    """Argument and result are the value itself, of its own class, and written as Python writes it."""
    with record(Receiver) as trace:
        Receiver().call(value)
    (call,) = trace.calls
    assert [repr(call.arguments["x"]), repr(call.result)] == [repr(value)] * 2
    assert [type(call.arguments["x"]), type(call.result)] == [type(value)] * 2
    result = "" if value is None else f" -> {value!r}"
    assert trace.outline() == f"Receiver.call(x={value!r}) [Receiver#1]{result}"


def test_nan_and_infinity():
    """Floats that JSON has no number for stay floats in the trace."""
    for value in (math.nan, math.inf, -math.inf):
        assert repr(captured(value)) == repr((value, float))
        assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "value", [2**256, -(2**300), 10**5000, True << 10_000], ids=["256", "300", "5000", "10000"]
)
@pytest.mark.parametrize("several", [False, True], ids=["values", "values and types"])
def test_huge_numbers_are_cut(value, several):
    """One of more than 256 bits is shown by its size, alone, in a container and as a result."""

    class Base:
        def call(self, x, y):
            return x

    expected = f"<int of {value.bit_length()} bits>"
    with record(Base) as trace, record(Base if several else Receiver, capture="types"):
        Base().call(value, [value])
    assert trace.outline() == f"Base.call(x={expected}, y=[{expected}]) [Base#1] -> {expected}"


def test_long_strings_are_cut():
    """Their beginning and their length are shown, and less of it within a container."""
    assert shown("x" * 201) == f"'{'x' * 200}'... 201 characters"
    assert shown("x" * 10**6) == f"'{'x' * 200}'... 1000000 characters"
    assert shown(["x" * 10**6]) == f"['{'x' * 50}'... 1000000 characters]"
    assert shown("\n" * 10**6).startswith("'\\n\\n")


def test_a_text_is_never_mistaken_for_a_string():
    """What stands for a value is shown without quotes; a string that looks like it, with."""
    assert shown(object()) == "<object>"
    assert shown("<object>") == "'<object>'"
    assert captured(object())[1] is not str
    assert captured("<object>")[1] is str


# Everything else


class Plain:
    """An object of no known kind."""


class Color(enum.Enum):
    """Enumerations are shown by name."""

    RED = 1


class Level(enum.IntEnum):
    """Also those that are numbers."""

    LOW = 1


class Style(str, enum.Enum):
    """And strings."""

    BOLD = "b"


class Access(enum.Flag):
    """A flag may be several."""

    READ = 1
    WRITE = 2


class Meters(float):
    """A number with a name."""


class Count(int):
    """A whole number with a name."""


class Label(str):
    """A string with a name."""

    __slots__ = ()


class Names(list):
    """A list with a name."""


class Options(dict):
    """A dictionary with a name."""


Pair = collections.namedtuple("Pair", "x y")  # noqa: PYI024


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: int
    y: object = None
    hidden: int = dataclasses.field(default=3, repr=False)
    kind: typing.ClassVar[str] = "point"
    seed: dataclasses.InitVar[int] = 0


@dataclasses.dataclass(slots=True, frozen=True)
class Slim:
    """A dataclass with slots."""

    x: int
    y: int = 2


def a_function():
    """Stand for functions."""


VALUES = {
    "bytes": (b"abc", "b'abc'"),
    "long bytes": (b"x" * 100, f"b'{'x' * 40}'... 100 bytes"),
    "bytearray": (bytearray(b"abc"), "b'abc'"),
    "complex": (1 + 2j, "(1+2j)"),
    "ellipsis": (..., "Ellipsis"),
    "range": (range(3, 9), "range(3, 9)"),
    "list": ([1, "a", None], "[1, 'a', None]"),
    "empty list": ([], "[]"),
    "long list": (list(range(100)), "[0, 1, 2, 3, 4, 5, ... 94 more]"),
    "six": (list(range(6)), "[0, 1, 2, 3, 4, 5]"),
    "nested": ([[[[1]]]], "[[[[...]]]]"),
    "tuple": ((1, 2), "(1, 2)"),
    "tuple of one": ((1,), "(1,)"),
    "empty tuple": ((), "()"),
    "dict": ({"a": 1, 2: [3]}, "{'a': 1, 2: [3]}"),
    "long dict": ({i: i for i in range(9)}, "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, ... 3 more}"),
    "set": ({3, 1, 2}, "{1, 2, 3}"),
    "frozenset": (frozenset({"b", "a"}), "{'a', 'b'}"),
    "empty set": (set(), "{}"),
    "deque": (collections.deque([1, 2]), "[1, 2]"),
    "defaultdict": (collections.defaultdict(list, a=1), "defaultdict{'a': 1}"),
    "OrderedDict": (collections.OrderedDict(a=1), "OrderedDict{'a': 1}"),
    "Counter": (collections.Counter("aab"), "Counter{'a': 2, 'b': 1}"),
    "list subclass": (Names("ab"), "Names['a', 'b']"),
    "dict subclass": (Options(a=1), "Options{'a': 1}"),
    "namedtuple": (Pair(1, "b"), "Pair(x=1, y='b')"),
    "int subclass": (Count(3), "3"),
    "float subclass": (Meters(1.5), "1.5"),
    "str subclass": (Label("a"), "'a'"),
    "enum": (Color.RED, "Color.RED"),
    "int enum": (Level.LOW, "Level.LOW"),
    "str enum": (Style.BOLD, "Style.BOLD"),
    "flag": (Access.READ, "Access.READ"),
    "flags": (Access.READ | Access.WRITE, "Access.READ|WRITE"),
    "dataclass": (Point(1, [Point(2)]), "Point(x=1, y=[Point(x=2, y=None)])"),
    "slotted dataclass": (Slim(1), "Slim(x=1, y=2)"),
    "class": (Plain, f"<class {__name__}.Plain>"),
    "builtin class": (int, "<class int>"),
    "function": (a_function, f"<function {__name__}.a_function>"),
    "lambda": (lambda: 1, f"<function {__name__}.<lambda>>"),
    "builtin": (len, "<function len>"),
    "method": (Receiver().call, "<method Receiver.call>"),
    "module": (math, "<module math>"),
    "object": (object(), "<object>"),
    "own object": (Plain(), "<Plain>"),
    "exception": (ValueError("a", 1), "ValueError('a', 1)"),
    "date": (datetime.date(2020, 1, 2), "datetime.date(2020, 1, 2)"),
    "timedelta": (datetime.timedelta(1), "datetime.timedelta(days=1)"),
    "decimal": (decimal.Decimal("1.5"), "Decimal('1.5')"),
    "fraction": (fractions.Fraction(1, 2), "Fraction(1, 2)"),
    "path": (pathlib.PurePosixPath("/a"), "PurePosixPath('/a')"),
    "uuid": (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
    "address": (ipaddress.ip_address("127.0.0.1"), "IPv4Address('127.0.0.1')"),
    "pattern": (re.compile("a+"), "re.compile('a+')"),
    "generator": ((x for x in []), "<generator>"),
    "partial": (functools.partial(len), "<partial>"),
    "memoryview": (memoryview(b"a"), "<memoryview>"),
    "array": (array.array("i", [1]), "<array>"),
    "namespace": (types.SimpleNamespace(x=1), "<SimpleNamespace>"),
    "mapping proxy": (types.MappingProxyType({}), "<mappingproxy>"),
    "not implemented": (NotImplemented, "<NotImplementedType>"),
    "objects": ([Plain(), {"k": Plain()}], "[<Plain>, {'k': <Plain>}]"),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_values_are_summarized(value, expected):
    """Everything that is no scalar is shown by a short text, as argument and as result."""
    with record(Receiver) as trace:
        Receiver().call(value)
    assert trace.outline() == f"Receiver.call(x={expected}) [Receiver#1] -> {expected}"


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_no_summary_has_an_address_in_it(value, expected):
    """Two runs of a program give the same text."""
    assert re.search(r"0x[0-9a-f]{4,}", shown(value)) is None


@pytest.mark.parametrize("name", VALUES)
def test_summaries_survive_a_file(name, tmp_path):
    """A loaded trace shows what the recorded one showed."""
    with record(Receiver) as trace:
        Receiver().call(VALUES[name][0])
    assert load(trace.save(tmp_path / "t.jsonl")).outline() == trace.outline()


TYPES = {
    "int": (1, "int"),
    "None": (None, "NoneType"),
    "object": (Plain(), f"{__name__}.Plain"),
    "list": ([1], "list"),
    "secret": ({"password": 1}, "dict"),
    "date": (datetime.date(2020, 1, 2), "datetime.date"),
}


@pytest.mark.parametrize(("value", "expected"), TYPES.values(), ids=TYPES)
def test_types_show_the_class_alone(value, expected):
    """With `capture="types"`, nothing of a value but its class is in the trace."""
    assert shown(value, capture="types") == expected


def test_none_shows_nothing():
    """With `capture="none"`, there are no arguments and no results."""
    with record(Receiver, capture="none") as trace:
        Receiver().call("x")
    assert trace.outline() == "Receiver.call [Receiver#1]"
    assert (dict(trace.calls[0].arguments), trace.calls[0].result) == ({}, None)


def test_summaries_are_short_whatever_the_value():
    """Wide and deep values, of keys and strings without end, take a few hundred characters."""
    wide = {f"{'k' * 1000}{i}": ["v" * 1000] * 1000 for i in range(1000)}
    deep = []
    for _ in range(10_000):
        deep = [deep, deep]
    for value in (wide, deep, [wide] * 1000, {("x" * 1000,) * 1000: deep}):
        assert len(shown(value)) <= 300


def test_what_changes_later_is_shown_as_it_was():
    """An argument is shown as it was when the call began, a result as when it ended."""

    class Base:
        def call(self, x):
            x.append(2)
            return x

    with record(Base) as trace:
        values = [1]
        Base().call(values).append(3)
    assert trace.outline() == "Base.call(x=[1]) [Base#1] -> [1, 2]"


def test_cyclic_values():
    """A container that holds itself is cut like any that is deep."""
    values = [1]
    values.append(values)
    table = {}
    table["self"] = table
    point = Point(1)
    point.y = point
    assert shown(values) == "[1, [1, [1, [...]]]]"
    assert shown(table) == "{'self': {'self': {'self': {...}}}}"
    assert shown(point) == "Point(x=1, y=Point(x=1, y=Point(x=1, y=Point())))"


# Sets


def test_sets_are_shown_in_stable_order():
    """However a set was filled, equal sets give the same text."""
    items = [f"item {i}" for i in range(50)]
    texts = set()
    for _ in range(20):
        random.shuffle(items)
        texts.add(shown(set(items)))
    assert texts == {
        "{'item 0', 'item 1', 'item 10', 'item 11', 'item 12', 'item 13', ... 44 more}"
    }


@pytest.mark.parametrize("size", [65, 200, 1000])
def test_large_sets_are_shown_in_stable_order(size):
    """Also when there are too many items to show, or even to sort, all of them."""
    items = [i << 20 for i in range(size)]  # their order depends on the order of insertion
    texts = {shown(set(items)), shown(set(reversed(items))), shown({*items[7:], *items[:7]})}
    assert len(texts) == 1


def test_sets_of_different_kinds_of_items():
    """Items that cannot be compared with one another are in stable order, too."""
    first = {1, "a", None, (2,), Color.RED}
    second = {Color.RED, (2,), None, "a", 1}
    assert shown(first) == shown(second) == "{'a', (2,), 1, Color.RED, None}"


# The program's own code is not called


class Spy:
    """An object that notes whatever is done to it."""

    seen: typing.ClassVar[list[str]] = []

    def __repr__(self):
        Spy.seen.append("repr")
        return "Spy()"

    def __str__(self):
        Spy.seen.append("str")
        return "spy"

    def __eq__(self, other):
        Spy.seen.append("eq")
        return False

    def __hash__(self):
        Spy.seen.append("hash")
        return 1

    def __bool__(self):
        Spy.seen.append("bool")
        return True

    def __len__(self):
        Spy.seen.append("len")
        return 1

    def __iter__(self):
        Spy.seen.append("iter")
        return iter([1])

    def __getattr__(self, name):
        Spy.seen.append(name)
        raise AttributeError(name)

    @property
    def __class__(self):
        Spy.seen.append("class")
        return Spy


class SpyZone(datetime.tzinfo):
    """A time zone that notes when it is shown."""

    def utcoffset(self, when):
        return datetime.timedelta(0)

    def dst(self, when):
        return None

    def __repr__(self):
        Spy.seen.append("zone")
        return "zone"


class SpyDict(dict):
    """A dictionary that notes when it is read."""

    def items(self):
        Spy.seen.append("items")
        return super().items()

    def __repr__(self):
        Spy.seen.append("dict repr")
        return ""


class SpyMeta(type):
    """A metaclass that notes when its classes are compared, hashed or asked for anything."""

    def __eq__(cls, other):
        Spy.seen.append("class eq")
        return False

    def __hash__(cls):
        Spy.seen.append("class hash")
        return 1

    def __getattribute__(cls, name):
        Spy.seen.append(f"class {name}")
        return super().__getattribute__(name)


class SpyText(str, metaclass=SpyMeta):
    """A string that notes when it is shown or measured."""

    __slots__ = ()

    def __str__(self):
        Spy.seen.append("text")
        return "text"

    def __len__(self):
        Spy.seen.append("text length")
        return 1

    __repr__ = __str__

    def __format__(self, spec):
        return str(self)

    lower = __str__


class SpyBytes(bytes):
    """Bytes that note when they are measured, or read as a buffer."""

    def __len__(self):
        Spy.seen.append("bytes length")
        return 1

    def __buffer__(self, flags):
        Spy.seen.append("buffer")
        return memoryview(b"")


class SpyDictionary(Exception):  # noqa: N818
    """Something whose `__dict__` is a property that notes when it is read."""

    @property
    def __dict__(self):
        Spy.seen.append("__dict__")
        return {}

    __dataclass_fields__ = SpyDict(x=1)


def changed(thing, **attributes):
    """Return a thing with some attributes changed."""
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


class SpyError(Exception):
    """An error that notes when it is shown."""

    def __str__(self):
        Spy.seen.append("error str")
        return "spy"

    __repr__ = __str__


class SpyFunction:
    """A callable that notes when it is asked for anything."""

    def __call__(self, *args):
        pass

    def __getattr__(self, name):
        Spy.seen.append(f"function {name}")
        raise AttributeError(name)


@dataclasses.dataclass
class Holder:
    """A dataclass with a property for a field's neighbour."""

    x: object

    @property
    def costly(self):
        Spy.seen.append("property")
        return 1

    def __repr__(self):
        Spy.seen.append("holder repr")
        return ""


def a_copy():
    """Return a function of its own."""
    return types.FunctionType(a_function.__code__, {})


class SpyNumber(int):
    """A number that notes when it is turned into bytes."""

    def to_bytes(self, *args, **kwargs):
        Spy.seen.append("to_bytes")
        return super().to_bytes(*args, **kwargs)


def changed_path(text):
    """Return a path that may still have to look at its text."""
    path = pathlib.PurePosixPath(text)
    Spy.seen.clear()
    return path


SPIED = {
    "object": Spy,
    "in a list": lambda: [Spy(), (Spy(),)],
    "as a key": lambda: {Spy(): Spy()},
    "in a set": lambda: {Spy()},
    "in a dataclass": lambda: Holder(Spy()),
    "in a namedtuple": lambda: Pair(Spy(), Spy()),
    "in a deque": lambda: collections.deque([Spy()]),
    "in a dict": lambda: SpyDict(a=Spy()),
    "in an error": lambda: ValueError(Spy()),
    "error": lambda: SpyError(Spy()),
    "operating system error": lambda: OSError(2, "no file", Spy()),
    "import error": lambda: ImportError(Spy(), name="x"),
    "time with a zone": lambda: datetime.datetime(2020, 1, 2, tzinfo=SpyZone()),
    "time of day with a zone": lambda: datetime.time(1, tzinfo=SpyZone()),
    "method of an object": lambda: types.MethodType(SpyFunction(), 1),
    "method of a spy": lambda: types.MethodType(a_function, Spy()),
    "partial": lambda: functools.partial(a_function, Spy()),
    "weak reference": lambda: weakref.ref(KEPT),
    "text": lambda: SpyText("x"),
    "long text": lambda: SpyText("x" * 1000),
    "bytes": lambda: SpyBytes(b"x" * 1000),
    "property of the name __dict__": SpyDictionary,
    "error with a text": lambda: ValueError(SpyText("x")),
    "error that was changed": lambda: changed(OSError(2, "no file"), strerror=Spy()),
    "syntax error that was changed": lambda: changed(SyntaxError("bad"), msg=SpyText("x")),
    "function of a module": lambda: changed(lambda: None, __module__=SpyText("x")),
    "method of a name": lambda: types.MethodType(changed(a_copy(), __qualname__=SpyText("x")), 1),
    "method written in C": lambda: object.__reduce_ex__.__get__(SpyText("x")),
    "zone of a name": lambda: datetime.timezone(datetime.timedelta(0), SpyText("x")),
    "path": lambda: changed_path(SpyText("x")),
    "number of an address": lambda: ipaddress.IPv4Address(SpyNumber(5)),
    "slice": lambda: slice(Spy()),
    "proxy": lambda: types.MappingProxyType({1: Spy()}),
    "namespace": lambda: types.SimpleNamespace(x=Spy()),
}
KEPT = Spy()


@pytest.mark.parametrize("capture", ["values", "types", "none"])
@pytest.mark.parametrize("kind", SPIED)
def test_no_special_method_of_the_program_is_called(kind, capture):
    """Not for an argument, a result, or an error, nor when the trace is read."""

    class Base:
        def call(self, x, *args, **kwargs):
            return x

        def fail(self, error):
            raise error

    value = SPIED[kind]()
    error = value if isinstance(value, Exception) else ValueError(value, 1)
    Spy.seen.clear()
    with record(Base, methods=("call", "fail"), capture=capture) as trace:
        Base().call(value, value, k=value)
        with contextlib.suppress(Exception):
            Base().fail(error)
    str(trace), trace.outline(), [event.to_dict() for event in trace.events()]
    assert Spy.seen == []
    assert len(trace) == 2


def test_calls_made_by_a_summary_are_not_recorded():
    """A traced class that looks like an array is asked for its shape, and that is no call."""

    @traced(methods=("*",))
    class Tensor:
        @property
        def shape(self):
            return self.measure()

        dtype = "float32"

        def measure(self):
            return (2, 3)

        def call(self, other):
            return None

    with record() as trace:
        Tensor().call(Tensor())
    assert [call.method for call in trace.calls] == ["call"]


# Arguments by name


class Shapes:
    """Methods with all sorts of parameters."""

    def plain(self, x, y=2, *, z=3):
        return None

    def spread(self, *args, **kwargs):
        return None

    def mixed(self, a, /, b, *rest, c=1, **more):
        return None

    def same_name(self, x, /, **kwargs):
        return None

    def odd_default(self, x=1.0, y=(), z="a b"):
        return None


CALLS = {
    "plain(1)": "Shapes.plain(x=1) [Shapes#1]",
    "plain(1, 2)": "Shapes.plain(x=1) [Shapes#1]",
    "plain(x=1, z=4)": "Shapes.plain(x=1, z=4) [Shapes#1]",
    "plain(z=4, y=5, x=6)": "Shapes.plain(x=6, y=5, z=4) [Shapes#1]",
    "spread()": "Shapes.spread() [Shapes#1]",
    "spread(1, 2)": "Shapes.spread(args[0]=1, args[1]=2) [Shapes#1]",
    "spread(b=1, a=2)": "Shapes.spread(b=1, a=2) [Shapes#1]",
    "spread(**{'a b': 1, '': 2})": "Shapes.spread(a b=1, =2) [Shapes#1]",
    "mixed(1, 2)": "Shapes.mixed(a=1, b=2) [Shapes#1]",
    "mixed(1, 2, 3, c=4, d=5)": "Shapes.mixed(a=1, b=2, rest[0]=3, c=4, d=5) [Shapes#1]",
    "odd_default(2.0, (1,), 'c')": ("Shapes.odd_default(x=2.0, y=(1,), z='c') [Shapes#1]"),
}


@pytest.mark.parametrize(("source", "expected"), CALLS.items(), ids=CALLS)
def test_arguments_are_shown_by_their_bound_names(source, expected):
    """In the order of the parameters, without those left at their default, spread where starred."""
    with record(Shapes, methods=("*",)) as trace:
        eval(f"Shapes().{source}")
    assert trace.outline() == expected


def test_keywords_named_like_a_star_parameter():
    """`args` and `kwargs` may be keywords as well."""
    with record(Shapes, methods=("*",)) as trace:
        Shapes().spread(1, args=3, kwargs=4)
    assert dict(trace.calls[0].arguments) == {"args[0]": 1, "args": 3, "kwargs": 4}


def test_a_keyword_named_like_a_positional_only_parameter():
    """Both are in the trace."""
    with record(Shapes, methods=("*",)) as trace:
        Shapes().same_name(1, x=2)
    assert sorted(map(repr, trace.calls[0].arguments.values())) == ["1", "2"]


def test_more_arguments_than_are_shown():
    """Where a call has very many, the trace says that there were more."""
    with record(Shapes, methods=("*",)) as trace:
        Shapes().spread(*range(50))
        Shapes().spread(**{f"k{i}": i for i in range(50)})
    for line in trace.outline().splitlines():
        assert "40 more" in line or "49" in line


def test_a_default_is_left_out_by_identity_and_not_by_equality():
    """What equals the default but is another object is shown, and nothing is compared."""

    class Base:
        def call(self, x=[], y=1000.0):  # noqa: B006
            return None

    with record(Base) as trace:
        Base().call([], float("1000"))
        Base().call()
    assert trace.outline() == "Base.call(x=[], y=1000.0) [Base#1]\nBase.call() [Base#2]"


# Traced objects


class Layer:
    """Take another layer."""

    def __init__(self, below=None):
        self.below = below

    def call(self, other):
        return self


def test_traced_objects_are_shown_by_their_number():
    """As argument, in `*args` and `**kwargs`, and as result."""

    class Base:
        def call(self, x, *args, **kwargs):
            return x

    with record(Base) as trace:
        first, second = Base(), Base()
        first.call(1)
        second.call(first, second, k=first)
    assert trace.outline() == (
        "Base.call(x=1) [Base#1] -> 1\n"
        "Base.call(x=Base#1, args[0]=Base#2, k=Base#1) [Base#2] -> Base#1"
    )


def test_an_object_is_shown_by_its_number_once_it_has_one():
    """One that no traced call ran on is shown by its class."""
    with record(Layer) as trace:
        silent = object.__new__(Layer)
        Layer(silent)
        other = Layer(Layer())
        other.call(silent)
    assert trace.outline() == (
        "Layer.__init__(below=<Layer>) [Layer#1]\n"
        "Layer.__init__() [Layer#2]\n"
        "Layer.__init__(below=Layer#2) [Layer#3]\n"
        "Layer.call(other=<Layer>) [Layer#3] -> Layer#3"
    )


def test_a_traced_object_that_takes_no_weak_reference_is_shown_by_its_number():
    """A slotted object is no less an object."""

    class Base:
        __slots__ = ()

        def call(self, x):
            return x

    with record(Base) as trace:
        first, second = Base(), Base()
        first.call(1)
        second.call(first)
    assert trace.outline() == (
        "Base.call(x=1) [Base#1] -> 1\nBase.call(x=Base#1) [Base#2] -> Base#1"
    )


def test_an_argument_is_not_confused_with_a_later_object():
    """A number belongs to the object that was passed, though its address was used again."""

    class Base:
        def call(self, x):
            return None

    with record(Base) as trace:
        for _ in range(50):
            Base().call(Base())
    assert set(trace.outline().splitlines()) == {
        f"Base.call(x=<Base>) [Base#{number}]" for number in range(1, 51)
    }


# Secrets


SECURITY = pathlib.Path(__file__).parents[2] / "docs" / "security.md"


def documented(kind):
    """Return the names in the table of docs/security.md that lists what is hidden, or shown."""
    page = SECURITY.read_text(encoding="utf-8")
    table = page.partition(f"<!-- names: {kind} -->")[2].strip().partition("\n\n")[0]
    return re.findall(r"`([^`]+)`", table)


HIDDEN = [
    *documented("hidden"),
    *("pwd", "user_password", "password1", "PASSWORD", "clientSecret", "secrets", "refresh_token"),
    *("api_token", "ACCESS_TOKEN", "x-token", "accessToken", "idToken", "JWTToken", "my_api_key"),
    *("X-Api-Key", "myApiKey", "secret_access_key", "privateKey", "private-key", "Authorization"),
    *("Cookie", "Set-Cookie", "session_cookie", "sessionIDs", "AWSAccessKeyId", "OAuthToken"),
    *("HTTP_COOKIE", "api_key_2", "csrf_token", "_csrf", "_session", "logfire_token", "dbPass"),
    *("authTokens", "X-Amz-Security-Token", "user_pass", "x509.private.key"),
]

SHOWN = [
    *documented("shown"),
    *("token_count", "tokenize", "tokenized", "max_new_tokens", "tokens_per_second", "key_dim"),
    *(
        "attention_key",
        "keyword",
        "foreign_key",
        "authentic",
        "passenger",
        "cook",
        "cooking",
        "pad",
    ),
    *("name", "cookiecutter", "bypass_words", "gpio_pin", "options", "mask_token", "num_sessions"),
]

REPORTED = """
    pass_phrase pass_word jwt bearer sessionid session_key session_id tokens token_id api_keys otp
    pin dsn pass private_key_pem ssh_key authtoken AWS_ACCESS_KEY_ID auth_header creds cookie_jar
"""


def test_the_page_on_security_lists_what_is_hidden():
    """All names that were once shown stand in its table, and all that other scrubbers hide."""
    sentry = """
        password passwd secret api_key apikey auth credentials mysql_pwd privatekey private_key
        token session csrftoken sessionid x_csrftoken set_cookie cookie authorization x_api_key
        aiohttp_session connect.sid csrf _csrf_token PHPSESSID symfony user_session _xsrf XSRF-TOKEN
    """
    logfire = "credential social_security credit_card jwt ssn"
    listed = {*documented("hidden")}
    assert {*f"{REPORTED} {sentry} {logfire}".split()} - listed == set()


@pytest.mark.parametrize("name", HIDDEN)
def test_secrets_are_hidden_wherever_they_stand(name):
    """As a keyword, as a dictionary's key, deep inside, and with types captured."""

    class Base:
        def call(self, *args, **kwargs):
            return {name: "hush"}

    with record(Base) as trace, record(Base, capture="types") as types_:
        Base().call({name: "hush"}, [{"a": {name: "hush"}}], **{name: "hush"})
    assert "hush" not in trace.outline()
    assert trace.outline() == (
        f"Base.call(args[0]={{'{name}': [redacted]}}, args[1]=[{{'a': {{'{name}': [redacted]}}}}],"
        f" {name}=[redacted]) [Base#1] -> {{'{name}': [redacted]}}"
    )
    assert types_.calls[0].arguments[name] == "[redacted]"


@pytest.mark.parametrize("name", SHOWN)
def test_names_that_only_look_like_secrets_are_shown(name):
    """Machine learning has its own tokens and keys."""

    class Base:
        def call(self, x, **kwargs):
            return None

    with record(Base) as trace:
        Base().call({name: 7}, **{name: 8})
    assert trace.outline() == f"Base.call(x={{'{name}': 7}}, {name}=8) [Base#1]"


def test_secret_parameters_are_hidden():
    """By the name of the parameter, with and without a default, however they are passed."""

    class Account:
        def __init__(self, user, password, *, api_key=None, token="none"):
            self.user = user

    with record(Account) as trace:
        Account("ada", "hush", api_key="hush", token="hush")
        Account("ada", password="hush")
    assert trace.outline() == (
        "Account.__init__(user='ada', password=[redacted], api_key=[redacted],"
        " token=[redacted]) [Account#1]\n"
        "Account.__init__(user='ada', password=[redacted]) [Account#2]"
    )
    assert "hush" not in "".join(str(event.to_dict()) for event in trace.events())


def test_starred_parameters_with_a_secret_name_are_hidden():
    """`*passwords` and `**credentials` name all that they take."""

    class Vault:
        def call(self, *passwords, **credentials):
            return None

    with record(Vault) as trace:
        Vault().call("hush", "hush", bank="hush")
    assert "hush" not in trace.outline()
    assert "[redacted]" in trace.outline()


def test_starred_parameters_named_in_redact_are_hidden():
    """`redact` takes the name of a starred parameter like any other."""

    class Vault:
        def call(self, *codes, **answers):
            return None

    with record(Vault, redact=("codes", "answers")) as trace:
        Vault().call("hush", "hush", pet="hush")
    assert "hush" not in trace.outline()
    assert "[redacted]" in trace.outline()


def test_fields_with_a_secret_name_are_hidden():
    """In dataclasses and named tuples as in dictionaries."""

    @dataclasses.dataclass
    class Login:
        user: str
        password: str

    @dataclasses.dataclass(slots=True)
    class SlimLogin:
        user: str
        password: str

    class TupleLogin(typing.NamedTuple):
        user: str
        password: str

    assert shown(Login("ada", "hush")) == "Login(user='ada', password=[redacted])"
    assert shown([SlimLogin("ada", "hush")]) == "[SlimLogin(user='ada', password=[redacted])]"
    assert "hush" not in shown(TupleLogin("ada", "hush"))
    assert "[redacted]" in shown([TupleLogin("ada", "hush")])


class Key(str):
    """A string of the program's own, as headers and enumerations have for keys."""

    __slots__ = ()


class Field(str, enum.Enum):
    """The fields of a form."""

    USER = "user"
    PASSWORD = "password"


@pytest.mark.parametrize(
    "key",
    [Key("password"), Field.PASSWORD, b"password", b"authorization"],
    ids=["str subclass", "enum", "bytes", "header"],
)
def test_secret_keys_that_are_not_quite_strings(key):
    """A key that names a secret hides it, whatever class of text it is."""
    assert "hush" not in shown({key: "hush"})


HEADERS = {
    "of ASGI": ([(b"authorization", b"Bearer abc")], "[(b'authorization', [redacted])]"),
    "of text": ([("Cookie", "a=b"), ("Host", "h")], "[('Cookie', [redacted]), ('Host', 'h')]"),
    "as lists": ([["set-cookie", "a=b"]], "[['set-cookie', [redacted]]]"),
    "pair": (("password", "hush"), "('password', [redacted])"),
    "innocent": (("user", "ada"), "('user', 'ada')"),
    "not a pair": (("password", "email", "name"), "('password', 'email', 'name')"),
    "environment": (
        {"HTTP_AUTHORIZATION": "x", "PATH": "/"},
        "{'HTTP_AUTHORIZATION': [redacted], 'PATH': '/'}",
    ),
}


@pytest.mark.parametrize(("value", "expected"), HEADERS.values(), ids=HEADERS)
def test_pairs_of_a_name_and_a_value(value, expected):
    """Where the first names a secret, the second is hidden: so headers are passed."""
    assert shown(value) == expected
    assert str(outcome_of(value)) == f" -> {expected}"


def outcome_of(value):
    """Return what an outline says of a result."""
    with record(Receiver) as trace:
        Receiver().call(value)
    return trace.outline().partition("[Receiver#1]")[2]


TEXTS = {
    "database": ("postgresql://user:hush@host/db", "postgresql://user:[redacted]@host/db"),
    "no user": ("redis://:hush@host:6379/0", "redis://:[redacted]@host:6379/0"),
    "an at in it": ("amqp://u:hu@sh@host", "amqp://u:[redacted]@host"),
    "within a text": (
        "see ftp://a:hush@b, ftp://c:hush@d",
        "see ftp://a:[redacted]@b, ftp://c:[redacted]@d",
    ),
    "token of GitHub": ("https://hush@github.com/a", "https://[redacted]@github.com/a"),
    "bearer": ("Authorization: Bearer hush.hush-", "Authorization: Bearer [redacted]"),
    "basic": ("Basic aHVzaDpodXNo", "Basic [redacted]"),
    "port": ("http://host:8080/a?b=c@d", "http://host:8080/a?b=c@d"),
    "user": ("ssh://git@host/a", "ssh://git@host/a"),
    "words": ("a bearer token, Basic usage", "a bearer token, Basic usage"),
    "mail": ("ada@host", "ada@host"),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("capture", ["values", "types", "none"])
def test_passwords_within_texts_are_hidden(text, expected, capture):
    """In arguments, results, items, bytes and messages; the rest of the text is shown."""

    class Base:
        def call(self, x):
            return x

        def fail(self, *args):
            raise ValueError(*args)

    with record(Base, methods=("call", "fail"), capture=capture) as trace:
        Base().call(text)
        Base().call([text, {1: text.encode()}, {f"{text}?"}])
        for args in ((text,), (text, 1)):
            with contextlib.suppress(ValueError):
                Base().fail(*args)
    values = trace.calls[0].arguments.get("x"), trace.calls[0].result
    several = trace.calls[1].arguments.get("x")
    assert values == {"values": (expected, expected), "types": ("str", "str")}.get(
        capture, (None, None)
    )
    assert several == {
        "values": f"[{expected!r}, {{1: {expected.encode()!r}}}, {{'{expected}?'}}]",
        "types": "list",
    }.get(capture)
    assert [call.error.message for call in trace.calls[2:]] == [expected, f"({expected!r}, 1)"]


@pytest.mark.parametrize("before", [0, 20, 44, 150, 190, 199, 296])
def test_no_part_of_a_password_is_shown_where_a_text_is_cut(before):
    """The whole of it is hidden first: in a value, an item, bytes and a message."""

    class Base:
        def call(self, x, y, z):
            raise ValueError(x)

    for length in (20, 5_000):
        text = f"{'-' * before}://u:{'hush' * length}@host{'-' * 300}"
        with record(Base) as trace, contextlib.suppress(ValueError):
            Base().call(text, [text], text.encode())
        assert "hu" not in trace.outline().replace("hush", "hu", 0)
        assert "hush" not in str(trace)


def test_a_pair_in_an_exception():
    """What an exception holds is shown as an argument would be."""

    class Base:
        def call(self, *args):
            raise ValueError(*args)

    with record(Base) as trace:
        for args in (("password", "hush"), ([("cookie", "hush")],), ({"pin": "hush"}, 1)):
            with contextlib.suppress(ValueError):
                Base().call(*args)
    assert [call.error.message for call in trace.calls] == [
        "('password', [redacted])",
        "[('cookie', [redacted])]",
        "{'pin': [redacted]}, 1",
    ]


def test_results_go_by_the_name_of_their_method():
    """Of a property `password`, and of what makes tokens; in each way of capturing."""

    class Vault:
        @property
        def password(self):
            return "hush"

        def make_token(self):
            return ["hush"]

        async def api_key(self):
            return "hush"

        def call(self):
            return self.password, self.make_token()

    with (
        record(Vault, methods=("*",)) as trace,
        record(Vault, methods=("*",), capture="types") as types_,
        record(Vault, methods=("*",), redact=("ca?l",)) as more,
    ):
        vault = Vault()
        vault.make_token()
        vault.password  # noqa: B018
        with contextlib.suppress(StopIteration):
            vault.api_key().send(None)
        vault.call()
    assert [call.result for call in trace.calls[:3]] == ["[redacted]"] * 3
    assert [call.result for call in types_.calls[:3]] == ["[redacted]"] * 3
    assert [call.result for call in more.calls] == ["[redacted]"] * 6
    assert trace.calls[3].result == "('hush', ['hush'])"


REDACT = {
    "name": (("plan",), {"plan": 1, "plans": 2, "PLAN": 3}, {"plans"}),
    "pattern": (("plan*",), {"plan": 1, "plans": 2, "airplan": 3}, {"airplan"}),
    "upper case": (("PLAN",), {"plan": 1, "Plan": 2, "pan": 3}, {"pan"}),
    "everything": (("*",), {"a": 1, "b": 2}, set()),
    "one character": (("?",), {"a": 1, "bc": 2}, {"bc"}),
    "list": (["a", "b"], {"a": 1, "b": 2, "c": 3}, {"c"}),
    "special characters": (("a.b", "a["), {"a.b": 1, "axb": 2, "a[": 3}, {"axb"}),
}


@pytest.mark.parametrize(("redact", "values", "left"), REDACT.values(), ids=REDACT)
def test_redact_hides_more_names(redact, values, left):
    """Names and patterns, of whatever case, for keywords and for keys."""

    class Base:
        def call(self, x, **kwargs):
            return None

    with record(Base, redact=redact) as trace:
        Base().call(None if redact == ("*",) else values, **values)
    found = trace.calls[0].arguments
    assert {name for name in values if found[name] != "[redacted]"} == left
    if redact != ("*",):
        assert found["x"].count("[redacted]") == len(values) - len(left)


def test_redact_adds_to_the_default_names():
    """A password stays hidden whatever else is named."""
    assert shown({"password": 1, "plan": 2, "x": 3}, redact=("plan",)) == (
        "{'password': [redacted], 'plan': [redacted], 'x': 3}"
    )


def test_a_hidden_argument_is_not_looked_at():
    """Whatever is passed for it."""

    class Base:
        def call(self, password):
            return None

    Spy.seen.clear()
    with record(Base) as trace:
        Base().call(Spy())
    assert trace.outline() == "Base.call(password=[redacted]) [Base#1]"
    assert Spy.seen == []


def test_two_recordings_with_different_names_to_hide():
    """What either hides is not shown by that one."""

    class Base:
        def call(self, pin, code):
            return None

    with record(Base, redact=("pin",)) as first, record(Base, redact=("code",)) as second:
        Base().call(1, 2)
    assert first.calls[0].arguments["pin"] == "[redacted]"
    assert second.calls[0].arguments["code"] == "[redacted]"


# Errors


class Coded(Exception):  # noqa: N818
    """An error with a message of its own making."""

    def __init__(self, code, detail):
        super().__init__(code, detail)

    def __str__(self):
        return "made up"


ERRORS = {
    "message": (ValueError("no good"), "ValueError: no good"),
    "no message": (ValueError(), "ValueError"),
    "key": (KeyError("name"), "KeyError: 'name'"),
    "number": (ValueError(3), "ValueError: 3"),
    "several": (ValueError("a", 1), "ValueError: ('a', 1)"),
    "object": (ValueError(Plain()), "ValueError: <Plain>"),
    "os": (
        FileNotFoundError(2, "No such file", "a.txt"),
        "FileNotFoundError: [Errno 2] No such file: 'a.txt'",
    ),
    "own": (Coded(3, "x"), "Coded: 3, 'x'"),
    "secret": (ValueError({"password": "hush"}), "ValueError: {'password': [redacted]}"),
    "exit": (SystemExit(3), "SystemExit: 3"),
    "interrupt": (KeyboardInterrupt(), "KeyboardInterrupt"),
    "colon": (ValueError("what: "), "ValueError: what: "),
    "several lines": (ValueError("one\ntwo"), "ValueError: one\\ntwo"),
    "long": (ValueError("x" * 1000), f"ValueError: {'x' * 297}..."),
    "group": (ExceptionGroup("all", [ValueError("a")]), "ExceptionGroup: 'all', [ValueError('a')]"),
}


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS)
def test_errors_are_shown_with_class_and_message(error, expected):
    """In one line, and without calling code of the program."""

    class Base:
        def call(self):
            raise error

    with record(Base) as trace, pytest.raises(type(error)):
        Base().call()
    assert trace.outline() == f"Base.call() [Base#1] !! {expected}"


def test_every_call_takes_one_line():
    """Whatever strings a program passes, returns and raises."""

    class Base:
        def call(self, x):
            if x == "fail":
                raise ValueError("a\nb\r\nc\x0bd\x0ce\x1cf\x85g\u2028h")
            return x

    with record(Base) as trace:
        Base().call("a\nb\r\nc\x0bd\x0ce\x1cf\x85g\u2028h")
        Base().call(["\n" * 100, {"\n": "\n"}])
        with pytest.raises(ValueError, match="a"):
            Base().call("fail")
    assert len(trace.outline().splitlines()) == 3


# Arrays


def test_numpy_arrays_show_dtype_and_shape():
    """Their values are never shown, and nothing is computed."""
    np = pytest.importorskip("numpy")
    arrays = {
        "float32[32, 128]": np.zeros((32, 128), "float32"),
        "float64[0]": np.array([]),
        "int64[]": np.array(3, "int64"),
        "bool[2]": np.array([True, False]),
        "object[2]": np.array([Spy(), Spy()], dtype=object),
        "complex128[1]": np.array([1j]),
        "float64[1000000]": np.lib.stride_tricks.as_strided(np.zeros(1), (10**6,), (0,)),
        "float64[2]": np.ma.array([1.0, 2.0], mask=[True, False]),
    }
    Spy.seen.clear()
    assert {shown(value): None for value in arrays.values()} == dict.fromkeys(arrays)
    assert shown([np.zeros(3)]) == "[float64[3]]"
    assert shown(np.zeros((2, 2)), capture="types") == "numpy.ndarray float64[2, 2]"
    assert Spy.seen == []


def test_numpy_scalars_show_their_value():
    """As a number with its dtype."""
    np = pytest.importorskip("numpy")
    values = {
        "float32(1.5)": np.float32(1.5),
        "float64(1.5)": np.float64(1.5),
        "int64(3)": np.int64(3),
        "bool(True)": np.bool_(True),
    }
    assert {shown(value): None for value in values.values()} == dict.fromkeys(values)


def test_numpy_defaults_and_results():
    """An array may be a default, of which nobody may ask whether it equals another."""
    np = pytest.importorskip("numpy")
    default = np.zeros(2)

    class Base:
        def call(self, x=default, *, y=default):
            return x

    with record(Base) as trace:
        Base().call()
        Base().call(np.ones(3), y=default)
    assert trace.outline() == (
        "Base.call() [Base#1] -> float64[2]\nBase.call(x=float64[3]) [Base#2] -> float64[3]"
    )


@pytest.mark.parametrize("module", ["torch", "jaxlib._jax", "tensorflow.python.framework.ops"])
def test_objects_with_shape_and_dtype_are_arrays(module):
    """Whichever of the known libraries made them: torch, jax, TensorFlow."""

    class Dtype:
        def __str__(self):
            return "torch.bfloat16"

    class Tensor:
        __module__ = module
        dtype = Dtype()

        @property
        def shape(self):
            return (2, 3)

    class Parameter(Tensor):
        __module__ = "app"

    assert [shown(Tensor()), shown(Parameter())] == ["bfloat16[2, 3]"] * 2


def test_a_shape_of_the_programs_own_is_not_asked_for():
    """It may be a property that computes, or raises; in a subclass of an array, too."""
    np = pytest.importorskip("numpy")

    class Lazy:
        @property
        def shape(self):
            Spy.seen.append("shape")

        dtype = "float32"

    class Array(np.ndarray):
        shape = Lazy.shape

    class Number(np.float64):
        def __str__(self):
            Spy.seen.append("str")
            return ""

    Spy.seen.clear()
    values = [Lazy(), np.zeros(2).view(Array), Number(1), np.array([(Spy(),)], "O,")[0]]
    assert [*map(shown, values)] == ["<Lazy>", "<Array>", "<Number>", "<void>"]
    assert Spy.seen == []


def test_importing_nothing_for_a_summary():
    """No library is imported to show a value."""
    before = {name.partition(".")[0] for name in sys.modules}
    for value, _ in VALUES.values():
        shown(value)
    after = {name.partition(".")[0] for name in sys.modules}
    assert {"numpy", "torch", "pandas"} & (after - before) == set()

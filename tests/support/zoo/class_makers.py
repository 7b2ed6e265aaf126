"""Classes made by dataclasses, enumerations and other makers of classes."""

import abc
import bisect
import collections
import copy
import dataclasses
import enum
import functools
import inspect
import pickle
import sys
import typing

from zoo.program import Differs, Program, attempt, case, differs, has, only


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

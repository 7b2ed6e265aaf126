"""Methods that are not plain functions."""

import contextlib
import copy
import functools
import inspect
import operator
import sys
import types
import unittest.mock

import wrapt

from zoo.program import Differs, Program, attempt, case, differs, only


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

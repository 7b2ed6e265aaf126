"""The making of objects and classes."""

import contextlib
import copy
import ctypes
import pickle
import sys
import traceback
import types
import weakref

from ways import IN_PLACE
from zoo.program import EVERYTHING, Act, Differs, Program, attempt, case, differs, unwitnessed


@case
def new_with_arguments():
    """`object.__init__` takes what `__new__` takes, and is pinned nowhere."""

    class OnlyNew:
        def __new__(cls, *args, **kwargs):
            self = super().__new__(cls)
            self.args = args, kwargs
            return self

    class Both(OnlyNew):
        def __init__(self, x, *, y=2):
            self.x = x, y

    class Elsewhere(OnlyNew):
        def __new__(cls, x):
            return x

        def __init__(self, x):
            raise AssertionError

    return Program(
        OnlyNew,
        lambda: OnlyNew(1, k=2).args,
        lambda: (Both(1, y=3).x, Both(1, y=3).args),
        lambda: Elsewhere(5),
        lambda: Both(),
        lambda: OnlyNew.__new__(Both, 1).args,
        lambda: OnlyNew.__new__(),
        lambda: Elsewhere(1, 2),
    )


@case
def object_refuses_arguments():
    class OnlyInit:
        def __init__(self, x):
            self.x = x

    class Neither(OnlyInit):
        __init__ = object.__init__

    return Program(
        OnlyInit,
        lambda: OnlyInit(1).x,
        lambda: OnlyInit(),
        lambda: Neither(1),
        lambda: object.__new__(OnlyInit, 1),
        lambda: OnlyInit.__init__(object(), 1),
    )


@case
def what_the_interpreter_looks_for():
    """Methods of `object` and of built-in classes that a class names as its own."""

    class Case:
        __new__ = object.__new__
        __hash__ = object.__hash__
        __reduce__ = object.__reduce__
        __reduce_ex__ = object.__reduce_ex__
        __format__ = object.__format__

        def __init__(self, x=1):
            self.x = x

        def __eq__(self, other):
            return True

    return Program(
        Case,
        lambda: Case(5).x,
        lambda: vars(copy.copy(Case(2))),
        lambda: Case(1, 2),
        lambda: f"{Case()}",
        lambda: f"{Case():>3}",
        methods=(*EVERYTHING, "__new__"),
    )


@case
def what_a_builtin_class_gives():
    """Its own `__new__` and other methods, named as those of a subclass."""

    class Number(int):
        __new__ = int.__new__
        __getnewargs__ = int.__getnewargs__
        bit_length = int.bit_length

        def __init__(self, x, **options):
            self.options = options

        def method(self):
            return type(self)(self + 1)

    return Program(
        Number,
        lambda: Number(5).method(),
        lambda: Number(5, base=3),
        lambda: copy.copy(Number(5)),
        lambda: Number(5).bit_length(),
        lambda: Number.bit_length("x"),
        lambda: Number("x"),
        lambda: Number.__new__(int, 5),
        methods=(*EVERYTHING, "__new__"),
    )


@case
def init_that_returns():
    class Case:
        def __init__(self, x):
            return x

    return Program(Case, lambda: type(Case(None)), lambda: Case(1))


@case
def singleton():
    class Case:
        made = None

        def __new__(cls):
            if cls.made is None:
                cls.made = super().__new__(cls)
            return cls.made

        def __init__(self):
            self.times = getattr(self, "times", 0) + 1

    return Program(Case, lambda: Case() is Case(), lambda: Case().times)


@case
def call_on_a_metaclass():
    class Meta(type):
        def __call__(cls, *args, **kwargs):
            obj = super().__call__(*args, **kwargs)
            obj.built_by = type(cls).__name__
            return obj

    class Case(metaclass=Meta):
        def __init__(self, x):
            self.x = x

        def __call__(self, y):
            return self.x, y

    return Program(
        Case, lambda: Case(1).built_by, lambda: Case(1)(2), lambda: Case(), lambda: Case(1)()
    )


@case
def a_traced_metaclass():
    class Meta(type):
        @classmethod
        def __prepare__(mcls, name, bases, **keywords):
            return {"prepared": sorted(keywords)}

        def __new__(mcls, name, bases, namespace, **keywords):
            return super().__new__(mcls, name, bases, namespace)

        def __init__(cls, name, bases, namespace, *, key=None):
            super().__init__(name, bases, namespace)

        def __call__(cls, *args):
            return super().__call__(*args)

        def __instancecheck__(cls, obj):
            return obj == 3

        def __subclasscheck__(cls, other):
            return other is int

        def __iter__(cls):
            return iter("abc")

        @property
        def answer(cls):
            return 42

    def make(**keywords):
        class Made(metaclass=Meta, **keywords):
            def __init__(self, x=1):
                self.x = x

        return Made

    return Program(
        Meta,
        lambda: make(key=1).prepared,
        lambda: make(unknown=1),
        lambda: make()(5).x,
        lambda: make()(5, 6),
        lambda: (isinstance(3, make()), isinstance(4, make()), issubclass(int, make())),
        lambda: [*make()],
        lambda: make().answer,
        lambda: make()().answer,
    )


class Strict(type):
    """A metaclass that refuses attributes, and keeps its subclasses and itself to itself."""

    def __setattr__(cls, name, value):
        raise AttributeError(f"{cls.__name__} is closed")

    def __delattr__(cls, name):
        raise AttributeError(f"{cls.__name__} is closed")

    def __eq__(cls, other):
        raise AssertionError("eq")

    __hash__ = None

    def __subclasses__(cls):
        raise AssertionError("subclasses")

    def __bool__(cls):
        raise AssertionError("bool")

    def mro(cls):
        return super().mro()


@case
def hostile_metaclass():
    class Case(metaclass=Strict):
        def method(self, x=None):
            return x

    class Sub(Case):
        def method(self, x=None):
            return [super().method(x)]

    return Program(
        Case,
        lambda: Sub().method(1),
        lambda: Case().method(2),
        lambda: setattr(Case, "x", 1),
        lambda: Case == Sub,
        lambda: hash(Case),
    )


@case
def metaclass_that_answers_for_itself():
    class Meta(type):
        def __getattribute__(cls, name):
            if name in ("__dict__", "__mro__", "__subclasses__", "__qualname__", "__module__"):
                raise AttributeError(name)
            return super().__getattribute__(name)

        def __dir__(cls):
            return ["lies"]

    class Case(metaclass=Meta):
        def method(self):
            return type(self).method.__name__

    return Program(Case, lambda: Case().method(), lambda: dir(Case), lambda: Case.missing)


@case
def subclass_hooks():
    """`__init_subclass__` with keywords, with and without `super`; `__set_name__`."""
    log = []

    class Field:
        def __set_name__(self, owner, name):
            log.append((owner.__name__, name))

    class Root:
        def __init_subclass__(cls, /, tag=None, **kwargs):
            """Note the tag."""
            super().__init_subclass__(**kwargs)
            cls.tag = tag

        def method(self):
            return self.tag

    class Quiet(Root):
        def __init_subclass__(cls, **kwargs):
            log.append(("quiet", cls.__name__, sorted(kwargs)))

        def method(self):
            return "quiet", super().method()

    def derive(*bases, **keywords):
        class Made(*bases, **keywords):
            field = Field()

            def method(self):
                return "made", super().method()

        return Made

    return Program(
        Root,
        lambda: derive(Root, tag=1)().method(),
        lambda: derive(Quiet, tag=1)().method(),
        lambda: derive(Root, unknown=1),
        lambda: Root.__init_subclass__(tag=3),
        lambda: log,
    )


@case
def subclass_hook_that_raises():
    class Root:
        def __init_subclass__(cls):
            raise ValueError(cls.__name__)

        def method(self):
            return type("Sub", (Root,), {})

    return Program(Root, lambda: Root().method())


@case
def subclasses_made_in_use():
    class Root:
        def method(self):
            return type(self).__name__

    def derive(**keywords):
        class Sub(Root, **keywords):
            def method(self):
                return ["Sub", super().method()]

        return Sub().method()

    return Program(
        Root,
        derive,
        lambda: derive(unknown=1),
        lambda: type("Dynamic", (Root,), {})().method(),
        lambda: types.new_class("New", (Root,), {}, lambda ns: ns.update(x=1))().method(),
        lambda: sorted(c.__name__ for c in Root.__subclasses__()),
        lambda: Root.__init_subclass__(),
        lambda: Root.__init_subclass__(1),
    )


@case
def class_getitem():
    class Case:
        def __class_getitem__(cls, item):
            return cls.__name__, item

        def method(self):
            return type(self)[3]

    return Program(
        Case, lambda: Case[int], lambda: Case().method(), lambda: Case[1:2], lambda: Case()[1]
    )


@case
def attribute_hooks():
    class Case:
        def __init__(self):
            self.there = 1

        def __getattribute__(self, name):
            if name == "secret":
                raise AttributeError("none of your business")
            return super().__getattribute__(name)

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            return f"no {name}"

        def __setattr__(self, name, value):
            super().__setattr__(name, [value])

        def __delattr__(self, name):
            super().__delattr__(name)

        def __dir__(self):
            return ["there"]

    def change():
        obj = Case()
        obj.x = 2
        found = obj.x, obj.there
        del obj.x
        return found, obj.x

    return Program(
        Case,
        lambda: (Case().there, Case().other, Case().secret),
        change,
        lambda: Case()._private,
        lambda: delattr(Case(), "never"),
        lambda: (hasattr(Case(), "_x"), getattr(Case(), "_x", 3), dir(Case())),
        lambda: copy.copy(Case()).there,
    )


@case
def endless_getattr():
    class Case:
        def __getattr__(self, name):
            return getattr(self.inner, name)

    return Program(
        Case,
        lambda: hasattr(Case, "x"),
        lambda: Case().__class__.__name__,
        unwitnessed(lambda: attempt(lambda: Case().x)),
        lambda: Case.__getattr__(types.SimpleNamespace(inner=3), "real"),
    )


@case
def slots():
    class Case:
        __slots__ = ("x", "__weakref__")

        def __init__(self, x=1):
            self.x = x

        def method(self):
            return self.x

    class Sub(Case):
        __slots__ = ("y",)

    def undefined():
        obj = Sub()
        del obj.x
        return obj.method()

    return Program(
        Case,
        lambda: Case(2).method(),
        lambda: setattr(Sub(), "z", 1),
        lambda: Sub().y,
        undefined,
        lambda: (weakref.ref(Case())(), Case.x.__get__(Case(5))),
        lambda: pickle.dumps(Case()),
    )


@case
def slots_without_weakref():
    class Case:
        __slots__ = ("x",)

        def method(self, x):
            self.x = x
            return self.x

    return Program(
        Case,
        lambda: Case().method(1),
        lambda: weakref.ref(Case()),
        lambda: vars(Case()),
        differs(Differs.HOOKS, lambda: hasattr(Case, "__del__")),
    )


@case
def finalizers():
    log = []

    class Case:
        def __init__(self, x):
            self.x = x

        def __del__(self):
            log.append(self.x)

    class Slim:
        __slots__ = ("x",)

    class Sub(Case):
        def __del__(self):
            super().__del__()
            log.append("sub")

    return Program(Case, lambda: [Case(1), 2][1], lambda: [Sub(3), 4][1], lambda: log)


@case
def slots_with_a_finalizer():
    log = []

    class Case:
        __slots__ = ("x",)

        def __init__(self, x):
            self.x = x

        def __del__(self):
            """Say so."""
            log.append(self.x)

    return Program(Case, lambda: [Case(1), 2][1], lambda: Case.__del__(Case(3)), lambda: log)


@case
def finalizer_that_raises():
    """What the hook for such errors is told is the same."""

    class Case:
        def method(self):
            return 1

        def __del__(self):
            self.fail()

        def fail(self):
            raise ValueError("lost")

    class Slim(Case):
        __slots__ = ()

    def lost(cls):
        told = []
        kept, sys.unraisablehook = (
            sys.unraisablehook,
            lambda hooked: told.append(
                [
                    "".join(traceback.format_tb(hooked.exc_traceback)),
                    repr(hooked.object),
                    hooked.err_msg,
                ]
            ),
        )
        try:
            cls().method()
        finally:
            sys.unraisablehook = kept
        return told

    return Program(Case, lambda: lost(Case), lambda: lost(Slim))


@case
def finalizer_without_weakref_that_raises():
    class Case:
        __slots__ = ()

        def method(self):
            return 1

        def __del__(self):
            raise ValueError("lost")

    def lost():
        told = []
        kept, sys.unraisablehook = (
            sys.unraisablehook,
            lambda hooked: told.append(
                [
                    "".join(traceback.format_tb(hooked.exc_traceback)),
                    repr(hooked.object),
                    hooked.err_msg,
                ]
            ),
        )
        try:
            Case().method()
        finally:
            sys.unraisablehook = kept
        return told

    return Program(Case, lost)


@case
def weak_references():
    class Case:
        def method(self):
            return 1

        def references(self):
            return weakref.getweakrefcount(self)

    def watched():
        log, obj = [], Case()
        weakref.finalize(obj, log.append, "gone")
        ref, method = weakref.ref(obj), weakref.WeakMethod(obj.method)
        found = method()(), ref() is obj, len({ref, weakref.ref(obj)})
        del obj
        return found, ref(), method(), log

    return Program(Case, watched, differs(Differs.WEAKREFS, lambda: Case().references()))


@case
def bound_methods_over_the_edge():
    class Case:
        def method(self):
            return 1

        def shared(self):
            return 2

        alias = shared

    obj, references = Case(), []
    before, within = [obj.method], []
    shared = [obj.shared]
    return Program(
        Case,
        lambda: within.append(obj.method),
        lambda: references.append(weakref.WeakMethod(obj.method)),
        lambda: (obj.method in within, within[0](), before[0](), references[0]()()),
        differs(Differs.BOUND, lambda: obj.method in before, where=not IN_PLACE),
        differs(Differs.BOUND, lambda: obj.shared in shared),
        after=[
            lambda: (obj.method in before, within[0](), references[0]()()),
            differs(Differs.BOUND, lambda: obj.method in within, where=not IN_PLACE),
        ],
    )


@case
def structure_of_ctypes():
    class Case:
        def method(self):
            return 1

    class Sub(Case, ctypes.Structure):
        _fields_ = (("x", ctypes.c_int),)

        def method(self):
            return super().method() + self.x

    def late():
        class Late(Case, ctypes.Union):
            _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_long))

            def method(self):
                return super().method() + self.y

        return Late(3).method(), Late(4).y, ctypes.sizeof(Late)

    return Program(Case, lambda: Sub(2).method(), lambda: bytes(Sub(3)), late)


@case
def metaclass_with_properties():
    log = []

    class Meta(type):
        @property
        def method(cls):
            return log.append("get")

        @method.setter
        def method(cls, value):
            log.append("set")

        @method.deleter
        def method(cls):
            log.append("delete")

    class Case(metaclass=Meta):
        def method(self):
            return 1

        def other(self):
            return 2

    return Program(
        Case, lambda: (Case().method(), Case().other()), lambda: log, after=[lambda: log]
    )


@case
def proxy_of_another_class():
    class Case:
        def __init__(self, target):
            self.target = target

        @property
        def __class__(self):
            return type(self.target)

        @property
        def __doc__(self):
            return "The target's."

        def __getattr__(self, name):
            return getattr(self.target, name)

    return Program(
        Case,
        lambda: isinstance(Case([1]), list),
        lambda: (Case([1]).__doc__, Case([1]).index(1)),
        lambda: Case([1]).__class__.__name__,
    )


@case
def more_defaults_than_parameters():
    class Case:
        def method(self, *args):
            return args

        method.__defaults__ = (1, 2)

    return Program(Case, lambda: Case().method(), lambda: Case().method(1), lambda: Case.method())


@case
def lifetimes():
    """Arguments, results and objects live as long as before, but for an early `del`."""

    class Case:
        def method(self, x):
            return [x]

        def drops(self, x):
            gone = weakref.ref(x)
            del x
            return gone() is None

        def counts(self, x):
            return sys.getrefcount(x)

        def fails(self, x):
            raise ValueError

    def ends(call):
        obj, x = Case(), Case()
        gone = [weakref.ref(obj), weakref.ref(x)]
        with contextlib.suppress(ValueError):
            call(obj, x)
        del obj, x
        return [ref() for ref in gone]

    return Program(
        Case,
        lambda: ends(Case.method),
        lambda: ends(Case.fails),
        differs(Differs.LIFETIME, lambda: Case().drops(Case())),
        differs(Differs.LIFETIME, lambda: Case().counts(Case())),
    )

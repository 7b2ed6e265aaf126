"""Subclasses, `super` and `__class__`."""

import asyncio
import inspect

from zoo.program import Program, attempt, case


@case
def zero_argument_super():
    """`super()` finds its class and its object, in every sort of method."""

    class Base:
        def __new__(cls, *args):
            return super().__new__(cls)

        def __init__(self, x):
            self.x = x

        @classmethod
        def of_class(cls):
            return [cls.__name__]

        def method(self):
            return [self.x]

        def steps(self):
            yield self.x

        async def later(self):
            return self.x

        @property
        def value(self):
            return self.x

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

        def steps(self):
            yield from super().steps()

        async def later(self):
            return [await super().later()]

        @property
        def value(self):
            return [super().value]

        def __repr__(self):
            return f"Sub({super().__repr__()})"

    return Program(
        Base,
        lambda: Sub(1),
        lambda: Sub(1).of_class() + Sub.of_class(),
        lambda: Sub(1).method(),
        lambda: [*Sub(1).steps()],
        lambda: asyncio.run(Sub(1).later()),
        lambda: Sub(1).value,
        lambda: Sub(1).whatever,
        lambda: f"{Sub(1)}",
        lambda: Sub(),
        lambda: super(Sub, Sub(1)).method(),
        lambda: Base.method(Sub(3)),
        lambda: Sub.method(Base(3)),
    )


@case
def super_with_arguments():
    class Base:
        def method(self):
            return ["Base"]

    class Sub(Base):
        def method(self):
            return ["Sub", *super(Sub, self).method()]

        def by_nested_function(self):
            return [super(Sub, self).method() for _ in range(2)]

        def by_unbound(self):
            return super(Sub).__get__(self).method()

        def by_wrong_self(self):
            return super(Sub, 3).method()

    return Program(
        Base,
        lambda: Sub().method(),
        lambda: Sub().by_nested_function(),
        lambda: Sub().by_unbound(),
        lambda: Sub().by_wrong_self(),
    )


@case
def super_that_cannot_work():
    class Case:
        def without_self():
            return super().method()

        def self_is_gone(self):
            del self
            return super().method()

        def nothing_above(self):
            return super().nothing()

        @staticmethod
        def of_nobody():
            return super().method()

    return Program(
        Case,
        lambda: Case.without_self(),
        lambda: Case().self_is_gone(),
        lambda: Case().nothing_above(),
        lambda: Case.of_nobody(),
    )


@case
def diamond_by_name():
    """Bases that are called by name, as `Left.__init__(self)` is: the top one runs twice."""

    class Top:
        def __init__(self, log):
            log.append("Top")

    class Left(Top):
        def __init__(self, log):
            Top.__init__(self, log)
            log.append("Left")

    class Right(Top):
        def __init__(self, log):
            Top.__init__(self, log)
            log.append("Right")

    class Bottom(Left, Right):
        def __init__(self, log):
            Left.__init__(self, log)
            Right.__init__(self, log)

    def use():
        log = []
        Bottom(log)
        return log

    return Program(Top, use, lambda: Bottom(), lambda: Right.__init__(Bottom([]), None))


@case
def diamond_by_super():
    """The order of `super` is that of the object's class: nothing is pinned onto a subclass."""

    class Top:
        def method(self, *args):
            return ["Top", *args]

    class A(Top): ...

    class B(Top):
        def method(self, *args):
            return ["B", *super().method(*args)]

    class C(A, B):
        def method(self, *args):
            return ["C", *super().method(*args)]

    return Program(
        Top,
        lambda: C().method(1),
        lambda: A().method(),
        lambda: A.method(C()),
        lambda: super(A, C()).method(2),
        lambda: C.method(B()),
        lambda: [k for cls in C.__mro__ for k in vars(cls) if k == "method"],
    )


@case
def cooperative_mixins():
    class Root:
        def __init__(self, **kwargs):
            self.rest = kwargs

    class Named:
        def __init__(self, *, name, **kwargs):
            super().__init__(**kwargs)
            self.name = name

    class Sized:
        def __init__(self, *, size=1, **kwargs):
            super().__init__(**kwargs)
            self.size = size

    class Whole(Named, Sized, Root): ...

    class OnlyObject(Sized, Named): ...

    return Program(
        Root,
        lambda: vars(Whole(name="n", size=2, k=3)),
        lambda: vars(Whole(name="n")),
        lambda: Whole(size=1),
        lambda: OnlyObject(name="n", k=1),
    )


@case
def inherited_and_pinned_nowhere():
    """A method that only the base has is looked up anew after the base was patched."""

    class Base:
        def method(self):
            return "Base"

    class Sub(Base): ...

    def patched():
        kept, Base.method = vars(Base)["method"], lambda self: "patched"
        try:
            return Sub().method(), Sub.method is Base.method
        finally:
            Base.method = kept

    return Program(Base, lambda: Sub().method(), patched, lambda: Sub().method())


@case
def rewritten_class_cell():
    """What attrs does with slots: a second class, and the cell `__class__` points to that one."""

    class Case:
        def method(self, x):
            return __class__, super().__repr__()[:3], x

    def again():
        names = {k: v for k, v in vars(Case).items() if k not in ("__dict__", "__weakref__")}
        second = type("Second", (), {**names, "__slots__": ("x",)})
        function = second.method
        cell = function.__closure__[function.__code__.co_freevars.index("__class__")]
        kept, cell.cell_contents = cell.cell_contents, second
        try:
            return second().method(1)
        finally:
            cell.cell_contents = kept

    return Program(Case, lambda: Case().method(1), again, lambda: Case().method(2))


@case
def nested_classes():
    class Outer:
        class Inner:
            def method(self):
                return __class__.__qualname__

        def method(self):
            class Local(Outer):
                def method(self):
                    return super().__init__(), __class__.__qualname__

            return self.Inner().method(), Local().method()

    return Program(Outer, lambda: Outer().method(), lambda: Outer.Inner().method())


@case
def same_name_classes():
    class Same:
        def method(self):
            return ["base"]

    Base = Same

    class Same(Base):
        def method(self):
            return ["derived", *super().method()]

    return Program(Base, lambda: Same().method(), lambda: Base().method())


@case
def change_of_class():
    class One:
        def method(self):
            self.__class__ = Two
            return self.method()

    class Two(One):
        def method(self):
            return __class__.__name__

    return Program(One, lambda: One().method(), lambda: Two().method())


@case
def patched_in_use():
    """Methods are added, replaced, marked and deleted while the program runs."""

    class Case:
        def method(self, x=1):
            return x

        def other(self):
            return "other"

    def change():
        kept = Case.method
        Case.method = lambda self, x=2: kept(self, x)
        Case.added = lambda self: self.other()
        del Case.other
        return Case().method(), attempt(Case().added)

    return Program(Case, lambda: Case().method(), change, lambda: Case().method(3))


@case
def function_attributes_set_in_use():
    """What a program sets on a method stays, and counts at once."""

    class Case:
        def method(self, x=1, *, y=2):
            """Do."""
            return x, y

    def change():
        function = Case.method
        function.mark = 3
        function.__doc__ = "Changed."
        function.__defaults__ = (5,)
        function.__kwdefaults__ = {"y": 6}
        function.__annotations__ = {"x": int}
        function.__name__ = "changed"
        function.__qualname__ = "Case.changed"
        function.__module__ = "elsewhere"
        function.__signature__ = inspect.Signature()
        return Case().method()

    def seen():
        names = ("__doc__", "__defaults__", "__kwdefaults__", "__annotations__", "__name__")
        names += ("__qualname__", "__module__", "__signature__", "mark")
        return [getattr(Case.method, name, None) for name in names], Case().method()

    return Program(Case, seen, change, seen, after=[seen])

"""Methods of every shape."""

import functools
import inspect
import sys
import types
import typing

from zoo.program import Act, attempt, case, only, ways


class Odd:
    """A default value that can be neither compared nor hashed nor tested."""

    def __eq__(self, other):
        raise AssertionError("eq")

    __hash__ = None

    def __bool__(self):
        raise AssertionError("bool")

    def __repr__(self):
        return "ODD"  # `inspect` shows defaults


ODD = Odd()
MUTABLE = []
NAN = float("nan")


@case
def plain():
    class Case:
        # A comment.
        def method(self, x, y=2):
            """Do what a plain method does."""
            return x, y

    return ways(Case, 1, y=3)


@case
def annotated():
    class Case:
        def method(self, x: int, y: "int | None" = None, *args: str, **kwargs: float) -> list[int]:
            return [x]

    return ways(Case, 1)


@case
def annotated_with_what_is_not_there():
    class Case:
        def method(self, x: "Missing") -> "list[Missing]":
            return [x]

    return ways(Case, 1)


@case
def positional_only():
    class Case:
        def method(self, x, /, y=ODD, *, z):
            return x, y, z

    return ways(Case, 1, z=3)


@case
def keyword_only():
    class Case:
        def method(self, *, x, y=2, **z):
            return x, y, z

    return ways(Case, x=1, self_=3)


@case
def variadic():
    class Case:
        def method(self, *args, **kwargs):
            return args, kwargs

    return ways(Case, 1, 2, a=3, args=4, kwargs=5)


@case
def all_variadic():
    class Case:
        def method(*args, **kwargs):
            return type(args[0]).__name__, args[1:], kwargs

    return ways(Case, 1, 2, a=4)


@case
def only_args():
    class Case:
        def method(*args):
            return args[1:]

    return ways(Case, 1, 2)


@case
def positional_only_self():
    class Case:
        def method(self, /, **kwargs):
            return kwargs

    return ways(Case, x=2)


@case
def same_name_twice():
    class Case:
        def method(self, x, /, **kwargs):
            return x, kwargs

    return ways(Case, 1, x=2)


@case
def no_parameters():
    class Case:
        def method():
            return 1

    return ways(Case)


@case
def odd_defaults():
    class Case:
        def method(self, a=ODD, b=MUTABLE, c=NAN, *, d=Odd, e=..., f=NotImplemented):
            b.append(1)
            b.pop()
            return a is ODD, b is MUTABLE, c is NAN, d is Odd, e, f

    return ways(Case)


@case
def default_that_remembers():
    class Case:
        def method(self, x, seen=[]):
            seen.append(x)
            return seen

    return ways(Case, 1)


@case
def self_is_second():
    class Case:
        def method(this, self, cls=None):
            return type(this).__name__, self, cls

    return ways(Case, 1, cls=2)


@case
def internal_names():
    class Case:
        def method(self, _cs_tape, original, result, type, len, args, shadow, make, error):
            return _cs_tape, original, result, type, len, args, shadow, make, error

    return ways(Case, *range(9))


@case
def prefixed_names():
    class Case:
        def method(_cs_self, _cs_original=1, *, _cs__on=2, _cs___entry=3, **_cs_local):
            _cs_clock = _cs_original
            return _cs_clock, _cs__on, _cs___entry, _cs_local

    return ways(Case, 4, _cs_seen=5)


@case
def builtin_names():
    class Case:
        def method(self, list, BaseException, None_=1, *, int, str=2):
            return list, BaseException, None_, int, str

    return ways(Case, 1, 2, int=3)


@case
def unicode_names():
    class Case:
        def method(self, été, ﬁn=2, *, ß=3):
            return été, fin, ß

    return ways(Case, 1)


@case
def mangled():
    class Case:
        def method(self, __x, *, __y=2, **__z):
            self.__hidden = __x
            return __x, __y, __z, self.__hidden, self.__private()

        def __private(self):
            return "private"

    return ways(Case, 1, _Case__y=3)


@case
def closure():
    outer, original, type_ = 1, 2, 3

    class Case:
        def method(self, x=original):
            return outer, original, type_, x, __class__.__name__

    return ways(Case)


@case
def closure_named_as_ours():
    _cs_on, _cs_original, _cs_entry = 1, 2, 3

    class Case:
        def method(self):
            return _cs_on, _cs_original, _cs_entry

    return ways(Case)


@case
def nonlocal_cells():
    count = 0

    class Case:
        def method(self, by=1):
            nonlocal count
            count += by
            return count

    return ways(Case, 2)


@case
def unbound_cell():
    class Case:
        def method(self):
            return never

    if sys is None:
        never = 1
    return ways(Case)


@case
def global_names():
    class Case:
        def method(self):
            global ODD
            return ODD is globals()["ODD"], __name__, sorted(locals())

    return ways(Case)


@case
def names_in_the_body():
    """`locals`, `eval`, `exec` and comprehensions see the method's own names."""
    outer = 5

    class Case:
        def method(self, x, *, y=2):
            z = [x + i for i in range(y) if (last := i) is not None]
            exec("made = x + y")
            eval("z.append(x)")
            return {k: v for k, v in locals().items() if k != "self"}, eval("x + y"), dir(), outer

    return ways(Case, 1, y=3)


@case
def a_lambda():
    class Case:
        method = lambda self, x, *a, y=2: (x, a, y)

    return ways(Case, 1, 2)


@case
def with_attributes():
    def mark(function):
        function.order = 3
        function.tags = {"a"}
        return function

    class Case:
        @mark
        def method(self):
            return Case.method.order, self.method.tags

    return ways(Case)


@case
def decorated():
    def twice(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs) * 2

        return wrapper

    class Case:
        @twice
        @twice
        def method(self, x, y=1):
            """Be decorated."""
            return [x, y]

    return ways(Case, 1)


@case
def decorated_without_wraps():
    def twice(function):
        return lambda *args: function(*args) * 2

    class Case:
        @twice
        def method(self, x, y=1):
            return [x, y]

    return ways(Case, 1)


@case
def with_signature():
    class Case:
        def method(self, *args):
            return args

        method.__signature__ = inspect.Signature(
            [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )

    return ways(Case, 1)


@case
def renamed():
    class Case:
        def method(self, x):
            return x

        method.__name__ = "other"
        method.__qualname__ = "Some.other"
        method.__module__ = "elsewhere"
        method.__doc__ = "Come from elsewhere."

    return ways(Case, 1)


@case
def recursive():
    class Case:
        def method(self, n):
            return 1 if n == 0 else n * self.method(n - 1)

    return ways(Case, 5)


@case
def mutually_recursive():
    class Case:
        def method(self, n):
            return n == 0 or self.odd(n - 1)

        def odd(self, n):
            return n != 0 and self.method(n - 1)

    return ways(Case, 5)


@case
def rebinding():
    class Case:
        def method(self, x, *args, **kwargs):
            x, args, kwargs = kwargs, x, args
            del self
            return x, args, kwargs

    return ways(Case, 1, 2, k=3)


@case
def of_class():
    class Case:
        @classmethod
        def method(cls, x, *, y=1):
            """Belong to the class."""
            return cls.__name__, x, y

    return ways(Case, 1)


@case
def of_nobody():
    class Case:
        @staticmethod
        def method(x, *, y=1):
            """Belong to nobody."""
            return x, y

    return ways(Case, 1)


@case
def hundreds_of_parameters():
    names = ", ".join(f"p{i}={i}" for i in range(300))
    namespace = {}
    exec(f"def method(self, {names}): return p299", namespace)
    return ways(type("Case", (), {"method": namespace["method"]}), p299=-1)


@case
def other_globals():
    namespace = {"__name__": "elsewhere", "limit": 3}
    exec("def method(self, x): return x + limit, __name__", namespace)
    return ways(type("Case", (), {"method": namespace["method"]}), 1)


@case
def other_builtins():
    namespace = {"__builtins__": {"len": lambda _: "my own len", "None": None}}
    exec("def method(self, x): return len(x)", namespace)
    return ways(type("Case", (), {"method": namespace["method"]}), [])


@case
def function_made_by_hand():
    """Of one code object, several functions with other defaults, globals and cells."""

    def method(self, x=1):
        return x, limit

    limit = 5
    made = types.FunctionType(
        method.__code__, {"__name__": "made"}, "made", (7,), (types.CellType(6),)
    )
    return ways(type("Case", (), {"method": made, "limit": limit}))


@case
def function_of_a_module():
    """One that is also found elsewhere, and belongs there by its name."""
    return ways(type("Case", (), {"method": attempt}), lambda: 1 / 0)


@only(sys.version_info >= (3, 12))
def type_parameters():
    source = """
class Case[T]:
    def method[S](self, x: S, y: T | None = None) -> tuple[S, T]:
        return S.__name__, T.__name__, x
class Sub(Case[int]):
    def other[S](self, x: S) -> S:
        return super().method(x), __class__
"""
    namespace = {"__name__": "generics"}
    exec(compile(source, "generics.py", "exec", dont_inherit=True), namespace)
    program = ways(namespace["Case"], 1)
    program.acts.append(Act(lambda: namespace["Sub"]().other(2)))
    return program


@case
def overloaded():
    class Case:
        @typing.overload
        def method(self, x: int) -> int: ...
        @typing.overload
        def method(self, x: str) -> str: ...
        def method(self, x):
            return x

    return ways(Case, 1)


@case
def marked_for_type_checkers():
    class Case:
        @typing.final
        def method(self, x):
            return x

        @typing.no_type_check
        def unchecked(self, x: 3) -> 4:
            return x

        if sys.version_info >= (3, 12):

            @typing.override
            def __repr__(self):
                return "Case"

    return ways(Case, 1)

"""The data model."""

import collections
import contextlib
import io
import operator
import os
import reprlib
import sys
import traceback

from zoo.program import Program, case, only


@case
def arithmetic():
    class Case:
        def __init__(self, x):
            self.x = x

        def __add__(self, other):
            if isinstance(other, str):
                return NotImplemented
            return type(self)(self.x + getattr(other, "x", other))

        __radd__ = __add__

        def __iadd__(self, other):
            self.x += other
            return self

        def __matmul__(self, other):
            return "matmul"

        def __neg__(self):
            return Case(-self.x)

        def __pow__(self, other, modulo=None):
            return pow(self.x, other, modulo)

        def __divmod__(self, other):
            return divmod(self.x, other)

        def __index__(self):
            return self.x

        def __float__(self):
            return float(self.x)

        def __complex__(self):
            return complex(self.x)

        def __round__(self, digits=None):
            return round(self.x, digits)

        def __abs__(self):
            return abs(self.x)

        def __repr__(self):
            return f"Case({self.x})"

    class Sub(Case):
        def __radd__(self, other):
            return "reflected first"

    def in_place():
        case = kept = Case(1)
        case += 5
        return case, case is kept

    return Program(
        Case,
        lambda: (Case(1) + 2, 3 + Case(4), sum([Case(1), Case(2)]), Case(1) + Sub(2)),
        in_place,
        lambda: Case(1) + "x",
        lambda: "x" + Case(1),
        lambda: (Case(1) @ 2, -Case(3), Case(2) ** 3, pow(Case(2), 3, 5), divmod(Case(7), 2)),
        lambda: (hex(Case(255)), [1, 2, 3][Case(1)], "abc"[Case(0) : Case(2)], range(Case(2))),
        lambda: (float(Case(1)), complex(Case(1)), round(Case(5)), abs(Case(-1)), int(Case(4))),
        lambda: Case(1) - 1,
        lambda: Case("x") + 1,
    )


@case
def comparisons():
    class Case:
        def __init__(self, x):
            self.x = x

        def __eq__(self, other):
            return self.x == other.x if isinstance(other, Case) else NotImplemented

        def __hash__(self):
            return hash(self.x)

        def __lt__(self, other):
            return self.x < other.x

        def __bool__(self):
            return self.x > 1

    class Unhashable(Case):
        def __eq__(self, other):
            return super().__eq__(other)

    class Odd(Case):
        def __hash__(self):
            return "no number"

        def __bool__(self):
            return 2

    return Program(
        Case,
        lambda: (Case(1) == Case(1), Case(1) != Case(2), Case(1) == 1, Case(1) in [Case(1)]),
        lambda: ({Case(1): 2}[Case(1)], len({Case(1), Case(1)}), bool(Case(1)), not Case(2)),
        lambda: [c.x for c in sorted([Case(2), Case(1)])],
        lambda: max(Case(1), Case(3)).x,
        lambda: Case(1) < 3,
        lambda: Case(1) <= Case(2),
        lambda: hash(Unhashable(1)),
        lambda: hash(Odd(1)),
        lambda: bool(Odd(1)),
        lambda: [Case(1), Case(2)].index(Case(2)),
    )


@case
def containers():
    class Case:
        def __init__(self, *items):
            self.items = [*items]

        def __len__(self):
            return len(self.items)

        def __length_hint__(self):
            return 3

        def __getitem__(self, index):
            return self.items[index]

        def __setitem__(self, index, value):
            self.items[index] = value

        def __delitem__(self, index):
            del self.items[index]

        def __contains__(self, item):
            return item == "always" or item in self.items

        def __reversed__(self):
            return reversed(self.items)

    class Refuses(Case):
        __iter__ = None
        __contains__ = None

        def __len__(self):
            return -1

    def change():
        case = Case(1, 2, 3)
        case[0], case[1:] = 5, [6]
        del case[-1]
        return case.items, len(case), [*case], "always" in case, [*reversed(case)], bool(Case())

    def matched(case):
        match case:
            case [first, *rest]:
                return first, rest
            case Case():
                return "a case"

    return Program(
        Case,
        change,
        lambda: Case()[3],
        lambda: [*Refuses()],
        lambda: 1 in Refuses(),
        lambda: len(Refuses()),
        lambda: operator.length_hint(Case()),
        lambda: matched(Case(1)),
        lambda: [x for x, _ in zip(Case(1, 2), "ab")],
        lambda: Case(1)["x"],
    )


@case
def iterators():
    class Case:
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return self

        def __next__(self):
            if self.n == 0:
                raise StopIteration("done")
            if self.n < 0:
                raise ValueError(self.n)
            self.n -= 1
            return self.n

    class Each:
        def __iter__(self):
            yield from Case(2)

    def unpack():
        a, b = Case(3)

    return Program(
        Case,
        lambda: [*Case(3)],
        lambda: next(Case(0)),
        lambda: next(Case(0), "default"),
        lambda: [*Case(-1)],
        unpack,
        lambda: (2 in Case(3), sum(Case(4)), dict(zip(Case(2), Case(2))), [*Each()]),
    )


@case
def context_managers():
    class Case:
        def __init__(self, log):
            self.log = log

        def __enter__(self):
            self.log.append("enter")
            return self

        def __exit__(self, kind, error, tb):
            self.log.append(
                (kind and kind.__name__, str(error), tb and len([*traceback.walk_tb(tb)]))
            )
            if kind is TypeError:
                raise KeyError("from exit")
            return kind is ValueError

    def use(error=None):
        log = []
        with Case(log) as case:
            if error:
                raise error
        return log

    def stack():
        log = []
        with contextlib.ExitStack() as stack:
            stack.enter_context(Case(log))
            stack.push(Case(log))
            raise ValueError("v")
        return log

    return Program(
        Case,
        use,
        lambda: use(ValueError("v")),
        lambda: use(IndexError("i")),
        lambda: use(TypeError("t")),
        stack,
        lambda: Case.__exit__(Case([])),
    )


@case
def text():
    class Case:
        def __repr__(self):
            return "repr"

        def __str__(self):
            return "str"

        def __format__(self, spec):
            return f"{spec}!"

        def __bytes__(self):
            return b"bytes"

        def __fspath__(self):
            return "path"

        def __sizeof__(self):
            return 1000

        def __hash__(self):
            return 5

    class Wrong(Case):
        def __repr__(self):
            return 3

        def __str__(self):
            raise ValueError("str")

    class Recursive(Case):
        @reprlib.recursive_repr()
        def __repr__(self):
            return f"<{[self]!r}>"

    return Program(
        Case,
        lambda: (f"{Case()} {Case():>3} {Case()!r}", "%s %r" % (Case(), Case()), str(Case())),
        lambda: (bytes(Case()), os.fspath(Case()), sys.getsizeof(Case()) >= 1000, {Case(): 1}),
        lambda: repr(Wrong()),
        lambda: str(Wrong()),
        lambda: f"{Wrong()}",
        lambda: Recursive(),
        lambda: print(Case(), file=(file := io.StringIO())) or file.getvalue(),
        lambda: reprlib.repr([Case()]),
    )


@case
def class_hooks():
    class Case:
        __match_args__ = ("x",)

        def __init__(self, x):
            self.x = x

        def __mro_entries__(self, bases):
            return (Case,)

        def __instancecheck__(self, obj):
            return True

        def __call__(self, *args, **kwargs):
            return args, kwargs

    def derive():
        class Sub(Case(1)):
            pass

        return Sub.__mro__[1].__name__, Sub(2).x

    def matched(obj):
        match obj:
            case Case(3):
                return "three"
            case Case(x=found):
                return found

    return Program(
        Case,
        derive,
        lambda: isinstance(3, Case(1)),
        lambda: matched(Case(3)),
        lambda: matched(Case(4)),
        lambda: Case(1)(2, k=3),
        lambda: callable(Case(1)),
    )


@only(sys.version_info >= (3, 12))
def buffers():
    class Case:
        def __buffer__(self, flags):
            return memoryview(b"abc")

        def __release_buffer__(self, view):
            view.release()

    return Program(
        Case,
        lambda: bytes(memoryview(Case())),
        lambda: int.from_bytes(Case()),
        lambda: isinstance(Case(), collections.abc.Buffer),
    )

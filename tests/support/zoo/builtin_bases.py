"""Subclasses of built-in classes."""

import collections
import copy
import json
import string
import threading
import weakref

from zoo.program import Program, case


@case
def of_int():
    class Case(int):
        def __new__(cls, x, more=0):
            return super().__new__(cls, x + more)

        def __add__(self, other):
            return type(self)(super().__add__(other))

        __radd__ = __add__

        def method(self):
            return self * 2

    return Program(
        Case,
        lambda: Case(1, 2) + 3,
        lambda: type(sum([Case(1), 2])).__name__,
        lambda: Case(4).method(),
        lambda: Case("x"),
        lambda: [0, 1, 2][Case(1)],
        lambda: copy.copy(Case(3)),
        lambda: {Case(1): 2}[1],
    )


@case
def of_str():
    class Case(str):
        def __new__(cls, text, *, tag=None):
            self = super().__new__(cls, text)
            self.tag = tag
            return self

        def upper(self):
            return type(self)(super().upper(), tag="upper")

        def __format__(self, spec):
            return f"<{super().__format__(spec)}>"

        def __str__(self):
            return "shown"

        def __mod__(self, other):
            return "mod", other

    return Program(
        Case,
        lambda: Case("a", tag=1).upper().tag,
        lambda: f"{Case('a'):>3} {Case('a')!s} {Case('a')!r}",
        lambda: Case("%s") % 1,
        lambda: "".join([Case("a"), Case("b")]),
        lambda: {Case("k"): 1}["k"],
        lambda: Case(),
    )


@case
def of_tuple():
    class Case(tuple):
        def __new__(cls, *items):
            return super().__new__(cls, items)

        def __getitem__(self, index):
            return super().__getitem__(-1 - index)

        def __add__(self, other):
            return Case(*super().__add__(tuple(other)))

        def __hash__(self):
            return super().__hash__()

    return Program(
        Case,
        lambda: Case(1, 2)[0],
        lambda: Case(1) + [2],
        lambda: {Case(1): 2}[(1,)],
        lambda: Case(1)[5],
        lambda: [*Case(1, 2)],
        lambda: weakref.ref(Case()),
    )


@case
def of_dict():
    class Case(dict):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.misses = 0

        def __missing__(self, key):
            self.misses += 1
            return key

        def __setitem__(self, key, value):
            super().__setitem__(key, [value])

        def __contains__(self, key):
            return True

        def update(self, *args, **kwargs):
            for key, value in dict(*args, **kwargs).items():
                self[key] = value

    def fill():
        case = Case(a=1)
        case["b"] = 2
        case.update(c=3)
        return case, case["z"], case.misses, "q" in case, json.dumps(case), {**case}

    return Program(
        Case,
        fill,
        lambda: Case(1),
        lambda: Case()[[]],
        lambda: string.Template("$x").substitute(Case()),
    )


@case
def of_list():
    class Case(list):
        def append(self, item):
            super().append(item)
            return self

        def __iter__(self):
            return map(str, super().__iter__())

        def __len__(self):
            return 2

        def sort(self, *, key=None):
            super().sort(key=key)

    def use():
        case = Case().append(3).append(1)
        case.sort()
        return [*case], len(case), case == [1, 3], bool(case), case.append()

    return Program(Case, use, lambda: Case([2, 1]).sort(key=1))


@case
def of_exception():
    class Case(Exception):
        def __init__(self, code, *, hint=None):
            super().__init__(f"code {code}")
            self.code, self.hint = code, hint

        def __str__(self):
            return f"{super().__str__()} ({self.hint})"

        def method(self):
            raise self

    def caught():
        try:
            raise Case(3, hint="h")
        except Case as error:
            return error.code, error.args, str(error)

    def fail():
        raise Case(1, hint=2) from Case(0)

    return Program(
        Case,
        caught,
        fail,
        lambda: Case(4).method(),
        lambda: Case(),
        lambda: Case(5).with_traceback(None).add_note("n"),
    )


@case
def of_an_exception_group():
    class Case(ExceptionGroup):
        def derive(self, excs):
            return Case(self.message, excs)

        def method(self):
            return self.subgroup(ValueError)

    def make():
        return Case("several", [ValueError(1), TypeError(2)])

    def split():
        try:
            raise make()
        except* TypeError as group:
            return_ = type(group).__name__
            raise

    return Program(Case, lambda: make().method(), lambda: make().split(TypeError), split)


@case
def of_type_and_others():
    class Thread(threading.Thread):
        def __init__(self, log):
            super().__init__(name="worker")
            self.log = log

        def run(self):
            self.log.append(threading.current_thread().name)

    def use():
        log = []
        thread = Thread(log)
        thread.start()
        thread.join()
        return log

    return Program(Thread, use, methods=("__init__", "run"))


@case
def of_abstract_collections():
    class Case(collections.abc.MutableMapping):
        def __init__(self, **items):
            self.items_ = items

        def __getitem__(self, key):
            return self.items_[key]

        def __setitem__(self, key, value):
            self.items_[key] = value

        def __delitem__(self, key):
            del self.items_[key]

        def __iter__(self):
            return iter(self.items_)

        def __len__(self):
            return len(self.items_)

    def use():
        case = Case(a=1)
        case.update(b=2)
        return (
            case.pop("a"),
            [*case.items()],
            case.get("z"),
            "b" in case,
            case.setdefault("c", 3),
            case == {"b": 2, "c": 3},
        )

    return Program(
        Case,
        use,
        lambda: Case()["x"],
        lambda: Case().popitem(),
        lambda: isinstance(Case(), collections.abc.Mapping),
    )


@case
def of_user_classes():
    class Stack(collections.UserList):
        def append(self, item):
            super().append(item * 2)

    class Deque(collections.deque):
        def append(self, item):
            super().append(item)
            return len(self)

    return Program(
        Stack,
        lambda: [s := Stack([1]), s.append(2), s[:] + [3]],
        lambda: copy.copy(Stack([1])),
        lambda: Deque([1], 2).append(3),
    )

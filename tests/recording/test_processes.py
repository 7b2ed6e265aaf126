"""What a traced program sends to other processes, and what it gets back, is as without tracing.

Most tests do the same twice, bare and while it is recorded, and compare.
"""

import abc
import dataclasses
import os
import pickle
import subprocess
import sys
import textwrap
from typing import Generic, TypeVar

import pytest

from callscope import TracedMeta, load, record, rescan

EVERYTHING = ("*", "__*__")


# By value: cloudpickle takes a class that no module holds to pieces, shadows and all


def ordinary():  # noqa: C901
    class Base:
        def __init__(self, x, *, step=1):
            self.x = x
            self.step = step

        def __init_subclass__(cls, **options):
            cls.options = options

        def call(self, y=2):
            if y < 0:
                raise ValueError(y)
            return self.x + y * self.step

        @property
        def double(self):
            return self.x * 2

        @classmethod
        def made(cls, *args, **kwargs):
            return cls(*args, **kwargs)

        @staticmethod
        def static(x: int) -> int:
            return x

        def generator(self, n):
            yield from range(n)

        async def coroutine(self):
            return self.x

        async def async_generator(self):
            yield self.x
            yield self.step

    class Case(Base, name="case"):
        def __init__(self, x):
            super().__init__(x, step=3)

        def call(self, y=2):
            return super().call(y) + 1

    return Case


def abstract():
    class Base(abc.ABC):
        @abc.abstractmethod
        def call(self): ...

    class Case(Base):
        def call(self):
            return super().call()

    return Case


def generic():
    value = TypeVar("value")

    class Base(Generic[value]):
        def call(self):
            return [str(base) for base in type(self).__orig_bases__]

    class Case(Base[int]): ...

    return Case


def of_the_metaclass():
    class Case(metaclass=TracedMeta):
        def call(self):
            return 1

    return Case


def dataclass():
    @dataclasses.dataclass
    class Case:
        x: int = 1

        def call(self):
            return self, self == Case(1)

    return Case


def without_weak_references():
    class Case(tuple):  # noqa: SLOT001
        def __new__(cls, *items):
            return super().__new__(cls, items)

        def call(self):
            return len(self)

        def __del__(self):
            print("gone")  # noqa: T201

    return Case


def deleted_by_nobody():
    class Case(int):
        def call(self):
            return self + 1

    return Case


KINDS = (
    abstract,
    generic,
    of_the_metaclass,
    dataclass,
    without_weak_references,
    deleted_by_nobody,
)


def elsewhere(payload, program):
    """Return what a program prints in another process, where `loaded` is what was pickled."""
    program = "import pickle, sys\nloaded = pickle.load(sys.stdin.buffer)\n" + textwrap.dedent(
        program
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=payload, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def dumped(make, use, what=lambda cls: cls, *, end_first=False):
    """Return the pickles of what is taken from a class: bare, and while it is recorded.

    Args:
        make: returns a new class each time.
        use: is given the class, and calls something.
        what: is given the class, and returns what is pickled.
        end_first: whether it is pickled only after the recording.
    """
    cloudpickle = pytest.importorskip("cloudpickle")
    bare = cloudpickle.dumps(what(make()))
    cls = make()
    root = next(c for c in reversed(cls.__mro__) if c.__module__ == __name__)
    with record(root, methods=EVERYTHING) as trace:
        use(cls)
        taken = what(cls)
        woven = cloudpickle.dumps(taken)
    assert len(trace)
    return bare, cloudpickle.dumps(taken) if end_first else woven


@pytest.mark.parametrize("end_first", [False, True])
def test_a_class_sent_by_value_works_there(end_first):
    """Methods of every kind, their signatures and their tracebacks come through.

    So do those that were taken during a recording and are sent after it.
    """
    program = """\
        import asyncio, inspect, traceback
        cls, bound, function, made = loaded
        obj = cls(5)
        print(obj.call(), bound(), function(obj, 4), made(6).double, cls.static(7), cls.options)
        print(list(obj.generator(3)), asyncio.run(obj.coroutine()))
        async def collect():
            return [x async for x in obj.async_generator()]
        print(asyncio.run(collect()))
        for name in ("__init__", "call", "made", "static", "coroutine"):
            print(inspect.signature(getattr(cls, name)), type(inspect.getattr_static(cls, name)))
        try:
            obj.call(-1)
        except ValueError:
            traceback.print_exc(file=sys.stdout)
        class Below(cls, name="below"): ...
        print(Below(1).call(), Below.options)
    """
    bare, woven = dumped(
        ordinary,
        lambda cls: cls(1).call(),
        lambda cls: (cls, cls(1).call, cls.call, cls.made),
        end_first=end_first,
    )
    assert elsewhere(bare, program) == elsewhere(woven, program)


@pytest.mark.parametrize("make", KINDS)
def test_classes_of_all_kinds_are_sent_by_value(make):
    """Abstract, generic and data classes, and those with watchers of their own."""
    program = "obj = loaded()\nprint(obj.call())\ndel obj\n"
    bare, woven = dumped(make, lambda cls: cls().call())
    assert elsewhere(bare, program) == elsewhere(woven, program) != ""


def test_nothing_is_recorded_there_until_somebody_asks():
    """A recording over there shows what it would if the class had been sent bare."""
    program = """\
        import callscope
        from callscope.tape.threads import TAPES
        loaded(1).call()
        print(len(TAPES.local.tape))
        root = loaded.__base__
        with callscope.record(root, methods=("*", "__init__")) as trace:
            loaded(1).call()
        print(trace.outline())
        print(root.call.__code__.co_filename)
    """
    bare, woven = dumped(ordinary, lambda cls: cls(1).call())
    assert elsewhere(bare, program) == elsewhere(woven, program)


def test_what_is_sent_drags_nothing_along():
    """Not the classes of the objects that a shadow has seen, which may be no pickle's food."""
    cloudpickle = pytest.importorskip("cloudpickle")
    cls = ordinary()
    with record(cls.__base__, methods=EVERYTHING) as trace:

        class Other(cls):
            unpicklable = sys._getframe()

        assert Other(1).call() == 8
        cloudpickle.dumps(cls)
    assert len(trace) == 4


def is_bare(cls):
    return not any(hasattr(getattr(cls, name), "__wrapped__") for name in vars(cls))


def test_a_class_that_comes_back():
    """Loading sets the methods of the living class anew; a recording's end still leaves it bare.

    They are recorded again after `rescan`, as all methods that are set during a recording.
    """
    cloudpickle = pytest.importorskip("cloudpickle")
    cls = ordinary()
    with record(cls, methods=EVERYTHING, bases=False) as trace:
        payload = cloudpickle.dumps(cls)
        assert pickle.loads(payload) is cls
        assert cls(1).call() == 8
        assert [c.method for c in trace.calls] == []
        rescan()
        assert cls(1).call() == 8
    assert [c.method for c in trace.calls] == ["__init__", "call"]
    assert is_bare(cls)

    with record(cls, methods=EVERYTHING, bases=False):
        pickle.loads(payload)
    assert is_bare(cls)
    assert cls(1).call() == 8

    pickle.loads(payload)  # now it is not; but the end of the next recording leaves it so
    with record(cls, methods=EVERYTHING, bases=False) as trace:
        assert cls(1).call() == 8
    assert [c.method for c in trace.calls] == ["__init__", "call"]
    assert is_bare(cls)


SENT_BY_DILL = """\
import contextlib, sys
import callscope, dill

class Base:
    def __init__(self, x=1):
        self.x = x
    def call(self, y=2):
        return self.x + y
    @property
    def double(self):
        return self.x * 2
    @double.setter
    def double(self, value):
        self.x = value / 2
    def generator(self, n):
        yield from range(n)
    async def coroutine(self):
        return self.x

def run(coroutine):
    with contextlib.closing(coroutine), contextlib.suppress(StopIteration) as done:
        coroutine.send(None)

ACTS = (
    (lambda: Base.call, lambda call: (call(Base(3)), call(Base(4), 5))),
    (lambda: Base(3).call, lambda call: call(4)),
    (lambda: vars(Base)["double"], lambda double: double.fget(Base(3))),
    (lambda: Base.generator, lambda generator: [*generator(Base(3), 3)]),
    (lambda: Base.coroutine, lambda coroutine: run(coroutine(Base(3)))),
    (lambda: Base, lambda cls: (cls(4).call(), cls(5).double)),
)
METHODS = ("call", "double", "generator", "coroutine")
recurse = sys.argv[1] == "True"
for take, use in ACTS:
    expected = use(take())
    with callscope.record(Base, methods=METHODS) as trace:
        payload = dill.dumps(take(), recurse=recurse)
        loaded = dill.loads(payload)
        print(use(loaded) == expected, [call.site for call in trace.calls])
    print(use(loaded) == use(dill.loads(payload)) == expected)
"""


@pytest.mark.parametrize("recurse", [False, True])
def test_what_dill_sends_by_value_passes_through(recurse, tmp_path):
    """It does what the original does, in the recording and after it, and is not recorded."""
    pytest.importorskip("dill")
    script = tmp_path / "app.py"
    script.write_text(SENT_BY_DILL)
    done = subprocess.run(
        [sys.executable, script, str(recurse)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["True []", "True"] * 6, done.stderr


# By name: multiprocessing


MULTIPROCESSING = """\
import multiprocessing, sys

class Base:
    def __init__(self, x):
        self.x = x
    def call(self, y):
        return self.x + y
    @classmethod
    def make(cls, x):
        return cls(x).call(1)

class Worker(Base):
    def call(self, y):
        if y == 3:
            raise ValueError(y)
        return super().call(y) * 2

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    worker = Worker(1)
    worker.call(0)
    with context.Pool(2) as pool:
        print(pool.map(worker.call, [0, 1, 2]), pool.map(Worker.make, [5, 6]))
        print([w.x for w in pool.map(Worker, [7, 8])])
        try:
            pool.map(worker.call, [3])
        except ValueError as error:
            print(repr(error))
    process = context.Process(target=worker.call, args=(3,))
    process.start()
    process.join()
    print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_methods_run_in_other_processes(method, tmp_path):
    """However they are started; and the trace holds what ran in this one."""
    if method != "spawn" and not hasattr(os, "fork"):
        pytest.skip("needs fork")
    script, saved = tmp_path / "script.py", tmp_path / "t.jsonl"
    script.write_text(MULTIPROCESSING, encoding="utf-8")

    def run(*before):
        done = subprocess.run(
            [sys.executable, *before, str(script), method],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    bare = run()
    assert bare.endswith("1\n")
    target = ("-t", "__main__:Base", "-M", "*", "-M", "__init__", "-o", str(saved))
    assert run("-m", "callscope", "run", *target) == bare
    recorded = [c.site for c in load(saved).calls]
    assert recorded == ["Base.__init__", "Worker.call", "Base.call"]

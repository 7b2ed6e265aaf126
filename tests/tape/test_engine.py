"""The tape in C: chosen, refused, and what it does besides what all other tests ask of both."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import subprocess
import sys
import time
import tracemalloc
import warnings
import weakref
from pathlib import Path

import pytest

import callscope
from callscope import record
from callscope.tape.threads import TAPES

needs_c = pytest.mark.skipif(callscope.engine != "c", reason="the tape in C is not in use")
without_frames = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="Python 3.11 runs the bytecode of every call"
)


def python(program, **environment):
    """Run a program in a process of its own, and return what it printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CALLSCOPE")}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=env | environment,
        check=False,
        capture_output=True,
        text=True,
    )


class TestChoice:
    @needs_c
    @pytest.mark.parametrize(("asked", "used"), [("", "c"), ("c", "c"), ("python", "python")])
    def test_the_environment_chooses(self, asked, used):
        """`CALLSCOPE_ENGINE` forces one; without it, C is used where it works."""
        done = python("import callscope; print(callscope.engine)", CALLSCOPE_ENGINE=asked)
        assert done.stdout.strip() == used

    def test_an_unknown_engine(self):
        """It is a warning that names the variable and the remedy; the program goes on."""
        program = "import callscope; print(callscope.engine)"
        done, default = python(program, CALLSCOPE_ENGINE="rust"), python(program)
        assert done.stdout == default.stdout
        message = "CALLSCOPE_ENGINE must be 'c' or 'python', or be left out, got 'rust'."
        assert done.stderr.count(message) == 1

    PROGRAM = """
import sys, warnings
{before}
import callscope
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(callscope.engine, [str(w.message) for w in caught])
class A:
    def call(self): ...
with callscope.record(A) as trace:
    A().call()
print(trace.outline())
"""

    def test_without_an_extension(self):
        """The tape in Python does it all; only who asked for C is told."""
        program = self.PROGRAM.format(before="sys.modules['callscope.tape._tape'] = None")
        silent, told = (python(program, CALLSCOPE_ENGINE=asked).stdout for asked in ("", "c"))
        assert silent.splitlines() == ["python []", "A.call() [A#1]"]
        assert told.startswith("python [\"CALLSCOPE_ENGINE='c', but there is no extension")

    @needs_c
    def test_an_interpreter_that_behaves_otherwise(self):
        """Where calls would be lost, the tape in Python is used, and a warning says so."""
        program = self.PROGRAM.format(
            before="""
import importlib.util, types
real = importlib.import_module("callscope.tape._tape")
broken = types.ModuleType("callscope.tape._tape")
broken.__dict__.update(vars(real))
class Tape(list):
    def unpack(self): return []
broken.Owner = lambda tape: None
broken.Tape = Tape
sys.modules["callscope.tape._tape"] = broken
import callscope.tape
callscope.tape._tape = broken
"""
        )
        lines = python(program).stdout.splitlines()
        assert lines[0].startswith("python ['The tape in C does not work with this Python")
        assert lines[1:] == ["A.call() [A#1]"]

    @needs_c
    @pytest.mark.skipif(sys.flags.dev_mode, reason="CPython 3.12.1 itself then reads freed memory")
    def test_another_interpreter_of_the_process(self):
        """It refuses the extension, and records with the tape in Python; the first goes on in C."""
        module = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
        program = f"""
import {module} as interpreters, sys
import callscope
class B:
    def call(self, x):
        return x
code = '''
import sys; sys.path[:] = {{path!r}}
import callscope
class A:
    def call(self): ...
with callscope.record(A) as trace:
    A().call()
print(callscope.engine, trace.outline(), flush=True)
'''.format(path=sys.path)
with callscope.record(B) as trace:
    B().call(1)
    found = interpreters.create()
    print(interpreters.run_string(found, code))
    B().call(2)
print(callscope.engine, [call.result for call in trace.calls])
"""
        done = python(program)
        assert done.stdout.splitlines() == ["python A.call() [A#1]", "None", "c [1, 2]"]
        if sys.version_info[:2] != (3, 12):  # 3.12.1 may abort at its end, on either tape
            assert done.returncode == 0, done.stderr


@needs_c
class TestC:
    def test_the_clock_is_that_of_the_tape_in_python(self):
        """Both read `time.perf_counter_ns`, if by the CPU's counter only nearly so."""
        from callscope.tape import _tape

        near_ns, read, earlier = 100_000, 0, 0
        for _ in range(10_000):
            before, read, after = time.perf_counter_ns(), _tape.read_clock(), time.perf_counter_ns()
            assert before - near_ns <= read <= after + near_ns
            assert read >= earlier
            earlier = read

    def test_a_clock_that_is_not_steady_is_not_replaced(self, monkeypatch, tmp_path):
        """The CPU's counter is read only where the system itself tells the time from it."""
        from callscope.introspect import clock

        found = {}
        for source in ("tsc", "hpet"):
            file = tmp_path / source
            file.write_text(f"{source}\n")
            monkeypatch.setattr(clock, "_CLOCK_SOURCE", str(file))
            found[source] = clock.is_counter_steady()
        monkeypatch.setattr(clock, "_CLOCK_SOURCE", str(tmp_path / "none"))
        assert (found, clock.is_counter_steady()) == ({"tsc": True, "hpet": False}, False)

    def test_every_way_of_calling_is_recorded_once(self):
        """From bytecode hot and cold, from C, by keyword, with defaults, bound and unbound."""

        class Base:
            def __init__(self, x=0, *, y=1): ...

            def call(self, a, b=2, /, c=3, *args, d, e=5, **kwargs):
                return a

        def use():
            made = [Base(), Base(1), Base(x=2, y=3), *map(Base, range(3))]
            for obj in made:
                obj.call(1, d=1)
                obj.call(1, 2, d=1, e=2)
                obj.call(1, 2, 3, 4, d=1)
                obj.call(1, c=3, d=1, other=1)
                Base.call(obj, 1, d=1)
                [*map(functools.partial(obj.call, d=1), [1])]
                obj.call(*(1,), d=1)

        with record(Base) as trace:
            for _ in range(100):
                use()
        assert len(trace.find("Base.__init__")) == 600
        assert len(trace.find("Base.call")) == 600 * 7

    def test_changed_functions_are_called_as_they_are(self):
        """Defaults and keyword defaults that a program sets on a method count at once."""

        class Base:
            def call(self, x=1, *, y=2):
                return x, y

        with record(Base) as trace:
            obj = Base()
            assert obj.call() == (1, 2)
            Base.call.__defaults__ = (5,)
            assert obj.call() == (5, 2)
            Base.call.__kwdefaults__ = {"y": 6}
            assert obj.call() == (5, 6)
        assert len(trace) == 3
        assert Base().call() == (5, 6)

    @pytest.mark.slow
    def test_memory_stays_flat(self, tmp_path):
        """A streamed recording of many calls takes no more than one of few."""

        class Base:
            def call(self, x):
                return x

        def use(times):
            obj = Base()
            for number in range(times):
                obj.call(number)

        with record(Base, to=tmp_path / "t.jsonl", capture="none"):
            use(50_000)
            gc.collect()
            tracemalloc.start()
            use(50_000)
            TAPES.drain()  # for a while, what is read and not yet written takes memory
            gc.collect()
            size, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert size < 4_000_000

    def test_what_a_record_holds_keeps_no_class_alive(self):
        """Nor an object, though nobody has read the trace."""

        class Base:
            def call(self):
                return super().__init__()

        obj = Base()
        with record(Base) as trace:
            obj.call()
            refs = [weakref.ref(obj), weakref.ref(Base)]
            del obj, Base
        gc.collect()
        assert [ref() for ref in refs] == [None, None]
        assert len(trace) == 1

    def test_the_tape_refuses_what_it_cannot_hold(self):
        """Its own errors are plain ones, and leave it as it was."""
        from callscope.tape import _tape

        tape = _tape.Tape()
        tape.append(1)
        tape += (2, "three")
        with pytest.raises(TypeError):
            tape += [4]
        with pytest.raises(ValueError, match="empty"):
            tape.move_to(tape)
        with pytest.raises(TypeError):
            _tape.use(object())
        other = _tape.Tape()
        tape.move_to(other)
        assert (len(tape), len(other), other.unpack()) == (0, 3, [1, 2, "three"])
        other.clear()
        assert other.unpack() == []


# --- the frames that a recorded call adds ---------------------------------------------------------


def has_shadow_below():
    """Tell whether the caller of this function's caller is a shadow."""
    return sys._getframe(2).f_code.co_filename.startswith("<callscope")


class Meta(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.from_metaclass = has_shadow_below()
        return made


class Ways(metaclass=Meta):
    """Every method says whether it is called by a shadow, and not by its own caller."""

    def __init__(self, _=None, /):
        self.from_init = has_shadow_below()

    def method(self, a=1, /, b=2, *, c=3):
        return has_shadow_below()

    def with_args(self, *args):
        return has_shadow_below()

    def with_kwargs(self, **kwargs):
        return has_shadow_below()

    def only_args(*args):
        return has_shadow_below()

    exec(f"def wide(self, {', '.join(f'p{i}=0' for i in range(40))}): return has_shadow_below()")

    def __call__(self):
        return has_shadow_below()

    def __getitem__(self, key):
        return has_shadow_below()

    def __add__(self, other):
        return has_shadow_below()

    def __enter__(self):
        return has_shadow_below()

    def __exit__(self, *error): ...

    @property
    def prop(self):
        return has_shadow_below()

    @classmethod
    def on_class(cls):
        return has_shadow_below()

    @staticmethod
    def on_nothing():
        return has_shadow_below()

    partly = functools.partialmethod(method, 1)

    def generator(self):
        yield has_shadow_below()

    async def coroutine(self):
        return has_shadow_below()

    async def stream(self):
        yield has_shadow_below()


class SubWays(Ways):
    def method(self):
        return super().method()


def use_all_ways():
    """Return, for each way of calling a method, whether the shadow took a frame."""
    obj = Ways()
    with obj as from_enter:
        return {
            "metaclass": obj.from_metaclass,
            "init": obj.from_init,
            "method": obj.method(),
            "all arguments": obj.method(1, b=2, c=3),
            "unbound": Ways.method(obj),
            "super": SubWays().method(),
            "classmethod": Ways.on_class(),
            "staticmethod": Ways.on_nothing(),
            "spread": obj.method(*(1,), c=3),
            "from C": next(map(obj.method, [1])),
            "call": obj(),
            "item": obj[0],
            "operator": obj + obj,
            "with": from_enter,
            "property": obj.prop,
            "partialmethod": obj.partly(),
            "*args, empty": obj.with_args(),
            "**kwargs, empty": obj.with_kwargs(),
            "*args": obj.with_args(1),
            "**kwargs": obj.with_kwargs(a=1),
            "def f(*args)": obj.only_args(),
            "40 parameters": obj.wide(),
            "generator": next(obj.generator()),
            "coroutine": asyncio.run(obj.coroutine()),
            "async generator": asyncio.run(anext(obj.stream())),
        }


# As docs/what-tracing-changes.md has it.
ALWAYS_ADD = {
    *("def f(*args)", "40 parameters"),
    *("generator", "coroutine", "async generator"),
}
ADD_ON_PYTHON_3_11 = {
    *("method", "all arguments", "unbound", "super", "classmethod", "staticmethod"),
    *("*args", "*args, empty", "**kwargs", "**kwargs, empty"),
}


@needs_c
class TestFrames:
    """In which calls the tape in C adds no frame, which is the one thing that depends on it."""

    # In a process of its own: Python 3.11 stops specializing `obj[key]` once a process has used
    # its 65,535 versions of functions, which a whole run of tests may.
    PROGRAM = """
import io
import callscope
from test_engine import Meta, Ways, use_all_ways
sinks = [callscope.Console(file=io.StringIO())] if {live} else []
options = dict(methods=("*", "__*__"), sinks=sinks)
with callscope.record(Ways, **options), callscope.record(Meta, **options):
    for _ in range({times}):
        found = use_all_ways()
print(*sorted(way for way, has_frame in found.items() if has_frame), sep=";", end="")
"""

    @pytest.mark.parametrize("live", [False, True], ids=["kept", "live"])
    @pytest.mark.parametrize("times", [1, 100], ids=["cold", "hot"])
    def test_which_calls_add_a_frame(self, times, live):
        """Those that the interpreter runs, or that callscope has to leave to it; no others."""
        expected = set(ALWAYS_ADD)
        if sys.version_info < (3, 12):
            expected |= ADD_ON_PYTHON_3_11 | ({"item"} if times > 1 else set())
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        done = python(self.PROGRAM.format(times=times, live=live), PYTHONPATH=path)
        assert (done.stdout.split(";"), done.stderr) == (sorted(expected), "")

    def test_the_star_parameters_need_no_frame_where_nothing_is_captured(self):
        """What `*args` takes is then of no interest."""
        with record(Ways, methods=("with_args",), capture="none"):
            assert Ways().with_args(1) == (sys.version_info < (3, 12))

    @pytest.mark.skipif(sys.version_info >= (3, 14), reason="not known of Python 3.14")
    def test_a_hot_constructor(self):
        """Python 3.13 runs the bytecode of an `__init__` that it has seen some times."""

        class Base:
            def __init__(self, _):
                self.has_shadow = has_shadow_below()

        def make():
            return Base(1)

        with record(Base) as trace:
            found = [make().has_shadow for _ in range(100)]
        assert (found[0], found[-1]) == (False, sys.version_info >= (3, 13))
        assert len(trace) == 100

    @without_frames
    def test_the_caller_is_the_frame_below(self):
        """For whoever looks at frames, and for the level of a warning."""

        class Base:
            def call(self):
                warnings.warn("here", stacklevel=2)
                return sys._getframe(1).f_code.co_name, len(inspect.stack())

        def caller():
            return Base().call()

        with warnings.catch_warnings(record=True) as bare_caught:
            warnings.simplefilter("always")
            bare = caller()
        with warnings.catch_warnings(record=True) as caught, record(Base) as trace:
            warnings.simplefilter("always")
            woven = caller()
        assert woven == bare
        assert [w.lineno for w in caught] == [w.lineno for w in bare_caught]
        assert len(trace) == 1

    @without_frames
    def test_recursion_keeps_its_depth(self):
        """As far as the C stack goes; below that, each call takes a frame more."""

        class Base:
            def call(self, n):
                return n and self.call(n - 1)

        depth = 600
        with record(Base) as trace:
            assert Base().call(depth) == 0
        assert trace.calls[-1].depth == depth
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(20_000)
        try:
            with record(Base) as trace:
                assert Base().call(5_000) == 0
        finally:
            sys.setrecursionlimit(limit)
        assert trace.calls[-1].depth == 5_000

    @without_frames
    def test_the_whole_depth_is_kept(self):
        """A recursion comes as deep as without callscope."""

        class Base:
            def depth(self, n=0):
                try:
                    return self.depth(n + 1)
                except RecursionError:
                    return n

        bare = Base().depth()
        with record(Base, methods=("depth",)):
            assert Base().depth() == bare

"""Recursion that is deeper than the C stack of its thread."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
import threading

import pytest

import callscope
from callscope import record

pytestmark = pytest.mark.slow

without_frames = pytest.mark.skipif(
    callscope.engine != "c" or sys.version_info < (3, 12), reason="each call adds a frame"
)

DEPTH = 3_000
CHAIN = 300
"""Classes that hand a call up by `super()`."""
PROGRAM = f"""
    import sys, threading
    from callscope import record

    class Base:
        def plain(self, n):
            return n and self.plain(n - 1)
        def named(self, n, **options):
            return n and self.named(n=n - 1, option=n)
        def starred(self, n, *values):
            return n and self.starred(n - 1, n)
        def even(self, n):
            return n and self.odd(n=n - 1)
        def odd(self, *, n=0):
            return n and self.even(n - 1)
        def wrong(self, n):
            return self.wrong(n - 1) if n else int("x")
        def climb(self, n):
            return n

    def below(base):
        class Below(base):
            def climb(self, n):
                return super().climb(n + 1)
        return Below

    def use(method):
        try:
            print(method, getattr(obj, method)(0 if method == "climb" else {DEPTH}))
        except ValueError:
            print(method, "raises")

    cls = Base
    for _ in range({CHAIN}):
        cls = below(cls)
    obj = cls()
    sys.setrecursionlimit(10 * {DEPTH})
    threading.stack_size(int(sys.argv[1]) * 1024)
    with record(Base, methods=("*",)) as trace:
        for method in sys.argv[2:]:
            thread = threading.Thread(target=use, args=(method,))
            thread.start()
            thread.join()
    print(len(trace))
"""


def run(program, *arguments):
    """Run a program in a process of its own, for it may crash; return its code and its output."""
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout.split("\n"), done.stderr


@pytest.mark.parametrize("kilobytes", ["128", "256", "512", "1024", "2048"])
def test_a_thread_with_a_small_stack(kilobytes):
    """It goes as deep as without callscope, whatever the signatures, and no call is lost."""
    ends = {"plain": 0, "even": 0, "wrong": "raises", "climb": CHAIN}
    if sys.version_info >= (3, 12):  # Python 3.11 makes a call with stars through C
        ends |= {"named": 0, "starred": 0}
    lines = [*(f"{method} {end}" for method, end in ends.items()), "plain 0"]
    calls = len(ends) * (DEPTH + 1) + CHAIN + 1
    assert run(PROGRAM, kilobytes, *ends, "plain") == (0, [*lines, str(calls), ""], "")


@pytest.mark.skipif(callscope.engine != "c", reason="each call takes a level of Python's")
@pytest.mark.parametrize("kilobytes", ["128", "1024", "16384"])
def test_the_limit_of_recursion(kilobytes):
    """The program reaches as deep as its own limit lets it without callscope."""
    program = """
        import sys, threading
        from callscope import record

        class Base:
            def plain(self, n):
                return n and self.plain(n - 1)

        def use(depth):
            sys.setrecursionlimit(depth + 20)
            print(Base().plain(depth))

        threading.stack_size(int(sys.argv[1]) * 1024)
        with record(Base, methods=("plain",)) as trace:
            for depth in (900, 30_000):
                thread = threading.Thread(target=use, args=(depth,))
                thread.start()
                thread.join()
        print(len(trace), sum(call.finished for call in trace.calls))
    """
    assert run(program, kilobytes) == (0, ["0", "0", "30902 30902", ""], "")


class Base:
    def named(self, n, **options):
        return n and self.named(n=n - 1, option=n)

    def plain(self, n, last=int):
        return self.plain(n - 1, last) if n else last()

    def caller(self):
        return sys._getframe(1).f_code.co_name


def nested(depth):
    """Return lists within one another."""
    found = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.fixture
def raised_limit():
    """Let the program go deeper than it may by default."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("raised_limit")
@pytest.mark.parametrize("method", ["plain", "named"])
def test_a_raised_limit_of_recursion(method):
    """A recursion goes as deep as the program's limit lets it, also one with keywords."""
    with record(Base, methods=("*",)) as trace:
        assert getattr(Base(), method)(5_000) == 0
    assert trace.calls[-1].depth == 5_000


@pytest.mark.usefixtures("raised_limit")
def test_what_is_left_to_the_program():
    """Far down in traced calls, what the interpreter does in C goes as deep as it does above."""
    values = nested(1_000)
    with record(Base, methods=("*",)):
        assert Base().plain(3_000, lambda: repr(values)) == "[" * 1_001 + "]" * 1_001


@without_frames
@pytest.mark.usefixtures("raised_limit")
def test_calls_take_no_frame_again():
    """Once the thread whose stack was short is done, calls in others are what they were."""

    def dive():
        assert Base().plain(800) == 0

    size = threading.stack_size(256 * 1024)
    with record(Base, methods=("*",)) as trace:
        callers = [Base().caller()]
        thread = threading.Thread(target=dive)
        thread.start()
        thread.join()
        Base().caller()
        callers.append(Base().caller())
    threading.stack_size(size)
    assert callers == ["test_calls_take_no_frame_again"] * 2
    assert len(trace) == 804


class Diver:
    def top(self, method):
        with contextlib.suppress(RecursionError):
            getattr(self, method)([0])
        self.leaf()

    def plain(self, value):
        self.plain(value)

    def named(self, value, **options):
        self.named(value, option=[1])

    def leaf(self):
        pass


@pytest.mark.parametrize("capture", ["none", "values", "types"])
@pytest.mark.parametrize("method", ["plain", "named"])
def test_calls_at_the_limit_end(method, capture):
    """Wherever the limit of recursion is met, each call that has begun fails, and no other."""
    for frames in range(6):
        with record(Diver, methods=("*",), capture=capture) as trace:
            below(frames, lambda: Diver().top(method))
        (top,) = trace.roots
        (leaf,) = trace.find("Diver.leaf")
        dives = trace.find(f"Diver.{method}")
        assert (top.error, leaf.parent) == (None, top)
        assert {call.error and call.error.type for call in dives} == {"RecursionError"}


def below(frames, function):
    """Call a function from below some frames."""
    return below(frames - 1, function) if frames else function()


GENERATORS = """
    import sys, threading
    from callscope import record

    class Base:
        def walk(self, n):
            yield n
            if n:
                yield from self.walk(n - 1)
        async def wait(self, n):
            return n and await self.wait(n - 1)

    def use(function):
        try:
            print(function())
        except RecursionError as error:
            print(error)

    def run(coroutine):
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value

    sys.setrecursionlimit(100_000)
    threading.stack_size(256 * 1024)
    with record(Base, methods=("*",)) as trace:
        for depth in (50, 2_000):
            for function in (lambda: sum(Base().walk(depth)), lambda: run(Base().wait(depth))):
                thread = threading.Thread(target=use, args=(function,))
                thread.start()
                thread.join()
"""


@pytest.mark.skipif(callscope.engine != "c", reason="the tape in Python cannot know of the C stack")
def test_generators_in_a_thread_with_a_small_stack():
    """They take some of the C stack each: where it ends there is an error, and no crash."""
    code, lines, errors = run(GENERATORS)
    assert (code, lines[:2], len(lines), errors) == (0, ["1275", "0"], 5, "")
    assert all("stack" in line or "recursion" in line for line in lines[2:4])


NO_MEMORY = """
    import _testcapi
    from callscope import record

    class Base:
        def plain(self):
            return 1
        def named(self, value, *values, option=2, **options):
            return value

    def use(failing, more):
        try:
            _testcapi.set_nomemory(failing, failing + more)
            obj.plain()
            obj.named(1, option=3)
        except (MemoryError, SystemError):
            pass
        finally:
            _testcapi.remove_mem_hooks()

    obj = Base()
    with record(Base, methods=("*",), capture="none") as trace:
        for failing in range(1, 60):
            for more in range(1, 5):
                use(failing, more)
        use(10**6, 1)
    print([call.site for call in trace.calls][-2:])
"""


def test_a_call_for_which_there_is_no_memory():
    """It raises what it raises without callscope, and nothing crashes."""
    pytest.importorskip("_testcapi")
    assert run(NO_MEMORY)[:2] == (0, ["['Base.plain', 'Base.named']", ""])

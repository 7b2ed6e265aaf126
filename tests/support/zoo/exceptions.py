"""Exceptions and tracebacks."""

import collections
import contextlib
import dataclasses
import enum
import inspect
import os
import sys
import traceback
import typing

from zoo.program import ADDS_FRAMES, Differs, Program, case, differs, unwitnessed


class Chained:
    """Methods that raise in all sorts of ways."""

    def simple(self):
        raise ValueError("simple")

    def nested(self):
        return self.simple()

    def via_class(self):
        return type(self).nested(self)

    def from_cause(self):
        try:
            self.nested()
        except ValueError as error:
            raise KeyError("second") from error

    def in_context(self):
        try:
            self.nested()
        except ValueError:
            raise KeyError("second")

    def from_none(self):
        try:
            self.nested()
        except ValueError:
            raise KeyError("second") from None

    def reraised(self):
        try:
            self.nested()
        except ValueError as error:
            raise error

    def bare_raise(self):
        try:
            self.nested()
        except ValueError:
            raise

    def in_finally(self):
        try:
            self.nested()
        finally:
            self.nothing()

    def nothing(self):
        return None

    def raised_in_finally(self):
        try:
            self.nested()
        finally:
            self.simple()

    def returned_in_finally(self):
        for _ in range(2):
            try:
                self.nested()
            except ValueError:
                continue
        return "swallowed"

    def without_traceback(self):
        try:
            self.nested()
        except ValueError as error:
            raise error.with_traceback(None)

    def stored(self):
        with contextlib.suppress(ValueError):
            self.nested()
        raise STORED

    def with_notes(self):
        error = ValueError("noted")
        error.add_note("a note")
        raise error

    def in_generator(self):
        return [self.nested() for _ in range(2)]

    def in_c(self):
        return sorted([1, 2], key=lambda _: self.nested())

    def in_property(self):
        return self.failing

    @property
    def failing(self):
        return self.nested()

    def by_c(self):
        return int("x")

    def asserts(self):
        assert self.nothing(), "a message"

    def undefined(self):
        return no_such_name

    def not_yet(self):
        found = later
        later = 1
        return found

    def no_attribute(self):
        return self.nestd

    def imports(self):
        import no_such_module

    def recursion(self, n=3):
        return self.recursion(n - 1) if n else self.simple()

    @classmethod
    def of_class(cls):
        return cls().nested()

    @staticmethod
    def of_nobody():
        return Chained().nested()

    def context_manager(self):
        @contextlib.contextmanager
        def manager():
            yield self.nothing()

        with manager():
            self.nested()

    def exit_stack(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.simple)
            self.nested()


class Grouped(Chained):
    """Methods that raise groups of exceptions."""

    def group(self):
        errors = []
        for method in (self.simple, self.nested, self.from_cause):
            try:
                method()
            except Exception as error:
                errors.append(error)
        raise ExceptionGroup("several", errors)

    def split_group(self):
        try:
            self.group()
        except* KeyError:
            self.nested()

    def nested_group(self):
        try:
            self.group()
        except ExceptionGroup as error:
            raise BaseExceptionGroup("outer", [error, KeyboardInterrupt()]) from error


class Slotted(Exception):
    """An exception with slots."""

    __slots__ = ("code",)


class Forbids(Exception):
    """An exception that takes no attributes."""

    def __setattr__(self, name, value):
        raise AssertionError(name)

    def __getattribute__(self, name):
        if name in ("args", "with_traceback", "code"):
            raise AssertionError(name)
        return super().__getattribute__(name)


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """An exception that is a frozen dataclass."""

    code: int


class OwnTraceback(Exception):
    """An exception that hides the traceback behind a property."""

    __traceback__ = property(lambda self: None)
    args = property(lambda self: 1 / 0)


class Unshowable(Exception):
    """An exception that cannot be shown, compared or tested."""

    def __str__(self):
        raise AssertionError("str")

    __repr__ = __str__

    def __eq__(self, other):
        raise AssertionError("eq")

    __hash__ = None


class Hostile:
    """Methods that raise what is hostile, or no `Exception`."""

    def slotted(self):
        raise Slotted(1)

    def forbids(self):
        raise Forbids("x")

    def frozen(self):
        raise Frozen(3)

    def own_traceback(self):
        raise OwnTraceback

    def unshowable(self):
        raise Unshowable

    def interrupted(self):
        raise KeyboardInterrupt

    def exits(self):
        raise SystemExit(3)

    def generator_exit(self):
        raise GeneratorExit

    def stop_iteration(self):
        raise StopIteration(3)

    def no_exception(self):
        raise 3


STORED = ValueError("stored")


def raising(cls):
    """Return the program that calls each method of a class."""

    def act(name):
        def do():
            STORED.__traceback__ = STORED.__context__ = None
            return getattr(cls(), name)()

        return do

    names = [n for n in vars(cls) if not n.startswith("_") and n not in ("failing", "nothing")]
    return Program(cls, *map(act, names), methods=("*",))


@case
def exceptions():
    return raising(Chained)


@case
def exception_groups():
    return raising(Grouped)


@case
def hostile_exceptions():
    return raising(Hostile)


@case
def exceptions_in_flight():
    """A method sees the exception that its caller is handling, and leaves it in place."""

    class Case:
        def method(self):
            return type(sys.exc_info()[1]).__name__, sys.exc_info()[2] is None

        def fails(self):
            raise KeyError

        def reraises(self):
            raise

    def use():
        try:
            raise ValueError
        except ValueError as error:
            with contextlib.suppress(KeyError):
                Case().fails()
            return Case().method(), sys.exc_info()[1] is error

    def reraise():
        try:
            raise ValueError("in flight")
        except ValueError:
            Case().reraises()

    return Program(Case, use, reraise, lambda: Case().method(), lambda: Case().reraises())


@case
def finally_and_return():
    class Case:
        def method(self, log):
            try:
                try:
                    return log.append(1)
                finally:
                    log.append(2)
            finally:
                log.append(3)

        def overrides(self):
            while True:
                try:
                    raise ValueError
                finally:
                    break
            return "overridden"

        def falls_through(self):
            with contextlib.suppress(ZeroDivisionError):
                return 1 / 0

    log = []
    return Program(
        Case,
        lambda: (Case().method(log), log),
        lambda: Case().overrides(),
        lambda: Case().falls_through(),
    )


@case
def deep_recursion():
    class Case:
        def method(self, n):
            return n and self.method(n - 1)

        def endless(self):
            return self.endless()

        def depth(self, n=0):
            try:
                return self.depth(n + 1)
            except RecursionError:
                return n

        def steps(self, n=0):
            try:
                yield from self.steps(n + 1)
            except RecursionError:
                yield n

    def deepest():
        return Case().depth()

    # Python 3.12 lets calls through C go less deep than others, how deep depends on the release.
    is_known = ADDS_FRAMES or sys.version_info >= (3, 13)

    def ends():
        try:
            Case().endless()
        except RecursionError as error:
            return str(error)[:32], error.__context__

    return Program(
        Case,
        lambda: Case().method(100),
        unwitnessed(ends),
        *([differs(Differs.RECURSION, deepest, where=ADDS_FRAMES)] if is_known else []),
        differs(Differs.RECURSION, lambda: next(Case().steps())),
    )


@case
def frames():
    """Who looks at the frames finds the shadow's."""

    class Case:
        def caller(self):
            return os.path.basename(sys._getframe(1).f_code.co_filename)

        def steps(self):
            yield os.path.basename(sys._getframe(1).f_code.co_filename)

        def module(self):
            return sys._getframe(1).f_globals["__name__"]

        def own(self):
            frame = sys._getframe()
            return frame.f_code.co_name, sorted(frame.f_locals), inspect.currentframe() is frame

        def stack(self):
            return len(inspect.stack(0)), "".join(traceback.format_stack()).count("File")

        def makes_a_class(self):
            Pair = collections.namedtuple("Pair", "a")
            Kind = enum.Enum("Kind", "A")
            return Pair.__module__, Kind.__module__, typing.NewType("New", int).__module__

        def profiled(self):
            """Return nothing: what looks at a result would be seen, too."""

    def profile():
        seen, kept = [], sys.getprofile()
        sys.setprofile(lambda frame, event, arg: seen.append(event))
        try:
            Case().profiled()
        finally:
            sys.setprofile(kept)
        return seen.count("call")

    def traced():
        seen, kept = [], sys.gettrace()

        def trace(frame, event, arg):
            if frame.f_code.co_filename == __file__:
                seen.append((event, frame.f_lineno))
            return trace

        sys.settrace(trace)
        try:
            Case().profiled()
        finally:
            sys.settrace(kept)
        return seen

    return Program(
        Case,
        lambda: Case().own(),
        lambda: Case().makes_a_class(),
        lambda: Case().module(),
        traced,
        differs(Differs.FRAME, lambda: Case().caller(), where=ADDS_FRAMES),
        differs(Differs.FRAME, lambda: Case().stack(), where=ADDS_FRAMES),
        differs(Differs.FRAME, profile, where=ADDS_FRAMES),
        differs(Differs.FRAME, lambda: next(Case().steps())),
    )

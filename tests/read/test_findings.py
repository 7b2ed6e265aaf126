"""What a trace shows to be a mistake: what must be found, and what must be let alone."""

import abc
import contextlib
import dataclasses
import importlib.util
import pickle
import threading

import pytest

import callscope
from callscope import record


class Base:
    """A template with some bookkeeping of its own."""

    def __init__(self, size=1):
        self.size = size
        self.count = 0

    def __call__(self, x):
        self.count += 1
        return self.call(x)

    def call(self, x):
        return x * self.size

    def setup(self):
        return None


SUFFIXES = [".jsonl", *([".parquet"] if importlib.util.find_spec("pyarrow") else [])]
METHODS = ("__init__", "__call__", "call", "forward", "setup", "close")


def found(act, *targets, path=None, methods=METHODS, **options):
    """Return the findings of a recording, after checking that a file of it gives the same."""
    with record(*(targets or (Base,)), methods=methods, **options) as trace:
        act()
    findings = trace.findings()
    for suffix in SUFFIXES if path is not None else ():
        loaded = callscope.load(trace.save(path / f"t{suffix}")).findings()
        assert [f[:8] for f in findings] == [f[:8] for f in loaded]
        ids = [[c.call_id for c in f.calls] for f in findings]
        assert ids == [[c.call_id for c in f.calls] for f in loaded]
    return findings


def shown(findings):
    return [(f.severity, f.id, f.message) for f in findings]


def name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def line_of(function):
    return function.__code__.co_firstlineno


class TestSuperInitMissing:
    def test_what_is_missing_is_read(self, tmp_path):
        """The object lacks what a base sets, and a method of it needs."""

        class Child(Base):
            def __init__(self):
                self.other = 1

        [finding] = found(Child, path=tmp_path)
        assert shown([finding]) == [
            (
                "error",
                "super-init-missing",
                (
                    "Base.__init__ never ran for Child: Child.__init__ does not call"
                    " super().__init__(), so it has no 'size' and 'count'."
                ),
            )
        ]
        assert finding.advice == "Call super().__init__(...) in Child.__init__."
        assert finding.classes == (name(Child), name(Base))
        assert (finding.method, finding.file) == ("__init__", __file__)
        assert finding.line == line_of(Child.__init__)
        assert [c.site for c in finding.calls] == ["Child.__init__"]

    def test_what_failed_for_want_of_it_shows_it(self, tmp_path):
        """An attribute that was missed is named, whatever else might have set it."""

        class Child(Base):
            def __init__(self, early):
                if early:
                    self.size = 1

        def act():
            child = Child(False)
            with pytest.raises(AttributeError):
                child(3)

        class Lazy(Child):
            def setup(self):
                self.count = 0

        [finding] = found(act, path=tmp_path)
        assert (finding.severity, "so it has no 'count'." in finding.message) == ("error", True)

    def test_the_making_itself_failed(self):
        """As with PyTorch, where the first attribute needs what the base sets."""

        class Strict(Base):
            def __setattr__(self, name, value):
                if name not in ("size", "count") and "count" not in self.__dict__:
                    raise RuntimeError("call super().__init__() first")
                object.__setattr__(self, name, value)

        class Child(Strict):
            def __init__(self):
                self.layer = 1

        def act():
            with pytest.raises(RuntimeError):
                Child()

        assert [("error", "super-init-missing")] == [f[1::-1] for f in found(act)]

    def test_one_finding_for_all_objects(self):
        """The class that breaks the chain is named once, with all the calls that show it."""

        class Child(Base):
            def __init__(self):
                self.other = 1

        [finding] = found(lambda: [Child() for _ in range(3)])
        assert [1, 2, 3] == [c.instance for c in finding.calls]

    def test_only_one_branch_of_a_diamond_is_begun(self, tmp_path):
        """Who calls one base by name forgets the other."""

        class Left(Base):
            def __init__(self):
                Base.__init__(self)

        class Right(Base):
            def __init__(self):
                super().__init__()
                self.right = 1

            def setup(self):
                return self.right

        class Both(Left, Right):
            def __init__(self):
                Left.__init__(self)

        [finding] = found(Both, path=tmp_path)
        assert finding.severity == "error"
        assert finding.message == (
            "Right.__init__ never ran for Both: Left.__init__ can lead on, but did not lead there,"
            " so Both has no 'right'."
        )
        assert finding.advice == "Let Left call super().__init__(...) whatever happens."

    def test_a_mixin_that_is_not_traced_ends_the_chain(self):
        """It stands between, and so is named in what to do."""

        class Mixin:
            def __init__(self):
                self.mixed = 1

        class Child(Mixin, Base):
            def __init__(self):
                super().__init__()

        [finding] = found(Child, bases=False)
        assert finding.advice == "Let Child and Mixin call super().__init__(...) whatever happens."
        [finding] = found(Child)
        assert finding.advice == "Call super().__init__(...) in Mixin.__init__."

    def test_a_base_that_does_nothing_yet(self, seed):
        """It is no error not to run it, but will be one day."""

        class Child(seed.Layer):
            def __init__(self):
                self.x = 1

        [finding] = found(Child, seed.Layer)
        assert (finding.severity, finding.id) == ("warning", "super-init-missing")

    def test_a_chain_that_is_whole(self):
        """Every class ran."""

        class Child(Base):
            def __init__(self):
                super().__init__()
                self.other = 1

        class Grandchild(Child):
            pass

        assert not found(lambda: (Child(), Grandchild()))

    def test_a_class_that_does_the_work_of_its_base(self):
        """It sets what the other would have set, or what it needs of it: many estimators of
        scikit-learn do, such as `LassoLars`.
        """

        class Child(Base):
            def __init__(self):
                self.size = 2

        assert not found(lambda: Child().call(1), methods=("__init__",))

    def test_attributes_that_are_set_later(self):
        """What is not set at first is set by a method that runs later."""

        class Child(Base):
            def __init__(self):
                self.extra = 2

            def reset(self):
                self.size = self.count = 0

        assert not found(Child)

    def test_attributes_that_come_otherwise(self):
        """A class attribute, a property or another method may provide them."""

        class Child(Base):
            size = 3

            def __init__(self):
                self.reset()

            def reset(self):
                self.count = 0

        assert not found(Child)

    def test_attributes_set_by_other_names(self):
        """`setattr`, `__dict__` and `object.__setattr__` set attributes too."""

        class ByName(Base):
            def __init__(self):
                setattr(self, "size", 1)  # noqa: B010  # that is what is tested
                object.__setattr__(self, "count", 0)

        class ByDict(Base):
            def __init__(self):
                self.__dict__.update(size=1, count=0)

        assert not found(lambda: (ByName(), ByDict()))

    def test_a_class_that_finds_attributes_in_its_own_way(self):
        """What `__getattr__` finds cannot be read off the code, if some of it is set."""

        class Child(Base):
            def __init__(self):
                self.size = 1

            def __getattr__(self, name):
                return 0

        assert not found(lambda: Child()(1))

    def test_an_abstract_init(self):
        """It is there to be overridden, and not to be run."""

        class Abstract(abc.ABC):
            @abc.abstractmethod
            def __init__(self, steps): ...

        class Other(Abstract):
            def __init__(self, steps):
                raise NotImplementedError

        class Child(Other):
            def __init__(self, steps):
                self.steps = steps

        assert not found(lambda: Child(1), Abstract)

    def test_dataclasses(self):
        """The `__init__` that is generated sets all fields, also those of its bases."""

        @dataclasses.dataclass
        class Point(Base):
            size: int = 1
            count: int = 2

        @dataclasses.dataclass(frozen=True)
        class Place:
            x: int = 1

            def call(self):
                return self.x

        @dataclasses.dataclass(frozen=True)
        class Named(Place):
            name: str = ""

        assert not found(lambda: (Point(), Named()), Base, Place)

    def test_exceptions(self):
        """Much of their state is not set by `__init__`."""

        class ProblemError(Exception):
            def __init__(self, text):
                super().__init__(text)
                self.text = text

            def call(self): ...

        class WorseError(ProblemError):
            def __init__(self, text, code):
                super().__init__(text)
                self.code = code

        class OtherError(ProblemError):
            def __init__(self, *texts):
                Exception.__init__(self, *texts)
                self.text = texts[0]

        assert not found(lambda: (WorseError("a", 1), OtherError("b", "c")), ProblemError)

    def test_objects_from_before_the_recording(self):
        """Whether their `__init__` ran is not known."""

        class Child(Base):
            def __init__(self):
                self.size = self.count = 1

        child = Child()
        assert not found(lambda: child(1))

    def test_objects_that_are_made_without_init(self):
        """Copies and what is unpickled."""

        def act():
            copied = pickle.loads(pickle.dumps(Base()))
            Base.__new__(Base).__dict__.update(copied.__dict__)
            copied(1)

        assert not found(act)

    def test_begun_anew_on_purpose(self):
        """A base's `__init__` that is called alone later is no making of the object."""

        class Child(Base):
            def __init__(self):
                super().__init__()
                self.other = 1

        def act():
            child = Child()
            Base.__init__(child)
            child.__init__()

        assert not found(act)

    def test_an_error_before_the_chain_went_on(self):
        """The program has other sorrows."""

        class Child(Base):
            def __init__(self):
                int("x")
                super().__init__()

        def act():
            with pytest.raises(ValueError, match="invalid literal"):
                Child()

        assert not found(act)

    @pytest.mark.filterwarnings("ignore::callscope.errors.TraceTruncatedWarning")
    @pytest.mark.parametrize(
        "options", [{"max_calls": 3}, {"where": lambda call: call.method != "x"}]
    )
    def test_a_trace_that_lacks_calls(self, options, tmp_path):
        """Nothing is said of it, for what is missing may have been there."""

        class Child(Base):
            def __init__(self):
                self.other = 1

        assert not found(lambda: [Child() for _ in range(9)], path=tmp_path, **options)

    def test_a_recording_that_goes_on(self):
        """An `__init__` that has not returned may still call the next."""
        seen = []

        class Child(Base):
            def __init__(self):
                self.other = 1
                seen.append(trace.findings())
                super().__init__()

        with record(Base) as trace:
            Child()
        assert [()] == seen


class TestInitRanTwice:
    def test_a_diamond_called_by_name(self, tmp_path):
        """Both sides begin the common base."""

        class Left(Base):
            def __init__(self):
                Base.__init__(self, 1)

        class Right(Base):
            def __init__(self):
                Base.__init__(self, 2)

        class Both(Left, Right):
            def __init__(self):
                Left.__init__(self)
                Right.__init__(self)

        [finding] = found(lambda: [Both(), Both()], path=tmp_path)
        assert shown([finding]) == [
            (
                "warning",
                "init-ran-twice",
                (
                    "Base.__init__ ran twice while one Both was made, led to by Left.__init__ and"
                    " Right.__init__."
                ),
            )
        ]
        assert finding.advice == (
            "Call super().__init__(...) in Left.__init__ and Right.__init__, and no class by name."
        )
        assert (finding.file, finding.line) == (__file__, line_of(Right.__init__))
        assert finding.classes == (name(Right), name(Left), name(Base))
        assert ["Left", "Right"] * 2 == [c.parent.site.partition(".")[0] for c in finding.calls]

    def test_twice_by_one_class(self):
        """It is told to call it once."""

        class Child(Base):
            def __init__(self):
                super().__init__()
                super().__init__()

        [finding] = found(Child)
        assert finding.advice == "Call it once in Child.__init__."

    def test_twice_by_a_class_of_the_same_name(self):
        """Its module tells it apart, which the message does not show."""

        class Child(Base):
            def __init__(self):
                super().__init__()
                super().__init__()

        Child.__qualname__ = "Base"
        [finding] = found(Child, path=None)
        assert finding.message == (
            "Base.__init__ ran twice while one Base was made, led to by Base.__init__."
        )
        assert finding.advice == "Call it once in Base.__init__."

    def test_only_the_class_that_is_led_to_twice(self):
        """What it leads to in turn runs twice as well, and that is not said again."""

        class Middle(Base):
            def __init__(self):
                super().__init__()
                self.middle = 1

        class Left(Middle):
            def __init__(self):
                Middle.__init__(self)

        class Right(Middle):
            def __init__(self):
                Middle.__init__(self)

        class Both(Left, Right):
            def __init__(self):
                Left.__init__(self)
                Right.__init__(self)

        [finding] = found(Both)
        assert finding.classes[-1] == name(Middle)

    def test_a_diamond_of_super(self):
        """Each class runs once."""

        class Left(Base):
            def __init__(self):
                super().__init__()

        class Right(Base):
            def __init__(self):
                super().__init__()

        class Both(Left, Right):
            def __init__(self):
                super().__init__()

        assert not found(Both)

    def test_an_object_that_is_begun_anew(self):
        """From outside, and from within: it is meant."""

        class Again(Base):
            def __init__(self, more=True):
                super().__init__()
                if more:
                    self.__init__(False)

        def act():
            Base().__init__()
            Again()

        assert not found(act)

    def test_a_second_try(self):
        """The first did not come to its end."""

        class Child(Base):
            def __init__(self):
                try:
                    super().__init__(1, 2)
                except TypeError:
                    super().__init__(1)

        class Picky(Base):
            def __init__(self, size=1):
                super().__init__(int(size))

        class Other(Picky):
            def __init__(self):
                try:
                    super().__init__("x")
                except ValueError:
                    super().__init__(1)

        assert not found(lambda: (Child(), Other()))

    def test_a_base_that_does_nothing(self, seed):
        """Twice nothing is nothing."""

        class Child(seed.Layer):
            def __init__(self):
                seed.Layer.__init__(self, 1)
                seed.Layer.__init__(self, 2)

        assert not found(Child, seed.Layer)


class TestMethodBeforeInit:
    def test_an_override_that_a_base_calls_too_early(self, tmp_path):
        """It needs what its own `__init__` has not set yet."""

        class Early(Base):
            def __init__(self):
                self.setup()
                super().__init__()

        class Child(Early):
            def __init__(self):
                super().__init__()
                self.names = []

            def setup(self):
                self.names.append(1)

        def act():
            with pytest.raises(AttributeError):
                Child()

        [finding] = found(act, path=tmp_path)
        assert shown([finding]) == [
            (
                "error",
                "method-before-init",
                (
                    "Child.setup ran before Child.__init__ had set 'names', for Early.__init__ calls"
                    " it."
                ),
            )
        ]
        assert (finding.file, finding.line) == (__file__, line_of(Child.setup))
        assert finding.classes == (name(Child),)

    def test_before_any_init(self):
        """A method that failed because `__init__` had not yet begun, which then ran as it should."""

        def act():
            base = object.__new__(Base)
            with pytest.raises(AttributeError):
                base(3)
            base.__init__()

        [finding] = found(act)
        assert finding.message == "Base.__call__ ran before Base.__init__ had set 'count'."

    def test_methods_within_init_are_ordinary(self):
        """A base may call what a subclass overrides, as long as that needs nothing yet."""

        class Early(Base):
            def __init__(self):
                super().__init__()
                self.setup()

        class Child(Early):
            def __init__(self):
                self.names = []
                super().__init__()

            def setup(self):
                self.names.append(1)

        assert not found(Child)

    def test_an_override_that_knows(self):
        """What it misses does not leave `__init__`."""

        class Early(Base):
            def __init__(self):
                super().__init__()
                with contextlib.suppress(AttributeError):
                    self.setup()

        class Child(Early):
            def __init__(self):
                super().__init__()
                self.names = []

            def setup(self):
                self.names.append(1)

        assert not found(Child)

    def test_another_attribute_error(self):
        """No `__init__` sets that attribute, so it is no matter of order."""

        class Child(Base):
            def __init__(self):
                self.setup()
                super().__init__()

            def setup(self):
                return self.no_such_thing

        def act():
            with pytest.raises(AttributeError):
                Child()

        assert not found(act)


class TestMethodAfterFailedInit:
    def test_an_object_that_was_kept(self, tmp_path):
        """It is used although its `__init__` never returned."""
        kept = []

        class Child(Base):
            def __init__(self):
                super().__init__()
                kept.append(self)
                raise ValueError("not today")

        def act():
            with pytest.raises(ValueError, match="today"):
                Child()
            kept[0](1)

        [finding] = found(act, path=tmp_path)
        assert shown([finding]) == [
            (
                "warning",
                "method-after-failed-init",
                "Base.__call__ ran on a Child whose __init__ had raised ValueError.",
            )
        ]
        assert finding.advice == "Let nothing keep a Child before its __init__ has returned."

    def test_what_failed_makes_it_an_error(self):
        """It was not ready indeed."""
        kept = []

        class Child(Base):
            def __init__(self):
                kept.append(self)
                raise ValueError("not today")

        def act():
            with pytest.raises(ValueError, match="today"):
                Child()
            with pytest.raises(AttributeError):
                kept[0](1)

        severities = [(f.severity, f.id) for f in found(act)]
        assert ("error", "method-after-failed-init") in severities

    def test_a_second_try(self):
        """It has become ready since."""

        def act():
            base = Base.__new__(Base)
            with pytest.raises(TypeError):
                base.__init__(1, 2, 3)
            base.__init__()
            base(1)

        assert not found(act)

    def test_cleaning_up_within_init(self):
        """Is its own affair."""

        class Child(Base):
            def __init__(self):
                try:
                    super().__init__(int("x"))
                except ValueError:
                    self.close()
                    raise

            def close(self): ...

        def act():
            with pytest.raises(ValueError, match="invalid literal"):
                Child()

        assert not found(act)


class TestTemplateBypassed:
    def test_called_directly(self, tmp_path):
        """What `__call__` does besides was left out."""
        [finding] = found(lambda: Base().call(3), path=tmp_path)
        assert shown([finding]) == [
            (
                "warning",
                "template-bypassed",
                (
                    "Base.call was run directly and not through Base.__call__, so what that does"
                    " besides was left out."
                ),
            )
        ]
        assert finding.advice == "Call the object itself: obj(...) and not obj.call(...)."
        assert (finding.file, finding.line) == (__file__, line_of(Base.call))

    def test_called_by_another_object(self):
        """The method that does so is the one to look at; the caller's own way in is right."""

        class Inner(Base):
            def call(self, x):
                return super().call(x)

        class Outer(Base):
            def __init__(self):
                super().__init__()
                self.inner = Inner()

            def call(self, x):
                return self.inner.call(x)

        [finding] = found(lambda: Outer()(3))
        assert finding.message.startswith("Inner.call was run directly by Outer.call and not")
        assert (finding.line, len(finding.calls)) == (line_of(Outer.call), 1)

    def test_the_usual_way(self):
        """Through `__call__`, by helpers too."""

        class Helping:
            def __call__(self, x):
                return self._dispatch(x)

            def _dispatch(self, x):
                function = self.call
                return function(x)

            def call(self, x):
                return x

        assert not found(lambda: (Base()(1), Helping()(1)), Base, Helping)

    def test_what_an_object_does_with_itself(self):
        """Is its own affair."""

        class Child(Base):
            def setup(self):
                return self.call(1)

        assert not found(lambda: Child().setup())

    def test_a_class_whose_call_leads_nowhere(self):
        """There is no template that could be bypassed."""

        class Other:
            def __call__(self, x):
                return x

            def call(self, x):
                return x

            def forward(self, x):
                return x

        assert not found(lambda: (Other().call(1), Other().forward(1)), Other)

    def test_led_to_in_another_thread(self):
        """`__call__` of the object is still running, or has returned what leads there."""

        class Threaded:
            def call(self, x): ...

            def __call__(self, x):
                thread = threading.Thread(target=self.call, args=(x,))
                thread.start()
                thread.join()

        class Later:
            def call(self, x): ...

            def __call__(self, x):
                return lambda: self.call(x)

        assert not found(lambda: (Threaded()(1), Later()(1)()), Threaded, Later)


class TestTemplateNotReached:
    def test_an_override_that_never_leads_on(self, tmp_path):
        """The base's bookkeeping is never done."""

        class Child(Base):
            def __call__(self, x):
                return self.call(x)

        [finding] = found(lambda: Child()(1), path=tmp_path)
        assert shown([finding]) == [
            (
                "warning",
                "template-not-reached",
                (
                    "Child.__call__ never reached Base.__call__, which it overrides and which does more"
                    " than to run call."
                ),
            )
        ]
        assert finding.advice == (
            "Call super().__call__(...) in Child.__call__, or override call instead."
        )
        assert (finding.file, finding.line) == (__file__, line_of(Child.__call__))

    def test_an_override_that_leads_on(self):
        """At times, at least: it may know what it has seen before."""

        class Child(Base):
            def __call__(self, x):
                return super().__call__(x) if x else None

        assert not found(lambda: (Child()(1), Child()(0)))

    def test_an_abstract_call(self):
        """It is there to be overridden, as that of scikit-learn's kernels."""

        class Kernel(abc.ABC):
            @abc.abstractmethod
            def __call__(self, x): ...

            def call(self, x):
                return x

        class Linear(Kernel):
            def __call__(self, x):
                return self.call(x)

        assert not found(lambda: Linear()(1), Kernel)


class TestResultDropped:
    def test_a_call_without_return(self, tmp_path):
        """What the method returned is lost."""

        class Forgetful(Base):
            def __call__(self, x):
                self.call(x)

        class Child(Forgetful):
            def call(self, x):
                return x + 1

        findings = found(lambda: (Child()(1), Child()(2)), path=tmp_path)
        [finding] = [f for f in findings if f.id == "result-dropped"]
        assert shown([finding]) == [
            (
                "warning",
                "result-dropped",
                "Forgetful.__call__ returned None, though Child.call returned a result to it.",
            )
        ]
        assert finding.advice == (
            "Return what self.call(...) returns in Forgetful.__call__, or return nothing from"
            " Child.call."
        )
        assert (finding.line, len(finding.calls)) == (line_of(Forgetful.__call__), 2)

    def test_a_local_that_is_forgotten(self):
        """It was kept, and then not returned."""

        class Forgetful:
            def __call__(self, x):
                result = self.call(x)  # noqa: F841  # that is what is tested
                self.last = x

            def call(self, x):
                return x

        assert ["result-dropped"] == [f.id for f in found(lambda: Forgetful()(1), Forgetful)]

    def test_a_result_that_is_used(self):
        """Who puts it to some use need not return it."""

        class Sink:
            def __init__(self):
                self.all = []

            def __call__(self, x):
                self.all.append(self.call(x))

            def call(self, x):
                return x

        assert not found(lambda: Sink()(1), Sink)

    def test_a_result_at_times(self):
        """Some calls return it, so that the others mean to return None."""

        class Choosy:
            def __call__(self, x):
                result = self.call(x)
                return result if result > 1 else None

            def call(self, x):
                return x

        def act():
            for n in range(1, 4):
                Choosy()(n)

        assert not found(act, Choosy)

    def test_nothing_captured_nothing_known(self):
        """Without results there is nothing to tell."""

        class Forgetful:
            def __call__(self, x):
                self.call(x)

            def call(self, x):
                return x

        assert not found(lambda: Forgetful()(1), Forgetful, capture="none")


class TestPresentation:
    def test_errors_come_first(self):
        """And within that, each kind in the order of time."""

        class Child(Base):
            def __init__(self):
                self.other = 1

        findings = found(lambda: (Base().call(1), Child()))
        assert ["error", "warning"] == [f.severity for f in findings]
        assert [findings[0]] == list(findings.errors)

    def test_print_ends_with_what_was_found(self):
        """In short; the findings themselves say what to do and where."""
        with record(Base) as trace:
            Base().call(1)
        [finding] = trace.findings()
        assert str(trace).endswith(f"\n\nwarning: {finding.message} [template-bypassed]")
        assert str(trace.findings()) == (
            f"warning: {finding.message} {finding.advice} [template-bypassed]"
            f" ({__file__}:{line_of(Base.call)})"
        )

    def test_a_trace_without_any(self, seed_trace):
        """Says nothing of them when printed, and so much when asked."""
        assert "finding" not in str(seed_trace).lower()
        assert str(seed_trace.findings()) == "No findings."

    def test_many(self):
        """Only some are printed below a tree."""
        classes = [type(f"C{n}", (Base,), {"call": lambda self, x, n=n: x}) for n in range(13)]
        with record(Base) as trace:
            for cls in classes:
                cls().call(1)
        assert len(trace.findings()) == 13
        assert str(trace).endswith("\n... 3 more findings")

    def test_hostile_names(self):
        """Nothing in a name can break a line or reach the terminal."""
        hostile = type("A\x1b[31m\nB", (Base,), {"__init__": lambda self: None})
        text = str(found(hostile))
        assert (text.count("\n"), "\x1b" in text) == (0, False)


class TestCommandLine:
    PROGRAM = """\
import sys
class Layer:
    def __init__(self): self.size = 1
    def __call__(self, x): return self.call(x)
    def call(self, x): return self.size
class Child(Layer):
    def __init__(self): self.other = 1
if "bad" in sys.argv: Child()
Layer().call(1)
sys.exit(5 if "exit" in sys.argv else 0)
"""

    @pytest.fixture
    def run(self, tmp_path, capfd, monkeypatch):
        from callscope.tools.cli import main

        (tmp_path / "app.py").write_text(self.PROGRAM)
        monkeypatch.chdir(tmp_path)
        for name_, value in (("argv", []), ("path", ["x"])):
            monkeypatch.setattr(f"sys.{name_}", value)
        monkeypatch.setitem(__import__("sys").modules, "__main__", None)

        def run_(*arguments):
            code = main(arguments)
            return code, capfd.readouterr()

        return run_

    @pytest.mark.parametrize(
        ("arguments", "code"), [((), 0), (("bad",), 1), (("bad", "exit"), 5), (("exit",), 5)]
    )
    def test_check(self, run, arguments, code):
        """An error makes the exit code 1, a warning does not, and the program's own goes first."""
        exit_code, out = run("run", "-t", "__main__:Layer", "--check", "app.py", *arguments)
        assert exit_code == code
        assert ("super-init-missing" in out.err) == ("bad" in arguments)
        assert out.err.count("template-bypassed") == 1

    def test_without_check(self, run):
        """The exit code is the program's own."""
        assert run("run", "-t", "__main__:Layer", "app.py", "bad")[0] == 0

    def test_a_saved_trace_is_checked_too(self, run):
        """While it is streamed, and when it is viewed."""
        code, out = run("run", "-t", "__main__:Layer", "--check", "-o", "t.jsonl", "app.py", "bad")
        assert (code, "Call super().__init__(...) in Child.__init__." in out.err) == (1, True)
        code, out = run("view", "--findings", "t.jsonl")
        assert code == 0
        assert ["error", "warning"] == [x.partition(":")[0] for x in out.out.splitlines()]
        assert run("view", "t.jsonl")[1].out.endswith("[template-bypassed]\n")

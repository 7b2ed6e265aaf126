"""Methods that are no plain functions: properties, `partialmethod`, `lru_cache` and their kin."""

# The programs in here are odd on purpose.
# ruff: noqa: B019

from __future__ import annotations

import abc
import functools
import operator
import sys
import unittest.mock

import pytest
import wrapt

from callscope import instrument, record
from ways import IN_PLACE


class Base:
    """One method of every kind."""

    def __init__(self, size=0):
        self._size = size

    @property
    def size(self):
        """How large it is."""
        return self._size

    @size.setter
    def size(self, value):
        self._size = value

    @size.deleter
    def size(self):
        self._size = None

    @functools.cached_property
    def area(self):
        """The square."""
        return self._size**2

    def scale(self, by, *, times=1):
        self._size *= by**times
        return self._size

    double = functools.partialmethod(scale, 2)
    square = functools.partialmethod(double, times=2)

    @functools.singledispatchmethod
    def show(self, value):
        return f"object {value}"

    @show.register
    def _(self, value: int):
        return f"int {value}"

    @show.register
    @staticmethod
    def _(value: str):
        return f"str {value}"

    @classmethod
    @functools.lru_cache
    def known(cls, key):
        return cls.__name__ + key

    @staticmethod
    @functools.lru_cache
    def free(key):
        return key

    @functools.lru_cache
    def memo(self, key, extra=None):
        """Remembers."""
        return key

    @wrapt.decorator
    def _pass(wrapped, instance, args, kwargs):  # noqa: N805
        return wrapped(*args, **kwargs)

    @_pass
    def decorated(self, x):
        return x

    upper = str.upper

    @abc.abstractmethod
    def abstract(self):
        return "abstract"


METHODS = ("*",)


def use(obj):
    """Call each method once or more; return what they return."""
    found = [obj.size]
    obj.size = 3
    found += [obj.size, obj.area, obj.area, obj.double(), obj.square(), obj.double(times=3)]
    found += [obj.show(1), obj.show("a"), obj.show(None), obj.show(True)]
    found += [obj.known("k"), type(obj).known("k"), obj.free("f"), obj.memo(1), obj.memo(1)]
    found += [obj.memo(1, extra=2), type(obj).memo(obj, 5), obj.decorated(6), obj.abstract()]
    del obj.size
    return [*found, obj.size]


def test_each_kind_is_recorded_and_does_what_it_did():
    """The very calls that were made, under the name that each has in its class."""
    bare = use(Base())
    with record(Base, methods=METHODS) as trace:
        woven = use(Base())
    assert woven == bare
    assert (
        trace.outline()
        == """\
Base.__init__() [Base#1]
Base.size() [Base#1] -> 0
Base.size.setter(value=3) [Base#1]
Base.size() [Base#1] -> 3
Base.area() [Base#1] -> 9
Base.double(by=2) [Base#1] -> 6
Base.square(by=2, times=2) [Base#1] -> 24
Base.double(by=2, times=3) [Base#1] -> 192
Base.show(value=1) [Base#1] -> 'int 1'
Base.show(value='a') [Base] -> 'str a'
Base.show(value=None) [Base#1] -> 'object None'
Base.show(value=True) [Base#1] -> 'int True'
Base.known(args[0]='k') [Base] -> 'Basek'
Base.known(args[0]='k') [Base] -> 'Basek'
Base.free(args[0]='f') [Base] -> 'f'
Base.memo(args[0]=1) [Base#1] -> 1
Base.memo(args[0]=1) [Base#1] -> 1
Base.memo(args[0]=1, extra=2) [Base#1] -> 1
Base.memo(args[0]=5) [Base#1] -> 5
Base.decorated(args[0]=6) [Base#1] -> 6
Base.abstract() [Base#1] -> 'abstract'
Base.size.deleter() [Base#1]
Base.size() [Base#1]"""
    )


def test_nothing_is_left_behind():
    """Every entry is the very object that it was."""
    before = dict(vars(Base))
    with record(Base, methods=METHODS):
        changed = {name for name in before if vars(Base)[name] is not before[name]}
    by_shadow = {"square", "show", "memo"}
    assert changed >= by_shadow
    assert IN_PLACE or changed >= {"size", "area", "double", "known", "free", "decorated"}
    assert {name: id(raw) for name, raw in vars(Base).items()} == {
        name: id(raw) for name, raw in before.items()
    }


def test_a_subclass_of_property():
    """It stays what it is, with all that it holds; one whose constructor is its own is listed."""

    class Marked(property):
        mark = 1

    class Strange(property):
        def __init__(self, name):
            super().__init__(lambda self: name)

    class Has:
        marked = Marked(lambda self: 2, doc="two")
        strange = Strange("x")

    vars(Has)["marked"].note = 3
    doc = vars(Has)["marked"].__doc__
    with instrument(Has, methods=METHODS) as handle, record() as trace:
        found = vars(Has)["marked"]
        assert (type(found), found.note, found.__doc__, Has().marked) == (Marked, 3, doc, 2)
        assert Has().strange == "x"
        reasons = {c.site.rpartition(".")[2]: c.reason for c in handle.coverage()}
    assert [c.method for c in trace.calls] == ["marked"]
    assert reasons == {"marked": "", "strange": "Strange objects cannot be traced"}


def test_a_property_that_is_extended_during_a_recording():
    """What is built on it works afterwards; the next recording clears it of ours."""

    class Root:
        @property
        def x(self):
            return 1

    getter = vars(Root)["x"].fget

    def put(self, value):
        self.put = value

    with record(Root, methods=METHODS) as trace:
        Root.x = Root.x.setter(put)

        class Sub(Root):
            x = Root.x.getter(lambda self: 2)

        obj = Sub()
        obj.x = 5
        assert (obj.x, obj.put, Root().x) == (2, 5, 1)
    obj = Sub()
    obj.x = 6
    assert (obj.x, obj.put, Root().x) == (2, 6, 1)
    assert len(trace) == 3
    with record(Root, methods=METHODS) as trace:
        assert Root().x == 1
    assert vars(Root)["x"].fget is getter
    assert [c.site for c in trace.calls] == ["Root.x"]


def test_what_is_registered_during_a_recording_stays():
    """`singledispatchmethod` looks it up at once, and afterwards."""

    class Root:
        @functools.singledispatchmethod
        def show(self, value):
            return "object"

    with record(Root, methods=METHODS) as trace:
        obj = Root()
        assert obj.show(1) == "object"
        Root.show.register(int, lambda self, value: "int")
        assert obj.show(1) == "int"
    assert obj.show(1) == "int"
    assert len(trace) == 2


def test_a_cached_value_is_computed_once():
    """Also if the recording ends in between; and its getter is traced where it runs."""

    class Root:
        times = 0

        @functools.cached_property
        def value(self):
            self.times += 1
            return self.times

    obj = Root()
    with record(Root, methods=METHODS) as trace:
        assert (obj.value, obj.value) == (1, 1)
    assert (obj.value, obj.times) == (1, 1)
    assert len(trace) == 1


def test_calls_and_results_that_lru_cache_answers_are_calls():
    """The method was called, though its function did not run."""
    Base.memo.cache_clear()
    obj = Base()
    with record(Base, methods=("memo",)) as trace:
        for _ in range(3):
            obj.memo("again")
        info = Base.memo.cache_info()
    assert len(trace) == 3
    assert (info.hits, info.misses) == (2, 1)


def test_what_can_be_called_is_a_method_where_it_is_named():
    """Objects that are no descriptors may be mere values, and a wildcard leaves them alone."""

    class Adder:
        def __call__(self, x):
            return x + 1

    class Root:
        add = Adder()
        parse = int
        length = len
        pick = operator.itemgetter(0)

    with record(Root, methods=("a*", "__call__", "length", "pick", "parse")) as trace:
        assert (Root().add(1), Root().length("ab"), Root().pick([3]), Root.parse("4")) == (
            2,
            2,
            3,
            4,
        )
        assert type(vars(Root)["add"]) is Adder
    assert trace.outline() == (
        "Root.length(args[0]='ab') [Root] -> 2\nRoot.pick(args[0]=[3]) [Root] -> 3"
    )


def test_a_mock_in_place_of_a_method_is_left_alone():
    """It is asked nothing, for that would be recorded by the mock itself; and it is listed."""

    class Root:
        def call(self): ...

    with (
        unittest.mock.patch.object(Root, "call") as mock,
        instrument(Root) as handle,
        record(),
    ):
        Root().call(1)
        assert Root.call is mock
        assert [c.reason for c in handle.coverage()] == ["MagicMock objects cannot be traced"]
    mock.assert_called_once_with(1)
    assert mock.mock_calls == [unittest.mock.call(1)]


def test_two_names_of_one_method():
    """Each is a site, and what was called is what is recorded."""

    class Root:
        def call(self):
            return 1

        forward = call

    with record(Root, methods=("call", "forward")) as trace:
        assert Root().forward() + Root().call() == 2
    assert [c.site for c in trace.calls] == ["Root.forward", "Root.call"]
    assert Root.forward is Root.call


def test_a_metaclass():
    """Its `__call__` and `__new__` are traced where they are asked for; classes are its objects."""

    class Meta(type):
        def __new__(mcls, name, bases, namespace, **keywords):
            return super().__new__(mcls, name, bases, namespace)

        def __call__(cls, *args):
            return super().__call__(*args)

    with record(Meta, methods=("__new__", "__call__")) as trace:

        class Made(metaclass=Meta, keyword=1):
            def __init__(self, x): ...

        Made(5)
    outline = trace.outline().replace(f"{__name__}.{test_a_metaclass.__name__}.<locals>.", "")
    assert outline.splitlines()[1:] == ["Meta.__call__(args[0]=5) [Meta#1] -> <Made>"]
    assert outline.startswith("Meta.__new__(name='Made', bases=")
    assert "keyword=1" in outline
    assert trace.calls[0].runtime_class.endswith("Meta")


@pytest.mark.parametrize("bound", [None, 5, "text"])
def test_a_classmethod_called_on_what_is_no_class(bound):
    """Python lets it; so does the trace."""

    class Root:
        @classmethod
        def make(cls):
            return cls

    with record(Root, methods=METHODS) as trace:
        assert vars(Root)["make"].__func__(bound) is bound
    assert trace.calls[0].runtime_class == f"builtins.{type(bound).__name__}"


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python 3.13 no longer chains them")
def test_a_classmethod_around_a_property_is_left_alone():
    """It works as it did, and is listed."""

    class Root:
        @classmethod
        @property
        def name(cls):
            return cls.__name__

    with instrument(Root, methods=METHODS) as handle, record():
        assert Root.name == "Root"
        assert [c.reason for c in handle.coverage()] == ["classmethod objects cannot be traced"]

"""Classes that refuse to be woven: what can be traced of them, and what is said of the rest."""

import asyncio
import ctypes
import functools
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pytest

from callscope import instrument, record
from callscope.errors import TargetWarning

EVERYTHING = ("*", "__*__")
NEEDED = "callscope itself needs it while it records"
DESCRIPTOR = "the metaclass has a data descriptor of that name"


def content(*classes):
    """Return what the dicts of some classes hold: names in order, and the identity of each value."""
    return [[(name, id(value)) for name, value in vars(cls).items()] for cls in classes]


def coverage(cls, methods):
    """Return what is said of each method of a hierarchy; nothing of those that are traced."""
    with instrument(cls, methods=methods) as handle:
        return {site.site.rpartition("<locals>.")[2]: site.reason for site in handle.coverage()}


# Metaclasses in C


def test_a_class_of_a_metaclass_in_c():
    """A subclass that is a `ctypes` structure too is traced, whenever it is made."""

    class Plain:
        def call(self):
            return 1

    class Early(Plain, ctypes.Structure):
        _fields_ = (("x", ctypes.c_int),)

        def call(self):
            return super().call() + self.x

    before = content(Plain, Early)
    with record(Plain) as trace:

        class Late(Plain, ctypes.Structure):
            def call(self):
                return super().call()

        assert (Early(2).call(), Late().call()) == (3, 1)
    assert [call.site for call in trace.calls] == [
        "Early.call",
        "Plain.call",
        "Late.call",
        "Plain.call",
    ]
    assert content(Plain, Early) == before
    assert coverage(Plain, ("call",)) == {"Plain.call": "", "Early.call": "", "Late.call": ""}


def test_a_metaclass_in_python_over_one_in_c():
    """The metaclass in C is asked; the one in Python, which refuses, is not."""

    class Meta(type(ctypes.Structure)):
        def __setattr__(cls, name, value):
            raise AttributeError(name)

        __delattr__ = __setattr__

    class Base(ctypes.Structure, metaclass=Meta):
        def call(self):
            return 1

    before = content(Base)
    with record(Base) as trace:
        Base().call()
    assert trace.outline() == "Base.call() [Base#1] -> 1"
    assert content(Base) == before


def test_a_metaclass_that_borrows_the_slot_of_object():
    """A slot that the interpreter refuses for a class is not the last that is tried."""

    class Meta(type):
        __setattr__ = object.__setattr__
        __delattr__ = object.__delattr__

    class Base(metaclass=Meta):
        def call(self):
            return 1

    before = content(Base)
    with record(Base) as trace:
        Base().call()
    assert trace.outline() == "Base.call() [Base#1] -> 1"
    assert content(Base) == before


QT = ("PyQt6.QtCore", "PySide6.QtCore")


@pytest.mark.parametrize("module", QT)
def test_a_class_of_qt(module):
    """Subclasses of Qt's are traced, and Qt calls their overrides as before."""
    qt = pytest.importorskip(module, exc_type=ImportError)  # one Qt a process

    class Plain:
        def call(self):
            return 1

    class Early(Plain, qt.QObject):
        def event(self, event):
            return super().event(event)

    before = content(Plain, Early)
    application = qt.QCoreApplication.instance() or qt.QCoreApplication([])
    with record(Plain, methods=("call", "event")) as trace:

        class Late(Plain, qt.QObject):
            def call(self):
                return super().call()

        receiver = Early()
        application.sendEvent(receiver, qt.QEvent(qt.QEvent.Type.User))
        Late().call()
    assert [call.site for call in trace.calls] == ["Early.event", "Late.call", "Plain.call"]
    assert content(Plain, Early) == before


SHAPES = """
struct Shape { virtual ~Shape() = default; virtual int area() { return 1; } };
#ifdef NANOBIND
#include <nanobind/nanobind.h>
#include <nanobind/trampoline.h>
namespace library = nanobind;
struct Overridden : Shape { NB_TRAMPOLINE(Shape, 1); int area() override { NB_OVERRIDE(area); } };
NB_MODULE(shapes, m)
#else
#include <pybind11/pybind11.h>
namespace library = pybind11;
struct Overridden : Shape { int area() override { PYBIND11_OVERRIDE(int, Shape, area, ); } };
PYBIND11_MODULE(shapes, m)
#endif
{
    library::class_<Shape, Overridden>(m, "Shape")
        .def(library::init<>())
        .def("area", &Shape::area)
        .def("twice", [](Shape &shape) { return 2 * shape.area(); });
}
"""


def load(name, folder):
    """Import a module that was compiled."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.so")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(library, folder):
    """Compile a class with a method that Python may override, and return the class."""
    root = pathlib.Path(pytest.importorskip(library).__file__).parent
    source = folder / "shapes.cpp"
    source.write_text(SHAPES)
    command = ["g++", "-std=c++17", "-shared", "-fPIC", "-w", f"-I{root}/include"]
    command.append(f"-I{sysconfig.get_path('include')}")
    if library == "nanobind":
        command += ["-DNANOBIND", f"-I{root}/ext/robin_map/include", f"{root}/src/nb_combined.cpp"]
    subprocess.run([*command, source, "-o", folder / "shapes.so"], check=True)
    return load("shapes", folder).Shape


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a compiler for C++")
@pytest.mark.parametrize("library", ["pybind11", "nanobind"])
def test_a_class_bound_from_cpp(library, tmp_path):
    """Overrides are traced, also under the very class in C++, and are called as before."""
    shape = build(library, tmp_path)

    class Square(shape):
        def area(self):
            return super().area() + 3

    class Cube(Square):
        def area(self):
            return super().area() + 5

    def act():
        return Square().area(), Square().twice(), Cube().area(), Cube().twice()

    before, bare = content(shape, Square, Cube), act()
    with record(Square, methods=("area",), bases=False) as trace:
        assert act() == bare
    assert {call.site for call in trace.calls} == {"Square.area", "Cube.area"}
    with record(shape, methods=("area", "twice")) as trace:
        assert act() == bare
    assert {call.site for call in trace.calls} >= {"Square.area", "Cube.area"}
    assert content(shape, Square, Cube) == before
    frames = "pybind11 looks at the frame that calls it" if library == "pybind11" else ""
    assert coverage(shape, ("area", "twice")) == {
        "shapes.Shape.area": frames,
        "shapes.Shape.twice": frames,
        "Square.area": "",
        "Cube.area": "",
    }


COMPILED = """
class Base:
    async def run(self, x):
        return x

    def generate(self):
        yield 1

    def call(self):
        return 1
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a compiler for C")
def test_compiled_coroutines(tmp_path):
    """A call of one is over when it has been made, which is said of it."""
    pytest.importorskip("Cython")
    source = tmp_path / "compiled.py"
    source.write_text(COMPILED)
    subprocess.run([sys.executable, "-m", "cython", "-3", source], check=True)
    command = ["gcc", "-shared", "-fPIC", "-w", f"-I{sysconfig.get_path('include')}"]
    command += [source.with_suffix(".c"), "-o", tmp_path / "compiled.so"]
    subprocess.run(command, check=True)
    base = load("compiled", tmp_path).Base
    with record(base, methods=("run", "generate", "call")) as trace:
        assert asyncio.run(base().run(3)) == 3
        assert [*base().generate()] == [1]
        base().call()
    assert [(call.site, call.finished) for call in trace.calls] == [
        ("Base.run", True),
        ("Base.generate", True),
        ("Base.call", True),
    ]
    note = "it is compiled: a call is over when its coroutine or generator has been made"
    with instrument(base, methods=("run", "generate", "call")) as handle:
        assert [(site.site, site.traceable, site.note) for site in handle.coverage()] == [
            ("compiled.Base.run", True, note),
            ("compiled.Base.generate", True, note),
            ("compiled.Base.call", True, ""),
        ]


# Names that belong to the metaclass


class Settings(type):
    """A metaclass with properties, whose setters and deleters may not be called."""

    def _refuse(cls, *value):
        raise AssertionError("the program's code ran")

    config = property(_refuse, _refuse, _refuse)
    __fields__ = property(_refuse)
    __init_subclass__ = property(_refuse, _refuse, _refuse)
    __del__ = property(_refuse, _refuse, _refuse)


def test_a_metaclass_with_a_property_of_a_methods_name():
    """No code of it runs; what it is in the way of is left alone and said, the rest is traced."""

    class Base(metaclass=Settings):
        __slots__ = ()

        def call(self):
            return 1

        def config(self):
            return 2

        @classmethod
        def __fields__(cls):
            return 3

    before = content(Base)
    with (
        pytest.warns(TargetWarning, match="data descriptor"),
        record(Base, methods=EVERYTHING) as trace,
    ):

        class Sub(Base):
            __slots__ = ()

            def call(self):
                return super().call()

        Sub().call()
        with record(Base, methods=EVERYTHING) as second:
            objects = [Sub(), Sub()]
            assert [*map(Base.call, objects)] == [1, 1]
    assert [call.site for call in trace.calls] == ["Base.call"] * 3
    assert [call.site for call in second.calls] == ["Base.call"] * 2
    assert content(Base) == before
    assert coverage(Base, EVERYTHING) == {
        "Base.call": "",
        "Base.config": DESCRIPTOR,
        "Base.__fields__": DESCRIPTOR,
        "Sub.call": "",
        "Base.__init_subclass__": f"replacing it raised TypeError({DESCRIPTOR!r})",
        "Base.__del__": f"replacing it raised TypeError({DESCRIPTOR!r})",
    }


def test_names_that_types_have_themselves():
    """A class may define `__class__`, `__name__` and their kin for its objects."""

    class Root:
        def call(self):
            return 1

    names = {
        *("__class__", "__dict__", "__name__", "__mro__", "__bases__", "__doc__", "__module__"),
        *("__annotations__", "__abstractmethods__", "__text_signature__", "__type_params__"),
    }
    theirs = {name for name in names if name in {*vars(type), "__class__"}}
    own = {name: property(lambda self: self.target) for name in names}
    own["__name__"] = lambda self: "name"
    own["__subclasses__"] = lambda self: []
    own["__wrapped__"] = property(lambda self: self.target)
    proxied = type("Proxy", (Root,), {**own, "__slots__": ("target",), "__qualname__": "Proxy"})
    before = content(Root, proxied)
    with record(Root, methods=EVERYTHING) as trace:
        proxy = proxied()
        proxy.target = 3
        assert (proxy.__class__, proxy.__dict__, proxy.__name__()) == (3, 3, "name")
        assert (proxy.__wrapped__, proxy.__subclasses__(), proxy.call()) == (3, [], 1)
    assert [call.site for call in trace.calls] == [
        *("Proxy.__wrapped__", "Proxy.__subclasses__", "Root.call"),
    ]
    assert content(Root, proxied) == before
    said = coverage(Root, EVERYTHING)
    assert {site for site, reason in said.items() if reason == DESCRIPTOR} == {
        f"Proxy.{name}" for name in theirs
    }
    assert {site for site, reason in said.items() if not reason} == {
        "Root.call",
        *(f"Proxy.{name}" for name in own if name not in theirs),
    }


# Whatever else goes wrong


class RaisesError(Exception):
    """What a hostile class raises."""


def test_a_descriptor_that_raises_when_it_is_looked_at():
    """It is left alone and said, and everything else of its class is traced."""

    class Hostile(property):
        @property
        def fget(self):
            raise RaisesError

        def __getattribute__(self, name):
            raise RaisesError(name)

    class Holder(functools.partialmethod):
        @property
        def func(self):
            raise RaisesError

        @func.setter
        def func(self, value):
            pass

    class Base:
        odd = Hostile(lambda self: 1)
        held = Holder(len)

        def call(self):
            return 1

    before = content(Base)
    with record(Base, methods=("*",)) as trace:
        Base().call()
    assert [call.site for call in trace.calls] == ["Base.call"]
    assert content(Base) == before
    assert coverage(Base, ("*",)) == {
        "Base.odd": "replacing it raised RaisesError('__dict__')",
        "Base.held": "Holder objects cannot be traced",
        "Base.call": "",
    }


def test_an_entry_that_cannot_be_made_a_second_time():
    """What fails while a class is woven is said once, by a warning and in `coverage()`."""

    class Once(type):
        def __call__(cls, *args):
            if calls:
                raise RaisesError
            calls.append(args)
            return super().__call__(*args)

    class Odd(property, metaclass=Once):
        pass

    calls = []

    class Base:
        odd = Odd(lambda self: 1)

        def call(self):
            return self.odd

    before = content(Base)
    with pytest.warns(TargetWarning, match="Replacing .*Base.odd raised RaisesError") as issued:
        with record(Base, methods=("*",)) as trace, record(Base, methods=("*",)):
            Base().call()
    assert [warning.category for warning in issued] == [TargetWarning]
    assert [call.site for call in trace.calls] == ["Base.call"]
    assert content(Base) == before
    assert coverage(Base, ("*",)) == {
        "Base.odd": "replacing it raised RaisesError()",
        "Base.call": "",
    }


FLAGS = 168
"""Where a type holds its flags: CPython's Include/cpython/object.h."""


def close(cls, *, closed):
    """Let a class take no attributes, as one that is written in C and closes itself; or again."""
    flags = ctypes.c_ulong.from_address(id(cls) + FLAGS)
    flags.value = flags.value & ~(1 << 8) | closed << 8


def test_a_class_that_is_closed_while_it_is_recorded():
    """Its methods pass straight through after the recording, and are put back when it opens."""

    class Base:
        def call(self):
            return 1

    class Sub(Base):
        def call(self):
            return super().call()

    before = content(Base, Sub)
    with pytest.warns(TargetWarning, match=r"Replacing .*Base\.\w+ raised TypeError"):
        with record(Base):
            close(Base, closed=True)
    close(Base, closed=False)
    assert Sub().call() == 1
    assert content(Sub) == before[1:]
    with record(Base) as trace:
        Sub().call()
    assert [call.site for call in trace.calls] == ["Sub.call", "Base.call"]
    assert content(Base, Sub) == before


def test_what_ends_the_program_goes_through():
    """A signal's handler that exits may run while a class is woven."""

    class Exits(type):
        def __call__(cls, *args):
            if made:
                raise SystemExit(3)
            made.append(args)
            return super().__call__(*args)

    class Odd(property, metaclass=Exits):
        pass

    made = []

    class Base:
        odd = Odd(lambda self: 1)

        def call(self):
            return 1

    before = content(Base)
    with pytest.raises(SystemExit), record(Base, methods=("call", "odd")):
        pass
    assert content(Base) == before

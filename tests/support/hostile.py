"""Random hostile programs: every object in them notes, or resents, whatever is done to it.

A `Drama` is plain data: classes whose special methods are hostile, values made of them, and steps
that pass those values through traced methods. `play` runs it from scratch, and returns all that
the program can tell of its run. So a drama can be played twice, bare and traced, and compared.
"""

from __future__ import annotations

import collections
import contextlib
import datetime as dt
import enum
import functools
import gc
import ipaddress
import itertools
import math
import pathlib
import sys
import types
import uuid
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

SPECIAL: Final = (
    *("__repr__", "__str__", "__bytes__", "__format__", "__fspath__", "__dir__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__bool__"),
    *("__len__", "__length_hint__", "__iter__", "__next__", "__reversed__", "__contains__"),
    *("__getitem__", "__setitem__", "__delitem__", "__missing__"),
    *("__getattr__", "__getattribute__", "__setattr__", "__delattr__"),
    *("__call__", "__enter__", "__exit__", "__await__", "__aiter__", "__anext__"),
    *("__int__", "__float__", "__complex__", "__index__", "__round__", "__trunc__", "__abs__"),
    *("__neg__", "__add__", "__radd__", "__iadd__", "__mod__", "__rmod__", "__or__", "__ror__"),
    *("__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"),
    *("__getnewargs__", "__getnewargs_ex__", "__sizeof__", "__buffer__", "__array__"),
    *("__get__", "__set__", "__delete__", "__instancecheck__", "__subclasscheck__"),
    *("__del__", "__init__", "__subclasses__"),
    *("items", "keys", "values", "get", "append", "bit_length", "lower", "startswith", "encode"),
    *("with_traceback", "add_note", "utcoffset", "tzname", "isoformat", "name", "to_bytes"),
)
"""Methods that somebody might call who wants to know something of a value."""

PROPERTIES: Final = (
    *("__class__", "__dict__", "__doc__", "__module__", "__annotations__", "__weakref__"),
    *("shape", "dtype", "args", "__traceback__", "__cause__", "__context__", "__notes__"),
    *("_fields", "__dataclass_fields__", "_name_", "_value_", "__wrapped__", "__func__"),
    *("__self__", "__name__", "__qualname__", "__code__", "filename", "__slots__"),
)
"""Attributes that somebody might read; as properties, they run code."""


class Deed(NamedTuple):
    """What the hostile methods of a class do, and how that is noted."""

    name: str
    act: Callable[[], object]


def _throw(error: type[BaseException]) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


_ERRORS: Final = (
    *(RuntimeError, AttributeError, TypeError, StopIteration, MemoryError, RecursionError),
    *(SystemExit, KeyboardInterrupt, GeneratorExit, Warning, UnicodeError, OSError),
)
DEEDS: Final = (
    *(Deed(error.__name__, _throw(error)) for error in _ERRORS),
    Deed("lies", object),
    Deed("endless", itertools.count),
    Deed("true", lambda: True),
    Deed("number", lambda: sys.maxsize),
    Deed("text", lambda: "\udfff\n" * 1000),
)


class Part(NamedTuple):
    """A class of the drama."""

    base: int
    """Which of `BASES`."""
    special: tuple[str, ...]
    properties: tuple[str, ...]
    deed: int
    meta: tuple[str, ...]
    """The special methods of its metaclass that are hostile; it has none of its own without."""
    slots: bool


class Prop(NamedTuple):
    """A value of the drama: how it is made, of which parts and earlier props."""

    kind: int
    """Which of `MAKERS`."""
    part: int
    others: tuple[int, ...]


class Step(NamedTuple):
    """Something that the program does."""

    act: int
    """Which of `ACTS`."""
    method: int
    """Which of `METHODS`."""
    prop: int
    deed: int
    """What the method does with its argument: which of `WITHIN`."""


class Drama(NamedTuple):
    """A program that is to be played."""

    parts: tuple[Part, ...]
    props: tuple[Prop, ...]
    steps: tuple[Step, ...]


class Played(NamedTuple):
    """All that a program can tell of its run."""

    outcomes: list[str]
    log: list[str]
    """Each special method of a hostile class that ran, in order."""
    ran: list[str]
    """Each traced method that ran."""


# --- classes ------------------------------------------------------------------------------------


def _plain(cls: Any) -> Any:
    return object.__new__(cls)


def _container(base: Any, *content: Any) -> Callable[[Any], Any]:
    def make(cls: Any) -> Any:
        made = base.__new__(cls)
        base.__init__(made, *content)
        return made

    return make


def _scalar(base: Any, *content: Any) -> Callable[[Any], Any]:
    return lambda cls: base.__new__(cls, *content)


class _Color(enum.Enum):
    RED = 1


BASES: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (object, _plain),
    (dict, _container(dict, {"password": "x", 1: 2})),
    (list, _container(list, [1, "two"])),
    (str, _scalar(str, "text")),
    (str, _scalar(str, "long" * 100)),
    (int, _scalar(int, 7)),
    (int, _scalar(int, 1 << 4000)),
    (float, _scalar(float, "nan")),
    (complex, _scalar(complex, 1j)),
    (tuple, _scalar(tuple, (1, 2))),
    (bytes, _scalar(bytes, b"x" * 50)),
    (bytearray, _container(bytearray, b"abc")),
    (set, _container(set, [1, 2])),
    (frozenset, _scalar(frozenset, [1, 2])),
    (collections.deque, _container(collections.deque, [1])),
    (collections.OrderedDict, _container(collections.OrderedDict)),
    (collections.defaultdict, _container(collections.defaultdict, int, {"a": 1})),
    (Exception, _scalar(Exception, "what", 1)),
    (BaseException, _scalar(BaseException, "what")),
    (KeyError, _scalar(KeyError, "key")),
    (OSError, _scalar(OSError, 2, "no file", "name")),
    (SyntaxError, _scalar(SyntaxError, "bad", ("file", 1, 1, "line"))),
    (types.ModuleType, _container(types.ModuleType, "module")),
    (dt.datetime, _scalar(dt.datetime, 2020, 1, 2)),
    (dt.date, _scalar(dt.date, 2020, 1, 2)),
    (dt.tzinfo, _scalar(dt.tzinfo)),
    (pathlib.PurePosixPath, _scalar(pathlib.PurePosixPath)),
    (weakref.ref, lambda cls: weakref.ref.__new__(cls, _Color)),
    (type, lambda cls: type.__new__(cls, "Made", (), {})),
)


class _Log(list[str]):
    """What hostile code has run."""

    is_over = False
    """Whether the run is over: what ends only then is of no interest."""


def _note(log: _Log, label: str, name: str, deed: Deed) -> Callable[..., object]:
    def special(*_: object, **__: object) -> object:
        if log.is_over:
            return None
        log.append(f"{label}.{name}")
        return deed.act()

    special.__name__ = special.__qualname__ = name
    return special


def _make_class(part: Part, label: str, log: _Log, more: dict[str, Any]) -> type:
    """Return a class that derives from the part's base, with `more` in its dict."""
    deed = DEEDS[part.deed]
    base = BASES[part.base][0]
    contents = {name: _note(log, label, name, deed) for name in part.special}
    contents |= {name: property(_note(log, label, name, deed)) for name in part.properties}
    # Of a class, these must be what they are; and nothing would work without the last.
    for name in ("__slots__", "__qualname__", "__doc__", "__weakref__"):
        contents.pop(name, None)
    if "__module__" in contents and "__module__" not in part.special:
        contents["__module__"] = __name__
    meta = type(base)
    if part.meta and not issubclass(base, type):
        hostile = {name: _note(log, f"type({label})", name, deed) for name in part.meta}
        if sys.version_info < (3, 12) and issubclass(base, BaseException):
            # The interpreter itself calls it whenever such an exception comes to an `except`.
            hostile.pop("__subclasscheck__", None)
        meta = type("Meta", (meta,), hostile)
    if part.slots and base in _MAY_HAVE_SLOTS:
        contents["__slots__"] = ()
    with contextlib.suppress(TypeError, ValueError):  # not with this base or deed
        return type.__new__(meta, label, (base,), contents | more)
    return type.__new__(type(base), label, (base,), more)


_MAY_HAVE_SLOTS: Final = (object, dict, list, str, set, frozenset, float, complex, Exception)


# --- values -------------------------------------------------------------------------------------


class _Stage:
    """The classes and values of one run."""

    def __init__(self, drama: Drama) -> None:
        self.log = _Log()
        self.ran: list[str] = []
        self.classes = [
            _make_class(part, f"Part{number}", self.log, {})
            for number, part in enumerate(drama.parts)
        ]
        self.parts = drama.parts
        self.props: list[Any] = []
        for prop in drama.props:
            try:
                self.props.append(MAKERS[prop.kind](self, prop))
            except BaseException as error:  # a hostile class did not let it be made
                self.props.append(type(error).__name__)

    def hostile(self, prop: Prop) -> Any:
        """Return a new object of a hostile class."""
        place = prop.part % len(self.classes)
        return BASES[self.parts[place].base][1](self.classes[place])

    def others(self, prop: Prop) -> list[Any]:
        """Return the earlier values that a value is made of."""
        return [self.props[i % len(self.props)] for i in prop.others] if self.props else []

    def label(self, value: Any) -> str:
        """Return which value it is, or of which class; asks it nothing."""
        for place, prop in enumerate(self.props):
            if prop is value:
                return f"prop {place}"
        return str(type.__dict__["__name__"].__get__(type(value)))


def _cycle(stage: _Stage, prop: Prop) -> Any:
    cycle: list[Any] = [*stage.others(prop)]
    cycle += [cycle, (cycle,), {"cycle": cycle}, collections.deque([cycle])]
    return cycle


def _nested(stage: _Stage, prop: Prop) -> Any:
    nested: Any = stage.hostile(prop)
    for _ in range(2000):
        nested = [nested]
    return nested


def _named_tuple(stage: _Stage, prop: Prop) -> Any:
    cls = collections.namedtuple("Named", ["password", "b"])  # noqa: PYI024
    return tuple.__new__(cls, [stage.hostile(prop), 1])


def _false_named_tuple(stage: _Stage, prop: Prop) -> Any:
    cls = type("FalseNamed", (tuple,), {"_fields": (stage.hostile(prop), "b")})
    return tuple.__new__(cls, (1, 2))


def _dataclass(stage: _Stage, prop: Prop) -> Any:
    import dataclasses

    cls = dataclasses.make_dataclass("Data", ["secret", "b"], repr=False, eq=False)
    return cls(stage.hostile(prop), stage.hostile(prop))


def _false_dataclass(stage: _Stage, prop: Prop) -> Any:
    fields = stage.hostile(prop)
    return type("FalseData", (), {"__dataclass_fields__": fields})()


def _false_field(stage: _Stage, prop: Prop) -> Any:
    hostile = stage.hostile(prop)
    return type("FalseField", (), {"__dataclass_fields__": {"a": hostile, hostile: 1}})()


def _enum(stage: _Stage, prop: Prop) -> Any:
    member = object.__new__(_Color)
    member.__dict__.update(_name_=stage.hostile(prop), _value_=stage.hostile(prop))
    return member


def _function(stage: _Stage, prop: Prop) -> Any:
    def function() -> None: ...

    function.__module__ = stage.hostile(prop)
    with contextlib.suppress(TypeError):
        function.__qualname__ = stage.hostile(prop)
    return function


def _method_of(stage: _Stage, prop: Prop) -> Any:
    return types.MethodType(_function(stage, prop), stage.hostile(prop))


def _builtin_method(stage: _Stage, prop: Prop) -> Any:
    return object.__reduce_ex__.__get__(stage.hostile(prop))


def _builtin_of_class(stage: _Stage, prop: Prop) -> Any:
    return dict.__dict__["fromkeys"].__get__(None, type("Keyed", (dict,), {}))


def _error(stage: _Stage, prop: Prop) -> Any:
    return ValueError(stage.hostile(prop), *stage.others(prop))


def _changed_error(stage: _Stage, prop: Prop) -> Any:
    kinds = (
        (OSError(2, "no file", "name"), ("filename", "filename2", "strerror", "errno")),
        (SyntaxError("bad", ("file", 1, 1, "line")), ("msg", "filename", "lineno")),
        (ImportError("bad", name="name"), ("msg", "name", "path")),
        (UnicodeDecodeError("ascii", b"\xff", 0, 1, "bad"), ("reason",)),
        (StopIteration(1), ("value",)),
        (SystemExit(1), ("code",)),
        (AttributeError("bad"), ("name", "obj")),
        (ValueError("bad"), ("__notes__", "__cause__")),
    )
    error, names = kinds[prop.part % len(kinds)]
    for name in names:
        with contextlib.suppress(TypeError):
            setattr(error, name, stage.hostile(prop))
    return error


def _group(stage: _Stage, prop: Prop) -> Any:
    return BaseExceptionGroup("all", [ValueError(stage.hostile(prop)), OSError(1, "a")])


def _module(stage: _Stage, prop: Prop) -> Any:
    module = types.ModuleType("module")
    module.__dict__["__name__"] = stage.hostile(prop)
    return module


def _class_of(stage: _Stage, prop: Prop) -> Any:
    return stage.classes[prop.part % len(stage.classes)]


def _moment(stage: _Stage, prop: Prop) -> Any:
    zone = stage.hostile(prop)
    return dt.datetime(2020, 1, 2, tzinfo=zone)


def _zone(stage: _Stage, prop: Prop) -> Any:
    return dt.timezone(dt.timedelta(hours=1), stage.hostile(prop))


def _keyed(stage: _Stage, prop: Prop) -> Any:
    return {stage.hostile(prop): stage.hostile(prop)}


def _leaf(value: Any) -> Callable[[_Stage, Prop], Any]:
    return lambda _stage, _prop: value


def _of_hostile(make: Callable[[Any], Any]) -> Callable[[_Stage, Prop], Any]:
    return lambda stage, prop: make(stage.hostile(prop))


def _of_others(make: Callable[[list[Any]], Any]) -> Callable[[_Stage, Prop], Any]:
    return lambda stage, prop: make(stage.others(prop))


def _only(base: type, hostile: Any) -> Any:
    # Another may lead the library itself into an endless loop.
    return hostile if issubclass(type(hostile), base) else base()


MAKERS: Final[tuple[Callable[[_Stage, Prop], Any], ...]] = (
    *([_of_hostile(lambda hostile: hostile)] * 12),
    _class_of,
    *map(_leaf, (None, True, -1, 2**64, 1 << 100_000, -(1 << 5000), 0.0, math.nan, -math.inf)),
    *map(_leaf, ("", "a\nb", "\udfff\ud800\x00\x1b[31m", "x" * 100_000, b"x" * 100_000, 1j)),
    *map(_leaf, (NotImplemented, ..., range(10**30), slice(0), object, len, int.from_bytes)),
    *map(_of_others, (list, tuple, collections.deque, lambda items: dict(enumerate(items)))),
    _of_others(lambda items: [None] * 10_000 + items),
    _of_others(lambda items: {str(place): item for place, item in enumerate(items)}),
    _of_others(lambda items: types.SimpleNamespace(items=items)),
    _of_others(lambda items: (item for item in items)),
    _of_hostile(lambda hostile: [hostile, {"a": hostile}, (hostile,)]),
    _of_hostile(lambda hostile: {hostile, 1}),
    _of_hostile(lambda hostile: frozenset([hostile])),
    _of_hostile(lambda hostile: types.MappingProxyType({"a": hostile})),
    _of_hostile(lambda hostile: functools.partial(id, hostile)),
    _of_hostile(weakref.ref),
    _of_hostile(weakref.proxy),
    _of_hostile(memoryview),
    _of_hostile(lambda hostile: uuid.UUID(int=hostile)),
    _of_hostile(lambda hostile: ipaddress.IPv4Address(_only(int, hostile))),
    _of_hostile(lambda hostile: pathlib.PurePosixPath(_only(str, hostile))),
    *(_cycle, _nested, _named_tuple, _false_named_tuple, _dataclass, _false_dataclass),
    *(_false_field, _enum, _function, _method_of, _builtin_method, _builtin_of_class, _error),
    *(_changed_error, _changed_error, _group, _module, _moment, _zone, _keyed),
)


# --- what is traced -----------------------------------------------------------------------------


def _poke(value: Any, deed: int) -> Any:
    """Do something to a value that may run code of its own."""
    return POKES[deed % len(POKES)](value)


POKES: Final[tuple[Callable[[Any], Any], ...]] = (
    *(repr, str, len, iter, hash, bool, int, next, type),
    lambda value: value == value,  # noqa: PLR0124
    lambda value: value.anything,
    lambda value: isinstance(value, int),
    lambda value: f"{value}",
    lambda value: value(),
    lambda value: value.shape,
)


def _raise(value: Any, _: int) -> Any:
    if issubclass(type(value), BaseException):
        raise value
    raise LookupError(value)


def _raise_chained(value: Any, _: int) -> Any:
    try:
        _raise(KeyError(value), 0)
    except KeyError as error:
        raise LookupError(value) from error


WITHIN: Final[tuple[Callable[[Any, int], Any], ...]] = (
    lambda value, _: value,
    lambda value, _: [value, (value,), {"value": value}],
    _raise,
    _raise_chained,
    *([_poke] * 4),
)


def _methods(ran: list[str]) -> dict[str, Any]:
    """Return the methods that are traced; each notes that it ran."""

    def __init__(self: Any, value: Any, within: Any = None) -> None:  # noqa: N807
        ran.append("__init__")

    def call(self: Any, value: Any, within: Callable[[Any], Any], other: Any = None) -> Any:
        ran.append("call")
        return within(value)

    def spread(*args: Any, **kwargs: Any) -> Any:
        ran.append("spread")
        return kwargs["within"](args[1])

    def hand_over(self: Any, value: Any, within: Callable[[Any], Any]) -> Any:
        ran.append("hand_over")
        return call_of(self)(self, value, within, other=self)

    def generate(self: Any, value: Any, within: Callable[[Any], Any]) -> Any:
        ran.append("generate")
        sent = yield value
        return within(sent)

    async def wait(self: Any, value: Any, within: Callable[[Any], Any]) -> Any:
        ran.append("wait")
        await _once(value)
        return within(value)

    def of_class(cls: Any, value: Any, within: Callable[[Any], Any]) -> Any:
        ran.append("of_class")
        return within(value)

    def of_nobody(value: Any, within: Callable[[Any], Any]) -> Any:
        ran.append("of_nobody")
        return within(value)

    methods = {f.__name__: f for f in (__init__, call, spread, hand_over, generate, wait)}
    return methods | {"of_class": classmethod(of_class), "of_nobody": staticmethod(of_nobody)}


@types.coroutine
def _once(value: Any) -> Iterator[Any]:
    yield value


def call_of(instance: Any) -> Any:
    """Return the method `call` of an object, past whatever its class does to attributes."""
    return _find(type(instance), "call")


def _find(cls: type, name: str) -> Any:
    for base in type.__dict__["__mro__"].__get__(cls):
        found = type.__dict__["__dict__"].__get__(base).get(name)
        if found is not None:
            return found
    raise LookupError(name)


METHODS: Final = (
    *("__init__", "call", "spread", "hand_over", "generate", "wait", "of_class", "of_nobody"),
)


class _Actor:
    """Does the steps on an object of a traced, and hostile, class."""

    def __init__(self, stage: _Stage, part: Part) -> None:
        self._stage = stage
        methods = _methods(stage.ran)
        part = part._replace(
            special=tuple(name for name in part.special if name not in methods),
            # To weave a class asks `isinstance`, which comes to this: see `test_fuzz`.
            meta=tuple(name for name in part.meta if name != "__getattribute__"),
        )
        try:
            self._make_all(part, methods)
        except BaseException:  # a hostile class did not let its objects be made
            self._make_all(part._replace(base=0), methods)

    def _make_all(self, part: Part, methods: dict[str, Any]) -> None:
        self.root = _make_class(part, "Root", self._stage.log, methods)
        self.sub = type.__new__(type(self.root), "Sub", (self.root,), {"call": self._overriding()})
        self._make = BASES[part.base][1]
        self._objects = [self._make(self.root), self._make(self.sub)]

    def _overriding(self) -> Any:
        ran, root = self._stage.ran, self.root

        def call(self: Any, value: Any, within: Callable[[Any], Any], other: Any = None) -> Any:
            ran.append("Sub.call")
            return _find(root, "call")(self, value, within, other)

        return call

    def do(self, step: Step) -> str:
        """Do one step, and tell what came of it."""
        try:
            result = ACTS[step.act](self, step)
            told = f"returned {self._stage.label(result)}"
            del result
        except BaseException as error:
            told = _told(self._stage, error)
        return told

    def use(self, step: Step) -> Any:
        """Call a method, and return what it returns."""
        name = METHODS[step.method]
        instance = self._objects[step.deed % 2]
        value = self._value(step)
        if name == "__init__":
            return _find(type(instance), name)(instance, value)
        within = functools.partial(self._within, step.deed)
        if name == "of_class":
            return _find(type(instance), name).__get__(None, type(instance))(value, within)
        if name == "of_nobody":
            return _find(type(instance), name).__func__(value, within)
        if name == "spread":
            odd = {"": value, "\udfff": value, "self": value, "password": value}
            return _find(type(instance), name)(instance, value, value, within=within, **odd)
        result = _find(type(instance), name)(instance, value, within)
        return _driven(result, value) if name in ("generate", "wait") else result

    def look_up(self, step: Step) -> Any:
        """Call a method as programs do, which may run hostile code on the way."""
        instance = self._objects[step.deed % 2]
        return instance.call(self._value(step), within=functools.partial(self._within, step.deed))

    def throw(self, step: Step) -> Any:
        """Throw a value into a generator that is suspended."""
        value = self._value(step)
        generator = _find(self.root, "generate")(self._objects[0], value, str)
        next(generator)
        return generator.throw(
            value if issubclass(type(value), BaseException) else LookupError(value)
        )

    def keep(self, step: Step) -> Any:
        """Make a value an attribute of the object, and call a method."""
        object.__setattr__(self._objects[0], "kept", self._value(step))
        return self.use(step._replace(deed=0))

    def drop(self, step: Step) -> Any:
        """Let go of a value, which may end it."""
        self._stage.props[step.prop % len(self._stage.props)] = None
        return None

    def collect(self, _: Step) -> Any:
        """End what is only held by itself."""
        gc.collect()
        return None

    def replace(self, step: Step) -> Any:
        """Let go of an object of the traced class, and make another."""
        place = step.deed % 2
        self._objects[place] = None
        self._objects[place] = self._make((self.root, self.sub)[place])
        return None

    def pass_self(self, step: Step) -> Any:
        """Pass the object to its own method."""
        instance = self._objects[step.deed % 2]
        return call_of(instance)(instance, instance, functools.partial(self._within, step.deed))

    def _value(self, step: Step) -> Any:
        return self._stage.props[step.prop % len(self._stage.props)]

    @staticmethod
    def _within(deed: int, value: Any) -> Any:
        return WITHIN[deed % len(WITHIN)](value, deed)


def _driven(suspendable: Any, value: Any) -> Any:
    send = suspendable.send
    try:
        send(None)
        send(value)
    except StopIteration as stop:
        return stop.value
    return None


def _told(stage: _Stage, error: BaseException | None, depth: int = 0) -> str:
    """Return what a program can tell of an exception: which, where, and of which chain."""
    if error is None or depth > 3:
        return ""
    get = BaseException.__dict__
    entry = get["__traceback__"].__get__(error)
    where = []
    while entry is not None:
        where.append(entry.tb_frame.f_code.co_name)
        entry = entry.tb_next
    chain = [get[name].__get__(error) for name in ("__cause__", "__context__")]
    args = [stage.label(arg) for arg in get["args"].__get__(error)]
    told = [_told(stage, linked, depth + 1) for linked in chain]
    return f"raised {stage.label(error)}{args} in {where}, of {told}"


ACTS: Final[tuple[Callable[[_Actor, Step], Any], ...]] = (
    *([_Actor.use] * 6),
    *(_Actor.look_up, _Actor.throw, _Actor.keep, _Actor.drop, _Actor.collect, _Actor.replace),
    _Actor.pass_self,
)


# --- the run ------------------------------------------------------------------------------------

TracedBy = Callable[[type], AbstractContextManager[Any]]


def play(drama: Drama, traced_by: TracedBy = contextlib.nullcontext) -> Played:
    """Run a drama from scratch, within the context that `traced_by` makes of the traced class."""
    with _noted() as notes:
        stage = _Stage(drama)
        actor = _Actor(stage, drama.parts[-1])
        try:
            with traced_by(actor.root):
                outcomes = [actor.do(step) for step in drama.steps]
        except BaseException as error:  # also an interrupt: hostile code raises it
            msg = f"The tracer let {type(error).__name__} through."
            raise AssertionError(msg) from error
        finally:
            stage.log.is_over = True
    return Played(outcomes + notes, [*stage.log], stage.ran)


@contextlib.contextmanager
def _noted() -> Iterator[list[str]]:
    """Note warnings and what finalizers raise; let cycles end only where the program says so."""
    notes: list[str] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda what: notes.append(str(what.exc_type))
    gc.disable()
    gc.freeze()  # what there was before is not looked through again and again
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield notes
        notes += [str(warning.category) for warning in caught]
    finally:
        gc.unfreeze()
        gc.enable()
        sys.unraisablehook = hook


# --- what is drawn ------------------------------------------------------------------------------


def _some(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    few = st.lists(st.sampled_from(names), max_size=4, unique=True).map(tuple)
    return few | st.just(names)


_number = st.integers(0, 11)
_meta = tuple(name for name in SPECIAL if name not in ("__init__", "__del__"))
_parts = st.builds(
    Part,
    base=st.integers(0, len(BASES) - 1) | st.just(0),
    special=_some(SPECIAL),
    properties=st.just(()) | _some(PROPERTIES),
    deed=st.integers(0, len(DEEDS) - 1),
    meta=st.just(()) | _some(_meta),
    slots=st.booleans(),
)
_props = st.builds(
    Prop,
    kind=st.integers(0, len(MAKERS) - 1),
    part=_number,
    others=st.lists(_number, max_size=3).map(tuple),
)
_steps = st.builds(
    Step,
    act=st.integers(0, len(ACTS) - 1),
    method=st.integers(0, len(METHODS) - 1),
    prop=_number,
    deed=st.integers(0, 127),
)


def dramas() -> st.SearchStrategy[Drama]:
    """Draw a hostile program."""
    return st.builds(
        Drama,
        parts=st.lists(_parts, min_size=1, max_size=3).map(tuple),
        props=st.lists(_props, min_size=1, max_size=5).map(tuple),
        steps=st.lists(_steps, min_size=1, max_size=6).map(tuple),
    )

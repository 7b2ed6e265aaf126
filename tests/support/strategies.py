"""Random class hierarchies, and programs that use them.

A `Program` is plain data. Its `source` is what a person would have written, and is what a failing
test prints; `Running` compiles it and runs it as often as asked, with recordings or without.
"""

from __future__ import annotations

import copy
import functools
import itertools
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter, Signature
from typing import Any, Final, Literal, NamedTuple, TypeVar

from hypothesis import strategies as st

from building import Node
from callscope.trace import Text

Binding = Literal["instance", "class", "static"]

TRACED: Final = ("__init__", "__call__", "call")
"""The methods that are recorded where nothing else is asked for."""
METHODS: Final = (*TRACED, "helper")
"""The methods that a random class may define."""
MODULE: Final = "program"
"""Name of the module that a program's classes are in."""

FILE: Final = "<program>"
"""File name of a program's code."""
_FUEL: Final = 12
"""How many methods that call others may run in one step."""
_NO_PARAMETERS: Final = Signature()


@dataclass(frozen=True)
class MethodPlan:
    """One method as a class defines it."""

    name: str
    binding: Binding
    shape: Signature
    """Its parameters without the one that it is bound to."""
    self_in_args: bool = False
    """Whether it is declared as ``def call(*args)``, and finds its object in ``args[0]``."""
    body: tuple[str, ...] = ("pass",)

    @property
    def bound(self) -> str:
        """The expression for what the method is bound to; nothing for a static method."""
        if self.binding == "static":
            return ""
        if self.self_in_args:
            return "args[0]"
        return "cls" if self.binding == "class" else "self"

    @property
    def lines(self) -> list[str]:
        """The method's source."""
        parameters = [*self.shape.parameters.values()]
        if self.bound and not self.self_in_args:
            only = any(p.kind is Parameter.POSITIONAL_ONLY for p in parameters)
            kind = Parameter.POSITIONAL_ONLY if only else Parameter.POSITIONAL_OR_KEYWORD
            parameters.insert(0, Parameter(self.bound, kind))
        decorator = [] if self.binding == "instance" else [f"@{self.binding}method"]
        header = f"def {self.name}{Signature(parameters)}:"
        return [*decorator, header, *_indented(self.body)]


@dataclass(frozen=True)
class ClassPlan:
    """One class of a hierarchy."""

    name: str
    bases: tuple[str, ...]
    slots: tuple[str, ...] | None
    births: Literal["", "super", "alone"] = ""
    """What `__init_subclass__` it has: none, one that calls super, or one that does not."""
    methods: tuple[MethodPlan, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The class's source."""
        lines = [] if self.slots is None else [f"__slots__ = {self.slots!r}"]
        if self.births:
            does = "super().__init_subclass__()" if self.births == "super" else "pass"
            lines += ["def __init_subclass__(cls):", f"    {does}"]
        for method in self.methods:
            lines += method.lines
        bases = f"({', '.join(self.bases)})" if self.bases else ""
        return [f"class {self.name}{bases}:", *_indented(lines or ["pass"])]


@dataclass(frozen=True, repr=False)
class Program:
    """A hierarchy, and steps that use it one after the other."""

    classes: tuple[ClassPlan, ...]
    late: tuple[ClassPlan, ...]
    """Classes that the program makes as it runs."""
    steps: tuple[str, ...]

    @property
    def source(self) -> str:
        """The module that the program is."""
        lines = ["class Unexpected(Exception):", "    pass"]
        lines += ["", "class Foreign:", "    pass", "", "foreign = Foreign()"]
        for plan in self.classes:
            lines += ["", *plan.lines]
        for number, step in enumerate(self.steps):
            body = self._definition() if step == "define" else [step]
            lines += ["", f"def step_{number}():", *_indented(body)]
        return "\n".join(lines)

    def _definition(self) -> list[str]:
        # Declared global, a class made in a function goes by the same name as any other.
        names = ", ".join(plan.name for plan in self.late)
        return [f"global {names}", *(line for plan in self.late for line in plan.lines)]

    @property
    def blueprint(self) -> Blueprint:
        """What is known of the classes without running the program."""
        return Blueprint((*self.classes, *self.late))

    @property
    def roots(self) -> list[str]:
        """Names of the classes that all others derive from."""
        return [plan.name for plan in self.classes if not plan.bases]

    def __repr__(self) -> str:
        return f"<Program>\n{self.source}\n</Program>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Hypothesis would print the data; the source says the same and can be run.
        printer.text(repr(self))


class Blueprint:
    """Knows which method a call will find."""

    def __init__(self, plans: tuple[ClassPlan, ...] = ()) -> None:
        self.plans: dict[str, ClassPlan] = {}
        self._types: dict[str, type] = {}
        for plan in plans:
            self.add(plan)

    def add(self, plan: ClassPlan) -> None:
        """Add a class whose bases are known.

        Raises:
            TypeError: if Python refuses such a class.
        """
        slots = {} if plan.slots is None else {"__slots__": plan.slots}
        bases = tuple(self._types[base] for base in plan.bases)
        self._types[plan.name] = type(plan.name, bases, slots)
        self.plans[plan.name] = plan

    def mro(self, name: str) -> list[str]:
        """Return the names of a class's method resolution order."""
        return [cls.__name__ for cls in self._types[name].__mro__[:-1]]

    def find(
        self, name: str, method: str, *, beyond: bool = False
    ) -> tuple[str, MethodPlan] | None:
        """Return where an object's method is found, or the next one beyond its own class."""
        for cls in self.mro(name)[beyond:]:
            for plan in self.plans[cls].methods:
                if plan.name == method:
                    return cls, plan
        return None


class Caught(NamedTuple):
    """An exception as the program saw it."""

    type: str
    message: str
    traceback: tuple[tuple[str, str, int], ...]
    """File, function and line of each entry."""


class Running:
    """A program compiled: its classes stay the same through any number of runs.

    The program calls back: `fuel` before a method calls others, which bounds what it does, and
    `caught` with each exception that anything in it catches.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.on_fuel: Callable[[], object] = _nothing
        self.on_caught: Callable[[BaseException], object] = _nothing
        self.code = compile(program.source, FILE, "exec", dont_inherit=True)
        self._log: list[object] = []
        self._fuel = 0
        self._kept: dict[int, object] = {}
        self.module = types.ModuleType(MODULE)
        vars(self.module).update(
            fuel=self._take_fuel, caught=self._note, kept=self._kept, copy=copy.copy
        )
        exec(self.code, vars(self.module))

    @property
    def roots(self) -> list[type]:
        """The classes to record for all of the program to be recorded."""
        return [vars(self.module)[name] for name in self.program.roots]

    def contents(self) -> dict[str, list[tuple[str, int]]]:
        """Return what stands in each class's dict: names in order, and which object each holds."""
        plans = self.program.classes
        dicts = {plan.name: vars(vars(self.module)[plan.name]) for plan in plans}
        # `copy` notes in a class, once, which slots it has.
        return {
            name: [(key, id(value)) for key, value in held.items() if key != "__slotnames__"]
            for name, held in dicts.items()
        }

    def late_contents(self) -> dict[str, list[tuple[str, object]]]:
        """Return the same for classes made as the program ran, each run anew."""
        classes = {plan.name: vars(self.module).get(plan.name) for plan in self.program.late}
        return {
            name: [(key, _code(value)) for key, value in vars(cls).items()]
            for name, cls in classes.items()
            if cls is not None
        }

    def run(self) -> list[object]:
        """Run the program from its start; return its results, and all exceptions it met."""
        self._log = []
        for plan in self.program.late:
            vars(self.module).pop(plan.name, None)
        try:
            for number in range(len(self.program.steps)):
                self._run_step(vars(self.module)[f"step_{number}"])
        finally:
            self._kept.clear()
        return self._log

    def _run_step(self, step: Callable[[], object]) -> None:
        self._fuel = _FUEL
        try:
            result = step()
        except BaseException as error:
            self._note(error)
        else:
            self._log.append(_plain(result))

    def _take_fuel(self) -> bool:
        self.on_fuel()
        self._fuel -= 1
        return self._fuel >= 0

    def _note(self, error: BaseException) -> None:
        self.on_caught(error)
        entries = tuple(
            (frame.f_code.co_filename, frame.f_code.co_name, line) for frame, line in _walk(error)
        )
        self._log.append(Caught(type(error).__qualname__, str(error), entries))


def _walk(error: BaseException) -> Iterator[tuple[types.FrameType, int]]:
    entry = error.__traceback__
    while entry is not None:
        yield entry.tb_frame, entry.tb_lineno
        entry = entry.tb_next


def _nothing(*_: object) -> None:
    pass


def _plain(value: object) -> object:
    scalar = value is None or isinstance(value, (bool, int, float, str))
    return (type(value).__qualname__, repr(value) if scalar else "")


def _code(value: Any) -> object:
    return getattr(getattr(value, "__func__", value), "__code__", type(value))


def _indented(lines: list[str] | tuple[str, ...]) -> list[str]:
    return [f"    {line}" for line in lines]


# --- drawing ------------------------------------------------------------------------------------

_T = TypeVar("_T")

_SLOTS: Final = (None, None, (), ("value",), ("__weakref__",), ("other", "__weakref__"))
_BINDINGS: Final[tuple[Binding, ...]] = ("instance", "instance", "instance", "class", "static")
_LITERALS: Final = tuple(
    map(ascii, (None, True, False, 0, 1, -1, 2**70, 1.5, -0.0, "", "text", "two\nlines", "\u00e9"))
)
_ERRORS: Final = (
    "ValueError('wrong')",
    "KeyError('key')",
    "Unexpected",
    "Unexpected('text', 3)",
    "RuntimeError('two\\nlines')",
    "SystemExit(3)",
)
_CATCH: Final = (
    (),  # swallowed
    ("    raise",),
    ("    raise LookupError('instead') from error",),
)
# How a call is written; the last two run it in a frame of their own (a comprehension: on 3.11).
_FORMS: Final = ("{}", "{}", "{}", "[{} for _ in range(2)][-1]", "(lambda: {})()")


class _Target(NamedTuple):
    """Something that can be called."""

    text: str
    shape: Signature
    leading: str = ""
    """What is passed in the first place: the object, where a method is called through its class."""
    makes: str = ""
    """The class, where the call makes an object."""


class _Scope(NamedTuple):
    """Where a statement stands."""

    cls: str
    method: MethodPlan

    @property
    def values(self) -> tuple[str, ...]:
        """What can be passed on: the method's parameters, and what it is bound to."""
        spread = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        parameters = self.method.shape.parameters.values()
        names = [p.name for p in parameters if p.kind not in spread]
        return (*filter(None, [*names, self.method.bound]),)

    @property
    def parent(self) -> str:
        """How `super` is spelled here; it knows its class and object only where `self` is named."""
        explicit = self.method.self_in_args
        return f"super({self.cls}, {self.method.bound})" if explicit else "super()"

    def reaches(self, found: tuple[str, MethodPlan] | None) -> bool:
        """Tell whether what the method is bound to can be what another is called on."""
        if found is None or not self.method.bound:
            return False
        return self.method.binding == "instance" or found[1].binding != "instance"


@functools.cache
def _below(number: int) -> st.SearchStrategy[int]:
    return st.integers(0, number - 1)


class _Author:
    """Draws the parts of one program, one choice after the other.

    Plain functions that pick from a sequence: a strategy for each part takes ten times as long.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._fresh = itertools.count(1000)
        self.blueprint = Blueprint()

    def pick(self, options: Sequence[_T]) -> _T:
        """Return one of them; the first is the simplest."""
        return options[self._draw(_below(len(options)))]

    def chance(self, one_in: int = 2) -> bool:
        """Return True once in so many times."""
        return self._draw(_below(one_in)) == one_in - 1

    def some(self, options: Sequence[_T], at_most: int) -> list[_T]:
        """Return some of them, each once."""
        left = [*options]
        count = min(self._draw(_below(at_most + 1)), len(left))
        return [left.pop(self._draw(_below(len(left)))) for _ in range(count)]

    # The shape of the hierarchy.

    def hierarchy(self) -> None:
        """Draw classes whose methods do nothing yet."""
        common = {name: self.shape() for name in METHODS}
        for name in "ABCDEF"[: self.pick((1, 2, 3, 4, 5, 6))]:
            bases = self.bases()
            plan = ClassPlan(
                name,
                tuple(bases),
                self.pick(_SLOTS),
                self.pick(("", "super", "alone")),
                self.methods(common, is_root=not bases),
            )
            try:
                self.blueprint.add(plan)
            except TypeError:  # bases in an impossible order, or with slots that clash
                self.blueprint.add(replace(plan, bases=plan.bases[:1], slots=None))

    def bases(self) -> list[str]:
        """Draw what a class derives from: mostly the class before it, or something else as well."""
        known = [*self.blueprint.plans][::-1]
        kind = self.pick(("one", "one", "several", "several", "none")) if known else "none"
        if kind == "one":
            return [self.pick(known)]
        return self.some(known, 3) if kind == "several" else []

    def shape(self) -> Signature:
        """Draw parameters; a default of 0 stands for one that is replaced."""
        parameters: list[Parameter] = []
        default: Any = Parameter.empty
        for name in self.pick(("b", "", "a", "ab", "bc", "abc")):
            if default is not Parameter.empty or self.chance(3):
                default = self.pick((None, 0))
            kind = Parameter.POSITIONAL_ONLY if name == "a" else Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(Parameter(name, kind, default=default))
        if self.chance(3):
            parameters.append(Parameter("args", Parameter.VAR_POSITIONAL))
        if self.chance(3):
            default = self.pick((Parameter.empty, None, 0))
            parameters.append(Parameter("d", Parameter.KEYWORD_ONLY, default=default))
        if self.chance(3):
            parameters.append(Parameter("kwargs", Parameter.VAR_KEYWORD))
        return Signature(parameters)

    def methods(self, common: dict[str, Signature], *, is_root: bool) -> tuple[MethodPlan, ...]:
        """Draw what a class defines; a root defines something that is traced."""
        names = self.some(METHODS, 4)
        if is_root and not {*names} & {*TRACED}:
            names.append("call")
        return tuple(self.method(name, common[name]) for name in names)

    def method(self, name: str, common: Signature) -> MethodPlan:
        """Draw a method; mostly it takes what the others of its name take."""
        shape = self.with_own_defaults(self.shape() if self.chance(4) else common)
        binding = self.pick(_BINDINGS) if name in ("__call__", "call") else "instance"
        kinds = {parameter.kind for parameter in shape.parameters.values()}
        named = kinds & {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
        may_spread = binding == "instance" and Parameter.VAR_POSITIONAL in kinds and not named
        return MethodPlan(name, binding, shape, self_in_args=may_spread and self.chance())

    def with_own_defaults(self, shape: Signature) -> Signature:
        """Give each default that is a number one that stands nowhere else in the program.

        A value that equals the default then is the default, and is left out of the trace.
        """
        return Signature(
            [
                parameter.replace(default=next(self._fresh))
                if parameter.default == 0
                else parameter
                for parameter in shape.parameters.values()
            ]
        )

    # What methods do.

    def filled(self, plan: ClassPlan) -> ClassPlan:
        """Draw what the methods of a class do."""
        methods = [
            replace(method, body=self.body(_Scope(plan.name, method))) for method in plan.methods
        ]
        return replace(plan, methods=tuple(methods))

    def body(self, scope: _Scope) -> tuple[str, ...]:
        """Draw the lines of a method."""
        statements = [self.statement(scope) for _ in range(self.pick((0, 1, 1, 2)))]
        lines = ["if not fuel():", "    return", "last = None"] if statements else []
        lines += itertools.chain.from_iterable(statements)
        end = self.pick(("return", "return", "return", "return", "return", "raise", "nothing"))
        if end == "raise":
            lines.append(f"raise {self.pick(_ERRORS)}")
        elif end == "return" and scope.method.name != "__init__":
            results = ("last",) if statements else _LITERALS
            lines.append(f"return {self.pick((*results, *scope.values))}")
        return (*lines,) or ("pass",)

    def statement(self, scope: _Scope) -> list[str]:
        """Draw a statement that calls something."""
        call = self.call(scope)
        form = "{}" if "super()" in call else self.pick(_FORMS)
        line = f"last = {form.format(call)}"
        if not self.chance(3):
            return [line]
        handler = ["except Exception as error:", "    caught(error)", *self.pick(_CATCH)]
        return ["try:", f"    {line}", *handler]

    def call(self, scope: _Scope) -> str:
        """Draw a call; often, an object that it makes is called in turn."""
        groups = [*filter(None, [self.on_self(scope), self.on_super(scope), self.makers()])]
        if self.chance(12):
            groups = [*filter(None, [self.by_name(scope), self.foreign()])] or groups
        target = self.pick(self.pick(groups))
        text = self.applied(target, scope.values)
        onwards = self.on_object(target.makes, text) if target.makes else []
        return self.applied(self.pick(onwards), scope.values) if onwards and self.chance() else text

    def on_self(self, scope: _Scope) -> list[_Target]:
        """Return what can be called on what a method is bound to."""
        me = scope.method.bound
        found = {name: self.blueprint.find(scope.cls, name) for name in METHODS}
        instance = scope.method.binding == "instance"
        return [
            _Target(me if instance and name == "__call__" else f"{me}.{name}", method[1].shape)
            for name, method in found.items()
            if method is not None and scope.reaches(method)
        ]

    def on_super(self, scope: _Scope) -> list[_Target]:
        """Return what can be called on `super`; first the method that overrides."""
        own = scope.method.name
        names = [own, own, *METHODS]
        found = [self.blueprint.find(scope.cls, name, beyond=True) for name in names]
        targets = [
            _Target(f"{scope.parent}.{method[1].name}", method[1].shape)
            for method in found
            if method is not None and scope.reaches(method)
        ]
        if own == "__init__" and found[0] is None:
            targets.append(_Target(f"{scope.parent}.__init__", _NO_PARAMETERS))
        return targets

    def by_name(self, scope: _Scope) -> list[_Target]:
        """Return the inherited methods, called through the class that defines them."""
        found = [self.blueprint.find(scope.cls, name, beyond=True) for name in METHODS]
        return [
            _Target(
                f"{method[0]}.{method[1].name}",
                method[1].shape,
                scope.method.bound if method[1].binding == "instance" else "",
            )
            for method in found
            if method is not None and scope.reaches(method)
        ]

    def foreign(self) -> list[_Target]:
        """Return methods that are called on an object which is of none of the classes."""
        # Never None: `super` of it raises another error once CPython has specialized the code.
        return [
            _Target(f"{plan.name}.{method.name}", method.shape, leading=leading)
            for plan in self.blueprint.plans.values()
            for method in plan.methods
            for leading in ("foreign", "7")
            if method.binding == "instance"
        ]

    def makers(self) -> list[_Target]:
        """Return the classes, which make objects."""
        found = {cls: self.blueprint.find(cls, "__init__") for cls in self.blueprint.plans}
        return [
            _Target(cls, init[1].shape if init else _NO_PARAMETERS, makes=cls)
            for cls, init in found.items()
        ]

    def on_object(self, cls: str, text: str) -> list[_Target]:
        """Return what can be called on an object that is no `self`."""
        found = {name: self.blueprint.find(cls, name) for name in METHODS[1:]}
        return [
            _Target(text if name == "__call__" else f"{text}.{name}", method[1].shape)
            for name, method in found.items()
            if method is not None
        ]

    def applied(self, target: _Target, values: tuple[str, ...] = ()) -> str:
        """Draw arguments, and return the call."""
        parts = [target.leading] if target.leading else []
        values = (*_LITERALS, *values)
        named = False
        for parameter in target.shape.parameters.values():
            if parameter.kind is Parameter.VAR_POSITIONAL:
                parts += [] if named else self.some(values, 2)
            elif parameter.kind is Parameter.VAR_KEYWORD:
                parts += [f"{name}={self.pick(values)}" for name in self.some("xyz", 2)]
            elif parameter.default is not Parameter.empty and (
                self.chance() or (named and parameter.kind is Parameter.POSITIONAL_ONLY)
            ):
                named = True
            else:
                named = named or parameter.kind is Parameter.KEYWORD_ONLY
                if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
                    named = named or self.chance(3)
                name = f"{parameter.name}=" if named else ""
                parts.append(f"{name}{self.pick(values)}")
        if self.chance(40):  # an argument that most callees refuse
            parts.append("unexpected=0")
        return f"{target.text}({', '.join(parts)})"

    # What the program does.

    def steps(self) -> list[str]:
        """Draw steps that make objects, keep, copy and drop them, and call what they have."""
        kept: dict[int, str] = {}
        steps = []
        for number in range(self.pick((3, 2, 4, 5, 6, 7))):
            kind = self.pick(("call", "call", "call", "make", "copy", "drop")) if kept else "make"
            one = self.pick([*kept]) if kept else 0
            onwards = self.on_object(kept[one], f"kept[{one}]") if kept else []
            if kind == "call" and onwards:
                steps.append(f"return {self.applied(self.pick(onwards))}")
            elif kind == "copy":
                kept[number] = kept[one]
                steps.append(f"kept[{number}] = copy(kept[{one}])")
            elif kind == "drop":
                steps.append(f"del kept[{one}]")
            else:
                target = self.pick(self.makers()[::-1])
                kept[number] = target.makes
                steps.append(f"kept[{number}] = {self.applied(target)}")
        return steps


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a program."""
    author = _Author(draw)
    author.hierarchy()
    plans = [author.filled(plan) for plan in author.blueprint.plans.values()]
    steps = author.steps()
    # The last classes may be made as the program runs, unless they are roots.
    early = len(plans) - author.pick((0, 1, 1, 2))
    early = max(early, 1 + max(i for i, plan in enumerate(plans) if not plan.bases))
    late = tuple(plans[early:])
    if late:
        steps.insert(author.pick(range(len(steps))), "define")
    return Program(tuple(plans[:early]), late, tuple(steps))


@st.composite
def forests(draw: st.DrawFn) -> list[Node]:
    """Draw trees of calls, of which many are alike, next to each other or in turn."""

    def trees(depth: int) -> list[Node]:
        some = [tree(depth) for _ in range(draw(_below(4)))]
        order = draw(st.lists(st.sampled_from(some), max_size=8)) if some else []
        return order * draw(st.sampled_from((1, 1, 2, 3)))

    def tree(depth: int) -> Node:
        return Node(
            draw(st.sampled_from(("Layer.__call__", "Layer.call", "MyLayer.call"))),
            *(trees(depth - 1) if depth else ()),
            instance=draw(st.sampled_from((0, 1, 2))),
            arguments=draw(st.sampled_from((None, {"x": 1}, {"x": True}, {"x": Text("a[1]")}))),
            result=draw(st.sampled_from((None, 1, Text("a[1]"), Text("b[2]"), 0.5, float("nan")))),
            error=draw(st.sampled_from((None, None, ("ValueError", "a"), ("ValueError", "b")))),
            end=draw(st.sampled_from((None, None, "never"))),
            thread=draw(st.sampled_from(("MainThread", "MainThread", "other"))),
        )

    return trees(3)

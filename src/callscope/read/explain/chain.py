"""Definitions of a method in the classes of an MRO, and which run when it is called."""

from __future__ import annotations

import builtins
import types
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from callscope.introspect.bytecode import ClassCode, Next, functions_of, read
from callscope.introspect.classes import is_subclass, mro, namespace, qualified_name

Runs = Literal["always", "sometimes", "never", "unknown"]


class Lead(NamedTuple):
    """A call in one class's method that leads to the same method of another class."""

    written: str
    """Its source form: ``"super().call"``, ``"super(RNN, self).call"`` or ``"Layer.call"``."""
    to: str | None
    """Module-qualified name of the class it leads to; None if unknown."""
    line: int
    """Its line in the file of the method."""
    always: bool
    """True if the method cannot return without it."""


class Definition(NamedTuple):
    """A method as one class of the MRO defines it."""

    defining_class: str
    """Module-qualified name of the class."""
    mro_index: int
    """Place of the class in the MRO."""
    kind: str
    """``"function"``, ``"classmethod"``, ``"property"``, ..., or ``"C"``."""
    file: str | None
    """The source file; None if unknown, as for C."""
    line: int | None
    """The line of `file` at which its definition begins."""
    leads: tuple[Lead, ...]
    """Its calls of the same method of other classes, in order."""
    written_as: str | None
    """The name its function was defined with, which may differ; None for C."""
    is_abstract: bool
    """True if it never returns, but raises NotImplementedError."""
    runs: Runs
    """Likelihood that it runs when an object's method is called; ``"unknown"`` after C code."""
    run_by: tuple[str, ...]
    """Other methods of the object that call it and bypass overrides: ``("app.Base.forward",)``."""


class Chain(NamedTuple):
    """One method in all classes of an MRO that define it."""

    method: str
    definitions: tuple[Definition, ...]
    """The definitions in MRO order: the first runs and overrides the others."""
    repeated: tuple[str, ...]
    """Names of classes whose method may run twice, because of calls by class name."""

    @property
    def ends_in(self) -> str:
        """Name of the last class whose method runs."""
        return [d.defining_class for d in self.definitions if d.runs in ("always", "sometimes")][-1]

    @property
    def hidden(self) -> tuple[str, ...]:
        """Names of the classes whose method never runs: its overrides do not call it."""
        return tuple(
            d.defining_class for d in self.definitions if d.runs == "never" and not d.run_by
        )


_KINDS: Final = {
    types.FunctionType: "function",
    classmethod: "classmethod",
    staticmethod: "staticmethod",
    property: "property",
}


class Chains:
    """Resolver of the chains of one class."""

    def __init__(self, cls: type) -> None:
        self._mro = mro(cls)
        self.code: ClassCode = ClassCode(cls)

    def get(self, method: str) -> Chain | None:
        """Return the chain of a method; None if no class other than `object` defines it."""
        entries = [
            (index, raw)
            for index, raw in self.code.defining(method)
            if self._mro[index] is not object and self._mro[index] is not type
        ]
        if not entries:
            return None
        leads = {index: tuple(self._leads(method, index, raw)) for index, raw in entries}
        runs, repeated = self._run(entries, leads)
        others = self._run_by_others(method)
        definitions = tuple(
            _define(
                self._mro[index],
                index,
                raw,
                leads[index],
                runs.get(index, "never"),
                tuple(dict.fromkeys(others.get(qualified_name(self._mro[index]), ()))),
            )
            for index, raw in entries
        )
        return Chain(method, definitions, tuple(qualified_name(self._mro[i]) for i in repeated))

    def _leads(self, method: str, index: int, raw: Any) -> Iterator[Lead]:
        for call, to in self.nexts(index, raw):
            if call.method == method:
                name = None if to is None else qualified_name(to)
                yield Lead(_written(call), name, call.line, call.always)

    def nexts(self, index: int, raw: Any) -> Iterator[tuple[Next, type | None]]:
        """Yield the calls in a method of one class that go to methods of specific classes.

        Args:
            index: place of the class in the MRO.
            raw: the method as stored in the `__dict__` of the class.
        """
        for function in functions_of(raw):
            for call in read(function.__code__).nexts:
                cls = resolve(function, call.path) if call.path else self._mro[index]
                if cls is not None or call.by != "class":  # else a function of a module
                    yield call, self._target(call, cls)

    def _run_by_others(self, method: str) -> dict[str, list[str]]:
        """Return, per class, the object's other methods that call its definition directly."""
        callers: dict[str, list[str]] = {}
        for name in self.code.names():
            for index, raw in self.code.defining(name) if name != method else ():
                if any(method in function.__code__.co_names for function in functions_of(raw)):
                    for called, to in self.nexts(index, raw):
                        if called.method == method and to is not None:
                            by = f"{qualified_name(self._mro[index])}.{name}"
                            callers.setdefault(qualified_name(to), []).append(by)
        return callers

    def _target(self, call: Next, cls: type | None) -> type | None:
        """Return the class whose method runs for a call."""
        if cls is None:
            return None
        if call.by == "class":
            order = mro(cls)
        elif cls in self._mro:
            order = self._mro[self._mro.index(cls) + 1 :]
        else:
            return None
        return next((base for base in order if call.method in namespace(base)), None)

    def _run(
        self, entries: list[tuple[int, Any]], leads: dict[int, tuple[Lead, ...]]
    ) -> tuple[dict[int, Runs], list[int]]:
        """Return which definitions run, from the first class on, and which run more than once."""
        places = {qualified_name(self._mro[index]): index for index, _ in entries}
        runs: dict[int, Runs] = {entries[0][0]: "always"}
        times: dict[int, int] = {}
        is_over = False
        for index, raw in entries:
            if index not in runs:
                if is_over:
                    runs[index] = "unknown"
                continue
            is_over = is_over or not any(functions_of(raw))
            for lead in {(lead.written, lead.to): lead for lead in leads[index]}.values():
                to = places.get(lead.to or "")
                if to is None or to <= index:
                    continue
                is_sure = lead.always and runs[index] == "always"
                runs[to] = "always" if is_sure or runs.get(to) == "always" else "sometimes"
                times[to] = times.get(to, 0) + is_sure
        return runs, [index for index, count in times.items() if count > 1]


def _define(
    cls: type, index: int, raw: Any, leads: tuple[Lead, ...], runs: Runs, run_by: tuple[str, ...]
) -> Definition:
    functions = [*functions_of(raw)]
    code = functions[0].__code__ if functions else None
    kind = next((name for base, name in _KINDS.items() if is_subclass(type(raw), base)), None)
    return Definition(
        qualified_name(cls),
        index,
        kind or ("C" if code is None else type(raw).__name__),
        None if code is None else code.co_filename,
        None if code is None else code.co_firstlineno,
        leads,
        None if code is None else code.co_name,
        any(read(function.__code__).is_abstract for function in functions),
        runs,
        run_by,
    )


def _written(call: Next) -> str:
    named = ".".join(call.path)
    if call.by == "class":
        return f"{named}.{call.method}"
    return f"super({named}, self).{call.method}" if call.path else f"super().{call.method}"


def resolve(function: types.FunctionType, path: tuple[str, ...]) -> type | None:
    """Return the class that a dotted name refers to in a function; run no code of the program."""
    value = _variable(function, path[0])
    for name in path[1:]:
        value = _attribute(value, name)
    return value if is_subclass(type(value), type) else None


def _variable(function: types.FunctionType, name: str) -> Any:
    code = function.__code__
    if name in code.co_freevars and function.__closure__:
        cell = function.__closure__[code.co_freevars.index(name)]
        try:
            return cell.cell_contents
        except ValueError:
            return None
    return function.__globals__.get(name, vars(builtins).get(name))


def _attribute(owner: Any, name: str) -> Any:
    if is_subclass(type(owner), types.ModuleType):
        return vars(owner).get(name)
    if is_subclass(type(owner), type):
        return next((namespace(c)[name] for c in mro(owner) if name in namespace(c)), None)
    return None

"""Reader of method bytecode: uses of the object, of `super` and of other classes' methods."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple
from weakref import WeakKeyDictionary

from callscope.introspect.bytecode.steps import RETURNS, Code, Step

Fate = Literal["dropped", "local", "returned", "used", "kept"]


class Next(NamedTuple):
    """A call that leads to another class's method on the same object."""

    method: str
    by: Literal["super", "super of", "class"]
    """``super()``, ``super(Class, self)`` or ``Class.method(self)``."""
    path: tuple[str, ...]
    """The class as it is written, ``("nn", "Module")``; empty for ``super()``."""
    line: int
    always: bool
    """True if each path to a return passes such a call."""


class SelfCall(NamedTuple):
    """A use of an attribute or a method of the object."""

    name: str
    line: int
    fate: Fate | None
    """Use of the result if it is called at once; ``"kept"`` if it is not called but assigned to
    another attribute of the object; None if neither is known."""


class Reading(NamedTuple):
    """Result of reading one method."""

    sets: tuple[str, ...]
    """Attributes that it sets on the object, in order."""
    sets_others: bool
    """True if it sets attributes of unknown names, as ``self.__dict__.update(...)`` does."""
    uses: tuple[SelfCall, ...]
    """Attributes and methods of the object that it reads or calls, in order."""
    nexts: tuple[Next, ...]
    """Calls of other classes' methods on the object."""
    gets_by_name: bool
    """True if it reads attributes of the object by names that are not literals in the code."""
    is_empty: bool
    """True if it only returns None."""
    is_abstract: bool
    """True if it never returns and raises NotImplementedError."""
    passes_on: bool
    """True if it only calls one method of the object."""

    def next_of(self, method: str) -> tuple[Next, ...]:
        """Return the calls of other classes' methods of one name."""
        return tuple(n for n in self.nexts if n.method == method)


def read(code: types.CodeType) -> Reading:
    """Read a method's code; the result is cached."""
    try:
        reading = _readings.get(code)
        if reading is None:
            has_object = code.co_argcount or code.co_flags & _CO_VARARGS
            own = frozenset(code.co_varnames[:1] if has_object else ())
            reading = _readings[code] = _Reader(code, own).read()
    except RecursionError:
        raise
    except Exception:
        return _UNREADABLE  # a tool may have made code that no compiler emits
    return reading


_CO_VARARGS: Final = 0x04
_CONSTANTS: Final = ("LOAD_CONST", "RETURN_CONST")
_UNREADABLE: Final = Reading((), True, (), (), True, False, False, False)
_readings: WeakKeyDictionary[types.CodeType, Reading] = WeakKeyDictionary()


class _Reader:
    """Reader of one method and its nested functions that use the object."""

    def __init__(self, code: types.CodeType, own: frozenset[str]) -> None:
        self._code = code
        self._own = own
        self._read = Code(code, own)
        self._steps = self._read.steps

    def read(self) -> Reading:
        sets, uses, nexts = [*self._sets()], [*self._uses()], self._with_always([*self._nexts()])
        others, by_name = self._sets_others(), self._gets_by_name()
        for inner in self._code.co_consts:
            if isinstance(inner, types.CodeType) and not self._own.isdisjoint(inner.co_freevars):
                # `view` in Django's `View.as_view(cls)` creates an object named `self`.
                within = _Reader(inner, self._own | {"self"}).read()
                by_name = by_name or within.gets_by_name
                sets += within.sets
                uses += (use._replace(fate=None) for use in within.uses)
                nexts += (n._replace(always=False) for n in within.nexts)
                others = others or within.sets_others
        return Reading(
            tuple(dict.fromkeys(sets)),
            others,
            tuple(uses),
            tuple(nexts),
            by_name,
            self._is_empty(),
            self._is_abstract(),
            self._passes_on(),
        )

    def _ahead(self, place: int, count: int = 1) -> Sequence[Step]:
        return self._steps[place + 1 : place + 1 + count]

    def _sets(self) -> Iterator[str]:
        for place, step in enumerate(self._steps):
            ahead = self._ahead(place, 2)
            if step.kind == "self" and ahead and ahead[0].kind == "store_attr":
                yield ahead[0].value
            elif _is(step, "name", "setattr") and [s.kind for s in ahead] == ["self", "const"]:
                yield str(ahead[1].value)
            elif step.kind in ("attr", "super") and step.value == "__setattr__" and ahead:
                # `object.__setattr__(self, "x", ...)` and `super().__setattr__("x", ...)`
                named = ahead[-1] if ahead[0].kind == "self" else ahead[0]
                if named.kind == "const" and isinstance(named.value, str):
                    yield named.value

    def _sets_others(self) -> bool:
        for place, step in enumerate(self._steps):
            ahead = self._ahead(place, 2)
            if step.kind == "self" and ahead and _is(ahead[0], "attr", "__dict__"):
                return True
            if _is(step, "name", "vars") and ahead and ahead[0].kind == "self":
                return True
            if _is(step, "name", "setattr") and [s.kind for s in ahead] == ["self", "name"]:
                return True
        return False

    def _gets_by_name(self) -> bool:
        for place, step in enumerate(self._steps):
            ahead = self._ahead(place, 2)
            if _is(step, "name", "getattr") and [s.kind for s in ahead] == ["self", "name"]:
                return True
        return False

    def _uses(self) -> Iterator[SelfCall]:
        for place, step in enumerate(self._steps):
            ahead = self._ahead(place, 2)
            if step.kind != "self" or not ahead:
                continue
            if ahead[0].kind == "attr":
                yield SelfCall(ahead[0].value, step.line, self._fate(place))
            elif ahead[0].opname == "COPY" and ahead[-1].kind == "attr":  # `self.count += 1`
                yield SelfCall(ahead[-1].value, step.line, None)

    def _fate(self, place: int) -> Fate | None:
        """Return how the result of ``self.method(...)``, which starts at `place`, is used."""
        receiver, attr = self._steps[place : place + 2]
        after = receiver.depth + 1
        if not attr.loads_method:
            # In `self.method(*args)`, a NULL lies below the function; from 3.13 on, above it.
            is_below = place > 0 and self._steps[place - 1].opname == "PUSH_NULL"
            is_above = any(s.opname == "PUSH_NULL" for s in self._ahead(place + 1))
            if [s.kind for s in self._ahead(place + 1, 2)] == ["self", "store_attr"]:
                return "kept"
            if not is_below and not is_above:
                return None
            after -= is_below and not is_above
        for index in range(place + 2, len(self._steps) - 1):
            step, then = self._steps[index : index + 2]
            if "JUMP" in step.opname or step.opname in RETURNS:
                return None
            if step.kind == "call" and step.after == after:
                return self._fate_in(then)
        return None

    def _fate_in(self, step: Step) -> Fate | None:
        if step.opname == "POP_TOP":
            return "dropped"
        if step.kind == "store":
            is_read = any(s.value == step.value and s.kind == "name" for s in self._steps)
            return "local" if is_read else "dropped"
        if step.opname == "GET_AWAITABLE":
            return None
        return "returned" if step.opname in RETURNS else "used"

    def _nexts(self) -> Iterator[tuple[Next, int]]:
        past = 0
        for place, step in enumerate(self._steps):
            if _is(step, "name", "super"):
                for target, index in self._super(place):
                    past = index
                    yield target, index
            elif step.kind == "name" and step.value != "__class__" and step.position > past:
                yield from self._by_class(place)

    def _super(self, place: int) -> Iterator[tuple[Next, int]]:
        """Yield the target of ``super().method``; up to 3.11, `super` is an ordinary call."""
        path: list[str] = []
        for index, step in enumerate(self._steps[place + 1 :], place + 1):
            if step.kind == "call":
                ahead = self._ahead(index)
                if not ahead or ahead[0].kind != "attr":
                    return
                method = ahead[0]
            elif step.kind in ("name", "attr"):
                path += () if step.value == "__class__" else (step.value,)
                continue
            elif step.kind == "self" or step.opname == "PUSH_NULL":
                continue
            elif step.kind == "super":
                method = step
            else:
                return
            by: Literal["super", "super of"] = "super of" if path else "super"
            yield Next(method.value, by, tuple(path), method.line, always=False), method.position
            return

    def _by_class(self, place: int) -> Iterator[tuple[Next, int]]:
        """Yield the target of ``Class.method(self)``."""
        path: list[str] = [self._steps[place].value]
        for step in self._steps[place + 1 :]:
            if step.kind == "attr":
                path.append(step.value)
            elif step.opname == "PUSH_NULL":
                continue
            else:
                if step.kind == "self" and len(path) > 1:
                    named = tuple(path[:-1])
                    yield Next(path[-1], "class", named, step.line, always=False), step.position
                return

    def _with_always(self, nexts: list[tuple[Next, int]]) -> list[Next]:
        places: dict[str, set[int]] = {}
        for leads, index in nexts:
            places.setdefault(leads.method, set()).add(index)
        always = {
            method for method, passed in places.items() if not self._read.may_return_without(passed)
        }
        return [leads._replace(always=leads.method in always) for leads, _ in nexts]

    def _is_empty(self) -> bool:
        """Return whether the code only returns the constant None."""
        if any(s.opname not in (*RETURNS, "LOAD_CONST") for s in self._steps):
            return False
        constants = [i.argval for i in self._read.instructions if i.opname in _CONSTANTS]
        return constants == [None]

    def _is_abstract(self) -> bool:
        ends = any(s.opname in RETURNS for s in self._steps)
        return not ends and "NotImplementedError" in self._code.co_names

    def _passes_on(self) -> bool:
        kinds = [s.kind for s in self._steps]
        return (
            kinds.count("call") == kinds.count("attr") == 1
            and all(k in ("self", "name", "attr", "call", "const", "other") for k in kinds)
            and all("JUMP" not in s.opname for s in self._steps)
        )


def _is(step: Step, kind: str, value: str) -> bool:
    return step.kind == kind and step.value == value

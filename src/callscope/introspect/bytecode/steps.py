"""Bytecode of CPython 3.11 to 3.14 as version-independent steps."""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["name", "self", "attr", "super", "const", "store", "store_attr", "call", "other"]


class Step(NamedTuple):
    """One instruction, or a part of one that loads several names."""

    kind: Kind
    value: Any
    """The name, the attribute, or the constant."""
    line: int
    opname: str
    position: int
    """Index of the instruction in the code."""
    depth: int
    """Stack depth before it, if no jump has led here."""
    after: int
    """Stack depth after it."""
    loads_method: bool
    """True if it loads the method for a call that follows."""


_SKIPPED: Final = frozenset(
    (
        *("CACHE", "RESUME", "NOP", "PRECALL", "KW_NAMES", "EXTENDED_ARG", "COPY_FREE_VARS"),
        *("MAKE_CELL", "TO_BOOL", "NOT_TAKEN"),
    )
)
_NAMES: Final = frozenset(
    (
        *("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_AND_CLEAR", "LOAD_FAST_BORROW"),
        *("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_GLOBAL", "LOAD_NAME"),
        *("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"),
    )
)
_STORES: Final = frozenset(("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL"))
_ATTRS: Final = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
_CALLS: Final = frozenset(("CALL", "CALL_KW", "CALL_FUNCTION_EX"))
_ENDS: Final = frozenset(("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"))
RETURNS: Final = frozenset(("RETURN_VALUE", "RETURN_CONST"))
_JUMPS: Final = frozenset((*dis.hasjrel, *dis.hasjabs))
_METHOD_BIT: Final = sys.version_info >= (3, 12)


class Code:
    """Steps and control flow of a code object.

    Args:
        code: to be read.
        own: names of the variables that hold the object.
    """

    def __init__(self, code: types.CodeType, own: AbstractSet[str]) -> None:
        self._own = own
        self.instructions: list[dis.Instruction] = [
            i for i in dis.get_instructions(code) if i.opname != "CACHE"
        ]
        self.steps: list[Step] = [*self._steps()]

    def _steps(self) -> Iterator[Step]:
        line = depth = 0
        for index, i in enumerate(self.instructions):
            line = _line(i) or line
            after = depth + dis.stack_effect(i.opcode, i.arg, jump=False)
            if i.opname not in _SKIPPED:
                loads_method = i.opname == "LOAD_METHOD" or (
                    _METHOD_BIT
                    and i.opname in ("LOAD_ATTR", "LOAD_SUPER_ATTR")
                    and bool((i.arg or 0) & 1)
                )
                for kind, value in self._parts(i):
                    yield Step(kind, value, line, i.opname, index, depth, after, loads_method)
            depth = after

    def _parts(self, i: dis.Instruction) -> Iterator[tuple[Kind, Any]]:
        name = i.opname
        if name in _NAMES:
            yield from map(self._named, i.argval if isinstance(i.argval, tuple) else (i.argval,))
        elif name == "STORE_FAST_LOAD_FAST":
            yield "store", i.argval[0]
            yield self._named(i.argval[1])
        elif name == "STORE_FAST_STORE_FAST":
            for stored in i.argval:
                yield "store", stored
        elif name in _STORES:
            yield "store", i.argval
        elif name in _ATTRS:
            yield "attr", i.argval
        elif name == "LOAD_SUPER_ATTR":
            yield "super", i.argval
        elif name == "LOAD_CONST":
            yield "const", i.argval
        elif name == "STORE_ATTR":
            yield "store_attr", i.argval
        else:
            kind: Kind = "call" if name in _CALLS else "other"
            yield kind, None

    def _named(self, name: str) -> tuple[Kind, str]:
        kind: Kind = "self" if name in self._own else "name"
        return kind, name

    def may_return_without(self, passed: AbstractSet[int]) -> bool:
        """Return whether some path from the start to a return avoids all of the instructions.

        Exception handlers are ignored: a call in one may not happen, and a return in one is not
        an ordinary return.
        """
        by_offset = {i.offset: index for index, i in enumerate(self.instructions)}
        seen, waiting = {0}, [0]
        while waiting:
            index = waiting.pop()
            i = self.instructions[index]
            if index in passed:
                continue
            if i.opname in RETURNS:
                return True
            ahead = []
            if i.opcode in _JUMPS:
                ahead.append(by_offset.get(i.argval))
            if i.opname not in _ENDS and not _is_unconditional(i.opname):
                ahead.append(index + 1)
            for other in ahead:
                if other is not None and other < len(self.instructions) and other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return False


def _is_unconditional(opname: str) -> bool:
    return opname in ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP")


def _line(instruction: dis.Instruction) -> int | None:
    positions = instruction.positions
    return None if positions is None else positions.lineno

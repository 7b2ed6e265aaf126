"""Static call and attribute analysis of the methods of a class."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator
from typing import Any

from callscope.introspect.bytecode.reading import Reading, SelfCall, read
from callscope.introspect.bytecode.written import codes_of
from callscope.introspect.classes import mro, namespace


class ClassCode:
    """The methods of a class and of its bases, by name and in the order of its MRO."""

    def __init__(self, cls: type) -> None:
        self._entries: dict[str, list[tuple[int, Any]]] = {}
        self._mro = mro(cls)
        for index, base in enumerate(self._mro):
            for name, raw in tuple(namespace(base).items()):
                self._entries.setdefault(name, []).append((index, raw))

    def defining(self, name: str) -> list[tuple[int, Any]]:
        """Return MRO index and `__dict__` entry of each class that defines a name."""
        return self._entries.get(name, [])

    def names(self) -> Collection[str]:
        """Return all names that classes of the MRO define."""
        return self._entries.keys()

    def live(self, name: str, begin: int = 0) -> Iterator[types.CodeType]:
        """Yield the code that may run when a method is called on an object.

        An overridden method runs only if the override may call it.

        Args:
            name: of the method.
            begin: MRO index at which the lookup starts, as with `super`.
        """
        for index, raw in self.defining(name):
            if index >= begin:
                codes = [*codes_of(raw)]
                yield from codes
                if not any(read(code).next_of(name) for code in codes):
                    return

    def led_to(self, start: str, begin: int = 0) -> dict[str, list[SelfCall]]:
        """Return the uses of attributes and methods that a method reaches, by name."""
        uses: dict[str, list[SelfCall]] = {}
        waiting, seen = [(start, begin)], {start}
        while waiting:
            for code in self.live(*waiting.pop()):
                for use in read(code).uses:
                    uses.setdefault(use.name, []).append(use)
                    if use.name not in seen:
                        seen.add(use.name)
                        waiting.append((use.name, 0))
        return uses

    def leads_through(self, method: str, end: int) -> bool:
        """Return whether `super` calls always lead from a method's first class to a later one.

        Args:
            method: its name.
            end: MRO index of the class to be reached.
        """
        return all(
            any(n.by == "super" and n.always for code in codes for n in read(code).next_of(method))
            for index, raw in self.defining(method)
            if index < end and (codes := [*codes_of(raw)]) is not None
        )

    def provided(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the given names that an object has, or may get, without any `__init__`."""
        attributes = {name for name in names if any(map(_is_value, self.defining(name)))}
        begun = self.led_to("__init__")
        for method, reading in self._mentioning(names):
            attributes.update(names if reading.sets_others and method in begun else reading.sets)
        return tuple(sorted(attributes.intersection(names)))

    def _mentioning(self, names: Collection[str]) -> Iterator[tuple[str, Reading]]:
        """Yield the methods, except `__init__`, that can run and mention one of the names."""
        name_set = set(names)
        for method in self._entries:
            if method != "__init__":
                for code in self.live(method):
                    if not name_set.isdisjoint(_mentioned(code)) or "__dict__" in code.co_names:
                        yield method, read(code)


def _mentioned(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _mentioned(const)
        elif type(const) is str:
            yield const


def _is_value(entry: tuple[int, Any]) -> bool:
    """Return whether a class attribute provides a value; a slot does not."""
    return type(entry[1]) is not types.MemberDescriptorType

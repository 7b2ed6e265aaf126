"""What the code of a class says: where one method leads on its object, and who sets what."""

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
        """Return the place in the MRO, and the `__dict__` entry, of each class that has a name."""
        return self._entries.get(name, [])

    def names(self) -> Collection[str]:
        """Return the names of all that a class of the MRO has."""
        return self._entries.keys()

    def live(self, name: str, begin: int = 0) -> Iterator[types.CodeType]:
        """Yield the code that may run when an object's method of that name is called.

        What an override hides runs only if the override can lead on to it.

        Args:
            name: of the method.
            begin: place in the MRO of the first class that is asked, as `super` asks.
        """
        for index, raw in self.defining(name):
            if index >= begin:
                codes = [*codes_of(raw)]
                yield from codes
                if not any(read(code).next_of(name) for code in codes):
                    return

    def led_to(self, start: str, begin: int = 0) -> dict[str, list[SelfCall]]:
        """Return which attributes and methods of the object one method comes to use, and how."""
        found: dict[str, list[SelfCall]] = {}
        waiting, seen = [(start, begin)], {start}
        while waiting:
            for code in self.live(*waiting.pop()):
                for use in read(code).uses:
                    found.setdefault(use.name, []).append(use)
                    if use.name not in seen:
                        seen.add(use.name)
                        waiting.append((use.name, 0))
        return found

    def leads_through(self, method: str, end: int) -> bool:
        """Tell whether `super` surely leads from a method's first class in the MRO to another.

        Args:
            method: its name.
            end: place in the MRO of the class that is to be reached.
        """
        return all(
            any(n.by == "super" and n.always for code in codes for n in read(code).next_of(method))
            for index, raw in self.defining(method)
            if index < end and (codes := [*codes_of(raw)]) is not None
        )

    def provided(self, names: Collection[str]) -> tuple[str, ...]:
        """Return which attributes an object has, or may come to have, without any `__init__`."""
        found = {name for name in names if any(map(_is_value, self.defining(name)))}
        begun = self.led_to("__init__")
        for method, reading in self._mentioning(names):
            found.update(names if reading.sets_others and method in begun else reading.sets)
        return tuple(sorted(found.intersection(names)))

    def _mentioning(self, names: Collection[str]) -> Iterator[tuple[str, Reading]]:
        """Yield the methods that can run, apart from `__init__`, and mention one of the names."""
        wanted = set(names)
        for method in self._entries:
            if method != "__init__":
                for code in self.live(method):
                    if not wanted.isdisjoint(_mentioned(code)) or "__dict__" in code.co_names:
                        yield method, read(code)


def _mentioned(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _mentioned(const)
        elif type(const) is str:
            yield const


def _is_value(entry: tuple[int, Any]) -> bool:
    """Tell whether a class attribute has a value for its objects; a slot has none."""
    return type(entry[1]) is not types.MemberDescriptorType

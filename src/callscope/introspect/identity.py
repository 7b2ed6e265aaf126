"""Object identities that keep no object alive and never confuse two objects.

An identity is the object's plain weak reference. CPython keeps one per object, so it stays the
same while it is held, and another object at the same address has another. The tape in C uses
serial numbers instead, which are below zero and never reused. Objects that take no weak reference
(`__slots__` without ``__weakref__``, subclasses of `int` and `tuple`) get a token that behaves
like one. Their finalizer releases it.
"""

from __future__ import annotations

import gc
import weakref

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from typing import Any, TypeAlias

    Identity: TypeAlias = Callable[[], Any] | int
    """Weak reference or token, which returns None once the object is gone; or a serial number."""


class SerialNumbers:
    """Numbers of the objects of one trace that have serial numbers; here, there are none."""

    def __init__(self) -> None:
        self.last: int = 0
        """The last number that was given to an object of any kind."""

    def __getitem__(self, identity: int) -> int:
        raise KeyError(identity)

    def get(self, identity: int) -> int | None:
        """Return the number of an object that has one."""
        raise KeyError(identity)

    def sweep(self) -> None:
        """Forget objects that were gone at the last sweep."""


class Referable:
    """Identification of objects that take weak references: by these or by serial numbers."""

    def __init__(self) -> None:
        self.identify: Callable[[object], Identity] = weakref.ref
        """Function that returns the identity of an object."""
        self.serial_numbers: Callable[[], SerialNumbers] = SerialNumbers
        """Factory of the numbers of objects in one trace."""


REFERABLE = Referable()


class Token:
    """The identity of an object that takes no weak reference."""

    __slots__ = ("alive", "of_class")

    def __init__(self, of_class: int = 0) -> None:
        self.alive: bool = True
        self.of_class: int = of_class
        """Address of the object's class, which lives at least as long as the object."""

    def __call__(self) -> object:
        """Return None once the object is gone, as a weak reference does."""
        return self if self.alive else None


_tokens: dict[int, Token] = {}


def identify_watched(instance: object) -> Identity:
    """Return the identity of an object without weak references whose finalizer is watched."""
    token = _tokens.get(id(instance))
    if token is not None:
        return token
    if gc.is_finalized(instance):
        return Token()  # its finalizer has run and will not run again
    return _tokens.setdefault(id(instance), Token(id(type(instance))))


def identify_unwatched(_: object) -> Identity:
    """Return a new identity each time, for an object that cannot be identified.

    One object may be counted several times, but two are never confused.
    """
    return Token()


def release(instance: object) -> None:
    """Forget an object that is being finalized: another may take its address."""
    token = _tokens.pop(id(instance), None)
    if token is not None:
        token.alive = False


def release_objects(classes: AbstractSet[int]) -> None:
    """Forget the objects of classes, given by address, whose finalizers are no longer watched."""
    for key in [*_tokens]:
        token = _tokens.get(key)  # an object may end meanwhile
        if token is not None and token.of_class in classes:
            _tokens.pop(key, None)


def release_all() -> None:
    """Forget all objects that take no weak reference: no finalizer is watched any more."""
    _tokens.clear()


def is_same(one: Identity | None, other: Identity | None) -> bool:
    """Return whether two identities belong to one object."""
    return one is other or (type(one) is int and one == other)


class Numbers:
    """Serial numbers of objects, from 1, in the order of first lookup."""

    def __init__(self) -> None:
        self.serials: SerialNumbers = REFERABLE.serial_numbers()
        """The numbers of objects that have serial numbers."""
        self._by_address: dict[int, tuple[Callable[[], Any], int]] = {}
        self._gone: list[int] = []
        self._sweep_at = 1024

    def __getitem__(self, identity: Identity) -> int:
        entry = self._by_address.get(id(identity))
        if entry is None:
            if isinstance(identity, int):
                return self.serials[identity]
            # The identity is kept: otherwise another object could take its address.
            entry = identity, self.serials.last + 1
            # No interrupt falls between these two.
            self._by_address[id(identity)] = entry
            self.serials.last += 1
        return entry[1]

    def get(self, identity: Identity) -> int | None:
        """Return the number of an object that has one."""
        if isinstance(identity, int):
            return self.serials.get(identity)
        entry = self._by_address.get(id(identity))
        return None if entry is None else entry[1]

    def sweep(self) -> None:
        """Forget objects that were gone at the last sweep: all their records are read now.

        Called after each batch of records. It scans for dead objects each time the number of
        known ones has doubled, so the cost per object stays constant.
        """
        self.serials.sweep()
        while self._gone:
            key = self._gone[-1]
            # No interrupt falls between these two.
            del self._by_address[key]
            del self._gone[-1]
        if len(self._by_address) >= self._sweep_at:
            self._gone = [key for key, (who, _) in self._by_address.items() if who() is None]
            self._sweep_at = max(1024, 2 * (len(self._by_address) - len(self._gone)))

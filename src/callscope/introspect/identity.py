"""Who an object is, without keeping it alive and without ever confusing two.

An identity is the object's plain weak reference: CPython keeps one per object, so asking twice
gives the same reference for as long as somebody holds it, and another object at the same address
has another. The tape in C has serial numbers instead, which are below zero and given once. Objects
that take no weak reference (`__slots__` without ``__weakref__``, subclasses of `int` and `tuple`)
get a token that behaves like one, and which their finalizer takes back.
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
    """Calling it returns None once the object is gone; a number is among those of the living."""


class Referable:
    """How objects that take weak references are told apart: by these, or by serial numbers."""

    def __init__(self) -> None:
        self.identify: Callable[[object], Identity] = weakref.ref
        """Returns the identity of an object."""
        self.living: Callable[[], AbstractSet[int]] = frozenset
        """Returns the serial numbers of the objects that are alive."""


REFERABLE = Referable()


class Token:
    """The identity of an object that takes no weak reference."""

    __slots__ = ("alive", "of_class")

    def __init__(self, of_class: int = 0) -> None:
        self.alive: bool = True
        self.of_class: int = of_class
        """The address of the object's class, which lives for as long as the object does."""

    def __call__(self) -> object:
        """Return None once the object is gone, as a weak reference does."""
        return self if self.alive else None


_tokens: dict[int, Token] = {}


def identify_watched(instance: object) -> Identity:
    """Return the identity of an object that takes no weak reference, but whose end is watched."""
    known = _tokens.get(id(instance))
    if known is not None:
        return known
    if gc.is_finalized(instance):
        return Token()  # its finalizer has run, and will not tell of its end again
    return _tokens.setdefault(id(instance), Token(id(type(instance))))


def identify_unwatched(_: object) -> Identity:
    """Return a new identity each time, for an object that nothing can be known about.

    One object may so be counted several times; but no two are ever taken for one.
    """
    return Token()


def release(instance: object) -> None:
    """Forget an object that is being finalized, for another may take its address."""
    token = _tokens.pop(id(instance), None)
    if token is not None:
        token.alive = False


def release_objects(classes: AbstractSet[int]) -> None:
    """Forget the objects of some classes, given by address: nobody watches their ends any more."""
    for key in [*_tokens]:
        token = _tokens.get(key)  # an object may end meanwhile
        if token is not None and token.of_class in classes:
            _tokens.pop(key, None)


def release_all() -> None:
    """Forget all objects that take no weak reference, for nobody watches their ends any more."""
    _tokens.clear()


def is_same(one: Identity | None, other: Identity | None) -> bool:
    """Tell whether two identities are of one object."""
    return one is other or (type(one) is int and one == other)


class Numbers:
    """Serial numbers of objects, from 1, in the order they are first asked for."""

    def __init__(self) -> None:
        self._by_identity: dict[int, tuple[Identity, int]] = {}
        self._last = 0
        self._gone: list[int] = []
        self._sweep_at = 1024

    def __getitem__(self, identity: Identity) -> int:
        key = _key(identity)
        known = self._by_identity.get(key)
        if known is None:
            # The identity is kept, or its address could come to stand for another object.
            known = identity, self._last + 1
            # No interrupt falls between these two.
            self._by_identity[key] = known
            self._last += 1
        return known[1]

    def get(self, identity: Identity) -> int | None:
        """Return the number of an object that has one."""
        known = self._by_identity.get(_key(identity))
        return None if known is None else known[1]

    def sweep(self) -> None:
        """Forget objects that were gone at the last sweep, for all records of theirs are read now.

        Called after each batch of records. Looks for objects that are gone each time the number
        of known ones has doubled, so that the cost per object stays the same.
        """
        while self._gone:
            key = self._gone[-1]
            # No interrupt falls between these two.
            del self._by_identity[key]
            del self._gone[-1]
        if len(self._by_identity) >= self._sweep_at:
            living = REFERABLE.living()
            self._gone = [k for k, (who, _) in self._by_identity.items() if _is_gone(who, living)]
            self._sweep_at = max(1024, 2 * (len(self._by_identity) - len(self._gone)))


def _key(identity: Identity) -> int:
    # No address is below zero.
    return identity if isinstance(identity, int) else id(identity)


def _is_gone(identity: Identity, living: AbstractSet[int]) -> bool:
    return identity not in living if isinstance(identity, int) else identity() is None

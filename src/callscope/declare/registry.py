"""Registry of declared hierarchies and of listeners for changes."""

from __future__ import annotations

import weakref

from callscope.introspect.classes import (
    is_immutable,
    is_machinery,
    is_subclass,
    mro,
    qualified_name,
    subclasses,
)
from callscope.introspect.locks import new_lock, synchronized

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from callscope.declare.options import Options


class Declaration:
    """A traceable hierarchy: a weak reference to its root, and options.

    Args:
        root: the root of the hierarchy.
        options: how its methods are traced.
        by_class_itself: whether the class declares itself, by `traced` or `TracedMeta`, and is
            not declared from outside.
        with_bases: whether methods of bases outside of the hierarchy belong to it when they run
            on its objects.
    """

    def __init__(
        self,
        root: type,
        options: Options,
        *,
        by_class_itself: bool = False,
        with_bases: bool = False,
    ) -> None:
        self.root: weakref.ref[type] = weakref.ref(root)
        self.options = options
        self.name: str = qualified_name(root)
        self.by_class_itself = by_class_itself
        self._with_bases = with_bases

    def classes(self) -> Iterator[type]:
        """Yield the living classes of the hierarchy."""
        root = self.root()
        if root is not None:
            yield from subclasses(root)

    def bases(self) -> Iterator[type]:
        """Yield each class outside of the hierarchy whose methods belong to it."""
        seen: set[int] = set()
        for cls in self.classes() if self._with_bases else ():
            for base in self.bases_of(cls):
                if id(base) not in seen:
                    seen.add(id(base))
                    yield base

    def bases_of(self, cls: type) -> list[type]:
        """Return the bases of one class of the hierarchy whose methods belong to it.

        Bases above a declared root are excluded: it stays the root that its author chose.
        """
        root = self.root()
        if not self._with_bases or root is None:
            return []
        bases = [
            base
            for base in mro(cls)
            if not (is_immutable(base) or is_subclass(base, root) or is_machinery(base))
        ]
        if not bases:
            return []
        roots = [
            r
            for d in REGISTRY.declarations()
            if (r := d.root()) is not None and is_subclass(cls, r)
        ]
        return [b for b in bases if not any(b is not r and is_subclass(r, b) for r in roots)]

    def includes(self, cls: type) -> bool:
        """Return whether a class belongs to the hierarchy."""
        root = self.root()
        return root is not None and is_subclass(cls, root)


class Registry:
    """All declarations. The weaver listens for changes while a recording runs."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._declarations: list[Declaration] = []
        self._pending: list[Callable[[], bool]] = []
        self._listeners: list[Callable[[], None]] = []
        self._class_listeners: list[Callable[[type], None]] = []

    def declarations(self) -> list[Declaration]:
        """Return the present declarations; drop those of collected classes."""
        self._settle()
        return self._present()

    @synchronized
    def _present(self) -> list[Declaration]:
        self._declarations = [d for d in self._declarations if d.root() is not None]
        return list(self._declarations)

    def _settle(self) -> None:
        pending = self._take_pending()
        try:
            # Without the lock: settling declares, and listeners then take their own locks.
            for settle in tuple(pending):
                if settle():
                    pending.remove(settle)
        finally:
            self.wait(*pending)

    @synchronized
    def _take_pending(self) -> list[Callable[[], bool]]:
        pending, self._pending = self._pending, []
        return pending

    def own(self) -> list[Declaration]:
        """Return the present declarations of classes that declare themselves."""
        return [d for d in self.declarations() if d.by_class_itself]

    @synchronized
    def wait(self, *settle: Callable[[], bool]) -> None:
        """Call each function on every read of the declarations until it returns True."""
        self._pending += settle

    def add(self, declaration: Declaration) -> None:
        """Add a declaration; others of the same class stay."""
        self._enter(declaration)
        self._tell()

    @synchronized
    def _enter(self, declaration: Declaration, in_place_of: type | None = None) -> None:
        if in_place_of is not None:
            self._declarations = [
                d
                for d in self._declarations
                if d.root() is not in_place_of or not d.by_class_itself
            ]
        self._declarations.append(declaration)

    def replace(self, declaration: Declaration) -> None:
        """Add a class's own declaration in place of its previous one."""
        self._enter(declaration, in_place_of=declaration.root())
        self._tell()

    def remove(self, declaration: Declaration) -> None:
        """Remove a declaration; a second call does nothing."""
        if self._take_out(declaration):
            self._tell()

    @synchronized
    def _take_out(self, declaration: Declaration) -> bool:
        if declaration not in self._declarations:
            return False
        self._declarations.remove(declaration)
        return True

    def by_root(self, root: type) -> list[Declaration]:
        """Return the declarations of a class, without those of its bases."""
        return [d for d in self.declarations() if d.root() is root]

    def listen(self, changed: Callable[[], None], class_changed: Callable[[type], None]) -> None:
        """Call `changed` after each change of the declarations.

        Call `class_changed` with each class of `TracedMeta` that was created or got an attribute.
        """
        self._listeners.append(changed)
        self._class_listeners.append(class_changed)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def tell_changed(self, cls: type) -> None:
        """Notify the listeners of a changed class of `TracedMeta`."""
        for listener in self._class_listeners:
            listener(cls)


REGISTRY: Final = Registry()

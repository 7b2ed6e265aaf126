"""What may be traced: `traced`, `Traced`, `TracedMeta` and `instrument` enter it in a registry.

Declaring changes no class. It is a recording that weaves, and it asks the registry what.
"""

from __future__ import annotations

import sys
import threading
import weakref

from callscope.errors import (
    CallscopeError,
    NoMethodsError,
    NotDeclaredError,
    TargetWarning,
    warn,
)
from callscope.hierarchy import (
    check_class,
    check_module,
    class_ref,
    find_class,
    function_of,
    is_immutable,
    is_subclass,
    own_methods,
    parse_path,
    qualified_name,
    subclasses,
)
from callscope.options import Options, check_options

TYPE_CHECKING = False  # see callscope.hierarchy
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Final, Self, TypeVar, overload

    from callscope.hierarchy import TargetPath
    from callscope.options import Capture

    _C = TypeVar("_C", bound=type)
    _Declare = Callable[[type, "Options"], "Declaration"]


class Declaration:
    """A hierarchy that may be traced: its root, by reference, and how.

    Args:
        root: the root of the hierarchy.
        options: how its methods are traced.
        by_class_itself: whether it came with the class, by `traced` or `TracedMeta`, and not
            from outside.
    """

    def __init__(self, root: type, options: Options, *, by_class_itself: bool = False) -> None:
        self.root = weakref.ref(root)
        self.options = options
        self.name = qualified_name(root)
        self.by_class_itself = by_class_itself

    def classes(self) -> Iterator[type]:
        """Yield the classes of the hierarchy that are alive."""
        root = self.root()
        if root is not None:
            yield from subclasses(root)


class Registry:
    """All declarations. Whoever weaves listens for what is declared while a recording runs."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._declarations: list[Declaration] = []
        self._pending: list[Callable[[], bool]] = []
        self._listeners: list[Callable[[], None]] = []
        self._class_listeners: list[Callable[[type], None]] = []

    def declarations(self) -> list[Declaration]:
        """Return what is declared now; classes that are gone are forgotten."""
        with self._lock:
            pending, self._pending = self._pending, []
            self._pending += [settle for settle in pending if not settle()]
            self._declarations = [d for d in self._declarations if d.root() is not None]
            return list(self._declarations)

    def own_options(self, cls: type) -> Iterator[Options]:
        """Yield what a class and its bases say of themselves."""
        for declaration in self.declarations():
            root = declaration.root()
            if declaration.by_class_itself and root is not None and is_subclass(cls, root):
                yield declaration.options

    def wait(self, settle: Callable[[], bool]) -> None:
        """Ask `settle` again and again, whenever declarations are asked for, until it is True."""
        with self._lock:
            self._pending.append(settle)

    def add(self, declaration: Declaration) -> None:
        """Enter a declaration beside any others of the same class."""
        with self._lock:
            self._declarations.append(declaration)
        self._tell()

    def replace(self, declaration: Declaration) -> None:
        """Enter what a class says of itself, in place of what it said before."""
        with self._lock:
            root = declaration.root()
            self._declarations = [
                d for d in self._declarations if d.root() is not root or not d.by_class_itself
            ]
            self._declarations.append(declaration)
        self._tell()

    def remove(self, declaration: Declaration) -> None:
        """Take a declaration out; a second time does nothing."""
        with self._lock:
            if declaration not in self._declarations:
                return
            self._declarations.remove(declaration)
        self._tell()

    def of(self, root: type) -> list[Declaration]:
        """Return the declarations of a class, without those of its bases."""
        return [d for d in self.declarations() if d.root() is root]

    def listen(self, changed: Callable[[], None], class_changed: Callable[[type], None]) -> None:
        """Call `changed` after each change of what is declared.

        Call `class_changed` with each class of `TracedMeta` that was made or got an attribute.
        """
        self._listeners.append(changed)
        self._class_listeners.append(class_changed)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def tell_changed(self, cls: type) -> None:
        """Pass a class of `TracedMeta` on to the listeners."""
        for listener in self._class_listeners:
            listener(cls)


REGISTRY: Final = Registry()


def _declare_itself(root: type, options: Options) -> None:
    REGISTRY.replace(Declaration(root, options, by_class_itself=True))


def _declare_from_outside(root: type, options: Options) -> Declaration:
    declaration = Declaration(root, options)
    REGISTRY.add(declaration)
    return declaration


if TYPE_CHECKING:

    @overload
    def traced(cls: _C, /) -> _C: ...
    @overload
    def traced(
        *,
        methods: Iterable[str] | None = None,
        capture: Capture | None = None,
        redact: Iterable[str] = (),
    ) -> Callable[[_C], _C]: ...


def traced(
    cls: _C | None = None,
    /,
    *,
    methods: Iterable[str] | None = None,
    capture: Capture | None = None,
    redact: Iterable[str] = (),
) -> _C | Callable[[_C], _C]:
    """Declare a class and all its subclasses, present and future; a class decorator.

    The very same class is returned and nothing in it is changed: methods are wrapped only while
    a recording runs.

    Args:
        cls: the class, when used as ``@traced`` without parentheses.
        methods: names of methods, or `fnmatch` patterns, by default ``__init__``, ``__call__``
            and ``call``. A wildcard reaches dunder names only if the pattern begins with ``__``.
        capture: ``"values"``, ``"types"`` or ``"none"``; by default what the recording says.
        redact: names, or patterns, of arguments to hide besides passwords, tokens and their kin.

    Raises:
        TargetError: if it decorates something else than a class.
        ImmutableClassError: if the class takes no new attributes.
        OptionError: if an option has a value that cannot be used.
    """
    options = check_options(methods, capture, redact)

    def decorate(cls: _C) -> _C:
        _declare_itself(check_class(cls), options)
        return cls

    return decorate if cls is None else decorate(cls)


class TracedMeta(type):
    """Metaclass that declares the root of a hierarchy; its options are class keywords.

    ``class Base(metaclass=TracedMeta, methods=("__call__", "call")): ...`` is the same as
    `traced` with these options. The keywords never reach ``__init_subclass__``. A subclass that
    names options of its own is declared with these, too.
    """

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        methods: Iterable[str] | None = None,
        capture: Capture | None = None,
        redact: Iterable[str] = (),
        **kwargs: Any,
    ) -> TracedMeta:
        """Make the class; declare it if it is the root of a hierarchy or names options."""
        options = check_options(methods, capture, redact)
        cls = super().__new__(mcls, name, bases, namespace, **kwargs)
        is_root = not any(isinstance(base, TracedMeta) and base is not Traced for base in bases)
        if (is_root and not _is_traced_itself(cls)) or options != Options():
            _declare_itself(cls, options)
        REGISTRY.tell_changed(cls)
        return cls

    def __init__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        methods: Iterable[str] | None = None,  # noqa: ARG002  # options, as `__new__` takes them
        capture: Capture | None = None,  # noqa: ARG002
        redact: Iterable[str] = (),  # noqa: ARG002
        **kwargs: Any,
    ) -> None:
        super().__init__(name, bases, namespace, **kwargs)

    def __setattr__(cls, name: str, value: object) -> None:
        super().__setattr__(name, value)
        REGISTRY.tell_changed(cls)


def _is_traced_itself(cls: type) -> bool:
    return cls.__module__ == __name__ and cls.__qualname__ == "Traced"


class Traced(metaclass=TracedMeta):
    """Base class whose direct subclasses are declared, as `abc.ABC` is to `abc.ABCMeta`."""

    __slots__ = ()


RESERVED: Final = frozenset({"__init_subclass__", "__del__"})
"""Methods through which the weaver sees new subclasses and the end of objects."""


class SiteCoverage:
    """Whether one site of a hierarchy is traced."""

    __slots__ = ("reason", "site")

    def __init__(self, site: str, reason: str) -> None:
        self.site = site
        """Module-qualified class and method: ``"app.Layer.__call__"``."""
        self.reason = reason
        """Why it is not traced, in words; empty for a site that is."""

    @property
    def traceable(self) -> bool:
        """Whether a recording weaves the site."""
        return not self.reason

    def __repr__(self) -> str:
        return f"<{self.site}: {self.reason or 'traced'}>"


class Instrumentation:
    """A declaration that can be taken back: call `remove`, or use it in a ``with`` statement."""

    def __init__(self, name: str) -> None:
        self.name = name
        """The class as it was named."""
        self.removed = False
        """Whether it was taken back."""
        self.problem = ""
        """Why nothing is traced: the target is not imported yet, or does not exist."""
        self._declaration: Declaration | None = None

    def take(self, root: type, options: Options, declare: _Declare) -> None:
        """Declare the class that was named, now that it is there."""
        check_methods(root, options)
        self.problem = ""
        self._declaration = declare(root, options)

    def wait_for(self, module: str) -> None:
        """Note that the class is not there yet."""
        self.problem = f"module {module!r} was not imported"

    def remove(self) -> None:
        """Take the declaration back; a second time does nothing."""
        self.removed = True
        if self._declaration is not None:
            REGISTRY.remove(self._declaration)

    def coverage(self) -> list[SiteCoverage]:
        """Return every site of the hierarchy as it is now, traced or not and why not."""
        declaration = self._declaration
        if declaration is None:
            return [SiteCoverage(self.name, self.problem)]
        methods = declaration.options.methods
        return [
            SiteCoverage(str(class_ref(cls).site(name)), why_untraceable(cls, name, raw) or "")
            for cls in declaration.classes()
            for name, raw in present_methods(cls, methods)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<Instrumentation of {self.name}{': ' if self.problem else ''}{self.problem}>"


def why_untraceable(cls: type, name: str, raw: Any) -> str | None:
    """Return why a class's own method cannot be traced, or None if it can."""
    if is_immutable(cls):
        return "the class is immutable"
    if name in RESERVED:
        return "callscope itself needs it while it records"
    found = function_of(raw)
    if found is None:
        kind = type(raw)
        if kind.__name__ in (
            "wrapper_descriptor",
            "method_descriptor",
            "builtin_function_or_method",
        ):
            return "it is implemented in C"
        return f"descriptors of type {kind.__name__} are not traced yet"
    # Imported where it is used: a library that only declares its classes does not pay for it.
    from callscope.shadow import why_not

    return why_not(found[0])


def present_methods(cls: type, methods: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield a class's own methods that match, as they would be without callscope."""
    from callscope.shadow import ABSENT, without_callscope

    for name, raw in own_methods(cls, methods):
        present = without_callscope(raw)
        if present is not ABSENT:
            yield name, present


def check_methods(root: type, options: Options) -> None:
    """Check that some class of the hierarchy defines one of the methods.

    Raises:
        NoMethodsError: if none does.
    """
    for cls in subclasses(root):
        if any(own_methods(cls, options.methods)):
            return
    own = [name for name, _ in own_methods(root, ("*", "__init__", "__call__"))]
    wanted = ", ".join(options.methods)
    has = f" It defines {', '.join(own[:8])}: name them in methods=." if own else ""
    msg = f"Neither {qualified_name(root)!r} nor a subclass of it defines any of {wanted}.{has}"
    raise NoMethodsError(msg)


def instrument(
    target: type | str,
    *,
    methods: Iterable[str] | None = None,
    capture: Capture | None = None,
    redact: Iterable[str] = (),
) -> Instrumentation:
    """Declare a class that is not yours, and all its subclasses, present and future.

    Args:
        target: the class, or its path ``"package.module:Class"``. A path whose module is not
            imported yet is applied when that happens; callscope imports nothing.
        methods: as for `traced`.
        capture: as for `traced`.
        redact: as for `traced`.

    Raises:
        TargetError: if the target is neither a class nor the path of one.
        TargetModuleError: if the path's top-level package does not exist.
        TargetNotFoundError: if the module is imported and has no such class.
        ImmutableClassError: if the class takes no new attributes.
        NoMethodsError: if no class of the hierarchy defines any of the methods.
        OptionError: if an option has a value that cannot be used.
    """
    return place(target, check_options(methods, capture, redact), _declare_from_outside)


def place(target: type | str, options: Options, declare: _Declare) -> Instrumentation:
    """Check a target and pass its class to `declare`, now or when its module is imported."""
    if not isinstance(target, str):
        root = check_class(target)
        handle = Instrumentation(qualified_name(root))
        handle.take(root, options, declare)
        return handle
    path = parse_path(target)
    handle = Instrumentation(str(path))
    module = sys.modules.get(path.module)
    if module is not None and not _is_being_imported(module):
        handle.take(find_class(path, module), options, declare)
        return handle
    check_module(path.module)
    handle.wait_for(path.module)
    arrival = _Arrival(path, options, declare, handle)
    if module is not None:
        REGISTRY.wait(arrival.settle)  # no hook is called for an import that has begun already
        return handle
    # Imported where it is used: it takes several times as long as all the rest of callscope.
    import wrapt

    wrapt.register_post_import_hook(arrival.apply, path.module)
    return handle


def _is_being_imported(module: types.ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Arrival:
    """Takes a target named by path once its module is there."""

    def __init__(
        self, path: TargetPath, options: Options, declare: _Declare, handle: Instrumentation
    ) -> None:
        self._path = path
        self._options = options
        self._declare = declare
        self._handle = handle

    def apply(self, module: types.ModuleType) -> None:
        """Take the class of the module, or warn that it has none.

        Nothing is raised: it would come out of the traced program's own import statement.
        """
        if self._handle.removed:
            return
        try:
            self._handle.take(find_class(self._path, module), self._options, self._declare)
        except CallscopeError as error:
            self._handle.problem = str(error)
            warn(f"{error} Nothing is traced for it.", TargetWarning)

    def settle(self) -> bool:
        """Take the class if its module is imported by now; tell whether there is no more to do."""
        module = sys.modules.get(self._path.module)
        if module is None or _is_being_imported(module):
            return self._handle.removed or module is None
        self.apply(module)
        return True


def uninstrument(target: type) -> None:
    """Take back the declarations of a class, however it was declared.

    Raises:
        TargetError: if the target is no class.
        NotDeclaredError: if the class has no declaration of its own.
    """
    found = REGISTRY.of(check_class(target))
    if not found:
        name = qualified_name(target)
        declared = ", ".join(d.name for d in REGISTRY.declarations()) or "nothing"
        msg = f"{name!r} is not declared, so there is nothing to take back. Declared: {declared}."
        raise NotDeclaredError(msg)
    for declaration in found:
        REGISTRY.remove(declaration)

"""Declaration of third-party classes: `instrument`, its handle, and the coverage of sites."""

from __future__ import annotations

import sys

from callscope.declare.options import Options, check_options
from callscope.declare.registry import REGISTRY, Declaration
from callscope.declare.targets import check_class, check_module, find_class, parse_path
from callscope.errors import (
    CallscopeError,
    NoMethodsError,
    NotDeclaredError,
    TargetWarning,
    nearest_first,
    some_of,
    warn,
)
from callscope.introspect.classes import (
    ABSENT,
    is_immutable,
    is_set_by_metaclass,
    is_subclass,
    original_of,
    own_methods,
    qualified_name,
    selects,
)
from callscope.introspect.sites import class_ref

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Final, Self

    from callscope.declare.options import Capture
    from callscope.declare.targets import TargetPath

    _Declare = Callable[[Declaration], object]

RESERVED: Final = frozenset({"__init_subclass__", "__del__"})
"""Methods through which the weaver observes new subclasses and finalized objects."""


class SiteCoverage:
    """Coverage of one site: traced or not, and why."""

    __slots__ = ("note", "reason", "site")

    def __init__(self, site: str, reason: str, note: str = "") -> None:
        self.site: str = site
        """Module-qualified class and method: ``"app.Layer.__call__"``."""
        self.reason: str = reason
        """Reason why it is not traced; empty for a traced site."""
        self.note: str = note
        """Note on the part of its calls that a trace does not show; empty for most sites."""

    @property
    def traceable(self) -> bool:
        """True if a recording weaves the site."""
        return not self.reason

    def __repr__(self) -> str:
        return f"<{self.site}: {self.reason or self.note or 'traced'}>"


class Instrumentation:
    """A removable declaration: call `remove`, or use it in a ``with`` statement."""

    def __init__(self, name: str) -> None:
        self.name = name
        """The class as named by the caller."""
        self.removed: bool = False
        """True once the declaration was removed."""
        self._missing = ""
        self._declaration: Declaration | None = None
        self._may_grow = False
        self._with_bases = False

    @property
    def problem(self) -> str:
        """Reason why nothing is traced: a missing target, or no class with the methods."""
        return self._missing or self._lacks_methods()

    def _take(self, root: type, options: Options, declare: _Declare) -> None:
        """Declare the named class, now that it exists.

        If its module has just been imported, future subclasses may define the methods.
        """
        self._may_grow = bool(self._missing)
        declaration = Declaration(root, options, with_bases=self._with_bases)
        if not self._may_grow:
            check_methods(declaration)
        self._missing = ""
        self._declaration = declaration
        declare(declaration)

    def _wait_for(self, module: str) -> None:
        """Note that the class does not exist yet."""
        self._missing = f"Module {module!r} was not imported."

    def _give_up(self, problem: str) -> None:
        """Note that the class cannot be found."""
        self._missing = problem

    def _lacks_methods(self) -> str:
        """Return a message if no class of the hierarchy defines any of the methods yet."""
        declaration = self._declaration
        root = declaration.root() if declaration is not None and self._may_grow else None
        if declaration is None or root is None:
            return ""
        try:
            check_methods(declaration)
        except NoMethodsError as error:
            return str(error)
        return ""

    def remove(self) -> None:
        """Remove the declaration; a second call does nothing."""
        self.removed = True
        if self._declaration is not None:
            REGISTRY.remove(self._declaration)

    def coverage(self) -> list[SiteCoverage]:
        """Return each present site of the hierarchy: traced or not, and the reason."""
        declaration = self._declaration
        if declaration is None or self.problem:
            return [SiteCoverage(self.name, self.problem)]
        methods = declaration.options.methods
        return [
            SiteCoverage(f"{class_ref(cls).name}.{method}", reason, note)
            for cls in declaration.classes()
            for method, reason, note in _coverage_of(cls, methods)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<Instrumentation of {self.name}{': ' if self.problem else ''}{self.problem}>"


def _coverage_of(cls: type, methods: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield the methods of a class, why each is not traced, and a note on what a trace misses.

    Reserved methods that could not be watched come last.
    """
    from callscope.introspect.descriptors import note_of

    problems = class_ref(cls).problems
    for name, raw, method, reason in own_sites(cls, methods):
        yield method, reason or problems.get(name, ""), note_of(raw)
    yield from ((name, reason, "") for name, reason in problems.items() if name in RESERVED)


def own_sites(cls: type, methods: tuple[str, ...]) -> Iterator[tuple[str, Any, str, str]]:
    """Yield a class's own matching sites: the name, the `__dict__` entry, the method, the reason.

    The entry is as it would be without callscope. A property has up to three methods: ``size``,
    ``size.setter`` and ``size.deleter``. The reason why a method cannot be traced is empty for one
    that can.
    """
    # Imported lazily: a library that only declares its classes does not pay for it.
    from callscope.introspect.descriptors import parts_of

    general = ""
    if is_immutable(cls):
        general = "the class is immutable"
    elif qualified_name(cls).startswith("torch._dynamo."):
        general = "torch's compiler reads its code"
    for name, entry in own_methods(cls, methods):
        raw = original_of(entry)
        if raw is ABSENT:
            continue
        reason = general
        if not reason and name in RESERVED:
            reason = "callscope itself needs it while it records"
        is_set = is_set_by_metaclass(cls, name)
        conflict = "the metaclass has a data descriptor of that name" if is_set else ""
        for suffix, own_reason in parts_of(raw):
            yield name, raw, name + suffix, reason or own_reason or conflict


def check_methods(declaration: Declaration) -> None:
    """Check that a class of a hierarchy, or a base that belongs to it, defines a selected method.

    Raises:
        NoMethodsError: if none does.
    """
    patterns = declaration.options.methods
    classes = [*declaration.classes(), *declaration.bases()]
    if not classes or any(any(own_methods(cls, patterns)) for cls in classes):
        return
    msg = (
        f"Neither {declaration.name!r} nor a subclass of it defines any of {', '.join(patterns)}."
        f"{present_text(classes, patterns)}"
    )
    raise NoMethodsError(msg)


def present_text(classes: Iterable[type], patterns: tuple[str, ...]) -> str:
    """Return a sentence on the methods that classes define, similar names first.

    Args:
        classes: the classes.
        patterns: the requested names, or patterns.
    """
    classes = [*classes]
    names = (name for cls in classes for name, _ in own_methods(cls, ("*",)))
    others = nearest_first((name for name in names if not selects(patterns, name)), patterns)
    if not others:
        return ""
    subject = "They define" if len(classes) > 1 else "It defines"
    return f" {subject} {some_of(others)}: name them in methods=."


def instrument(
    target: type | str,
    *,
    methods: Iterable[str] | None = None,
    capture: Capture | None = None,
    redact: Iterable[str] = (),
) -> Instrumentation:
    """Declare a third-party class and all its subclasses, present and future.

    Args:
        target: the class, or its path ``"package.module:Class"``; a dot may replace the colon. If
            the module is not imported yet, the path is applied on its import; callscope imports
            nothing.
        methods: as for `traced`.
        capture: as for `traced`.
        redact: as for `traced`.

    Raises:
        TargetError: if the target is neither a class nor the path of one.
        TargetModuleError: if the path's top-level package does not exist.
        TargetNotFoundError: if the module is imported and has no such class.
        ImmutableClassError: if the class takes no new attributes.
        NoMethodsError: if no class of the hierarchy defines any of the methods.
        OptionError: if an option has an invalid value.
    """
    return place(target, check_options(methods, capture, redact), REGISTRY.add)


def place(
    target: type | str,
    options: Options,
    declare: _Declare,
    *,
    must_exist: bool = True,
    with_bases: bool = False,
    report: Callable[[str], None] | None = None,
) -> Instrumentation:
    """Check a target and pass its declaration to `declare`, now or when its module is imported.

    Args:
        target: the class, or its path.
        options: how its hierarchy is traced.
        declare: receives the declaration.
        must_exist: whether a target that cannot be imported is an error.
        with_bases: whether the methods of its bases belong to it.
        report: receives the problem if the imported module has no such class; by default it is a
            warning.
    """
    if not is_subclass(type(target), str):  # `isinstance` may ask a class for its `__class__`
        root = check_class(target)
        handle = Instrumentation(qualified_name(root))
        handle._with_bases = with_bases
        handle._take(root, options, declare)
        return handle
    path = parse_path(str(target))
    handle = Instrumentation(str(path))
    handle._with_bases = with_bases
    module = sys.modules.get(path.module)
    if module is not None and not is_being_imported(module):
        handle._take(find_class(path, module), options, declare)
        return handle
    if must_exist:
        check_module(path.module)
    handle._wait_for(path.module)
    arrival = _Arrival(path, options, declare, handle, report or warn_of_target)
    if module is not None:
        REGISTRY.wait(arrival.settle)  # no hook runs for an import that has already begun
        return handle
    # Imported lazily: it takes several times as long as all the rest of callscope.
    import wrapt

    wrapt.register_post_import_hook(arrival.apply, path.module)
    return handle


def warn_of_target(problem: str) -> None:
    """Warn about a target that is not traced."""
    warn(f"{problem} Nothing is traced for it.", TargetWarning)


def is_being_imported(module: types.ModuleType) -> bool:
    """Return whether the import of a module has begun and not ended."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Arrival:
    """Target path that waits for the import of its module."""

    def __init__(
        self,
        path: TargetPath,
        options: Options,
        declare: _Declare,
        handle: Instrumentation,
        report: Callable[[str], None],
    ) -> None:
        self._path = path
        self._options = options
        self._declare = declare
        self._handle = handle
        self._report = report

    def apply(self, module: types.ModuleType) -> None:
        """Declare the class of the module, or report that it is missing.

        Nothing is raised: the error would come from the traced program's own import statement.
        """
        if self._handle.removed:
            return
        try:
            self._handle._take(find_class(self._path, module), self._options, self._declare)
        except CallscopeError as error:
            self._handle._give_up(str(error))
            self._report(str(error))

    def settle(self) -> bool:
        """Declare the class if its module is now imported; return whether it is settled."""
        module = sys.modules.get(self._path.module)
        if module is None or is_being_imported(module):
            return self._handle.removed or module is None
        self.apply(module)
        return True


def uninstrument(target: type) -> None:
    """Remove the declarations of a class, however it was declared.

    Raises:
        TargetError: if the target is not a class.
        NotDeclaredError: if the class has no declaration of its own.
    """
    declarations = REGISTRY.by_root(check_class(target))
    if not declarations:
        name = qualified_name(target)
        declared = ", ".join(d.name for d in REGISTRY.declarations()) or "nothing"
        msg = f"{name!r} is not declared, so there is nothing to remove. Declared: {declared}."
        raise NotDeclaredError(msg)
    for declaration in declarations:
        REGISTRY.remove(declaration)

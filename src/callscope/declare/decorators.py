"""Declarations within a class's own source: `traced`, `Traced` and `TracedMeta`.

Declaring changes no class. A recording weaves what it finds in the registry.
"""

from __future__ import annotations

from callscope.declare.options import Options, check_options
from callscope.declare.registry import REGISTRY, Declaration
from callscope.declare.targets import check_class
from callscope.introspect.classes import MACHINERY

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar, overload

    from callscope.declare.options import Capture

    _C = TypeVar("_C", bound=type)


MACHINERY.add(__name__)


def _declare_itself(root: type, options: Options) -> None:
    REGISTRY.replace(Declaration(root, options, by_class_itself=True))


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

    The same class is returned, unchanged: methods are wrapped only while a recording runs.

    Args:
        cls: the class, when used as ``@traced`` without parentheses.
        methods: names of methods, or `fnmatch` patterns, by default ``__init__``, ``__call__``
            and ``call``. ``"*"`` includes ``__init__`` and ``__call__``; other dunder names need
            a pattern that begins with ``__``.
        capture: ``"values"``, ``"types"`` or ``"none"``; by default the recording's setting.
        redact: names, or patterns, of arguments to hide, in addition to passwords, tokens etc.

    Raises:
        TargetError: if the decorated object is not a class.
        ImmutableClassError: if the class takes no new attributes.
        OptionError: if an option has an invalid value.
    """
    options = check_options(methods, capture, redact)

    def decorate(cls: _C) -> _C:
        _declare_itself(check_class(cls), options)
        return cls

    return decorate if cls is None else decorate(cls)


class TracedMeta(type):
    """Metaclass that declares the root of a hierarchy; its options are class keywords.

    ``class Base(metaclass=TracedMeta, methods=("__call__", "call")): ...`` is the same as
    `traced` with these options. The keywords never reach ``__init_subclass__``. A subclass with
    options of its own is declared with them, too.
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
        """Create the class; declare it if it is the root of a hierarchy or has options."""
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

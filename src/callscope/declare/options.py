"""Options of a hierarchy, and validation of user input for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from callscope.declare.presets import DEFAULT_METHODS
from callscope.errors import OptionError, shown

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from typing import Any, Final, Literal

    Capture = Literal["values", "types", "none"]
    Share = float | Mapping[str, float]
    """One number for the outermost calls, or one for each pattern of sites."""

CAPTURES: Final[tuple[Capture, ...]] = ("none", "types", "values")
"""Levels of capture of arguments and results, least revealing first."""


class Options:
    """Tracing options of a hierarchy's methods.

    Args:
        methods: names of methods, or `fnmatch` patterns.
        capture: upper limit of what is kept; None leaves it to the recording.
        redact: names of arguments to hide, or patterns.
    """

    __slots__ = ("capture", "methods", "redact")

    def __init__(
        self,
        methods: tuple[str, ...] = DEFAULT_METHODS,
        capture: Capture | None = None,
        redact: tuple[str, ...] = (),
    ) -> None:
        self.methods: tuple[str, ...] = methods
        self.capture: Capture | None = capture
        self.redact: tuple[str, ...] = redact

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Options):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.methods, self.capture, self.redact))


def check_options(
    methods: Iterable[str] | None = None,
    capture: str | None = None,
    redact: Iterable[str] = (),
) -> Options:
    """Return the validated options.

    Raises:
        OptionError: naming the option, its value and the remedy.
    """
    chosen = DEFAULT_METHODS if methods is None else check_names("methods", methods)
    if not chosen:
        raise OptionError(
            "methods must be at least one name, got (). Name one, or leave the option out."
        )
    return Options(chosen, check_capture(capture), check_names("redact", redact))


def check_capture(capture: str | None) -> Capture | None:
    """Return the validated capture level.

    Raises:
        OptionError: if it is not one of `CAPTURES`.
    """
    if capture is None:
        return None
    for level in CAPTURES:
        if capture == level:
            return level
    raise OptionError(must_be("capture", one_of(CAPTURES), capture))


def check_names(option: str, names: object) -> tuple[str, ...]:
    """Return validated names or patterns; a string is a single one.

    Raises:
        OptionError: naming the option, its value and the remedy.
    """
    several: object = (names,) if isinstance(names, str) else names
    listed: tuple[Any, ...] = tuple(several) if isinstance(several, Iterable) else (None,)
    if not all(isinstance(name, str) and name for name in listed):
        allowed = "a name, a pattern or several of them, such as ('__call__', 'call*')"
        raise OptionError(must_be(option, allowed, names))
    return listed


def check_predicate(option: str, predicate: Callable[..., object]) -> None:
    """Check that a function can be called with one `Call`.

    Raises:
        OptionError: naming the option and its value.
    """
    if isinstance(predicate, type) or not callable(predicate) or not _takes_one(predicate):
        allowed = "a callable taking a Call and returning a bool"
        raise OptionError(must_be(option, allowed, predicate))


def _takes_one(function: Callable[..., object]) -> bool:
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True  # as for many functions written in C
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


def must_be(option: str, allowed: str, value: object) -> str:
    """Return the message for an option with an invalid value."""
    return f"{option} must be {allowed}, got {shown(value)}."


def one_of(allowed: Iterable[object]) -> str:
    """Return a phrase that lists the allowed values."""
    *others, last = map(repr, allowed)
    return f"{', '.join(others)} or {last}" if others else last


def check_share(option: str, share: Share | None, most: float | None) -> Share | None:
    """Return a validated number, or dict of numbers by site.

    Args:
        option: name of the option.
        share: its value; None if it was not given.
        most: the largest number; None for no limit, and then zero is not allowed.

    Raises:
        OptionError: naming the option, its value and the remedy.
    """
    by_site = share if isinstance(share, Mapping) else {"*": share}
    allowed = "a number above 0" if most is None else f"a number from 0 to {most:g}"
    for pattern, value in by_site.items() if share is not None else ():
        if not isinstance(pattern, str) or not pattern:
            keys = f"the keys of {option}"
            raise OptionError(must_be(keys, "sites, or patterns such as 'Layer.__call__'", pattern))
        if not _is_share(value, most):
            raise OptionError(must_be(option, f"{allowed}, or a dict of such by site", value))
    return share


def _is_share(value: object, most: float | None) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return 0 < value < math.inf if most is None else 0 <= value <= most

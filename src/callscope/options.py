"""How a hierarchy is traced, and the checks of what people say about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from callscope.errors import OptionError, shown
from callscope.presets import DEFAULT_METHODS

TYPE_CHECKING = False  # see callscope.hierarchy
if TYPE_CHECKING:
    from typing import Final, Literal

    Capture = Literal["values", "types", "none"]
    Share = float | Mapping[str, float]
    """For the outermost calls; or for the sites that fit each pattern."""

CAPTURES: Final[tuple[Capture, ...]] = ("none", "types", "values")
"""How much of arguments and results is kept, the least revealing first."""


class Options:
    """How the methods of a hierarchy are traced.

    Args:
        methods: names of methods, or `fnmatch` patterns.
        capture: how much is kept at most; None leaves it to the recording.
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
    """Return the options, or say which of them cannot be used.

    Raises:
        OptionError: naming the option, its value and the remedy.
    """
    chosen = DEFAULT_METHODS if methods is None else _names("methods", methods)
    if not chosen:
        raise OptionError("methods=() traces nothing. Name a method, or leave the option out.")
    return Options(chosen, check_capture(capture), _names("redact", redact))


def check_capture(capture: str | None) -> Capture | None:
    """Return how much is captured, checked.

    Raises:
        OptionError: if it is none of `CAPTURES`.
    """
    if capture is None:
        return None
    for known in CAPTURES:
        if capture == known:
            return known
    allowed = ", ".join(map(repr, CAPTURES))
    msg = f"capture={capture!r} is not known. Use one of {allowed}."
    raise OptionError(msg)


def _names(option: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        msg = f"{option}={names!r} is a string, where a tuple of names belongs. Write {option}=({names!r},)."
        raise OptionError(msg)
    listed = tuple(names) if isinstance(names, Iterable) else ()
    if not isinstance(names, Iterable) or not all(isinstance(n, str) and n for n in listed):
        msg = f"{option}={names!r} is no tuple of names, such as ('__call__', 'call')."
        raise OptionError(msg)
    return listed


def check_share(option: str, share: Share | None, most: float | None) -> Share | None:
    """Return a number, or a dict of numbers by site, checked.

    Args:
        option: what it is called.
        share: its value; None if it was not given.
        most: the largest number; None if there is none, and then zero is none either.

    Raises:
        OptionError: naming the option, its value and the remedy.
    """
    by_site = share if isinstance(share, Mapping) else {"*": share}
    allowed = "a number above 0" if most is None else f"a number from 0 to {most:g}"
    for pattern, value in by_site.items() if share is not None else ():
        if not isinstance(pattern, str) or not pattern:
            msg = f"{option}: {shown(pattern)} is no pattern of sites, such as 'Layer.__call__'."
            raise OptionError(msg)
        if not _is_share(value, most):
            msg = f"{option}={shown(value)} cannot be used. Give {allowed}, or a dict of such by site."
            raise OptionError(msg)
    return share


def _is_share(value: object, most: float | None) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return 0 < value < math.inf if most is None else 0 <= value <= most

"""Base of the sinks that write to loggers, and the logging levels of events."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final, TypeAlias, get_args

from callscope.declare.options import must_be, one_of
from callscope.errors import OptionError
from callscope.introspect.classes import bare_name, qualified_name
from callscope.trace import Event, EventKind, Header

Level: TypeAlias = int | str | None
"""A number or a name such as ``"INFO"``; None leaves the event out."""

DEFAULTS: Final[Mapping[EventKind, Level]] = {
    "call": logging.DEBUG,
    "return": logging.DEBUG,
    "raise": logging.WARNING,
    "suspend": None,
    "resume": None,
}


class Levels:
    """Mapping of events to levels.

    Args:
        by_kind: levels of kinds, instead of the `DEFAULTS`.
        by_error: levels of the event ``raise``, by exception class or by a name or pattern of
            names; the first match counts.

    Raises:
        OptionError: if a kind or a level is not known.
    """

    def __init__(
        self,
        by_kind: Mapping[EventKind, Level] | None = None,
        by_error: Mapping[type[BaseException] | str, Level] | None = None,
    ) -> None:
        for kind in by_kind or ():
            if kind not in get_args(EventKind):
                raise OptionError(must_be("the keys of levels", one_of(get_args(EventKind)), kind))
        levels = {**DEFAULTS, **(by_kind or {})}
        self._by_kind = {kind: _number(level) for kind, level in levels.items()}
        self._by_error = [
            (_name(error), _number(level)) for error, level in (by_error or {}).items()
        ]

    def level(self, event: Event) -> int | None:
        """Return the level of an event; None if it is left out."""
        error = event.call.error
        if event.kind == "raise" and error is not None:
            for pattern, level in self._by_error:
                if fnmatchcase(error.type, pattern) or fnmatchcase(bare_name(error.type), pattern):
                    return level
        return self._by_kind[event.kind]


class LoggerSink:
    """Sink that writes to loggers, which belong to the program."""

    exits_first: Final = True
    """True: at exit, recordings end before the logging handlers do."""

    def __init__(
        self,
        levels: Mapping[EventKind, Level] | None,
        error_levels: Mapping[type[BaseException] | str, Level] | None,
    ) -> None:
        self._levels = Levels(levels, error_levels)
        self._offset_ns = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def on_start(self, header: Header, /) -> None:
        """Store the offset of the clock of the calls from the time of day."""
        self._offset_ns = header.start_unix_ns - header.start_ns

    on_fork = on_start

    def flush(self) -> None:
        """Do nothing: the program decides when its loggers write."""

    def close(self) -> None:
        """Do nothing: the loggers belong to the program."""


def _name(error: type[BaseException] | str) -> str:
    # As `CallError` names it: builtins without their module.
    return error if isinstance(error, str) else qualified_name(error).removeprefix("builtins.")


def _number(level: Level) -> int | None:
    if level is None or type(level) is int:
        return level
    names = logging.getLevelNamesMapping()
    if level not in names:
        raise OptionError(must_be("a level", f"an integer, None or {one_of(names)}", level))
    return names[str(level)]


def module_of(defining_class: str) -> str:
    """Return the module part of a class's qualified name."""
    name = defining_class.partition(".<locals>")[0]
    while "." in name:
        name = name.rpartition(".")[0]
        if name in sys.modules:
            return name
    return defining_class.partition(".<locals>")[0].rpartition(".")[0] or defining_class

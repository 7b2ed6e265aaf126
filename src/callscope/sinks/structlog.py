"""Sink that writes calls to structlog: one event dict each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from callscope.errors import MissingExtraError
from callscope.sinks.levels import Level, LoggerSink, module_of
from callscope.trace import Event, EventKind


class Structlog(LoggerSink):
    """Sink that writes to structlog, as the program has configured it.

    The event's name is ``call``, ``return`` or ``raise``; its dict has the fields of the event
    schema and ``time_unix_ns``. Its logger is that of the defining class's module.

    Args:
        levels: the level of each kind of event, as a number or a name; None leaves it out. By
            default ``call`` and ``return`` are ``DEBUG``, ``raise`` is ``WARNING``, and ``suspend``
            and ``resume`` are left out.
        error_levels: levels of ``raise``, by exception class or by a pattern of its name.
        logger: one logger for all events, not one per module.

    Raises:
        MissingExtraError: if ``structlog`` is not installed.
        OptionError: if a kind or a level is not known.
    """

    def __init__(
        self,
        *,
        levels: Mapping[EventKind, Level] | None = None,
        error_levels: Mapping[type[BaseException] | str, Level] | None = None,
        logger: Any = None,
    ) -> None:
        try:
            from structlog import get_logger
        except ImportError:
            raise MissingExtraError.for_feature("callscope.Structlog", "structlog") from None
        self._get_logger = get_logger
        super().__init__(levels, error_levels)
        self._logger = logger
        self._loggers: dict[str, Any] = {}

    def on_event(self, event: Event, /) -> None:
        """Log one event."""
        level = self._levels.level(event)
        if level is None:
            return
        fields = event.to_dict()
        name = fields.pop("kind")
        fields["time_unix_ns"] = event.ts_ns + self._offset_ns
        # Every kind of logger has these methods, and few take a level as an argument.
        logger = self._find_logger(event)
        getattr(logger, _method(level))(name, **fields)

    def _find_logger(self, event: Event) -> Any:
        if self._logger is not None:
            return self._logger
        module = module_of(event.call.defining_class)
        if module not in self._loggers:
            self._loggers[module] = self._get_logger(module)
        return self._loggers[module]


def _method(level: int) -> str:
    steps = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO)
    at_most = next((step for step in steps if level >= step), logging.DEBUG)
    return logging.getLevelName(at_most).lower()

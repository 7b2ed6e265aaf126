"""Sink that writes calls to the standard library's `logging`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from callscope.sinks.levels import Level, LoggerSink, module_of
from callscope.trace import Call, Event, EventKind, call_text, outcome_text

_OWN: Final = (logging.Handler, logging.Filterer, logging.Formatter, logging.LogRecord)
_UNKNOWN_FILE: Final = "(unknown file)"


class Logging(LoggerSink):
    """Sink that writes each event to the logger of the defining class's module.

    A record's message is ``"call %s"``, ``"return %s"`` or ``"raise %s"``; its one argument
    is formatted only on demand. The fields of the event are attributes of the record, with
    the prefix ``callscope_``. Time, thread, process, file, line and function of the record are
    those of the call.

    Calls of logging's own classes, such as handlers, are left out: each record would cause more.

    Args:
        levels: the level of each kind of event, as a number or a name; None leaves it out. By
            default ``call`` and ``return`` are ``DEBUG``, ``raise`` is ``WARNING``, and ``suspend``
            and ``resume`` are left out.
        error_levels: levels of ``raise``, by exception class or by a pattern of its name.
        logger: name of one logger for all events, not one per module.

    Raises:
        OptionError: if a kind or a level is not known.
    """

    def __init__(
        self,
        *,
        levels: Mapping[EventKind, Level] | None = None,
        error_levels: Mapping[type[BaseException] | str, Level] | None = None,
        logger: str | None = None,
    ) -> None:
        super().__init__(levels, error_levels)
        self._logger = logger

    def on_event(self, event: Event, /) -> None:
        """Log one event, if its level is enabled."""
        level = self._levels.level(event)
        if level is None or _is_of_logging(event.call.runtime_class):
            return
        name = module_of(event.call.defining_class) if self._logger is None else self._logger
        logger = logging.getLogger(name)
        if logger.isEnabledFor(level):
            logger.handle(self._record(logger, level, event))

    def _record(self, logger: logging.Logger, level: int, event: Event) -> logging.LogRecord:
        call = event.call
        record = logger.makeRecord(
            logger.name,
            level,
            call.file or _UNKNOWN_FILE,
            call.line or 0,
            f"{event.kind} %s",
            (_Text(call, event.kind),),
            None,
            call.method,
            _fields(event),
        )
        created = (event.ts_ns + self._offset_ns) / 1e9
        record.relativeCreated += (created - record.created) * 1e3
        record.created = created
        record.msecs = int(created % 1 * 1e3)
        record.process = event.pid
        record.threadName = call.thread
        record.thread = 0  # unknown
        if hasattr(record, "taskName"):
            record.taskName = call.task
        return record


def _fields(event: Event) -> dict[str, Any]:
    fields = {f"callscope_{name}": value for name, value in event.to_dict().items()}
    error = fields.pop("callscope_error", None)
    if error is not None:
        fields["callscope_error_type"] = error["type"]
        fields["callscope_error_message"] = error["message"]
    return fields


class _Text:
    """A call, with its outcome if it has ended; formatted on demand."""

    __slots__ = ("_call", "_kind")

    def __init__(self, call: Call, kind: EventKind) -> None:
        self._call = call
        self._kind = kind

    def __str__(self) -> str:
        has_ended = self._kind in ("return", "raise")
        return call_text(self._call) + (outcome_text(self._call) if has_ended else "")

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


@lru_cache(maxsize=1_024)
def _is_of_logging(name: str) -> bool:
    """Return whether a class is one that log records pass through."""
    module = sys.modules.get(module_of(name))
    value: object = module
    for part in name.removeprefix(f"{module_of(name)}.").split("."):
        value = getattr(value, "__dict__", {}).get(part)
    return isinstance(value, type) and issubclass(value, _OWN)

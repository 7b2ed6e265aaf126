"""The recording that the environment variables ``CALLSCOPE`` and its kin ask for."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from callscope.claim import beside, own_path
from callscope.errors import CallscopeError, TargetWarning, warn
from callscope.formats import check_suffix, is_streamed
from callscope.limits import DEFAULT_MAX_CALLS, Limits
from callscope.options import check_options
from callscope.origin import PARENT, fill, run_id
from callscope.recording import Recording
from callscope.trace import Sink

TARGETS: Final = "CALLSCOPE"
"""``1`` for all that is declared, or a comma-separated list of class paths
(``keras.layers:Layer``) and of patterns of declared classes' qualified names (``mylib.*``). ``0``
asks for nothing."""
METHODS: Final = "CALLSCOPE_METHODS"
"""Comma-separated names of methods, or patterns; by default what was declared."""
CAPTURE: Final = "CALLSCOPE_CAPTURE"
"""``values`` (the default), ``types`` or ``none``."""
TO: Final = "CALLSCOPE_TO"
"""The file the trace goes to; or ``logging:``, ``otel:`` or ``structlog:``, for the sink that
writes to what the program has configured. Without it, the tree is printed to stderr at exit."""
_SINKS: Final = {
    "logging:": ("logging", "Logging"),
    "otel:": ("opentelemetry", "OpenTelemetry"),
    "structlog:": ("structlog", "Structlog"),
}


def start(environment: Mapping[str, str]) -> None:
    """Record until the interpreter exits, if the variables ask for it.

    Nothing is raised: the variables must not break a program that merely imports a library which
    uses callscope. What cannot be followed is warned about.
    """
    names = _listed(environment.get(TARGETS, ""))
    if not names or names == ["0"]:
        return
    to = environment.get(TO, "")
    # Absolute, so that it names the same file in a process that is started in another folder.
    path = Path(to).absolute() if to and to not in _SINKS else None
    is_first = PARENT not in environment
    if is_first:
        os.environ[PARENT] = run_id()
        if path is not None:
            os.environ[TO] = str(path)
    elif path is not None and "{pid}" not in str(path):
        path = beside(path)
    targets = tuple(name for name in names if ":" in name)
    patterns = tuple("*" if name == "1" else name for name in names if ":" not in name)
    methods = _listed(environment.get(METHODS, "")) or None
    streams = path is not None and is_streamed(path)
    limits = Limits(max_calls=None if streams or to in _SINKS else DEFAULT_MAX_CALLS)
    try:
        if path is not None:
            check_suffix(fill(str(path)))
        sinks = [_make_sink(to)] if to in _SINKS else []
        recording = _UntilExit(
            targets,
            patterns,
            check_options(methods, environment.get(CAPTURE) or None),
            limits,
            sinks,
            to=path if streams else None,
            keep=not sinks,
            replaces_methods=methods is not None,
            # Other processes need not be able to import all of it; and `run --children` begins in
            # them before they know where they import from.
            must_exist=is_first,
        )
        recording.path = path
        recording.hands_out = not streams and not sinks
        recording.__enter__()
    except CallscopeError as error:
        warn(f"{TARGETS}={environment[TARGETS]!r} cannot be followed. {error}", TargetWarning)


def _make_sink(to: str) -> Sink:
    module, name = _SINKS[to]
    sink: Sink = getattr(importlib.import_module(f"callscope.sinks.{module}"), name)()
    return sink


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


class _UntilExit(Recording):
    """Hands out what it has recorded when it ends; so does each child process that is forked."""

    path: Path | None = None
    hands_out = True
    """Whether the trace is printed or saved at the end."""
    _pid = os.getpid()

    def end(self) -> None:
        """End the recording; print or save the trace."""
        is_child = os.getpid() != self._pid
        was_running = self.is_running
        super().end()
        if not was_running or not self.hands_out or (is_child and not len(self.trace)):
            return
        if self.path is None:
            # The program may have left no stderr, or one that is closed.
            with suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(f"{self.trace}\n")
            return
        try:
            template = str(self.path)
            self.trace.save(own_path(template) if is_child else fill(template))
        except CallscopeError as error:
            warn(str(error), TargetWarning)

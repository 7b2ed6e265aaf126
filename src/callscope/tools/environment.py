"""Recording requested by the environment variables ``CALLSCOPE`` and ``CALLSCOPE_*``."""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from callscope.declare.registry import REGISTRY
from callscope.declare.targets import check_path
from callscope.errors import CallscopeError, OptionError, TargetWarning, TraceFileError, warn
from callscope.introspect.claim import own_path, remove, with_part
from callscope.introspect.origin import PARENT, fill, rank, run_id
from callscope.read.formats import check_suffix, is_streamed
from callscope.read.parts import part_of, save_joined
from callscope.recording.config import check_config
from callscope.recording.lifecycle import RUNNING
from callscope.recording.recording import Recording
from callscope.tools.options import listed
from callscope.trace import Sink

TARGETS: Final = "CALLSCOPE"
"""``1`` for all declared classes, or a comma-separated list of class paths
(``keras.layers:Layer``) and of patterns of declared classes' qualified names (``mylib.*``). ``0``
records nothing."""
METHODS: Final = "CALLSCOPE_METHODS"
"""Comma-separated names or patterns of methods; by default those declared."""
CAPTURE: Final = "CALLSCOPE_CAPTURE"
"""``values`` (the default), ``types`` or ``none``."""
TO: Final = "CALLSCOPE_TO"
"""The file for the trace; or ``logging:``, ``otel:`` or ``structlog:``, for the sink that uses
the program's configuration. Without it, the tree is printed to stderr at exit."""
_SINKS: Final = {
    "logging:": ("logging", "Logging"),
    "otel:": ("opentelemetry", "OpenTelemetry"),
    "structlog:": ("structlog", "Structlog"),
}


def start(environment: Mapping[str, str]) -> None:
    """Record until the interpreter exits, if the variables ask for it.

    It raises nothing: the variables must not break a program that merely imports a library that
    uses callscope. It warns about values that cannot be used.
    """
    names = listed([environment.get(TARGETS, "")])
    if not names or names == ["0"] or any(isinstance(one, _UntilExit) for one in RUNNING):
        return
    try:
        if not _is_command_line():
            _start(names, environment)
    except Exception as error:
        problem = error if isinstance(error, CallscopeError) else repr(error)
        warn(f"{TARGETS}={environment[TARGETS]!r} cannot be used. {problem}", TargetWarning)


def _start(names: list[str], environment: Mapping[str, str]) -> None:
    to = environment.get(TO, "")
    # Absolute, to name the same file in a process started in another folder.
    path = Path(to).absolute() if to and to not in _SINKS else None
    is_first = PARENT not in environment
    if is_first:
        os.environ[PARENT] = run_id()
        if path is not None:
            os.environ[TO] = str(path)
    targets = tuple(filter(_may_be_path, names))
    patterns = tuple("*" if name == "1" else name for name in names if ":" not in name)
    methods = listed([environment.get(METHODS, "")]) or None
    if path is not None:
        check_suffix(fill(str(path)))
        path = _own(path, is_first=is_first)
    if own := [name for name in names if name.startswith("__main__:")]:
        msg = (
            f"A target must be a class of a module other than __main__, got {own[0]!r}."
            f" Declare it with @traced, or use 'callscope run -t {own[0]} SCRIPT'."
        )
        raise OptionError(msg)
    streams = path is not None and is_streamed(path)
    sinks = [_make_sink(to)] if to in _SINKS else []
    config = check_config(
        targets,
        methods=methods,
        capture=environment.get(CAPTURE) or None,
        sinks=sinks,
        to=path if streams else None,
        keep=not sinks,
    )
    # Other processes may be unable to import some of it, and `run --children` begins in them before
    # their import path is complete.
    must_exist = is_first and not _is_startup() and all(":" in name for name in targets)
    recording = _UntilExit(config._replace(patterns=patterns, must_exist=must_exist))
    recording.is_first = is_first
    recording.target = path
    recording.is_part = path is not None and path.suffix != Path(to).suffix
    recording.hands_out = not streams and not sinks
    recording.__enter__()


def _own(path: Path, *, is_first: bool) -> Path:
    """Return the file of this process; its path may still contain fields to fill in."""
    if "{pid}" in str(path):
        return path
    if is_first:
        # Ranks do not know each other; each would replace the file of another.
        is_shared = not is_streamed(path) and rank() and "{rank}" not in str(path)
        return with_part(path, "rank{rank}") if is_shared else path
    if is_streamed(path):
        return with_part(path, str(os.getpid()))
    return part_of(Path(fill(str(path))))


def _is_command_line() -> bool:
    """Return whether the process is `callscope`, which must not overwrite a file it shows."""
    arguments = getattr(sys, "argv", None) or [""]
    if arguments[0] != "-m":
        return Path(arguments[0]).stem == "callscope"
    module = sys.orig_argv[len(sys.orig_argv) - len(arguments) :][:1]
    return module in (["callscope"], ["-mcallscope"])


def _is_startup() -> bool:
    """Return whether the interpreter starts and does not know the program's folder yet."""
    frame: types.FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "site":
        frame = frame.f_back
    return frame is not None


def _may_be_path(name: str) -> bool:
    """Return whether a name may be a class path; with dots alone, it is a pattern as well."""
    if ":" in name:
        return True
    return "." in name and not name.startswith("__main__.") and not {*"*?["} & {*name}


def _make_sink(to: str) -> Sink:
    module, name = _SINKS[to]
    sink: Sink = getattr(importlib.import_module(f"callscope.sinks.{module}"), name)()
    return sink


class _UntilExit(Recording):
    """Recording that prints or saves its trace when it ends, also in forked children."""

    target: Path | None = None
    """File to save; its fields are not filled in yet."""
    hands_out = True
    """True if the trace is printed or saved at the end."""
    is_first = True
    """True if no process before this one has begun to record."""
    _reported: tuple[str, ...] = ()
    is_part = False
    """True if it streams a part that the first process joins with its own."""
    _pid = os.getpid()

    @property
    def _hands_out(self) -> bool:
        return True

    def start_anew(self) -> None:
        """Reset in a child process, which streams its part of the first process's file."""
        if self.target is not None and self.hands_out and "{pid}" not in str(self.target):
            with suppress(TraceFileError):  # then it saves its own file
                self._stream_to(part_of(Path(fill(str(self.target)))))
                self.hands_out, self.is_part = False, True
        super().start_anew()

    def report(self, problem: str) -> None:
        """Warn about a target that is not traced."""
        self._reported += (problem,)
        super().report(problem)

    def _absence(self) -> str:
        return "" if self.problems else super()._absence()  # they are reported already

    def _report_rest(self) -> None:
        """Warn about targets whose modules were not imported or do not exist."""
        declared = {declaration.name for declaration in REGISTRY.declarations()}
        for handle in self._handles:
            problem = handle.problem
            is_declared = handle.name.replace(":", ".") in declared  # and followed as a pattern
            if problem and problem not in self._reported and not is_declared:
                try:
                    check_path(handle.name)
                except CallscopeError as error:
                    problem = str(error)
                self.report(problem)

    def end(self) -> None:
        """End the recording; print or save the trace."""
        is_fork = os.getpid() != self._pid
        is_child = is_fork or not self.is_first
        was_running = self.is_running
        super().end()
        if was_running and not is_child:
            self._report_rest()
        if was_running and self.is_part and self.path is not None and not self._reader.kept:
            remove(self.path)
        if not was_running or not self.hands_out or (is_child and not len(self.trace)):
            return
        if self.target is None:
            # The program may have removed or closed stderr.
            with suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(f"{self.trace}\n")
            return
        try:
            if is_fork:
                self.trace.save(own_path(str(self.target)))
            else:
                save_joined(self.trace, Path(fill(str(self.target))))
        except Exception as error:
            warn(str(error), TargetWarning)

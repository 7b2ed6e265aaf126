"""Debugger stops at a call: `record(break_on=...)`."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from callscope.declare.options import check_predicate, must_be
from callscope.errors import OptionError, PredicateWarning, is_interrupt, shown, warn
from callscope.introspect.classes import bare_name
from callscope.introspect.sites import Site
from callscope.tape.decode.reader import TapeReader
from callscope.trace import Call, Event
from callscope.weave import WEAVER
from callscope.weave.shadow import is_ours

if TYPE_CHECKING:
    from callscope.tape.decode.open_call import OpenCall

BreakOn: TypeAlias = str | Callable[[Call], bool]
"""A site, a pattern of sites, or a predicate on a call that begins: True stops there."""

_OURS: Final = __name__.partition(".")[0]


def check_break_on(break_on: BreakOn) -> BreakOn:
    """Return the option's value, checked.

    Raises:
        OptionError: if it is neither a pattern nor a function.
    """
    if isinstance(break_on, str) and break_on:
        return break_on
    if isinstance(break_on, type) or not callable(break_on):
        allowed = "a site, such as 'Layer.call', or a callable taking a Call and returning a bool"
        raise OptionError(must_be("break_on", allowed, break_on))
    check_predicate("break_on", break_on)
    return break_on


class Breakpoints:
    """Sink that enters the debugger as a call begins, in the frame of the method itself.

    The debugger is the one that `breakpoint` enters: `pdb`, the one ``PYTHONBREAKPOINT`` names, or
    that of an attached editor. A trace function (`sys.settrace`) calls `breakpoint` just before
    the interpreter runs the first line of the method.

    Args:
        break_on: where to stop.
    """

    live: Final = True

    def __init__(self, break_on: BreakOn) -> None:
        self._break_on: BreakOn | None = break_on
        self.reader: TapeReader | None = None
        """Reader of the calls that it receives."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The pattern of sites to stop at; empty if a function decides."""
        return (self._break_on,) if isinstance(self._break_on, str) else ()

    def may_stop_at(self, site: Site) -> bool:
        """Return whether it may stop at calls of a site."""
        if not isinstance(self._break_on, str):
            return True
        return fnmatchcase(f"{bare_name(site.defining.name)}.{site.method}", self._break_on)

    def on_event(self, event: Event, /) -> None:
        """Arrange a stop if a call to stop at begins."""
        if event.kind == "call" and self._fits(event.call) and self.reader is not None:
            for is_this, open_call in self.reader.innermost():
                if open_call.call is event.call:
                    _stop_in(WEAVER.codes_of(open_call.layout), open_call, in_this_thread=is_this)

    def _fits(self, call: Call) -> bool:
        if isinstance(self._break_on, str):
            return fnmatchcase(call.site, self._break_on)
        try:
            return self._break_on is not None and bool(self._break_on(call))
        except BaseException as error:
            if is_interrupt(error):
                raise
            self._break_on = None
            warn(f"break_on= raised {shown(error)}; it is no longer called.", PredicateWarning)
            return False

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self) -> None:
        """Do nothing: nothing is held open."""


def _stop_in(
    codes: Collection[types.CodeType], open_call: OpenCall, *, in_this_thread: bool
) -> None:
    if in_this_thread:
        _set_trace(_Stop(codes, sys.gettrace()))
    elif sys.version_info >= (3, 12):
        # Another thread read the event first; its own thread waits until the reading ends.
        threading.settrace_all_threads(_Stop(codes, None))
    else:
        warn(
            f"break_on= did not stop at a call of {open_call.layout.site} in another thread, which"
            " Python 3.11 cannot do. Leave out other sinks.",
            PredicateWarning,
        )


class _Stop:
    """Trace function that enters the debugger in the next frame of a method.

    Args:
        codes: code objects of the method; empty if it is not written in Python.
        before: the trace function that it replaces.
    """

    def __init__(self, codes: Collection[types.CodeType], before: Any) -> None:
        self._codes = codes
        self._before = before

    def __call__(self, frame: types.FrameType, kind: str, argument: Any) -> Any:
        fits = frame.f_code in self._codes if self._codes else not _is_ours(frame)
        if kind == "call" and fits:
            _set_trace(self._before)
            _enter(frame)
            if frame.f_trace is not None:
                return frame.f_trace  # the debugger's, which stops at the first line
        return None if self._before is None else self._before(frame, kind, argument)


def _set_trace(function: Any) -> None:
    # While pydevd (debugpy, VS Code, PyCharm) is attached, it replaces `sys.settrace` and warns.
    pydevd: Any = sys.modules.get("pydevd_tracing")
    if pydevd is None or getattr(pydevd, "PYDEVD_USE_SYS_MONITORING", False):
        sys.settrace(function)
    else:
        pydevd.SetTrace(function)


def _enter(frame: types.FrameType) -> None:
    """Enter the debugger in a frame."""
    pydevd: Any = sys.modules.get("pydevd")
    if pydevd is not None and pydevd.get_global_debugger() is not None:
        # As `debugpy.breakpoint` does, which would stop in its calling frame.
        pydevd.settrace(
            stop_at_frame=frame,
            suspend=True,
            trace_only_current_thread=True,
            patch_multiprocessing=False,
        )
        return
    breakpoint()  # noqa: T100  # that is what it is for


def _is_ours(frame: types.FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    is_module = isinstance(name, str) and name.partition(".")[0] == _OURS
    return is_module or is_ours(frame.f_code)

"""Public functions `record`, `start` and `stop`, and the checks of their options."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal, ParamSpec, TypeVar, get_args

from callscope.declare.options import check_options, check_predicate, check_share, must_be, one_of
from callscope.errors import OptionError, RecordingError
from callscope.introspect.locks import new_lock
from callscope.introspect.origin import fill
from callscope.read.trace import Trace
from callscope.recording.breakpoints import check_break_on
from callscope.recording.limits import DEFAULT_MAX_CALLS, Limits
from callscope.recording.recording import Recording
from callscope.tape.decode.filter import OnFull
from callscope.trace import Call, Sink

if TYPE_CHECKING:
    from os import PathLike

    from callscope.declare.options import Capture, Share

_P = ParamSpec("_P")
_R = TypeVar("_R")

_started: Final[list[Recording]] = []
_stopping: Final = new_lock()


def record(
    *targets: type | str,
    methods: Iterable[str] | None = None,
    bases: bool = True,
    capture: Capture = "values",
    redact: Iterable[str] = (),
    where: Callable[[Call], bool] | None = None,
    max_calls: int | Literal["default"] | None = "default",
    on_full: OnFull = "stop",
    sample: Share | None = None,
    max_per_second: Share | None = None,
    break_on: str | Callable[[Call], bool] | None = None,
    sinks: Iterable[Sink] = (),
    to: str | PathLike[str] | None = None,
    keep: bool = True,
) -> Recording:
    """Record calls while a block runs: ``with callscope.record(SomeClass) as trace:``.

    Recordings may be nested and may overlap; each has its own trace.

    Args:
        targets: classes, or paths of classes (``"keras.layers:Layer"``), whose hierarchies are
            declared for this recording only; without any, all declared hierarchies are recorded.
        methods: names of methods, or patterns, as for `traced`. Without targets, they replace
            the methods that the declarations name.
        bases: whether to record methods of the targets' bases, too, when they run on an instance
            of a target. Methods above a declared root are not recorded, nor are static methods,
            which have no instance.
        capture: ``"values"`` keeps scalars as they are and a bounded summary of other values;
            ``"types"`` keeps type names; ``"none"`` keeps times only. All three keep the class and
            the message of an exception that ended a call.
        redact: names, or patterns, of arguments to hide in addition to passwords, tokens and such.
        where: predicate on each `Call` as it was when it began. False leaves the call out; its
            child calls move to its parent. It runs when the trace is read or streamed, so it
            does not make recording faster.
        max_calls: number of calls to keep; None for no limit. The default is a million, and no
            limit with `to` or ``keep=False``.
        on_full: behavior at that limit: ``"stop"`` keeps the first calls, ``"drop_oldest"`` the
            last. The number lost is counted either way.
        sample: fraction of the outermost calls to keep, from 0 to 1: ``0.1`` keeps one in ten. A
            dict sets it by site: ``{"Layer.__call__": 0.01}``. Keys may be patterns; the first
            match counts. A call that is left out is left out with all calls within it. The
            choice is pseudorandom and the same in each run. `Trace.left_out` has the exact number
            left out. Sampling makes long recordings small; it does not make the program faster.
        max_per_second: maximum number of outermost calls to keep per second, in total or, as a
            dict, by site. Keys are as for `sample`, which is applied first.
        break_on: where to stop in the debugger that `breakpoint` enters: a site such as
            ``"MyLayer.call"``, a pattern of sites, or a function that is given each `Call` as
            it begins. The debugger stops at the first line of the method.
        sinks: objects that receive events while the program runs.
        to: a ``.jsonl`` or ``.jsonl.gz`` file to stream to. The calls are then not kept in memory;
            the trace is read from the file on access. ``{pid}``, ``{host}`` and ``{rank}`` in
            the path are filled in; see `JSONLines`.
        keep: False if only the sinks are needed, as in a service. The trace then holds no calls,
            and there is no limit by default.

    Raises:
        OptionError: if an option has a value that cannot be used.
        TargetError, TargetModuleError, TargetNotFoundError, ImmutableClassError, NoMethodsError:
            as for `instrument`, when the recording begins.
        TraceFileError: if `to` cannot be written, when the recording begins.
    """
    options = check_options(methods, capture, redact)
    if type(bases) is not bool:
        raise OptionError(must_be("bases", "True or False", bases))
    if where is not None:
        check_predicate("where", where)
    is_unlimited = to is not None or not keep
    limit = (None if is_unlimited else DEFAULT_MAX_CALLS) if max_calls == "default" else max_calls
    _check_limits(limit, on_full, to)
    checked = _check_sinks(sinks)
    if not keep and not checked and to is None:
        msg = "keep must be True without sinks and without a file, got False. Add sinks=[...]."
        raise OptionError(msg)
    patterns = () if targets else ("*",)
    return Recording(
        targets,
        patterns,
        options,
        Limits(
            where,
            limit,
            on_full,
            check_share("sample", sample, 1),
            check_share("max_per_second", max_per_second, None),
        ),
        checked,
        to,
        keep=keep,
        break_on=check_break_on(break_on),
        replaces_methods=methods is not None,
        bases=bases,
    )


def _check_limits(max_calls: object, on_full: object, to: object) -> None:
    if max_calls is not None and (type(max_calls) is not int or max_calls < 1):
        raise OptionError(must_be("max_calls", "a whole number from 1, or None", max_calls))
    if on_full not in get_args(OnFull):
        raise OptionError(must_be("on_full", one_of(get_args(OnFull)), on_full))
    if to is None:
        return
    if not isinstance(to, (str, os.PathLike)):
        raise OptionError(must_be("to", "the path of a file, such as 'trace.jsonl'", to))
    from callscope.read.formats import STREAMED, is_streamed

    if not is_streamed(to):
        allowed = f"a file that ends in {one_of(STREAMED)}"
        raise OptionError(f"{must_be('to', allowed, to)} Other files are written by trace.save().")
    fill(os.fspath(to))
    if on_full == "drop_oldest":
        msg = "on_full must be 'stop' with to=, got 'drop_oldest': a file only grows."
        raise OptionError(msg)


def _check_sinks(sinks: Iterable[Sink]) -> list[Sink]:
    try:
        listed = list(sinks)
    except TypeError:
        allowed = f"a list of sinks, as [{type(sinks).__name__}(...)]"
        raise OptionError(must_be("sinks", allowed, sinks)) from None
    for sink in listed:
        missing = [name for name in ("on_event", "flush", "close") if not hasattr(sink, name)]
        if missing or isinstance(sink, type):
            lacks = (
                "is a class and not an object"
                if isinstance(sink, type)
                else f"has no {missing[0]}()"
            )
            msg = f"sinks must be objects with on_event(event), flush() and close(), but {sink!r} {lacks}."
            raise OptionError(msg)
    if sum(getattr(sink, "context_hook", None) is not None for sink in listed) > 1:
        msg = "sinks that follow the program's context must be one per recording. Record twice instead."
        raise OptionError(msg)
    return listed


def taking(_: Callable[_P, object]) -> Callable[[Callable[..., _R]], Callable[_P, _R]]:
    """Return a decorator that, for type checkers, copies the parameters of another function."""
    return lambda function: function


def method_taking(
    _: Callable[_P, object],
) -> Callable[[Callable[..., _R]], Callable[Concatenate[Any, _P], _R]]:
    """Return the same for methods."""
    return lambda function: function


@taking(record)
def start(*targets: type | str, **options: Any) -> Trace:
    """Begin a recording that `stop` ends; takes what `record` takes.

    For a REPL or an application's start. Returns the trace, readable at any time.
    """
    return begin_among(_started, record(*targets, **options))


def stop() -> Trace:
    """End the recording that was started last, and return its trace.

    Raises:
        RecordingError: if none was started.
    """
    return end_last(_started, "No recording was started. Call callscope.start() first.")


def begin_among(started: list[Recording], recording: Recording) -> Trace:
    """Begin a recording that `end_last` ends; undo that if it fails."""
    try:
        trace = recording.__enter__()
        started.append(recording)
    except BaseException:
        recording.__exit__()
        if recording in started:
            started.remove(recording)
        raise
    return trace


def end_last(started: list[Recording], problem: str) -> Trace:
    """End the recording that was started last, and return its trace.

    Raises:
        RecordingError: with `problem`, if there is none.
    """
    with _stopping:
        if not started:
            raise RecordingError(problem)
        recording = started[-1]
        recording.__exit__()
        # Not earlier: after an interrupt nothing could end it.
        if recording in started:
            started.remove(recording)
        return recording.trace

"""Public functions `record`, `start` and `stop`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal, ParamSpec, TypeVar

from callscope.errors import RecordingError
from callscope.introspect.locks import new_lock
from callscope.read.trace import Trace
from callscope.recording.config import check_config
from callscope.recording.recording import Recording
from callscope.tape.decode.filter import OnFull

if TYPE_CHECKING:
    from os import PathLike

    from callscope.declare.options import Capture, Share
    from callscope.trace import Call, Sink

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
        to: a ``.jsonl``, ``.jsonl.gz`` or ``.parquet`` file to stream to. The calls are then not
            kept in memory; the trace is read from the file on access. A ``.parquet`` file is made
            when the recording ends, of ``<file>.arrows``, which `load` finds after a kill.
            ``{pid}``, ``{host}`` and ``{rank}`` in the path are filled in; see `JSONLines`.
        keep: False if only the sinks are needed, as in a service. The trace then holds no calls,
            and there is no limit by default.

    Raises:
        OptionError: if an option has a value that cannot be used.
        TargetError, TargetModuleError, TargetNotFoundError, ImmutableClassError, NoMethodsError:
            as for `instrument`, when the recording begins.
        TraceFileError: if `to` cannot be written, when the recording begins.
        MissingExtraError: if `to` needs a package that is not installed.
    """
    return Recording(
        check_config(
            targets,
            methods=methods,
            bases=bases,
            capture=capture,
            redact=redact,
            where=where,
            max_calls=max_calls,
            on_full=on_full,
            sample=sample,
            max_per_second=max_per_second,
            break_on=break_on,
            sinks=sinks,
            to=to,
            keep=keep,
        )
    )


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

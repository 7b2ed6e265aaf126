"""Recordings: `record`, `start` and `stop`."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from callscope._version import __version__
from callscope.errors import (
    OptionError,
    RecordingError,
    TargetWarning,
    TraceTruncatedWarning,
    warn,
)
from callscope.feed import Feed, is_live
from callscope.hierarchy import matches
from callscope.instrumentation import Instrumentation, place
from callscope.options import Options, check_options
from callscope.registry import REGISTRY, Declaration
from callscope.tape.read import TapeReader
from callscope.tape.tally import Tally
from callscope.tape.threads import TAPES
from callscope.tape.wanted import OnFull, Wanted
from callscope.trace import Call, Header, Recorded, Sink, Trace
from callscope.weave import WEAVER, Plan

if TYPE_CHECKING:
    from os import PathLike

    from callscope.options import Capture
    from callscope.sinks.jsonl import JSONLines

DEFAULT_MAX_CALLS: Final = 1_000_000
"""How many calls a recording keeps in memory where nothing else is asked for."""


class Limits(NamedTuple):
    """Which calls a recording keeps, and how many."""

    where: Callable[[Call], bool] | None = None
    max_calls: int | None = DEFAULT_MAX_CALLS
    """None for no limit; 0 keeps nothing, and only counts."""
    on_full: OnFull = "stop"


class _Excerpt:
    """What reads a block of a recording; in a forked child, what remains of the block."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.open()

    def open(self) -> None:
        """Begin to take what is written."""
        self._reader = TapeReader(self._wanted)
        TAPES.attach(self._reader)

    def read(self) -> Recorded:
        """Return the calls so far."""
        TAPES.drain()
        return self._reader.recorded()

    def close(self) -> None:
        """Take no more."""
        TAPES.detach(self._reader)


class Recording:
    """One recording, made by `record`: begins with the ``with`` block and ends with it."""

    def __init__(
        self,
        targets: tuple[type | str, ...],
        patterns: tuple[str, ...],
        options: Options,
        limits: Limits,
        sinks: Iterable[Sink] = (),
        to: str | PathLike[str] | None = None,
        *,
        replaces_methods: bool = False,
        must_exist: bool = True,
    ) -> None:
        self._targets = targets
        self._patterns = patterns
        self._options = options
        self._limits = limits
        self._sinks = list(sinks)
        self._to = to
        self._replaces_methods = replaces_methods
        self._must_exist = must_exist
        self._handles: list[Instrumentation] = []
        self._ad_hoc: list[Declaration] = []
        self._excerpts: list[_Excerpt] = []
        self._file: JSONLines | None = None
        self._file_read: Recorded | None = None
        self._state: Literal["new", "running", "ending", "ended"] = "new"

    def __enter__(self) -> Trace:
        if self._state != "new":
            msg = "A recording runs once. Call record() again for another."
            raise RecordingError(msg)
        self._handles = [
            place(target, self._options, self._declare_ad_hoc, must_exist=self._must_exist)
            for target in self._targets
        ]
        self._targets = ()  # no class is kept alive by a trace
        header = self._header()
        self._feed = self._open_feed(header)
        live = any(map(is_live, self._sinks))
        self._plan = Plan(
            self._declared, self._options.capture or "values", self._options.redact, live=live
        )
        self.trace = Trace(header, self._read)
        self._open_reader()
        self._state = "running"
        _running.append(self)
        try:
            WEAVER.begin(self._plan)
        except BaseException:
            self.end()
            raise
        if self._feed is not None:
            self._feed.start()
        return self.trace

    def _open_reader(self) -> None:
        self._reader = self._make_reader()
        TAPES.attach(self._reader)

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End the recording; a second time does nothing."""
        if self._state != "running":
            return
        self._state = "ending"
        try:
            lacking = [*filter(None, (handle.lacks_methods() for handle in self._handles))]
            for handle in self._handles:
                handle.remove()
            try:
                WEAVER.end(self._plan)
            finally:
                TAPES.detach(self._reader)
                if self._feed is not None:
                    self._feed.end(self._reader.lost)
            self._file_read = None
        except BaseException:
            self._state = "running"  # it was interrupted, and can be ended again
            raise
        self._state = "ended"
        _running.remove(self)
        for problem in lacking:
            warn(f"{problem} Nothing was traced for it.", TargetWarning)
        if self._reader.lost and self._limits.max_calls:
            warn(
                f"{self._reader.lost:,} calls were made and not kept, for"
                f" max_calls={self._limits.max_calls:,} was reached. Raise max_calls, or stream to a"
                " file with to='trace.jsonl'.",
                TraceTruncatedWarning,
            )

    def pause(self) -> None:
        """Hold still while the process forks."""
        if self._feed is not None:
            self._feed.pause()

    def go_on(self) -> None:
        """Go on in the process that has forked."""
        if self._feed is not None:
            self._feed.go_on()

    def start_anew(self) -> None:
        """Go on in a child process, which has a trace of its own."""
        self._file_read = None
        self.trace.header = self._header()
        self._open_reader()
        for excerpt in self._excerpts:
            excerpt.open()
        if self._feed is not None:
            self._feed.start_anew(self.trace.header)

    @property
    def is_running(self) -> bool:
        """Whether it has begun and not ended."""
        return self._state == "running"

    @property
    def streams(self) -> bool:
        """Whether what is recorded goes to a file at once."""
        return self._to is not None

    def follow(self, root: type) -> None:
        """Record one more hierarchy, from now on."""
        self._declare_ad_hoc(root, self._options)

    @contextmanager
    def excerpt(self, max_calls: int) -> Iterator[Trace]:
        """Make a trace of a block alone, with the last calls of it, while the recording runs.

        Nothing is woven for it, and next to nothing is done until it is read or full. Objects
        are numbered anew.
        """
        wanted = Wanted(self._plan.sites, self._limits.where, max_calls, "drop_oldest")
        excerpt = _Excerpt(wanted)
        self._excerpts.append(excerpt)
        try:
            yield Trace(self.trace.header, excerpt.read)
        finally:
            self._excerpts.remove(excerpt)
            excerpt.close()

    @property
    def problems(self) -> list[str]:
        """Why some of the targets were not traced; one sentence each."""
        return [handle.problem for handle in self._handles if handle.problem]

    def _declare_ad_hoc(self, root: type, options: Options) -> Declaration:
        # Whatever else is captured is the recording's own choice, and not the hierarchy's.
        declaration = Declaration(root, Options(options.methods, None, options.redact))
        self._ad_hoc.append(declaration)
        if self._state == "running":
            WEAVER.reweave()
        return declaration

    def _declared(self) -> list[Declaration]:
        return [*self._ad_hoc, *filter(None, map(self._as_asked, REGISTRY.declarations()))]

    def _as_asked(self, declaration: Declaration) -> Declaration | None:
        root = declaration.root()
        if root is None or not matches(declaration.name, self._patterns):
            return None
        if not self._replaces_methods:
            return declaration
        theirs = declaration.options
        return Declaration(root, Options(self._options.methods, theirs.capture, theirs.redact))

    def _header(self) -> Header:
        return Header(
            pid=os.getpid(),
            start_ns=TAPES.clock.cell_contents(),
            start_unix_ns=time.time_ns(),
            python=".".join(map(str, sys.version_info[:3])),
            callscope=__version__,
            targets=tuple(handle.name for handle in self._handles),
        )

    def _open_feed(self, header: Header) -> Feed | None:
        sinks = list(self._sinks)
        if self._to is not None:
            from callscope.sinks.jsonl import JSONLines

            self._file = JSONLines(self._to)
            sinks.append(self._file)
        return Feed(sinks, header) if sinks else None

    def _make_reader(self) -> TapeReader | Tally:
        if self._limits.max_calls == 0:
            return Tally(self._plan.sites)
        wanted = Wanted(self._plan.sites, *self._limits)
        return TapeReader(wanted, keep=self._file is None, listener=self._feed)

    def _read(self) -> Recorded:
        with TAPES.lock:
            if self._state == "running":
                TAPES.drain()
            told = self._reader.kept
        return self._reader.recorded() if self._file is None else self._read_file(self._file, told)

    def _read_file(self, file: JSONLines, told: int) -> Recorded:
        from callscope.formats import load

        if self._file_read is None or self._state == "running":
            calls = () if file.is_bare else load(file.path).calls
            # What could not be written is lost as well.
            self._file_read = Recorded(calls, self._reader.lost + max(0, told - len(calls)))
        return self._file_read


_running: Final[list[Recording]] = []
_started: Final[list[Recording]] = []


def record(
    *targets: type | str,
    methods: Iterable[str] | None = None,
    capture: Capture = "values",
    redact: Iterable[str] = (),
    where: Callable[[Call], bool] | None = None,
    max_calls: int | Literal["default"] | None = "default",
    on_full: OnFull = "stop",
    sinks: Iterable[Sink] = (),
    to: str | PathLike[str] | None = None,
) -> Recording:
    """Record calls while a block runs: ``with callscope.record(SomeClass) as trace:``.

    Recordings may be nested and may overlap; each has its own trace.

    Args:
        targets: classes, or paths of classes (``"keras.layers:Layer"``), whose hierarchies are
            declared for this recording alone; without any, all that is declared is recorded.
        methods: names of methods, or patterns, as for `traced`. Without targets, they take the
            place of what the declarations name.
        capture: ``"values"`` keeps scalars as they are and a bounded summary of all else;
            ``"types"`` keeps the names of types; ``"none"`` keeps times only.
        redact: names, or patterns, of arguments to hide besides passwords, tokens and their kin.
        where: is given each `Call` as it was when it began, and returns False to leave it out;
            what it calls then hangs below its parent. It is asked when the trace is read or
            streamed, and so makes recording no faster.
        max_calls: how many calls to keep; None for no limit. By default a million, and no limit
            with `to`.
        on_full: what to do when that is reached: ``"stop"`` keeps the first calls,
            ``"drop_oldest"`` the last. The number lost is counted either way.
        sinks: receive events while the program runs.
        to: a ``.jsonl`` file to stream to. The calls are then not kept in memory; the trace is
            read from the file when it is asked for.

    Raises:
        OptionError: if an option has a value that cannot be used.
        TargetError, TargetModuleError, TargetNotFoundError, ImmutableClassError, NoMethodsError:
            as for `instrument`, when the recording begins.
        TraceFileError: if `to` cannot be written, when the recording begins.
    """
    options = check_options(methods, capture, redact)
    if where is not None and not callable(where):
        msg = f"where={where!r} is no function. Give one that takes a Call and returns a bool."
        raise OptionError(msg)
    limit = (DEFAULT_MAX_CALLS if to is None else None) if max_calls == "default" else max_calls
    _check_limits(limit, on_full, to)
    patterns = () if targets else ("*",)
    return Recording(
        targets,
        patterns,
        options,
        Limits(where, limit, on_full),
        _check_sinks(sinks),
        to,
        replaces_methods=methods is not None,
    )


def _check_limits(max_calls: object, on_full: object, to: object) -> None:
    if max_calls is not None and (type(max_calls) is not int or max_calls < 1):
        msg = f"max_calls={max_calls!r} is no number of calls. Use a whole number from 1, or None."
        raise OptionError(msg)
    if on_full not in get_args(OnFull):
        allowed = " or ".join(map(repr, get_args(OnFull)))
        msg = f"on_full={on_full!r} is not known. Use {allowed}."
        raise OptionError(msg)
    if to is None:
        return
    if not isinstance(to, (str, os.PathLike)):
        msg = f"to={to!r} is no path. Name a file, such as 'trace.jsonl'."
        raise OptionError(msg)
    if not os.fspath(to).endswith(".jsonl"):
        msg = f"to={os.fspath(to)!r} cannot be streamed to. Name a '.jsonl' file, or use trace.save()."
        raise OptionError(msg)
    if on_full == "drop_oldest":
        msg = (
            "on_full='drop_oldest' cannot take lines back out of a file. Leave out to= or on_full=."
        )
        raise OptionError(msg)


def _check_sinks(sinks: Iterable[Sink]) -> list[Sink]:
    try:
        listed = list(sinks)
    except TypeError:
        msg = f"sinks={sinks!r} is no list of sinks. Write sinks=[{type(sinks).__name__}(...)]."
        raise OptionError(msg) from None
    for sink in listed:
        missing = [name for name in ("on_event", "flush", "close") if not hasattr(sink, name)]
        if missing or isinstance(sink, type):
            lacks = (
                "is a class and not an object"
                if isinstance(sink, type)
                else f"has no {missing[0]}()"
            )
            msg = f"sinks: {sink!r} {lacks}. A sink has the methods on_event(event), flush() and close()."
            raise OptionError(msg)
    return listed


def start(*targets: type | str, **options: Any) -> Trace:
    """Begin a recording that `stop` ends; takes what `record` takes.

    For a REPL or an application's start. Returns the trace, which may be read at any time.
    """
    recording = record(*targets, **options)
    trace = recording.__enter__()
    _started.append(recording)
    return trace


def stop() -> Trace:
    """End the recording that was started last, and return its trace.

    Raises:
        RecordingError: if none was started.
    """
    if not _started:
        msg = "No recording was started. Call callscope.start() first."
        raise RecordingError(msg)
    recording = _started.pop()
    recording.end()
    return recording.trace


@atexit.register
def _end_all() -> None:
    for recording in tuple(reversed(_running)):
        recording.end()


def _before_fork() -> None:
    for recording in _running:
        recording.pause()


def _after_fork_in_parent() -> None:
    for recording in _running:
        recording.go_on()


def _after_fork_in_child() -> None:
    if not _running:
        return
    TAPES.start_anew()
    WEAVER.start_anew()
    for recording in _running:
        recording.start_anew()
    if "multiprocessing.util" in sys.modules:
        # Its processes end without the handlers of `atexit`, and clear the list of their own
        # handlers as they begin.
        from multiprocessing import util

        util.register_after_fork(
            _running_in_child, lambda _: util.Finalize(None, _end_all, exitpriority=-1_000)
        )


class _RunningInChild:
    """Is what `multiprocessing` remembers the handler by."""


_running_in_child: Final = _RunningInChild()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )

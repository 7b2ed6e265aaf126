"""One recording, which owns its plan, its reader, its dispatcher and its trace."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from callscope.declare.instrumentation import Instrumentation, place, warn_of_target
from callscope.declare.options import Options
from callscope.declare.registry import REGISTRY, Declaration
from callscope.errors import (
    RecordingError,
    SiteWarning,
    TraceTruncatedWarning,
    warn,
)
from callscope.introspect.classes import matches
from callscope.introspect.clock import unix_offset_ns
from callscope.introspect.origin import command, host, rank, run_id
from callscope.introspect.sites import Site
from callscope.introspect.version import __version__
from callscope.read.trace import Trace
from callscope.recording.children import StartedProcesses
from callscope.recording.config import Config
from callscope.recording.lifecycle import RUNNING, exit_first
from callscope.recording.termination import prepare, restore
from callscope.tape.context_hooks import CONTEXT_HOOKS
from callscope.tape.decode.filter import Filter
from callscope.tape.decode.reader import TapeReader
from callscope.tape.threads import TAPES
from callscope.trace import Cost, Header
from callscope.weave import WEAVER, Plan

if TYPE_CHECKING:
    from os import PathLike

    from callscope.declare.options import Capture
    from callscope.recording.breakpoints import Breakpoints
    from callscope.recording.dispatch import Dispatcher
    from callscope.recording.window import Window
    from callscope.sinks.file_sink import FileSink
    from callscope.tape.decode.counter import CallCounter
    from callscope.trace import Call, Recorded


def _measure_cost(capture: Capture) -> Cost:
    from callscope.recording.overhead import measure_cost

    return measure_cost(capture)


class Recording:
    """One recording, made by `record`; it begins and ends with the ``with`` block."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._measure_cost = partial(_measure_cost, config.options.capture or "values")
        self._debugger = self._make_debugger()
        self._handles: list[Instrumentation] = []
        self._ad_hoc: list[Declaration] = []
        self._windows: list[Window] = []
        self._file: FileSink[Any] | None = None
        self._file_origin: object = object()
        self._started, self._forks = StartedProcesses(), 0
        self._dispatcher: Dispatcher | None = None
        self._context_hook = config.context_hook
        self._plan = self._make_plan()
        self._reader = self._make_reader()
        self._state: Literal["new", "beginning", "running", "ending", "ended"] = "new"
        self._ends_in = 0
        """Ident of the thread that ends it."""

    def __enter__(self) -> Trace:
        if self._state != "new":
            msg = "A recording runs once. Call record() again for another."
            raise RecordingError(msg)
        try:
            self._state = "beginning"
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self.trace

    def _begin(self) -> None:
        for target in self._config.targets:
            handle = place(
                target,
                self._ad_hoc_options,
                self._declare_ad_hoc,
                must_exist=self._config.must_exist,
                with_bases=self._config.bases,
                report=self.report,
            )
            self._handles.append(handle)
        self._config = self._config._replace(targets=())  # a trace keeps no class alive
        header = self._header()
        self._dispatcher = self._make_dispatcher()
        if self._dispatcher is not None:
            self._dispatcher.open(header)
        self.trace: Trace = Trace(header, self._read, self._measure_cost)
        self._open_reader()
        self._state = "running"
        RUNNING.append(self)
        if self._hands_out:
            prepare()
        self._weave()
        if self._dispatcher is not None:
            self._dispatcher.start()

    def _weave(self) -> None:
        """Weave what is recorded; a second call does nothing."""
        if self._context_hook is not None:
            CONTEXT_HOOKS.add(self._context_hook, self._plan.sites)
        WEAVER.begin(self._plan)

    def _make_plan(self) -> Plan:
        # If a sink skips calls at the source, all others would miss them, too.
        keeps_all = (
            self._keeps
            or self._config.to is not None
            or self._debugger is not None
            or len(self._config.sinks) > 1
        )
        return Plan(
            self._declared,
            self._config.options.capture or "values",
            self._config.options.redact,
            is_live=self._is_live,
            context_hook=self._context_hook,
            keeps=keeps_all,
        )

    def _is_live(self, site: Site) -> bool:
        """Return whether each event of a site is delivered as it happens."""
        stops = self._debugger is not None and self._debugger.may_stop_at(site)
        return stops or self._config.has_live_sink

    def _make_debugger(self) -> Breakpoints | None:
        if self._config.break_on is None:
            return None
        from callscope.recording.breakpoints import Breakpoints

        return Breakpoints(self._config.break_on)

    def _open_reader(self) -> None:
        self._reader = self._make_reader()
        if self._debugger is not None and isinstance(self._reader, TapeReader):
            self._debugger.reader = self._reader
        TAPES.attach(self._reader)

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        except BaseException:
            self.end()  # it was interrupted
            raise

    def end(self) -> None:
        """End the recording; a second call does nothing. An interrupted call can be repeated."""
        before = self._state
        if before not in ("beginning", "running"):
            return
        try:
            self._state, self._ends_in = "ending", threading.get_ident()
            problems = [*filter(None, (handle._lacks_methods() for handle in self._handles))]
            self._end()
            self._state = "ended"
        except BaseException:
            self._state = before
            raise
        if before == "running":
            self._report_problems(problems)

    def _end(self) -> None:
        """Do each step that was not done yet."""
        for handle in self._handles:
            handle.remove()
        WEAVER.end(self._plan)
        if self._context_hook is not None:
            CONTEXT_HOOKS.remove(self._context_hook)
        TAPES.detach(self._reader)
        if self._file is not None:
            self._file.left_out = self._reader.left_out
        if self._dispatcher is not None:
            self._dispatcher.end(self._reader.lost)
        elif self._file is not None:  # it was interrupted before it began
            self._file.close()
        with suppress(ValueError):
            RUNNING.remove(self)
        restore()

    def _report_problems(self, problems: list[str]) -> None:
        self._started.warn(forks=self._forks if self._hands_out else 0)
        for problem in problems:
            self.report(problem)
        for misfit in self._misfits():
            warn(misfit, SiteWarning)
        if self._reader.lost and self._config.max_calls:
            warn(
                f"{self._reader.lost:,} calls were made and not kept, because"
                f" max_calls={self._config.max_calls:,} was reached. Raise max_calls, or stream to a"
                " file with to='trace.jsonl'.",
                TraceTruncatedWarning,
            )

    def pause(self) -> None:
        """Pause while the process forks."""
        if self._dispatcher is not None:
            self._dispatcher.pause()

    def go_on(self) -> None:
        """Resume in the process that has forked."""
        if self._dispatcher is not None:
            self._dispatcher.go_on()
        self._forks += 1

    def start_anew(self) -> None:
        """Reset in a child process, which has its own trace.

        If another thread was ending the recording during the fork, end it here.
        """
        is_ending = self._state == "ending" and self._ends_in != threading.get_ident()
        if is_ending:
            self._state = "running"
        self._started, self._forks = StartedProcesses(), 0
        if self._hands_out:
            prepare()
        self.trace.header = self._header()
        if isinstance(self._reader, TapeReader):
            self._reader.abandon()
        self._open_reader()
        for window in self._windows:
            window.open()
        if self._dispatcher is not None:
            self._dispatcher.start_anew(self.trace.header)
        self._weave()
        if is_ending:
            self.end()

    def _stream_to(self, path: Path) -> None:
        """Stream to a file from now on, and keep no call in memory."""
        self._config = self._config._replace(to=path)
        self._dispatcher = self._make_dispatcher()
        if self._dispatcher is not None:
            self._dispatcher.open(self._header())

    @property
    def _keeps(self) -> bool:
        """True if calls are kept in memory."""
        return self._config.keep and self._config.to is None

    @property
    def is_running(self) -> bool:
        """True if it has begun and not ended."""
        return self._state == "running"

    @property
    def _hands_out(self) -> bool:
        """True if a forked process delivers its own calls."""
        return self._dispatcher is not None

    @property
    def streams(self) -> bool:
        """True if calls are streamed to a file."""
        return self._config.to is not None

    @property
    def path(self) -> Path | None:
        """The file that this process streams to, or None."""
        return None if self._file is None else self._file.path

    def follow(self, root: type) -> None:
        """Record one more hierarchy from now on."""
        self._declare_ad_hoc(Declaration(root, self._ad_hoc_options, with_bases=self._config.bases))

    @contextmanager
    def window(self, max_calls: int) -> Iterator[Trace]:
        """Make a trace of one block, with its last calls, while the recording runs.

        It weaves nothing and costs almost nothing until it is read or full. Instance numbers
        start again.
        """
        from callscope.recording.window import Window

        call_filter = Filter(self._plan.sites, self._config.where, max_calls, "drop_oldest")
        window = Window(call_filter)
        self._windows.append(window)
        try:
            yield Trace(self.trace.header, window.read, self._measure_cost)
        finally:
            self._windows.remove(window)
            window.close()

    def open_calls(self) -> tuple[Call, ...] | None:
        """Return the calls that this thread is in; None if the recording keeps none."""
        readers = [self._reader, *(window.reader for window in reversed(self._windows))]
        for reader in readers:
            if isinstance(reader, TapeReader):
                TAPES.drain()
                return reader.open_calls()
        return None

    def report(self, problem: str) -> None:
        """Warn why a target is not traced, as soon as that is certain."""
        warn_of_target(problem)

    @property
    def problems(self) -> list[str]:
        """Reasons why targets were not traced; one sentence each."""
        return [handle.problem for handle in self._handles if handle.problem]

    @property
    def _ad_hoc_options(self) -> Options:
        # The recording decides what is captured, not the hierarchy.
        return Options(self._config.options.methods, None, self._config.options.redact)

    def _declare_ad_hoc(self, declaration: Declaration) -> None:
        root = declaration.root()
        if (
            root is not None
            and REGISTRY.by_root(root)
            and matches(declaration.name, self._config.patterns)
        ):
            return  # a pattern matches it as well: its own options apply
        self._ad_hoc.append(declaration)
        if self._state == "running":
            WEAVER.reweave()

    def _declared(self) -> list[Declaration]:
        return [*self._ad_hoc, *filter(None, map(self._with_options, REGISTRY.declarations()))]

    def _with_options(self, declaration: Declaration) -> Declaration | None:
        root = declaration.root()
        if root is None or not matches(declaration.name, self._config.patterns):
            return None
        if not self._config.replaces_methods:
            return declaration
        theirs = declaration.options
        return Declaration(
            root, Options(self._config.options.methods, theirs.capture, theirs.redact)
        )

    def _header(self) -> Header:
        start_ns = TAPES.clock.cell_contents()
        return Header(
            pid=os.getpid(),
            start_ns=start_ns,
            start_unix_ns=start_ns + unix_offset_ns(),
            python=".".join(map(str, sys.version_info[:3])),
            callscope=__version__,
            targets=tuple(handle.name for handle in self._handles),
            filtered=self._config.where is not None,
            # A file needs it in its first line, as the process may be killed.
            cost=None if self._config.to is None else self._measure_cost(),
            run=run_id(),
            host=host(),
            rank=rank(),
            command=command(),
        )

    def _make_dispatcher(self) -> Dispatcher | None:
        sinks = [*self._config.sinks]
        if self._debugger is not None:
            sinks.append(self._debugger)
        if not sinks and self._config.to is None:
            return None
        from callscope.recording.dispatch import Dispatcher

        if self._config.to is not None:
            # Nothing is imported between here and the writing of the header: until then the file
            # is empty, and the process may be killed.
            self._file = _open_file(self._config.to)
            sinks.append(self._file)
        return Dispatcher(sinks, exit_first)

    def _make_reader(self) -> TapeReader | CallCounter:
        if self._config.max_calls == 0:
            from callscope.tape.decode.counter import CallCounter

            return CallCounter(self._plan.sites)
        call_filter = self._config.call_filter(self._plan.sites)
        return TapeReader(
            call_filter,
            keep=self._keeps,
            receiver=self._dispatcher,
            context_hook=self._context_hook,
        )

    def _read(self) -> Recorded:
        is_final = self._state == "ended"
        # As long as another thread ends it, there may be records that no reader has.
        count = self._reader.kept if is_final else TAPES.count(self._reader)
        read = self._reader.recorded() if self._file is None else self._read_file(self._file, count)
        if not is_final:
            return read._replace(sites=self._sites, absence=self._absence)
        # Not the bound methods: they would keep the recording and its classes alive.
        sites, absence = self._sites(), "" if len(read.table) else self._absence()
        return read._replace(sites=lambda: sites, absence=lambda: absence, is_final=True)

    def _sites(self) -> list[tuple[str, str]]:
        return [(site.defining.name, site.method) for site in self._plan.sites]

    def _absence(self) -> str:
        """Return what could have been recorded when no call was."""
        from callscope.recording.reasons import absence

        problems = self.problems if self._handles else None
        return absence(self._declared(), problems, self._config.patterns)

    def _misfits(self) -> Iterator[str]:
        """Yield a message for each site pattern that matches no site."""
        if not self._config.sinks and self._debugger is None:
            return
        from callscope.recording.reasons import misfits
        from callscope.sinks.console import Console

        consoles = (sink for sink in self._config.sinks if isinstance(sink, Console))
        patterns = [("sites", console.sites) for console in consoles]
        if self._debugger is not None:
            patterns.append(("break_on", self._debugger.patterns))
        yield from misfits(patterns, self._sites())

    def _read_file(self, file: FileSink[Any], count: int) -> Recorded:
        from callscope.read.formats import load_all
        from callscope.trace import Recorded, Table

        table = Table() if file.is_bare else load_all([file.path]).table
        table.origin = self._file_origin  # the same calls, however often they are read
        # Calls that could not be written are lost as well.
        lost = self._reader.lost + max(0, count - len(table))
        return Recorded(table, lost, self._reader.left_out)


def _open_file(path: str | PathLike[str]) -> FileSink[Any]:
    """Return the sink that streams to a file."""
    if Path(path).suffix.lower() == ".parquet":
        from callscope.sinks.parquet import Parquet

        return Parquet(path)
    from callscope.sinks.jsonl import JSONLines

    return JSONLines(path)

"""Pytest plugin: ``pytest --callscope package.module:Class``.

The hierarchies are traced from before the first conftest file until pytest ends. The report of a
failing test shows its calls. Without the option nothing else is imported.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from callscope.errors import CallscopeError, TargetModuleError
from callscope.tools.options import method, target

if TYPE_CHECKING:
    import argparse

    from callscope.read.trace import Trace
    from callscope.recording.recording import Recording
    from callscope.tools.pytest_fixture import Recordings
    from callscope.trace import Table

MOST_SHOWN: Final = 200
"""Number of calls that a report shows of each phase of a test."""

_MOST_KEPT: Final = 100_000
_PLUGIN_NAME: Final = "callscope-tracing"
_WORKER_OUTPUT: Final = "callscope"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("callscope", "tracing how objects are called")
    group.addoption(
        "--callscope",
        dest="callscope_targets",
        **target(", as package.module:Class; a failing test's report shows its calls (repeatable)"),
    )
    group.addoption(
        "--callscope-method",
        dest="callscope_methods",
        **method("name of a method to trace"),
    )
    group.addoption(
        "--callscope-update",
        action="store_true",
        dest="callscope_update",
        help="write the outlines that tests compare with anew, from what they record",
    )


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before the conftest files are imported: they may use traced classes."""
    _begin(early_config, early_config.known_args_namespace)


def pytest_configure(config: pytest.Config) -> None:
    """Begin now if a conftest file has loaded the plugin."""
    _begin(config, config.option)
    if getattr(config.option, "callscope_update", False):
        _update_outlines(config)


def _update_outlines(config: pytest.Config) -> None:
    """Set the environment variable for updates until pytest ends."""
    from callscope.testing.outline import UPDATE

    environment = pytest.MonkeyPatch()
    environment.setenv(UPDATE, "1")
    config.add_cleanup(environment.undo)


def _begin(config: pytest.Config, options: argparse.Namespace) -> None:
    # Missing if a conftest file deep in the tests has loaded the plugin: that is too late.
    targets = getattr(options, "callscope_targets", None)
    methods = getattr(options, "callscope_methods", None)
    if methods and not targets:
        msg = "--callscope-method must be used with a target. Add --callscope package.module:Class."
        raise pytest.UsageError(msg)
    if not targets or config.pluginmanager.has_plugin(_PLUGIN_NAME):
        return
    from callscope.recording.config import check_config
    from callscope.recording.recording import Recording

    class SilentRecording(Recording):
        def report(self, problem: str) -> None:
            """Do nothing: the summary reports it."""

    targets = tuple(dict.fromkeys(targets))
    try:
        _check_targets(targets, may_be_hidden=True)
        counting = check_config(targets, methods=methods)._replace(max_calls=0, must_exist=False)
        recording = SilentRecording(counting)
        recording.__enter__()
    except CallscopeError as error:
        raise _usage_error(error) from None
    config.add_cleanup(recording.end)
    config.pluginmanager.register(_Tracing(recording, targets), _PLUGIN_NAME)


def _check_targets(targets: Sequence[str], *, may_be_hidden: bool) -> None:
    """Check that targets may exist.

    Args:
        targets: paths of classes.
        may_be_hidden: whether pytest may still add the folder of a module to `sys.path`.

    Raises:
        CallscopeError: if one certainly does not exist.
    """
    from callscope.declare.targets import check_path

    for path in targets:
        try:
            check_path(path)
        except TargetModuleError:
            if not may_be_hidden:
                raise


def _usage_error(error: CallscopeError) -> pytest.UsageError:
    return pytest.UsageError(f"--callscope: {error}")


class _Totals(NamedTuple):
    """Content of the summary; an xdist worker sends it to the process that prints."""

    calls: int
    problems: list[str]


class _Tracing:
    """Tracing of one run of pytest; one of its tests may run another."""

    def __init__(self, recording: Recording, targets: Sequence[str]) -> None:
        self._recording = recording
        self._targets = targets
        self._current: _Phases | None = None
        self._of_workers: list[_Totals] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        with self._phases():
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self._begin_phase("setup")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        self._begin_phase("call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        self._begin_phase("teardown")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self,
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._show_calls(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        if not isinstance(collector, pytest.File):
            return (yield)
        with self._phases():
            self._begin_phase("collection")
            report = yield
            self._show_calls(report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput"):
            return  # an exception would end an xdist worker silently
        try:
            _check_targets(self._targets, may_be_hidden=False)
        except CallscopeError as error:
            session.config.pluginmanager.unregister(self)  # the summary would repeat it
            raise _usage_error(error) from None

    @contextmanager
    def _phases(self) -> Iterator[None]:
        with self._recording.window(_MOST_KEPT) as trace:
            self._current = _Phases(trace)
            try:
                yield
            finally:
                self._current = None

    def _begin_phase(self, name: str) -> None:
        if self._current is not None:
            self._current.begin(name)

    def _show_calls(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed and self._current is not None:
            report.sections.extend(self._current.sections())

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_WORKER_OUTPUT] = tuple(self._totals())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        # A worker that crashed has no output.
        totals = getattr(node, "workeroutput", {}).get(_WORKER_OUTPUT)
        if totals is not None:
            self._of_workers.append(_Totals(*totals))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        totals = _sum(self._of_workers) if self._of_workers else self._totals()
        targets = ", ".join(self._recording.trace.header.targets)
        terminalreporter.write_line(f"callscope: {totals.calls:,} calls traced of {targets}")
        for problem in totals.problems:
            terminalreporter.write_line(f"callscope: {problem} Nothing was traced for it.")

    def _totals(self) -> _Totals:
        # The recording keeps no calls: those of a test are kept while it runs.
        return _Totals(self._recording.trace.lost, self._recording.problems)


def _sum(totals: Sequence[_Totals]) -> _Totals:
    """Return totals of all workers; a target that one of them traced is not a problem."""
    problems = [p for p in totals[0].problems if all(p in other.problems for other in totals)]
    return _Totals(sum(part.calls for part in totals), problems)


class _Phases:
    """Calls of one test, by the phase that they began in."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._starts: dict[str, int] = {}

    def begin(self, name: str) -> None:
        """Note that a phase begins."""
        from callscope.tape.threads import TAPES

        if name in self._starts:
            self._starts.clear()  # the test runs again, as plugins do with flaky ones
        self._starts[name] = TAPES.clock.cell_contents()

    def sections(self) -> Iterator[tuple[str, str]]:
        """Yield the title and the text of each phase so far that made a call."""
        data = self._trace._data()
        ends = [*self._starts.values()][1:]
        left_out = data.lost
        for (name, start_ns), end_ns in zip(self._starts.items(), [*ends, None], strict=True):
            rows = [
                row
                for row, begin_ns in enumerate(data.table.start_ns)
                if start_ns <= begin_ns and (end_ns is None or begin_ns < end_ns)
            ]
            if rows:
                yield f"Traced calls ({name})", _text(data.table, rows, left_out)
                left_out = 0


def _text(table: Table, rows: Sequence[int], left_out: int) -> str:
    from callscope.read.formats.tree.outline import last_of, window

    visible = last_of(table, rows, MOST_SHOWN)
    left_out += len(rows) - len(visible.intersection(rows))
    cut = f"... {left_out:,} calls before these are not shown\n" if left_out else ""
    return cut + window(table, visible)


_RECORDINGS: Final = pytest.StashKey["Recordings"]()


@pytest.fixture
def callscope(request: pytest.FixtureRequest) -> Iterator[Recordings]:
    """Record in a test; if it fails, the report shows the calls. See `Recordings`."""
    from callscope.tools.pytest_fixture import Recordings

    recordings = request.node.stash[_RECORDINGS] = Recordings(request)
    yield recordings
    recordings.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the calls that a failing test recorded with the fixture."""
    report = yield
    if call.when == "call" and report.failed and _RECORDINGS in item.stash:
        report.sections.extend(item.stash[_RECORDINGS].sections())
    return report

"""`callscope run`: a program with some classes traced, and the output of its trace."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callscope.declare.registry import REGISTRY
from callscope.declare.targets import check_path, class_names
from callscope.errors import CallscopeError, OptionError, TraceFileError
from callscope.introspect.claim import own_path
from callscope.introspect.lookup import check_class_name, find_spec, missing_class
from callscope.introspect.origin import PARENT, fill, run_id
from callscope.read.formats import check_suffix, is_streamed
from callscope.read.parts import part_of, save_joined
from callscope.recording.config import DEFAULT_MAX_CALLS, check_config
from callscope.recording.recording import Recording
from callscope.recording.termination import is_terminated, prepare
from callscope.sinks.console import Console
from callscope.tools import environment
from callscope.tools.cli.crash import show_branch, tell
from callscope.tools.cli.loading import MAIN, Loaded
from callscope.tools.cli.parser import USAGE_ERROR
from callscope.tools.cli.printing import TreeOptions
from callscope.tools.cli.program import Program, execute, following

if TYPE_CHECKING:
    from callscope.declare.options import Capture
    from callscope.read.trace import Trace
    from callscope.trace import Sink

_FOUND: Final = 1
_NOTHING_DECLARED: Final = (
    "No class of the program is declared with @traced. Name one: -t package.module:Class, or"
    " -t __main__:Class for a class of the script itself."
)
_LATE: Final = " Options stand before the program: what follows it was given to it."


class _ProgramRecording(Recording):
    """Recording that reports untraced targets on stderr, each once."""

    reported: tuple[str, ...] = ()
    followed: frozenset[str] = frozenset()
    """Targets that name the script by its module; they are traced as classes of `__main__`."""
    hand_out: Callable[[], object] | None = None
    """Saves or prints the trace if the program is terminated before it ends."""

    def end(self) -> None:
        """End the recording."""
        was_running = self.is_running
        super().end()
        if was_running and is_terminated() and self.hand_out is not None:
            self.hand_out()

    def start_anew(self) -> None:
        """Reset in a child process, which ends silently if it is terminated."""
        self.hand_out = None
        super().start_anew()

    @property
    def problems(self) -> list[str]:
        """Reasons why targets were not traced; one sentence each."""
        names = [handle for handle in self._handles if handle.name not in self.followed]
        return [handle.problem for handle in names if handle.problem]

    def _absence(self) -> str:
        awaits_main = not self._declared() and not self._config.patterns
        # They are reported separately.
        return "" if self.problems or awaits_main else super()._absence()

    def report(self, problem: str) -> None:
        """Print why a target is not traced, once."""
        if problem not in self.reported:
            self.reported += (problem,)
            tell(f"callscope: {problem} Nothing is traced for it.")


def run(
    program: Program,
    *,
    targets: Sequence[str],
    methods: Sequence[str] | None,
    capture: Capture,
    output: str | None,
    live: bool,
    live_sites: Sequence[str] | None = None,
    break_on: str | None = None,
    children: bool = False,
    check: bool = False,
    tree: TreeOptions,
) -> int:
    """Run a program with some classes traced, and return its exit code.

    Without targets, all declared classes are traced. However the program ends, its trace is saved
    or printed. A forked child process does the same with its own trace, if it has recorded
    anything. With `check`, the exit code is 1 if the trace shows an error and the program's own
    exit code is 0.

    Raises:
        CallscopeError: if an argument is wrong; the program is then not run.
    """
    if live_sites and not live:
        raise OptionError("--filter must be used with --live. Add --live, or leave --filter out.")
    sinks: list[Sink] = [Console(sys.stderr, sites=live_sites or "*")] if live else []
    streams = output is not None and is_streamed(output)
    if output is not None:
        check_suffix(output)
        _check_writable(Path(fill(output)))
    loaded = _load(program)
    if loaded is None:
        return 1
    others, own, aliases = _divide(targets, loaded)
    missing = {*own, *aliases}
    if children:
        _record_children(others if targets else "1", methods, capture, output)
    # Its children stream to files beside this one; all are joined at the end.
    part = part_of(Path(fill(output))) if children and output and not streams else None
    pid = os.getpid()
    config = check_config(
        others,
        methods=methods,
        capture=capture,
        max_calls=None if streams else DEFAULT_MAX_CALLS,
        break_on=break_on,
        sinks=sinks,
        to=output if streams else part,
    )
    recording = _ProgramRecording(config._replace(patterns=() if targets else ("*",)))
    folder = Path.cwd()  # the program may change it
    show = None if live else partial(tree.text, with_findings=not check)
    tell_all = partial(_tell_all, folder=folder, streams=streams, show=show, check=check)
    with recording as trace, following(recording, missing, loaded.module):
        to = recording.path if streams or output is None else folder / fill(output)
        recording.hand_out = lambda: tell_all(trace, to, recording.path)
        prepare()
        exit_code = execute(program, loaded, lambda error: show_branch(trace, error))
    is_child = os.getpid() != pid
    if is_child and (part is not None or not len(trace)):
        return exit_code
    if is_child and output is not None:
        to = recording.path or folder / own_path(output)
    if not targets and not REGISTRY.declarations():
        late = _LATE if {"-t", "--target"} & {*program.arguments} else ""
        tell(f"callscope: {_NOTHING_DECLARED}{_own_classes(loaded.module)}{late}")
        return exit_code or USAGE_ERROR
    status = tell_all(trace, to, recording.path)
    recording.followed = frozenset(aliases[name] for name in aliases if name not in missing)
    for problem in recording.problems:
        recording.report(problem)
    for name in sorted(missing & own):
        recording.report(missing_class(MAIN, name, name, class_names(loaded.module)))
    return exit_code or (USAGE_ERROR if recording.reported else status)


def _load(program: Program) -> Loaded | None:
    """Load a program; if it does not compile, print the error and return None."""
    try:
        return program.load()
    except (SyntaxError, ValueError) as error:
        if isinstance(error, CallscopeError):
            raise
        sys.excepthook(type(error), error, None)
        return None


def _divide(
    targets: Sequence[str], loaded: Loaded
) -> tuple[tuple[str, ...], set[str], dict[str, str]]:
    """Return paths of classes in other modules, names of the program's own, and aliases.

    A class of the script may also be named by the script's module name. Such paths are in the
    first result, and also in the last, by the name of the class.

    Raises:
        CallscopeError: if one certainly does not exist.
    """
    paths = [check_path(target) for target in targets]
    own = {path.qualname for path in paths if path.module == MAIN}
    for name in own:
        if loaded.source is not None:
            check_class_name(MAIN, name, loaded.source)
    others = [path for path in paths if path.module != MAIN]
    aliases = {path.qualname: str(path) for path in others if _is_script(path.module, loaded)}
    return tuple(map(str, others)), own, aliases


def _is_script(module: str, loaded: Loaded) -> bool:
    spec = find_spec(module)
    file = loaded.module.__dict__.get("__file__")
    return file is not None and spec is not None and spec.origin == file


def _own_classes(module: types.ModuleType) -> str:
    """Return a sentence about the classes that the program itself defines, or an empty one."""
    names = [
        name
        for name in class_names(module)
        if getattr(module.__dict__[name], "__module__", None) == MAIN
    ]
    return f" The script defines {', '.join(names[:8])}." if names else ""


def _tell_all(
    trace: Trace,
    output: Path | None,
    part: Path | None,
    *,
    folder: Path,
    streams: bool,
    show: Callable[[Trace], str] | None,
    check: bool,
) -> int:
    """Save or print the trace, report problems; return the exit code if the program's is 0."""
    problems = []
    status = 0
    try:
        if output is not None and not streams:
            trace = save_joined(trace, output, part)
        if output is not None and output.is_relative_to(folder):
            output = output.relative_to(folder)
        _hand_out(trace, output, show, check=check)
        if check and trace.lost:
            problems.append(f"{trace.lost:,} calls were not kept, so nothing could be checked.")
        status = _FOUND if check and trace.findings().errors else 0
    except CallscopeError as error:
        problems.append(str(error))
    for problem in problems:
        tell(f"callscope: {problem}")
    return USAGE_ERROR if problems else status


def _hand_out(
    trace: Trace, output: Path | None, show: Callable[[Trace], str] | None, *, check: bool
) -> None:
    """Print where a trace is saved, or the trace if it was not printed live."""
    if output is not None:
        tell(f"callscope: {len(trace):,} calls saved to {output}")
    elif show is not None:
        tell(show(trace))
    if check:
        tell(str(trace.findings()))


def _record_children(
    targets: Sequence[str], methods: Sequence[str] | None, capture: Capture, output: str | None
) -> None:
    """Make started Python processes record, by the environment variables.

    Raises:
        OptionError: if that cannot be done.
    """
    if output is None:
        msg = "--children must be used with a file, for the parts of all processes. Add -o trace.jsonl."
        raise OptionError(msg)
    if not targets:
        msg = "-t must be a class of a module other than __main__ with --children. Name its module."
        raise OptionError(msg)
    ours = str(Path(__file__).with_name("children"))
    theirs = os.environ.get("PYTHONPATH")
    os.environ.update(
        {
            environment.TARGETS: ",".join(targets),
            environment.METHODS: ",".join(methods or ()),
            environment.CAPTURE: capture,
            environment.TO: str(Path(output).absolute()),
            PARENT: run_id(),
            "PYTHONPATH": ours if not theirs else ours + os.pathsep + theirs,
        }
    )


def _check_writable(path: Path) -> None:
    is_new = not path.exists()
    try:
        path.open("a").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise TraceFileError.cannot_write(path, error) from None

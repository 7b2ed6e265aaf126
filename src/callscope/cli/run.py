"""`callscope run`: a program with some classes traced, and what becomes of its trace."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callscope import environment
from callscope.claim import own_path
from callscope.cli.crash import show_branch, tell
from callscope.cli.main import USAGE_ERROR
from callscope.cli.program import MAIN, Program, execute, following
from callscope.errors import CallscopeError, OptionError, TraceFileError
from callscope.formats import check_suffix, is_streamed, tree
from callscope.limits import DEFAULT_MAX_CALLS, Limits
from callscope.options import check_options
from callscope.origin import PARENT, fill, run_id
from callscope.recording import Recording
from callscope.sinks.console import Console
from callscope.targets import parse_path

if TYPE_CHECKING:
    from callscope.options import Capture
    from callscope.trace import Sink, Trace

_FOUND: Final = 1


def run(
    program: Program,
    *,
    targets: Sequence[str],
    methods: Sequence[str] | None,
    capture: Capture,
    output: str | None,
    live: bool,
    shown: Sequence[str] | None = None,
    break_on: str | None = None,
    children: bool = False,
    check: bool = False,
) -> int:
    """Run a program with some classes traced, and return its exit code.

    Whatever becomes of the program, its trace is saved or printed. A child process that it forks
    does the same with its own, if it has recorded anything. With `check`, an error that the trace
    shows makes the exit code 1, if the program's own is 0.

    Raises:
        CallscopeError: for what was asked for wrongly; the program is then not run.
    """
    ours = [target for target in targets if parse_path(target).module == MAIN]
    others = tuple(target for target in targets if target not in ours)
    if shown and not live:
        raise OptionError("--filter says what --live prints. Add --live, or leave --filter out.")
    sinks: list[Sink] = [Console(sys.stderr, sites=shown or "*")] if live else []
    streams = output is not None and is_streamed(output)
    if output is not None:
        check_suffix(output)
        _check_writable(Path(fill(output)))
    if children:
        _record_children(others, methods, capture, output if streams else None)
    pid = os.getpid()
    try:
        code, module = program.load()
    except SyntaxError as error:
        sys.excepthook(type(error), error, None)
        return 1
    options = check_options(methods, capture)
    limits = Limits(max_calls=None if streams else DEFAULT_MAX_CALLS)
    recording = Recording(
        others, (), options, limits, sinks, output if streams else None, break_on=break_on
    )
    missing = {parse_path(target).qualname for target in ours}
    with recording as trace, following(recording, missing, module):
        exit_code = execute(program, code, module, lambda error: show_branch(trace, error))
    if os.getpid() != pid:
        if not len(trace):
            return exit_code
        output = None if output is None else str(own_path(output))
    elif output is not None:
        output = fill(output)
    problems = [
        *recording.problems,
        *(f"the program defined no class {name!r}" for name in sorted(missing)),
    ]
    problems = [f"a target was not traced: {problem}." for problem in problems]
    if streams:
        output = str(recording.path)
    told = _tell_all(trace, problems, output, streams=streams, live=live, check=check)
    return exit_code or told


def _tell_all(
    trace: Trace, problems: list[str], output: str | None, *, streams: bool, live: bool, check: bool
) -> int:
    """Hand out the trace, tell what went wrong; return the exit code if the program's is 0."""
    found = 0
    try:
        _hand_out(trace, output, streams=streams, live=live, check=check)
        if check and trace.lost:
            problems.append(f"{trace.lost:,} calls were not kept, so nothing could be checked.")
        found = _FOUND if check and trace.findings().errors else 0
    except CallscopeError as error:
        problems.append(str(error))
    for problem in problems:
        tell(f"callscope: {problem}")
    return USAGE_ERROR if problems else found


def _hand_out(trace: Trace, output: str | None, *, streams: bool, live: bool, check: bool) -> None:
    """Save a trace or print it, where that was not done as the program ran; tell what it shows."""
    if output is not None:
        if not streams:
            trace.save(output)
        tell(f"callscope: {len(trace):,} calls saved to {output}")
    elif not live:
        tell(tree.tree(trace) if check else str(trace))
    if check:
        tell(str(trace.findings()))


def _record_children(
    targets: Sequence[str], methods: Sequence[str] | None, capture: Capture, output: str | None
) -> None:
    """Let the Python processes that this one starts record by the environment variables.

    Raises:
        OptionError: if that cannot be done.
    """
    if output is None:
        msg = "--children needs a file that each process can write beside. Add -o trace.jsonl."
        raise OptionError(msg)
    if not targets:
        msg = "--children cannot find classes of __main__ in other processes. Name their module."
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

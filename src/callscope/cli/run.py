"""`callscope run`: a program as `python` itself would run it, with some classes traced."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope import environment
from callscope.cli.crash import show_branch, tell
from callscope.cli.main import USAGE_ERROR
from callscope.errors import CallscopeError, OptionError, TargetModuleError, TraceFileError
from callscope.formats import beside, check_suffix, is_streamed, tree
from callscope.hierarchy import parse_path
from callscope.options import check_options
from callscope.recording import DEFAULT_MAX_CALLS, Limits, Recording
from callscope.sinks.console import Console

if TYPE_CHECKING:
    from callscope.options import Capture
    from callscope.trace import Sink, Trace

_INTERRUPTED: Final = 130
_FOUND: Final = 1
_MAIN: Final = "__main__"


class Program(NamedTuple):
    """A script or a module to be run, and its arguments."""

    name: str
    arguments: Sequence[str]
    is_module: bool

    @classmethod
    def from_arguments(cls, module: Sequence[str] | None, script: Sequence[str]) -> Program:
        """Tell a module from a script.

        Raises:
            OptionError: if there is neither.
        """
        given = script if module is None else module
        if not given:
            msg = "There is no program to run. Name a script, or a module after -m."
            raise OptionError(msg)
        return cls(given[0], given[1:], module is not None)

    def load(self) -> tuple[types.CodeType, types.ModuleType]:
        """Return the program's code and the `__main__` module to run it in.

        Raises:
            TargetModuleError: if there is no such module.
            OptionError: if there is no such script, or no code in it.
        """
        return self._load_module() if self.is_module else self._load_script()

    def _load_script(self) -> tuple[types.CodeType, types.ModuleType]:
        path = Path(self.name).absolute()
        if path.is_dir():
            path /= "__main__.py"
        try:
            source = path.read_bytes()
        except OSError as error:
            msg = f"Cannot read the script {self.name!r}: {error.strerror}. Name a Python file."
            raise OptionError(msg) from None
        sys.path[0] = str(path.resolve().parent)
        return compile(source, str(path), "exec", dont_inherit=True), _main_module(str(path), None)

    def _load_module(self) -> tuple[types.CodeType, types.ModuleType]:
        sys.path[0] = str(Path.cwd())
        spec = self._find_spec(self.name)
        if spec.submodule_search_locations is not None:
            spec = self._find_spec(f"{self.name}.__main__")
        get_code = getattr(spec.loader, "get_code", None)
        code = get_code(spec.name) if get_code else None
        if code is None:
            msg = f"Module {self.name!r} has no Python code to run. Name another after -m."
            raise OptionError(msg)
        return code, _main_module(spec.origin or self.name, spec)

    @staticmethod
    def _find_spec(name: str) -> importlib.machinery.ModuleSpec:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            msg = (
                f"There is no module {name!r} to run. Check the spelling; methods are named by -M."
            )
            raise TargetModuleError(msg, name=name)
        return spec


def _main_module(filename: str, spec: importlib.machinery.ModuleSpec | None) -> types.ModuleType:
    module = types.ModuleType(_MAIN)
    module.__dict__.update(
        __file__=filename, __spec__=spec, __builtins__=builtins, __loader__=spec and spec.loader
    )
    if spec is not None:
        module.__package__ = spec.parent
    return module


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
    ours = [target for target in targets if parse_path(target).module == _MAIN]
    others = tuple(target for target in targets if target not in ours)
    if shown and not live:
        raise OptionError("--filter says what --live prints. Add --live, or leave --filter out.")
    sinks: list[Sink] = [Console(sys.stderr, sites=shown or "*")] if live else []
    streams = output is not None and is_streamed(output)
    if output is not None:
        check_suffix(output)
        _check_writable(Path(output))
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
        exit_code = _execute(program, code, module, lambda error: show_branch(trace, error))
    if os.getpid() != pid:
        if not len(trace):
            return exit_code
        output = None if output is None else str(beside(Path(output)))
    problems = [
        *recording.problems,
        *(f"the program defined no class {name!r}" for name in sorted(missing)),
    ]
    problems = [f"a target was not traced: {problem}." for problem in problems]
    try:
        _hand_out(trace, output, streams=streams, live=live, check=check)
        if check and trace.lost:
            problems.append(f"{trace.lost:,} calls were not kept, so nothing could be checked.")
        found = _FOUND if check and trace.findings().errors else 0
    except CallscopeError as error:
        problems.append(str(error))
        found = 0
    for problem in problems:
        tell(f"callscope: {problem}")
    return exit_code or (USAGE_ERROR if problems else found)


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
            environment.PARENT: str(os.getpid()),
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


@contextmanager
def following(recording: Recording, missing: set[str], module: types.ModuleType) -> Iterator[None]:
    """Follow the classes of the program itself, from the moment each is made."""
    if not missing:
        yield
        return
    build_class = builtins.__build_class__

    def build_and_follow(function: Any, name: str, /, *bases: Any, **keywords: Any) -> Any:
        cls = build_class(function, name, *bases, **keywords)
        qualname = getattr(cls, "__qualname__", None)
        if qualname in missing and function.__globals__ is module.__dict__:
            missing.remove(qualname)
            recording.follow(cls)
        return cls

    builtins.__build_class__ = build_and_follow
    try:
        yield
    finally:
        builtins.__build_class__ = build_class


def _execute(
    program: Program,
    code: types.CodeType,
    module: types.ModuleType,
    on_death: Callable[[BaseException], None],
) -> int:
    """Run code as `__main__`; return what the interpreter would exit with."""
    sys.argv = [
        module.__dict__["__file__"] if program.is_module else program.name,
        *program.arguments,
    ]
    sys.modules[_MAIN] = module
    try:
        exec(code, module.__dict__)  # noqa: S102  # running programs is what this is for
    except SystemExit as error:
        return _exit_code(error.code)
    except BaseException as error:
        _print_traceback(error)
        on_death(error)
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1


def _print_traceback(error: BaseException) -> None:
    """Print what the interpreter would print: the program's frames, and not ours."""
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
    sys.excepthook(type(error), error, error.__traceback__)

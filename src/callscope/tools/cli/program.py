"""Program, run as `python` itself would run it."""

from __future__ import annotations

import builtins
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from callscope.errors import CallscopeError, OptionError
from callscope.tools.cli.loading import MAIN, Loaded, load_code, load_module, load_script

if TYPE_CHECKING:
    from callscope.recording.recording import Recording

_INTERRUPTED: Final = 130
_NOT_PROGRAMS: Final = ("callscope", "importlib")
"""Packages with frames between the interpreter and the program."""
_LOADERS: Final[dict[str, Callable[[str], Loaded]]] = {
    "script": load_script,
    "module": load_module,
    "code": load_code,
}


class Program(NamedTuple):
    """Program to run, and its arguments."""

    kind: Literal["script", "module", "code"]
    name: str
    """The path of a script, the name of a module, or the code itself."""
    arguments: Sequence[str]

    @classmethod
    def from_arguments(
        cls, module: Sequence[str] | None, code: Sequence[str] | None, script: Sequence[str]
    ) -> Program:
        """Return the module, code or script given.

        Raises:
            OptionError: if none is given.
        """
        if module is not None:
            return cls._new("module", module)
        if code is not None:
            return cls._new("code", code)
        return cls._new("script", script)

    @classmethod
    def _new(cls, kind: Literal["script", "module", "code"], words: Sequence[str]) -> Program:
        if not words:
            msg = f"The {kind} must be given. Name a script, a module after -m, or code after -c."
            raise OptionError(msg)
        return cls(kind, words[0], words[1:])

    def load(self) -> Loaded:
        """Return the program, ready to run.

        Raises:
            TargetModuleError: if there is no such module.
            OptionError: if there is no such script, or no code in it.
            SyntaxError, ValueError: if it cannot be compiled.
        """
        return _LOADERS[self.kind](self.name)

    @property
    def argv(self) -> list[str]:
        """`sys.argv` when the program begins, before a module is found."""
        first = {"script": self.name, "module": "-m", "code": "-c"}[self.kind]
        return [first, *self.arguments]


@contextmanager
def following(recording: Recording, missing: set[str], module: types.ModuleType) -> Iterator[None]:
    """Record the classes of the program itself, each from its creation."""
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


def execute(program: Program, loaded: Loaded, on_death: Callable[[BaseException], None]) -> int:
    """Run a program as `__main__`, wait for its threads, and return the exit code of `python`.

    Args:
        program: the program.
        loaded: its code.
        on_death: called with an exception that ends it.

    Raises:
        CallscopeError: if a module turns out not to exist.
    """
    sys.argv = program.argv
    sys.modules[MAIN] = loaded.module
    code = _run(program, loaded, on_death)
    # As `python` does when the program has ended. No thread pool can be used afterwards. So it is
    # skipped if there is nothing to wait for, and leaves a process that goes on unchanged.
    wait_for_threads: Callable[[], None] | None = getattr(threading, "_shutdown", None)
    others = (t for t in threading.enumerate() if t is not threading.main_thread())
    if wait_for_threads is not None and not all(thread.daemon for thread in others):
        wait_for_threads()
    return code


def _run(program: Program, loaded: Loaded, on_death: Callable[[BaseException], None]) -> int:
    try:
        code = loaded.get_code()
        if program.kind == "module":
            sys.argv[0] = loaded.module.__dict__["__file__"]
        exec(code, loaded.module.__dict__)  # noqa: S102  # running programs is what this is for
    except SystemExit as error:
        return _exit_code(error.code)
    except BaseException as error:
        error.__traceback__ = _frames_of_program(error.__traceback__)
        if isinstance(error, CallscopeError) and error.__traceback__ is None:
            raise
        sys.excepthook(type(error), error, error.__traceback__)
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


def _frames_of_program(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return the part of a traceback that the interpreter would print."""
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__")
        if not isinstance(module, str) or module.partition(".")[0] not in _NOT_PROGRAMS:
            break
        traceback = traceback.tb_next
    return traceback

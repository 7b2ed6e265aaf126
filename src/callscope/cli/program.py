"""A program as `python` itself would run it."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.errors import OptionError, TargetModuleError

if TYPE_CHECKING:
    from callscope.recording import Recording

MAIN: Final = "__main__"
_INTERRUPTED: Final = 130


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
    module = types.ModuleType(MAIN)
    module.__dict__.update(
        __file__=filename, __spec__=spec, __builtins__=builtins, __loader__=spec and spec.loader
    )
    if spec is not None:
        module.__package__ = spec.parent
    return module


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


def execute(
    program: Program,
    code: types.CodeType,
    module: types.ModuleType,
    on_death: Callable[[BaseException], None],
) -> int:
    """Run code as `__main__`; return what the interpreter would exit with.

    Args:
        program: what is run.
        code: of it, as it was loaded.
        module: to run it in.
        on_death: is told of an exception that ends it.
    """
    sys.argv = [
        module.__dict__["__file__"] if program.is_module else program.name,
        *program.arguments,
    ]
    sys.modules[MAIN] = module
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

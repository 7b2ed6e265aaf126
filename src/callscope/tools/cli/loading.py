"""Loader of a program's code and `__main__` module, as `python` makes them."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import linecache
import pkgutil
import sys
import types
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from callscope.errors import OptionError, TargetModuleError
from callscope.introspect.lookup import check_modules, did_you_mean, is_module, missing_module

MAIN: Final = "__main__"
STDIN: Final = "-"


class Loaded(NamedTuple):
    """Program that is ready to run."""

    module: types.ModuleType
    """The new `__main__`."""
    get_code: Callable[[], types.CodeType]
    """Returns the code; for a module, it first imports its parent packages."""
    source: str | None = None
    """Text of the program, if it is a single file."""


def load_script(name: str) -> Loaded:
    """Load a script, a compiled file, an archive, a folder or, with ``-``, stdin.

    Raises:
        OptionError: if there is no such file, or no code in it.
        SyntaxError, ValueError: if it cannot be compiled.
    """
    if name == STDIN:
        return _load_text(sys.stdin.read(), _new_script("<stdin>"), "<stdin>")
    path = str(Path(name).absolute())
    if pkgutil.get_importer(path) is not None:
        _set_first_path(path, is_certain=True)
        spec = importlib.machinery.PathFinder.find_spec(MAIN, [path])
        if spec is None:
            msg = f"The script must be a file, and there is no __main__.py in {name!r}. Name a script in it."
            raise OptionError(msg)
        module = new_main()
        code = _take_spec(module, spec)
        return Loaded(module, lambda: code)
    _set_first_path(str(Path(path).resolve().parent))
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        near = did_you_mean([f"-m {name}"]) if is_module(name) else _near_files(Path(name))
        msg = f"The script must be a readable file, got {name!r}: {error.strerror}.{near}"
        raise OptionError(msg) from None
    if content.startswith(importlib.util.MAGIC_NUMBER) or path.endswith(".pyc"):
        return _load_compiled(name, path)
    loader = importlib.machinery.SourceFileLoader(MAIN, path)
    code = compile(content, path, "exec", dont_inherit=True)
    return Loaded(_new_script(path, loader), lambda: code, importlib.util.decode_source(content))


def load_code(text: str) -> Loaded:
    """Load the text of a program, as ``python -c`` takes it."""
    return _load_text(text, new_main(), "<string>")


def load_module(name: str) -> Loaded:
    """Find a module or a package; `Loaded.get_code` imports it, as part of the program.

    Raises:
        TargetModuleError: if the module certainly does not exist.
    """
    _set_first_path(str(Path.cwd()))
    try:
        check_modules(name, name)
    except TargetModuleError as error:
        raise _no_module(name, error) from None
    module = new_main()
    return Loaded(module, lambda: _take_spec(module, _spec_to_run(name)))


def new_main(loader: Any = importlib.machinery.BuiltinImporter) -> types.ModuleType:
    """Return a new `__main__` module."""
    module = types.ModuleType(MAIN)
    module.__loader__ = loader
    module.__dict__["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        module.__annotations__ = {}
    return module


def _new_script(path: str, loader: Any = importlib.machinery.BuiltinImporter) -> types.ModuleType:
    module = new_main(loader)
    module.__dict__.update(__file__=path, __cached__=None)
    return module


def _load_text(text: str, module: types.ModuleType, filename: str) -> Loaded:
    _set_first_path("")
    if sys.version_info >= (3, 13):  # its tracebacks show the lines
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    code = compile(text, filename, "exec", dont_inherit=True)
    return Loaded(module, lambda: code, text)


def _load_compiled(name: str, path: str) -> Loaded:
    loader = importlib.machinery.SourcelessFileLoader(MAIN, path)
    try:
        code = loader.get_code(MAIN)
    except (ImportError, EOFError, ValueError) as error:
        msg = f"The script must be compiled by this Python, got {name!r}: {error}. Name its source."
        raise OptionError(msg) from None
    assert code is not None
    return Loaded(_new_script(path, loader), lambda: code)


def _set_first_path(path: str, *, is_certain: bool = False) -> None:
    """Put the program's folder where `python` puts it, in place of callscope's own."""
    if not sys.flags.safe_path:
        sys.path[0] = path
    elif is_certain:
        sys.path.insert(0, path)


def _spec_to_run(name: str) -> importlib.machinery.ModuleSpec:
    """Find a module, or the `__main__` of a package; import its parent packages."""
    spec = _import_packages(name)
    if spec.submodule_search_locations is not None:
        spec = _import_packages(f"{name}.{MAIN}")
    return spec


def _import_packages(name: str) -> importlib.machinery.ModuleSpec:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        spec = None
    if spec is None:
        raise _no_module(name, missing_module(name, name))
    return spec


def _no_module(name: str, error: TargetModuleError) -> TargetModuleError:
    hint = " Methods are named by -M."
    if name.endswith(".py"):
        hint = " Leave out -m to run a script."
    return TargetModuleError(f"{error}{hint}", name=name)


def _take_spec(module: types.ModuleType, spec: importlib.machinery.ModuleSpec) -> types.CodeType:
    """Return the code of a spec, and set the attributes of `__main__` from it."""
    get_code = getattr(spec.loader, "get_code", None)
    code: types.CodeType | None = get_code(spec.name) if get_code else None
    if code is None:
        msg = f"The module must be one with Python code, got {spec.name!r}. Name another."
        raise OptionError(msg)
    module.__dict__.update(
        __file__=spec.origin,
        __cached__=spec.cached,
        __spec__=spec,
        __loader__=spec.loader,
        __package__=spec.parent,
    )
    return code


def _near_files(path: Path) -> str:
    """Return a hint that names scripts with names like a missing one."""
    names = [file.name for file in path.parent.glob("*.py")]
    close = get_close_matches(path.name, names, n=3)
    near = [str(path.with_name(name)) for name in close]
    return did_you_mean(near) or " Name a Python file, or a module by -m."

"""Parser and resolver of targets: a class, or the path of one."""

from __future__ import annotations

import sys
import types

from callscope.errors import (
    ImmutableClassError,
    TargetError,
    TargetModuleError,
    TargetNotFoundError,
)
from callscope.introspect.classes import is_immutable, is_subclass

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from typing import Any, Final

KERAS_BACKENDS: Final = ("torch", "jax", "tensorflow")


class TargetPath:
    """A class named by module and qualified name: ``"keras.layers:Layer"``."""

    __slots__ = ("module", "qualname")

    def __init__(self, module: str, qualname: str) -> None:
        self.module: str = module
        self.qualname: str = qualname

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


def parse_path(path: str) -> TargetPath:
    """Split ``"pkg.module:Class"``, ``"pkg.module:Outer.Inner"`` or ``"pkg.module.Class"``.

    Without a colon, the longest prefix that names a module is the module. Nothing is imported.

    Raises:
        TargetError: if the text does not have that form.
    """
    module, colon, qualname = path.partition(":")
    parts = [*module.split("."), *(qualname.split(".") if colon else ())]
    is_file = module.endswith(".py")
    if len(parts) == 1 or is_file or not all(part.isidentifier() for part in parts):
        raise TargetError(f"{path!r} is not the path of a class.{_remedy(path)}")
    return TargetPath(module, qualname) if colon else _split(parts)


def _remedy(path: str) -> str:
    """Return a sentence that corrects a path which does not name a class."""
    from callscope.introspect.lookup import is_module

    module = path.removesuffix(".py")
    if module.isidentifier() and is_module(module):
        return f" It is a module: name a class of it, as '{module}:Class'."
    if ".py" in path or "/" in path:
        file, colon, name = path.partition(":")
        module = file.removesuffix(".py").replace("/", ".")
        return f" Name the module, and not its file: '{module}:{name if colon else 'Class'}'."
    return (
        " Write it as 'package.module:Class', e.g. 'keras.layers:Layer'; '__main__:Class' is a class"
        " of the script itself."
    )


def _split(parts: list[str]) -> TargetPath:
    """Find where the module ends in ``"package.module.Class"``."""
    from callscope.introspect.lookup import is_module

    length = 0
    while length < len(parts) and is_module(".".join(parts[: length + 1])):
        length += 1
    if length == len(parts):
        length -= 1
        if not _has_class(".".join(parts[:length]), parts[-1]):
            path = ".".join(parts)
            msg = f"{path!r} is a module. Name a class of it, as '{path}:Class'."
            raise TargetError(msg)
    if not length:
        # It cannot be found yet; class names start with capitals, and module names do not.
        capitals = (number for number, part in enumerate(parts) if number and part[0].isupper())
        length = next(capitals, len(parts) - 1)
    return TargetPath(".".join(parts[:length]), ".".join(parts[length:]))


def _has_class(module: str, name: str) -> bool:
    value = getattr(sys.modules.get(module), "__dict__", {}).get(name)
    return is_subclass(type(value), type)


def check_path(path: str) -> TargetPath:
    """Return the parts of a path whose class may exist according to the source.

    Raises:
        TargetError: if the text is not a path.
        TargetModuleError: if the module certainly does not exist.
        TargetNotFoundError: if the module certainly has no such class.
    """
    from callscope.introspect.lookup import check_class_name, check_modules

    parsed = parse_path(path)
    if parsed.module not in sys.modules:
        check_modules(parsed.module, path)
        check_class_name(parsed.module, parsed.qualname)
    return parsed


def import_class(path: str) -> type:
    """Import the module of a path and return the class, even if it is immutable.

    Raises:
        TargetError: if the text is not a path, or does not name a class.
        TargetModuleError: if the module does not exist, or its import fails.
        TargetNotFoundError: if the module has no such class.
    """
    import importlib

    parsed = parse_path(path)
    try:
        module = importlib.import_module(parsed.module)
    except (Exception, SystemExit) as error:
        name = error.name if isinstance(error, ModuleNotFoundError) else None
        if name is not None and f"{parsed.module}.".startswith(f"{name}."):
            from callscope.introspect.lookup import missing_module

            raise missing_module(name, path) from None
        raise _failed_import(parsed.module, error) from error
    return find_any_class(parsed, module)


def _failed_import(module: str, error: BaseException) -> TargetModuleError:
    """Return the error for an existing module that cannot be imported."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    text = str(error) if name else f"{type(error).__name__}: {error}"
    remedy = "Fix it first."
    if name in KERAS_BACKENDS and module.partition(".")[0] == "keras":
        from callscope.introspect.lookup import is_module

        there = [backend for backend in KERAS_BACKENDS if backend != name and is_module(backend)]
        names = f", as {' or '.join(f'KERAS_BACKEND={b}' for b in there)}" if there else ""
        remedy = f"Set KERAS_BACKEND to a backend that is installed{names}."
    elif name:
        remedy = f"Install {name!r} first."
    return TargetModuleError(f"Importing {module} failed: {text}. {remedy}", name=name)


def find_class(path: TargetPath, module: types.ModuleType) -> type:
    """Return the class a path names in its imported module.

    Raises:
        TargetNotFoundError: if the module has no such attribute.
        TargetError: if the attribute is not a class.
        ImmutableClassError: if the class takes no new attributes.
    """
    return check_class(_find(path, module), str(path))


def find_any_class(path: TargetPath, module: types.ModuleType) -> type:
    """Return the class a path names, as `find_class` does, even if it is immutable.

    Raises:
        TargetNotFoundError: if the module has no such attribute.
        TargetError: if the attribute is not a class.
    """
    target = _find(path, module)
    try:
        return check_class(target, str(path))
    except ImmutableClassError:
        assert isinstance(target, type)
        return target


def _find(path: TargetPath, module: types.ModuleType) -> object:
    value: Any = module
    for part in path.qualname.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            from callscope.introspect.lookup import missing_class

            msg = missing_class(path.module, path.qualname, part, class_names(value))
            raise TargetNotFoundError(msg) from None
        except Exception as error:
            msg = f"'{path}' cannot be looked up: {part!r} raised {error!r}. Name another path."
            raise TargetNotFoundError(msg) from error
    return value


def class_names(where: Any) -> list[str]:
    """Return the names of the classes in a module or class."""
    present = getattr(where, "__dict__", {})
    return [key for key, value in present.items() if is_subclass(type(value), type)]


def check_module(name: str) -> None:
    """Check that the top-level package of a module exists; imports nothing.

    Raises:
        TargetModuleError: if it does not.
    """
    package = name.partition(".")[0]
    if name in sys.modules or package in sys.modules:
        return
    from callscope.introspect.lookup import is_module, missing_module

    if not is_module(package):
        raise missing_module(package, name)


def check_class(target: object, named: str | None = None) -> type:
    """Return the target if it is a traceable class.

    Raises:
        TargetError: if it is not a class.
        ImmutableClassError: if the class takes no new attributes.
    """
    # Not `isinstance`: an object may fake its `__class__`.
    if not is_subclass(type(target), type):
        name = named or getattr(target, "__qualname__", None)
        what = f"{target!r:.80}, of type {type(target).__name__}, is not a class"
        if isinstance(name, str):
            what = f"{name!r} is a {type(target).__name__} and not a class"
        msg = f"{what}. Name the class whose methods are to be traced."
        raise TargetError(msg)
    assert isinstance(target, type)
    if is_immutable(target):
        msg = f"Class {target.__name__!r} is immutable; trace a subclass of it instead."
        raise ImmutableClassError(msg)
    return target

"""What people name as a target: a class, or the path of one."""

from __future__ import annotations

import sys
import types

from callscope.errors import (
    ImmutableClassError,
    TargetError,
    TargetModuleError,
    TargetNotFoundError,
)
from callscope.hierarchy import is_immutable, is_subclass

TYPE_CHECKING = False  # see callscope.hierarchy
if TYPE_CHECKING:
    from typing import Any


class TargetPath:
    """A class named by module and qualified name: ``"keras.layers:Layer"``."""

    __slots__ = ("module", "qualname")

    def __init__(self, module: str, qualname: str) -> None:
        self.module: str = module
        self.qualname: str = qualname

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


def parse_path(path: str) -> TargetPath:
    """Split ``"package.module:Class"`` or ``"package.module:Outer.Inner"``.

    Raises:
        TargetError: if the text has not that form.
    """
    module, colon, qualname = path.partition(":")
    parts = [*module.split("."), *qualname.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        msg = f"{path!r} names no class. Write it as 'package.module:Class', e.g. 'keras.layers:Layer'."
        raise TargetError(msg)
    return TargetPath(module, qualname)


def find_class(path: TargetPath, module: types.ModuleType) -> type:
    """Return the class a path names in its module, which is imported already.

    Raises:
        TargetNotFoundError: if the module has no such attribute.
        TargetError: if the attribute is no class.
        ImmutableClassError: if it is a class that takes no new attributes.
    """
    return check_class(_find(path, module), str(path))


def find_any_class(path: TargetPath, module: types.ModuleType) -> type:
    """Return the class a path names, as `find_class`, also if it takes no new attributes.

    Raises:
        TargetNotFoundError: if the module has no such attribute.
        TargetError: if the attribute is no class.
    """
    found = _find(path, module)
    try:
        return check_class(found, str(path))
    except ImmutableClassError:
        assert isinstance(found, type)
        return found


def _find(path: TargetPath, module: types.ModuleType) -> object:
    found: Any = module
    for part in path.qualname.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            msg = f"Module {path.module!r} has no class {path.qualname!r}.{_did_you_mean(part, found)}"
            raise TargetNotFoundError(msg) from None
        except Exception as error:
            msg = f"'{path}' cannot be looked up: {part!r} raised {error!r}. Name the class otherwise."
            raise TargetNotFoundError(msg) from error
    return found


def _did_you_mean(name: str, where: Any) -> str:
    import difflib

    present = getattr(where, "__dict__", {})
    classes = [key for key, value in present.items() if is_subclass(type(value), type)]
    close = difflib.get_close_matches(name, classes, n=3)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else " Check the spelling."


def check_module(name: str) -> None:
    """Check, without importing anything, that the top-level package of a module exists.

    Raises:
        TargetModuleError: if it does not.
    """
    package = name.partition(".")[0]
    if name in sys.modules or package in sys.modules:
        return
    import importlib.util

    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        found = None
    if found is None:
        msg = f"There is no module {package!r}. Install it, or check the spelling of {name!r}."
        raise TargetModuleError(msg, name=package)


def check_class(target: object, named: str | None = None) -> type:
    """Return the target if it is a class that can be traced.

    Raises:
        TargetError: if it is no class.
        ImmutableClassError: if it is a class that takes no new attributes.
    """
    # Not `isinstance`: an object may lie about its class.
    if not is_subclass(type(target), type):
        name = named or getattr(target, "__qualname__", None)
        what = f"{target!r:.80}, of type {type(target).__name__}, is no class"
        if isinstance(name, str):
            what = f"{name!r} is a {type(target).__name__} and not a class"
        msg = f"{what}. Name the class whose methods are to be traced."
        raise TargetError(msg)
    assert isinstance(target, type)
    if is_immutable(target):
        msg = f"Class {target.__name__!r} is immutable; trace a subclass of it instead."
        raise ImmutableClassError(msg)
    return target

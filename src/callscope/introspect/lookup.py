"""Lookup of modules and classes by path, without importing anything."""

from __future__ import annotations

import ast
import difflib
import importlib.machinery
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from callscope.errors import TargetModuleError, TargetNotFoundError

_MAKES_MODULES: Final = re.compile(r"__path__|\bsys\.modules\b|\bmeta_path\b")
"""Marks in the source of a package that may have modules which no finder sees."""
_MAKES_NAMES: Final = re.compile(
    r"import\s*\(?\s*\*|\b(__getattr__|__dict__|globals|locals|vars|exec|eval|setattr|modules)\b"
)
"""Marks of a module that may have names which its source does not show."""
_ALIKE: Final = 0.75
"""Cutoff for similar module names: there are many, and most are short."""


def find_spec(name: str) -> importlib.machinery.ModuleSpec | None:
    """Return the spec of a module; None if no finder sees it."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    package = name.rpartition(".")[0]
    with suppress(ImportError, ValueError, AttributeError):
        if not package:
            return importlib.util.find_spec(name)
        # `importlib.util.find_spec` would import the package.
        return importlib.machinery.PathFinder.find_spec(name, _places_of(package))
    return None


def is_module(name: str) -> bool:
    """Return whether a module is imported or can be found."""
    return name in sys.modules or find_spec(name) is not None


def check_modules(name: str, path: str) -> None:
    """Check that a module and the packages it lies in exist, as far as that is certain.

    Args:
        name: of the module.
        path: as the user wrote it.

    Raises:
        TargetModuleError: if one of them does not.
    """
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        module = ".".join(parts[:length])
        if is_module(module):
            continue
        package = ".".join(parts[: length - 1])
        if not package or not _may_make(package, _MAKES_MODULES):
            raise missing_module(module, path)
        return


def missing_module(name: str, path: str) -> TargetModuleError:
    """Return the error for a missing module, with similar names."""
    package, _, last = name.rpartition(".")
    places = _places_of(package) if package else None
    names = {module.name for module in pkgutil.iter_modules(places)} if places != [] else set()
    if not package:
        names |= sys.stdlib_module_names
    names = {module for module in names if module.startswith("_") == last.startswith("_")}
    close = difflib.get_close_matches(last, names, n=3, cutoff=_ALIKE)
    near = [f"{package}.{module}" if package else module for module in close]
    remedy = f"{did_you_mean(near)} Check" if near else " Install it, or check"
    msg = f"There is no module {name!r}.{remedy} the spelling of {path!r}."
    return TargetModuleError(msg, name=name)


def check_class_name(module: str, qualname: str, source: str | None = None) -> None:
    """Check that the source of a module mentions a class, as far as that is certain.

    Args:
        module: name of the module.
        qualname: of the class.
        source: text of the module; by default it is looked up.

    Raises:
        TargetNotFoundError: if it does not.
    """
    first = qualname.partition(".")[0]
    source = source or _source(module)
    if source is None or re.search(rf"\b{first}\b", source) or _MAKES_NAMES.search(source):
        return
    if not is_module(f"{module}.{first}"):
        raise TargetNotFoundError(missing_class(module, qualname, first, _class_names(source)))


def missing_class(module: str, qualname: str, part: str, names: Iterable[str]) -> str:
    """Return the message for a class that is missing in a module, with similar names."""
    close = difflib.get_close_matches(part, names, n=3)
    return f"Module {module!r} has no class {qualname!r}.{did_you_mean(close) or ' Check the spelling.'}"


def did_you_mean(names: Sequence[str]) -> str:
    """Return a question that offers similar names; empty without any."""
    return f" Did you mean {' or '.join(map(repr, names))}?" if names else ""


def _places_of(package: str) -> Sequence[str]:
    """Return the folders in which a package's modules are searched."""
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", ()))
    spec = find_spec(package)
    return [] if spec is None else list(spec.submodule_search_locations or ())


def _may_make(module: str, marks: re.Pattern[str]) -> bool:
    source = _source(module)
    return source is None or marks.search(source) is not None


def _source(module: str) -> str | None:
    """Return the source text of a module; None if it cannot be read."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.has_location:
        return None
    with suppress(OSError, SyntaxError, UnicodeDecodeError):
        if spec.origin.endswith(".py"):
            with open(spec.origin, "rb") as file:  # noqa: PTH123  # `pathlib` costs an import
                return importlib.util.decode_source(file.read())
    return None


def _class_names(source: str) -> Iterator[str]:
    """Yield the names that a module's source gives to classes and imports."""
    with suppress(SyntaxError, ValueError, RecursionError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.ImportFrom):
                yield from (alias.asname or alias.name for alias in node.names)

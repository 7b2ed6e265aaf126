"""Imports of callscope's own modules: some on first use, and one copy of each per process.

A hot reloader may take callscope out of `sys.modules` and import it again. The first copy then goes
on: two would weave the same classes, and share one tape in C.
"""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = __name__.partition(".")[0]
_KEY = "_callscope"


def lazy_name(namespace: dict[str, object], homes: Mapping[str, str], name: str) -> object:
    """Import a name of a package on first access; for the package's `__getattr__`.

    Args:
        namespace: the package's `globals()`.
        homes: modules of such names, in the package; with a colon and the name there, if it is
            another.
        name: the name.
    """
    package = namespace["__name__"]
    if name not in homes:
        msg = f"module {package!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module, _, attribute = homes[name].partition(":")
    full = f"{package}.{module}"
    restore(full)
    value = namespace[name] = getattr(importlib.import_module(full), attribute or name)
    return value


def keep() -> None:
    """Register this copy as the one to reuse, if it is the first."""
    if not hasattr(sys, _KEY):
        setattr(sys, _KEY, sys.modules[_PACKAGE])


def restore(name: str) -> None:
    """Before a lazy import, put back into `sys.modules` what a program has taken out of it.

    Otherwise the import would load parts of a second copy. Tests often replace `sys.modules` for
    a while, and then all that is imported meanwhile is taken out.

    Args:
        name: the module to be imported.
    """
    package, _, module = name.rpartition(".")
    loaded = sys.modules.get(package)
    if loaded is None or (name not in sys.modules and module in vars(loaded)):
        _bring_back(vars(sys)[_KEY], _PACKAGE)


def _bring_back(module: object, name: str) -> None:
    sys.modules[name] = module  # type: ignore[assignment]
    for attribute, value in tuple(vars(module).items()):
        if type(value) is type(sys) and value.__name__ == f"{name}.{attribute}":
            _bring_back(value, value.__name__)


if _KEY in vars(sys):
    _bring_back(vars(sys)[_KEY], _PACKAGE)

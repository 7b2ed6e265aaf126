"""Single copy of callscope per process, however often it is imported.

A hot reloader may take callscope out of `sys.modules` and import it again. The first copy then goes
on: two would weave the same classes, and share one tape in C.
"""

import sys

_PACKAGE = __name__.partition(".")[0]
_KEY = "_callscope"


def keep() -> None:
    """Register this copy as the one to reuse, if it is the first."""
    if not hasattr(sys, _KEY):
        setattr(sys, _KEY, sys.modules[_PACKAGE])


def _bring_back(module: object, name: str) -> None:
    sys.modules[name] = module  # type: ignore[assignment]
    for attribute, value in vars(module).items():
        if type(value) is type(sys) and value.__name__ == f"{name}.{attribute}":
            _bring_back(value, value.__name__)


if _KEY in vars(sys):
    _bring_back(vars(sys)[_KEY], _PACKAGE)

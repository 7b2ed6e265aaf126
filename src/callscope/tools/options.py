"""Options of the command line, pytest and IPython that say what is recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

CAPTURE: Final[dict[str, Any]] = {
    "choices": ("values", "types", "none"),
    "default": "values",
    "help": "how much of arguments and results is kept (default: values)",
}


def target(details: str) -> dict[str, Any]:
    """Return the option for a class, whose help ends with details."""
    text = f"class whose hierarchy is traced{details}"
    return {"action": "append", "default": [], "metavar": "TARGET", "help": text}


def method(
    name: str = "name of a method", default: str = "__init__, __call__ and call"
) -> dict[str, Any]:
    """Return the option for a method."""
    text = f"{name}, or a pattern; by default {default} (repeatable)"
    return {"action": "append", "metavar": "METHOD", "help": text}


def listed(values: Iterable[str]) -> list[str]:
    """Return the values of a repeatable option or a variable; commas separate them, too."""
    return [name.strip() for names in values for name in names.split(",") if name.strip()]

"""`callscope explain`: explanation of a class by its path, without an instance."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from callscope.declare.targets import import_class
from callscope.read.explain import Explanation, explain

FORMATS: Final[dict[str, Callable[[Explanation], str]]] = {
    "text": str,
    "json": lambda explanation: json.dumps(explanation.to_dict(), indent=2),
    "mermaid": lambda explanation: explanation.mermaid().rstrip("\n"),
}
"""Writers of explanations, by the name of the format."""


def show(target: str, methods: Sequence[str] | None, form: str) -> None:
    """Import a class's module and print the explanation of the class.

    Raises:
        CallscopeError: if there is no such class.
    """
    cls = _find(target)
    print(FORMATS[form](explain(cls, methods)))


def _find(target: str) -> type:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return import_class(target)

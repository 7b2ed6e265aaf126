from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Generic, TypeVar

from callscope import traced

T = TypeVar("T")
TRACED = ("__init__", "__call__", "apply")
"""The methods that tell what happens in here."""


# Declared where it is defined, and so for all subclasses of all users. It is the very same class,
# with the very same methods; nothing is imported for it but what declaring needs.
@traced(methods=TRACED, redact=("api_key",))
class Step(Generic[T]):
    """One step: a subclass says what it does in `apply`."""

    def __call__(self, value: T) -> T:
        return self.apply(value)

    def apply(self, value: T) -> T:
        raise NotImplementedError


class Pipeline(Step[T]):
    """Steps in a row; a step itself."""

    def __init__(self, steps: Sequence[Step[T]]) -> None:
        self._steps = steps

    def apply(self, value: T) -> T:
        for step in self._steps:
            value = step(value)
        return value

    def run(self, value: T, *, explain: bool = False) -> T:
        """Run the steps; with `explain`, print which of them did what to stderr."""
        if not explain:
            return self(value)
        from callscope import record  # imported by those who ask for it, and by nobody else

        with record(Step, methods=TRACED) as trace:
            result = self(value)
        sys.stderr.write(f"{trace}\n")
        return result

"""What shadows call for values that are no short scalars; nothing called in here is recorded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from callscope.summarize import REDACTED, Summarizer
from callscope.tape.records import ERROR
from callscope.tape.threads import TAPES

_MAX_SPREAD: Final = 10
"""How many of the values in `*args`, and in `**kwargs`, are captured."""

_get_traceback = BaseException.__dict__["__traceback__"].__get__
_set_traceback = BaseException.__dict__["__traceback__"].__set__


def drop_own_frame(error: BaseException) -> None:
    """Take the frame that has just caught an exception out of its traceback."""
    # Through the descriptor: an exception class may forbid or redefine attributes.
    traceback = _get_traceback(error)
    if traceback is not None:
        _set_traceback(error, traceback.tb_next)


class Capture:
    """Captures values as one recipe asks for them."""

    def __init__(self, summarizer: Summarizer) -> None:
        self._summarizer = summarizer
        self.value = functools.partial(TAPES.untraced, summarizer.value)
        self.type = functools.partial(TAPES.untraced, summarizer.type)
        self.both = functools.partial(TAPES.untraced, self._both)
        self.values = functools.partial(self._each, self.value)
        self.types = functools.partial(self._each, self.type)
        self.boths = functools.partial(self._each, self.both)
        self.named_values = functools.partial(self._named, self.value, REDACTED)
        self.named_types = functools.partial(self._named, self.type, REDACTED)
        self.named_boths = functools.partial(self._named, self.both, (REDACTED, REDACTED))

    def _both(self, value: Any) -> Any:
        return self._summarizer.value(value), self._summarizer.type(value)

    @staticmethod
    def _each(capture: Callable[[Any], Any], values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(capture(value) for value in values[:_MAX_SPREAD])

    def _named(
        self, capture: Callable[[Any], Any], redacted: Any, values: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            name: redacted if self._summarizer.hides(name) else capture(value)
            for name, value in islice(values.items(), _MAX_SPREAD)
        }

    def note_error(self, tape: list[Any], error: BaseException) -> None:
        """Write what a call raised, and take the shadow's own frame out of the traceback."""
        drop_own_frame(error)
        now = TAPES.clock.cell_contents()
        tape += (ERROR, now, TAPES.untraced(self._summarizer.error, error))

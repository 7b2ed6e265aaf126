"""Capture of values that are not short scalars, for shadows; no call in here is recorded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from callscope.introspect.summaries import REDACTED, cached_type, summarizer
from callscope.tape.records import AT_LIMIT, ERROR, UNKNOWN_ERROR
from callscope.tape.threads import TAPES
from callscope.trace import Text
from callscope.weave.shadow.frames import drop_own_frames

_MAX_SPREAD: Final = 10
"""Largest number of values captured from `*args`, and from `**kwargs`."""


_One = Callable[[Any], Any]
_Form = Callable[[Text], Any]
_Spread = Callable[[tuple[Any, ...]], tuple[Any, ...]]
_Named = Callable[[dict[str, Any]], dict[str, Any]]


class Capture:
    """Capturing functions for one set of hidden names."""

    def __init__(self, redact: tuple[str, ...]) -> None:
        self._redact = redact
        self._summarizer = summarizer(redact)
        self.value: _One = functools.partial(TAPES.untraced, self._summarizer.value)
        self.both: _One = functools.partial(TAPES.untraced, self._both)
        self.values: _Spread = functools.partial(self._spread, self.value, _alone)
        self.types: _Spread = functools.partial(self._spread, self.type, _alone)
        self.boths: _Spread = functools.partial(self._spread, self.both, _twice)
        self.hidden: _Spread = functools.partial(self._spread, self._hide, _alone)
        self.hidden_boths: _Spread = functools.partial(self._spread, self._hide_both, _twice)
        self.named_hidden: _Named = functools.partial(self._named, self._hide, _alone)
        self.named_hidden_boths: _Named = functools.partial(self._named, self._hide_both, _twice)
        self.named_values: _Named = functools.partial(self._named, self.value, _alone)
        self.named_types: _Named = functools.partial(self._named, self.type, _alone)
        self.named_boths: _Named = functools.partial(self._named, self.both, _twice)

    def __reduce__(self) -> tuple[Any, ...]:
        return capture, (self._redact,)

    def type(self, value: Any) -> Text:
        """Return the name of a value's class."""
        return cached_type(value) or TAPES.untraced(self._summarizer.type, value)

    def _both(self, value: Any) -> Any:
        return self._summarizer.value(value), self._summarizer.type(value)

    @staticmethod
    def _hide(_: Any) -> Text:
        return REDACTED

    @staticmethod
    def _hide_both(_: Any) -> tuple[Text, Text]:
        return REDACTED, REDACTED

    @staticmethod
    def _spread(one: _One, form: _Form, values: tuple[Any, ...]) -> tuple[Any, ...]:
        captured = tuple(one(value) for value in values[:_MAX_SPREAD])
        more = len(values) - len(captured)
        return (*captured, form(Text(f"... {more} more"))) if more else captured

    def _named(self, one: _One, form: _Form, values: dict[str, Any]) -> dict[str, Any]:
        captured = {
            name: form(REDACTED) if self._summarizer.hides(name) else one(value)
            for name, value in map(_plainly_named, islice(values.items(), _MAX_SPREAD))
        }
        more = len(values) - len(captured)
        return captured | {"...": form(Text(f"{more} more"))} if more else captured

    def note_error(self, tape: list[Any], error: BaseException) -> None:
        """Record an exception, and remove the shadow's own frame from its traceback."""
        drop_own_frames(error)
        now = TAPES.clock.cell_contents()
        try:
            text = TAPES.untraced(self._summarizer.error, error)
        except RecursionError:  # the shadow, which handles others, would drop one more frame
            text = AT_LIMIT if type(error) is RecursionError else UNKNOWN_ERROR
        tape += (ERROR, now, text)


@functools.cache
def capture(redact: tuple[str, ...]) -> Capture:
    """Return the shared `Capture` that hides these names."""
    return Capture(redact)


def _plainly_named(item: tuple[str, Any]) -> tuple[str, Any]:
    # A keyword may be of a `str` subclass with its own hash and text.
    return str.__str__(item[0]), item[1]


def _alone(text: Text) -> Text:
    return text


def _twice(text: Text) -> tuple[Text, Text]:
    return text, text

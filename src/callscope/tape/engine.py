"""Choice of the tape: the C extension if it was built and works, else the Python tape."""

from __future__ import annotations

import os
import types
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal

from callscope.errors import EngineWarning, warn

_VARIABLE: Final = "CALLSCOPE_ENGINE"
_TIMES: Final = 50
"""Number of calls in the self-test: the interpreter specializes code only after some runs."""


class Inert:
    """Replacement of a recorder in a pickle: the shadow that holds it is switched off."""

    leave = None

    def __call__(self, *values: Any, error: BaseException | None = None) -> Unrecorded | None:
        """Run an async generator, to which alone a shadow that is off cannot simply pass on."""
        return Unrecorded(values[0]) if error is None else None


class Unrecorded:
    """Runner of an async generator whose calls are not recorded; the one in C has the same names.

    To await it is to take the next step.
    """

    def __init__(self, body: AsyncGenerator[Any, Any]) -> None:
        self.is_open: bool = True
        self.result: Any = None
        self._body = body
        self._step: Callable[[], Awaitable[Any]] = body.__anext__
        self._is_closing = False

    def silence(self) -> None:
        """Write no records."""

    def asend(self, value: Any) -> None:
        """Send a value with the next step."""
        self._step = partial(self._body.asend, value)

    def athrow(self, error: BaseException) -> None:
        """Throw an exception with the next step."""
        self._step = partial(self._body.athrow, error)

    def aclose(self) -> None:
        """Close the generator with the next step."""
        self._step, self._is_closing = self._body.aclose, True

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            self.result = yield from self._step().__await__()
        except StopAsyncIteration:
            self.is_open = False
        if self._is_closing:
            raise GeneratorExit


def _choose() -> Any:
    """Return the extension, or None for the Python tape.

    It does not raise: an environment variable must not break a program.
    """
    asked = os.environ.get(_VARIABLE, "")
    if asked not in ("", "c", "python"):
        warn(f"{_VARIABLE} must be 'c' or 'python', or be left out, got {asked!r}.", EngineWarning)
    if asked == "python":
        return None
    try:
        from callscope.tape import _tape
    except ImportError as error:
        if asked == "c":
            warn(f"{_VARIABLE}='c', but there is no extension: {error}.", EngineWarning)
        return None
    with suppress(Exception):
        if _works(_tape):
            return _tape
    warn(
        "The tape in C does not work with this Python; the tape in Python replaces it.",
        EngineWarning,
    )
    return None


def _works(native: Any) -> bool:
    """Return whether each call of a shadow is recorded once, for every way of calling it."""
    tape = native.Tape()
    owner = native.Owner(tape)
    layout = object()

    class ClassRef(weakref.ref[type]):
        __slots__ = ()
        identify = native.identify

    _configure(native, tape, ClassRef)
    methods = {
        "__init__": _shadow_of(native, layout, lambda _self, _x: None),
        "call": _shadow_of(native, layout, lambda _self, x: x),
    }
    tried: Any = type("Tried", (), methods)
    for number in range(_TIMES):
        one = tried(number)
        if one.call(number) != number or [*map(one.call, [number])] != [number]:
            return False
    records = tape.unpack()
    del owner
    native.forget_objects()
    times = sum(type(record) is int and record > 0 for record in records)
    begins = sum(record is layout for record in records)
    objects = len({record for record in records if type(record) is int and record < 0})
    # A begin record ends with a time, too. Each new object reuses the address of the last one.
    return begins == 3 * _TIMES and times == 2 * begins and objects == _TIMES


def _configure(native: Any, tape: Any, class_ref: Any) -> None:
    from contextvars import ContextVar

    native.configure(
        drain=list,
        local_tape=lambda: tape,
        class_ref=class_ref,
        class_ref_of_bound=class_ref,
        current=ContextVar("callscope_self_test"),
        omitted=None,
        redacted=None,
        result=None,
        raise_=None,
        error=None,
        suspend=None,
        resume=None,
        at_limit=None,
        unknown_error=None,
        inert=Inert,
        array_class=lambda _: None,
        type_texts=native.SCALARS,
        most_string=0,
    )


def _shadow_of(native: Any, layout: object, original: Any) -> Any:
    def make(enter: Any, leave: Any, original: Any) -> Any:
        def shadow(self: Any, x: Any) -> Any:
            enter(self)
            result = original(self, x)
            leave(result)
            return result

        return shadow

    recorder = native.Recorder(
        layout=layout,
        original=original,
        on=types.CellType(True),
        binding="i",
        captures="",
        result="-",
        value=None,
        note_error=None,
        spreads=(),
        is_compiling=None,
        is_akin=None,
        live=False,
    )
    shadow = make(recorder, recorder.leave, original)
    recorder.attach(shadow)
    return shadow


NATIVE: Final[Any] = _choose()
"""The extension, if it is used."""
TAPE: Any
"""The module of the tape in use."""
if NATIVE is None:
    from callscope.tape import python_tape

    TAPE = python_tape
else:
    from callscope.tape import c_tape

    TAPE = c_tape
NAME: Final[Literal["c", "python"]] = "python" if NATIVE is None else "c"
"""The tape in use: ``"c"`` or ``"python"``. It is chosen on first access."""

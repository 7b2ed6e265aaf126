"""Every exception and warning callscope raises; each message says what to do next."""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import suppress

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

__all__ = [
    "CallscopeError",
    "CallscopeWarning",
    "EngineWarning",
    "ImmutableClassError",
    "MissingExtraError",
    "NoMethodsError",
    "NotDeclaredError",
    "OptionError",
    "PredicateWarning",
    "ProcessWarning",
    "RecordingError",
    "SinkWarning",
    "SiteWarning",
    "TargetError",
    "TargetModuleError",
    "TargetNotFoundError",
    "TargetWarning",
    "TraceFileError",
    "TraceFormatError",
    "TraceTruncatedWarning",
]


class CallscopeError(Exception):
    """Base of every exception callscope raises on its own account."""

    def __str__(self) -> str:
        # It may quote a file, which may come from anywhere, and is shown on terminals.
        return printable(super().__str__())


class OptionError(CallscopeError, ValueError):
    """An option has a value that callscope cannot use."""


class TargetError(CallscopeError, TypeError):
    """What was named as a target is not a class, or not the path of one."""


class ImmutableClassError(TargetError):
    """The class is implemented in C and refuses new attributes, so it cannot be traced."""


class TargetNotFoundError(CallscopeError, LookupError):
    """The module of a target path has no such class."""


class TargetModuleError(CallscopeError, ModuleNotFoundError):
    """The module of a target path cannot be found."""


class NoMethodsError(CallscopeError, ValueError):
    """No class of the hierarchy defines any of the methods asked for."""


class NotDeclaredError(CallscopeError, LookupError):
    """The class was never declared, so its declaration cannot be removed."""


class RecordingError(CallscopeError, RuntimeError):
    """Recordings were started and stopped in an order that makes no sense."""


class TraceFileError(CallscopeError, OSError):
    """A trace file cannot be read or written."""

    @classmethod
    def cannot_write(cls, path: object, error: OSError | ValueError) -> TraceFileError:
        """Return the error for a file that cannot be written."""
        reason = getattr(error, "strerror", None) or str(error)
        return cls(f"Cannot write {str(path)!r}: {reason}. Name a file that can be written.")

    @classmethod
    def cannot_read(cls, path: object, error: OSError) -> TraceFileError:
        """Return the error for a file that cannot be read."""
        reason = error.strerror or str(error)
        return cls(f"Cannot read {str(path)!r}: {reason}. Name a trace that callscope has written.")


class TraceFormatError(CallscopeError, ValueError):
    """A file is no trace, or its suffix names no known format."""


class MissingExtraError(CallscopeError, ImportError):
    """What was asked for needs a third party that is not installed."""

    @classmethod
    def of(cls, what: str, extra: str) -> MissingExtraError:
        """Return the error that says how to install the extra that something needs."""
        return cls(f"{what} needs more to be installed: pip install 'callscope[{extra}]'")


class CallscopeWarning(UserWarning):
    """Base of every warning callscope issues."""


class SinkWarning(CallscopeWarning):
    """A sink raised an exception and was switched off."""


class SiteWarning(CallscopeWarning):
    """A pattern of sites fits no site of the recording."""


class PredicateWarning(CallscopeWarning):
    """A `where=` function raised an exception and is no longer asked."""


class ProcessWarning(CallscopeWarning):
    """Another process writes to the same file, belongs to another run, or did not record."""


class TargetWarning(CallscopeWarning):
    """A target turned out not to exist, or part of it cannot be traced."""


class EngineWarning(CallscopeWarning):
    """The tape in C cannot be used, and the one in Python takes its place."""


class TraceTruncatedWarning(CallscopeWarning):
    """More calls were made than a recording was allowed to keep."""


def one_line(text: str) -> str:
    """Return a text with all that would break a line, or cannot be printed, escaped.

    Control characters are, which a terminal obeys, what turns the direction of writing, and halves
    of surrogate pairs: all that is not printable, as `str.isprintable` has it.
    """
    if text.isprintable():
        return str(text)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def printable(text: str) -> str:
    """Return a text of several lines, each of them as `one_line` has it."""
    return text if text.isprintable() else "\n".join(map(one_line, text.split("\n")))


def warn(message: str, category: type[CallscopeWarning]) -> None:
    """Warn, but raise nothing into the traced program where warnings are errors."""
    try:
        warnings.warn(printable(message), category, stacklevel=2)
    except Exception:
        # There may be no stderr, or one that cannot be written to.
        with suppress(Exception):
            sys.stderr.write(f"callscope: {printable(message)}\n")


def shown(thing: object) -> str:
    """Return the `repr` of something of the user's, which may itself raise."""
    try:
        return one_line(repr(thing))
    except BaseException as error:
        if is_interrupt(error):
            raise
        return f"<{type(thing).__name__}>"


def nearest_first(names: Iterable[str], asked: Iterable[str]) -> list[str]:
    """Return names in the order in which people may have meant them, private ones last.

    Args:
        names: what there is.
        asked: names or patterns that fit none of them.
    """
    stems = [stem for name in asked if (stem := name.strip("_*").lower())]
    near = {
        name: max((_nearness(name.lower(), stem) for stem in stems), default=0) for name in names
    }
    return sorted(near, key=lambda name: (-near[name], _is_private(name)))


def some_of(names: Sequence[str], most: int = 8) -> str:
    """Return the first of some names as people list them, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return one_line(f"{', '.join(names[:most])}{more}")


def _nearness(name: str, stem: str) -> float:
    from difflib import SequenceMatcher

    ratio = SequenceMatcher(None, stem, name).ratio()
    return ratio if stem in name or ratio >= _ALIKE else 0


_ALIKE: Final = 0.6
"""As `difflib.get_close_matches` takes names to be close."""


def _is_private(name: str) -> bool:
    return name.rpartition(".")[2].startswith("_")


def is_interrupt(error: BaseException) -> bool:
    """Tell whether an exception may be the user's wish to end the program; all else stays inside.

    Signals are handled by the main thread alone.
    """
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and isinstance(error, KeyboardInterrupt)

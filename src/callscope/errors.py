"""All exceptions and warnings callscope raises; each message says what to do next."""

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
    """Base of every exception that callscope itself raises."""

    def __str__(self) -> str:
        # The message may quote an untrusted file and is shown on terminals.
        return printable(super().__str__())


class OptionError(CallscopeError, ValueError):
    """An option has a value that callscope cannot use."""


class TargetError(CallscopeError, TypeError):
    """The named target is not a class or the path of a class."""


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
    """Recordings were started or stopped in an invalid order."""


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

    @classmethod
    def too_large(cls, path: object) -> TraceFileError:
        """Return the error for a file that does not fit in memory."""
        return cls(
            f"{str(path)!r} does not fit into memory. Record fewer calls, or capture less of each."
        )


class TraceFormatError(CallscopeError, ValueError):
    """A file is not a trace, or its suffix does not name a known format."""


class MissingExtraError(CallscopeError, ImportError):
    """A requested feature needs a third-party package that is not installed."""

    @classmethod
    def for_feature(cls, what: str, extra: str) -> MissingExtraError:
        """Return the error that says how to install a missing extra."""
        return cls(f"{what} needs an extra that is not installed: pip install 'callscope[{extra}]'")


class CallscopeWarning(UserWarning):
    """Base of every warning callscope issues."""


class SinkWarning(CallscopeWarning):
    """A sink raised an exception and was switched off."""


class SiteWarning(CallscopeWarning):
    """A site pattern matches no site of the recording."""


class PredicateWarning(CallscopeWarning):
    """A `where=` function raised an exception and is no longer called."""


class ProcessWarning(CallscopeWarning):
    """Another process writes to the same file, belongs to another run, did not record, or did not
    finish its file.
    """


class TargetWarning(CallscopeWarning):
    """A target does not exist, or part of it cannot be traced."""


class EngineWarning(CallscopeWarning):
    """The C tape cannot be used; the Python tape replaces it."""


class TraceTruncatedWarning(CallscopeWarning):
    """More calls were made than the recording may keep."""


def one_line(text: str) -> str:
    """Return a text with line breaks and unprintable characters escaped.

    Escapes all that `str.isprintable` rejects: terminal control characters, bidirectional controls
    and lone surrogates.
    """
    if text.isprintable():
        return str(text)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def printable(text: str) -> str:
    """Return a multi-line text with each line escaped by `one_line`."""
    return text if text.isprintable() else "\n".join(map(one_line, text.split("\n")))


def encodable(text: str) -> str:
    """Return a text with lone surrogates, which UTF-8 cannot encode, escaped."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def warn(message: str, category: type[CallscopeWarning]) -> None:
    """Warn; never raise into the traced program, even where warnings are errors."""
    try:
        warnings.warn(printable(message), category, stacklevel=2)
    except Exception:
        # stderr may be missing or closed.
        with suppress(Exception):
            sys.stderr.write(f"callscope: {printable(message)}\n")


def shown(thing: object) -> str:
    """Return the `repr` of a user's object, or its class name if `repr` raises."""
    try:
        return one_line(repr(thing))
    except BaseException as error:
        if is_interrupt(error):
            raise
        return f"<{type(thing).__name__}>"


def nearest_first(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return names sorted by similarity to those asked for, private ones last.

    Args:
        names: the existing names.
        patterns: names or patterns that match none of them.
    """
    stems = [stem for name in patterns if (stem := name.strip("_*").lower())]
    near = {
        name: max((_nearness(name.lower(), stem) for stem in stems), default=0) for name in names
    }
    return sorted(near, key=lambda name: (-near[name], _is_private(name)))


def some_of(names: Sequence[str], most: int = 8) -> str:
    """Return the first names, comma-separated, and the number of further ones."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return one_line(f"{', '.join(names[:most])}{more}")


def _nearness(name: str, stem: str) -> float:
    from difflib import SequenceMatcher

    ratio = SequenceMatcher(None, stem, name).ratio()
    return ratio if stem in name or ratio >= _ALIKE else 0


_ALIKE: Final = 0.6
"""Default cutoff of `difflib.get_close_matches`."""


def _is_private(name: str) -> bool:
    return name.rpartition(".")[2].startswith("_")


def is_interrupt(error: BaseException) -> bool:
    """Return whether an exception may be the user's interrupt; all others are contained.

    Only the main thread handles signals.
    """
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and isinstance(error, KeyboardInterrupt)

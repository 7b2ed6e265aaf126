"""Summarizer of values for a trace."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.introspect.classes import (
    _type_qualname,
    bare_name,
    is_immutable,
    is_subclass,
    mro,
    namespace,
    qualified_name,
)
from callscope.introspect.identity import identify_unwatched
from callscope.introspect.sites import class_ref
from callscope.introspect.summaries.arrays import array_writer
from callscope.introspect.summaries.by_class import ByClass
from callscope.introspect.summaries.secrets import (
    REDACTED,
    is_secret,
    scrubbed,
    scrubbed_start,
    spelling,
    text_of,
)
from callscope.introspect.summaries.texts import cut, opaque
from callscope.introspect.summaries.writers import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_STRING,
    Writer,
    bounded,
    error_args,
    writer_of,
)
from callscope.introspect.values import CallError, Text, Value

if TYPE_CHECKING:
    from callscope.introspect.identity import Identity

_MAX_TEXT: Final = 300
_PAIR: Final = 2

_type_names: Final[ByClass[Text | None]] = ByClass()
_arrays: Final[ByClass[tuple[Text, Writer] | None]] = ByClass()
"""Names and writers of the classes of arrays."""


class ObjectMark(NamedTuple):
    """An object that may turn out to be traced; it is then shown with its instance number."""

    ref: Identity
    text: Text


class Summarizer:
    """Converter of values to bounded summaries; it hides secrets.

    Args:
        redact: names, or `fnmatch` patterns of names, of arguments and dictionary keys that are
            hidden in addition to the default ones (password, token, secret, api_key, ...).
    """

    def __init__(self, redact: tuple[str, ...] = ()) -> None:
        self._redact = tuple(pattern.lower() for pattern in redact)

    def __reduce__(self) -> tuple[Any, ...]:
        return summarizer, (self._redact,)

    def hides(self, name: str) -> bool:
        """Return whether a value of this name is secret."""
        return is_secret(name, self._redact)

    def value(self, value: Any) -> Value | ObjectMark:
        """Return a scalar as it is and the summary of anything else."""
        try:
            return self._value(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _failed(value, error)

    def _value(self, value: Any) -> Value | ObjectMark:
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value  # type: ignore[no-any-return]
        if kind is int:
            return bounded(value)
        if kind is str and len(value) <= MAX_STRING:
            return scrubbed(value)
        write = writer_of(kind)
        if write is not None:
            return Text(cut(write(self, value, 0), _MAX_TEXT))
        identify = class_ref(kind).identify
        if identify is identify_unwatched:
            return opaque(kind)
        return ObjectMark(identify(value), opaque(kind))

    def type(self, value: Any) -> Text:
        """Return the module-qualified name of the value's class, with shape and dtype if any."""
        try:
            return cached_type(value) or self._type(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _failed(value, error)

    def _type(self, value: Any) -> Text:
        kind = type(value)
        array = _arrays.get(kind, None)
        if array is None:
            name, write = type_name(kind), array_writer(kind)
            if write is None:
                _type_names[kind] = name
                return name
            array = _arrays[kind] = name, write
        name, write = array
        return Text(f"{name} {write(self, value, 0)}")

    def error(self, error: BaseException) -> CallError:
        """Return the class and the message of an exception."""
        name = _type_qualname(type(error))  # the fallback if no function can be called any more
        try:
            name = qualified_name(type(error)).removeprefix("builtins.")
            message = self._message(error)
            start = scrubbed_start(message, _MAX_TEXT + 1)
            return CallError(name, cut(start, _MAX_TEXT))
        except KeyboardInterrupt:
            raise
        except BaseException as failure:
            return CallError(name, _failed(error, failure))

    def _message(self, error: BaseException) -> str:
        args = error_args(error)
        if self._is_secret_pair(args):
            return f"({self._items(args, 2, 0)})"
        if all(map(_is_scalar, _parts(error))) and _is_builtin_method(type(error), "__str__"):
            return str(error)
        if len(args) == 1 and is_subclass(type(args[0]), str):
            return text_of(args[0]) or ""
        return ", ".join(self._text(arg, 1) for arg in islice(args, MAX_ITEMS))

    def _text(self, value: Any, depth: int) -> str:
        write = writer_of(type(value))
        return opaque(type(value)) if write is None else write(self, value, depth)

    def _items(self, values: Iterable[Any], length: int, depth: int) -> str:
        if depth >= MAX_DEPTH:
            return "..."
        head = [*islice(values, MAX_ITEMS)]
        texts = [self._text(value, depth + 1) for value in head]
        if length == len(head) and self._is_secret_pair(head):
            texts[1] = REDACTED
        if length > MAX_ITEMS:
            texts.append(f"... {length - MAX_ITEMS} more")
        return ", ".join(texts)

    def _is_secret_pair(self, values: Sequence[Any]) -> bool:
        """Return whether values are a name and a secret, as in HTTP headers."""
        name = spelling(values[0]) if len(values) == _PAIR else ""
        return " " not in name and self.hides(name)  # else it is a text

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], length: int, depth: int) -> str:
        if depth >= MAX_DEPTH:
            return "..."
        texts = [
            f"{self._text(key, depth + 1)}: {self._named(key, value, depth + 1)}"
            for key, value in islice(pairs, MAX_ITEMS)
        ]
        if length > MAX_ITEMS:
            texts.append(f"... {length - MAX_ITEMS} more")
        return ", ".join(texts)

    def _named(self, name: Any, value: Any, depth: int) -> str:
        return REDACTED if self.hides(spelling(name)) else self._text(value, depth)


def _parts(error: BaseException) -> Iterator[Any]:
    """Yield all that the `str` of a builtin exception may show, bypassing its class."""
    yield from error_args(error)
    for base in filter(is_immutable, mro(type(error))):
        for stored in _members(base):
            try:
                yield stored.__get__(error)
            except AttributeError:
                continue


@functools.cache
def _members(kind: type) -> tuple[types.MemberDescriptorType, ...]:
    """Return the member descriptors of a class in C; only such a class may be hashed."""
    entries = namespace(kind).values()
    return tuple(entry for entry in entries if type(entry) is types.MemberDescriptorType)


def _is_scalar(part: Any) -> bool:
    kind = type(part)
    if kind is int:
        return type(bounded(part)) is int
    return part is None or any(kind is scalar for scalar in (str, float, bool, bytes))


def _failed(value: Any, error: BaseException) -> Text:
    try:
        name = bare_name(qualified_name(type(value)))
        return Text(f"<{name}: no summary, {bare_name(qualified_name(type(error)))}>")
    except Exception:
        return Text("<no summary>")


def _is_builtin_method(kind: type, name: str) -> bool:
    for base in mro(kind):
        if name in namespace(base):
            return type(namespace(base)[name]) is types.WrapperDescriptorType
    return False


def type_name(kind: type) -> Text:
    """Return the module-qualified name of a class; builtins without a module."""
    return Text(qualified_name(kind).removeprefix("builtins."))


def cached_type(value: Any) -> Text | None:
    """Return the name of the value's class if it is cached; runs none of the class's code."""
    # `ByClass.get`, inlined: a call would use a frame of the program's recursion limit.
    kind = type(value)
    entry = _type_names.entries.get(id(kind))
    return entry[1] if entry is not None and entry[0]() is kind else None


@functools.cache
def summarizer(redact: tuple[str, ...]) -> Summarizer:
    """Return the shared summarizer that hides these names."""
    return Summarizer(redact)

"""Bounded, redacted, never-raising summaries of values.

A summary is read off a value's structure: no `__repr__`, `__str__`, `__len__`, `__iter__`,
`__bool__`, `__eq__`, `__hash__` or `__getattr__` of a class that callscope does not know is ever
called, for each may be slow, have effects (the `repr` of a Django `QuerySet` runs a query), or
meet an object that is not built yet.
"""

from __future__ import annotations

import collections
import enum
import functools
import re
import sys
import types
import weakref
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from callscope.hierarchy import bare_name, class_ref, is_subclass, mro, namespace, qualified_name
from callscope.identity import identify_unwatched
from callscope.trace import CallError, Text, Value

if TYPE_CHECKING:
    from callscope.identity import Identity

MAX_STRING: Final = 200
"""Longest string kept as it is, in characters; longer ones are cut."""
_MAX_TEXT: Final = 300
_MAX_ITEMS: Final = 6
_MAX_DEPTH: Final = 3
_MAX_SORTED: Final = 64
_MAX_INT_BITS: Final = 256

REDACTED: Final = Text("[redacted]")

_SECRET: Final = re.compile(
    r"passw(or)?d|passphrase|secret|credential"
    r"|(^|_)(pwd|token|api_?key|access_?key|private_?key|authorization|auth|cookies?)$"
)
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]+")

# Leaf types of the standard library whose own `repr` is short, quick and free of user code.
_TRUSTED_REPR: Final = frozenset(
    {
        "datetime.date",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress.IPv4Address",
        "ipaddress.IPv6Address",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib.PureWindowsPath",
        "pathlib.WindowsPath",
        # Python 3.13 has moved them.
        "pathlib._local.PosixPath",
        "pathlib._local.PurePosixPath",
        "pathlib._local.PureWindowsPath",
        "pathlib._local.WindowsPath",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
)


class ObjectMark(NamedTuple):
    """An object that may turn out to be traced, and then is shown by its instance number."""

    ref: Identity
    text: Text


class Summarizer:
    """Turns values into what a trace keeps of them, hiding what is secret.

    Args:
        redact: names, or `fnmatch` patterns of names, of arguments and dictionary keys that are
            hidden in addition to the default ones (password, token, secret, api_key, ...).
    """

    def __init__(self, redact: tuple[str, ...] = ()) -> None:
        self._redact = tuple(pattern.lower() for pattern in redact)

    def hides(self, name: str) -> bool:
        """Tell whether a value that goes by this name is secret."""
        lower = name.lower()
        if _SECRET.search(_WORD_BREAK.sub("_", name).lower()):
            return True
        return any(fnmatchcase(lower, pattern) for pattern in self._redact)

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
            return value  # type: ignore[no-any-return]
        write = _writer(kind)
        if write is not None:
            return Text(_cut(write(self, value, 0), _MAX_TEXT))
        identify = class_ref(kind).identify
        if identify is identify_unwatched:
            return _opaque(kind)
        return ObjectMark(identify(value), _opaque(kind))

    def type(self, value: Any) -> Text:
        """Return the module-qualified name of the value's class, with shape and dtype if any."""
        try:
            return known_type(value) or self._type(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _failed(value, error)

    def _type(self, value: Any) -> Text:
        kind = type(value)
        name = qualified_name(kind).removeprefix("builtins.")
        if _is_array(kind):
            return Text(f"{name} {_array(self, value, 0)}")
        _type_names[id(kind)] = weakref.ref(kind), Text(name)
        return Text(name)

    def error(self, error: BaseException) -> CallError:
        """Return the class and the message of an exception."""
        name = "?"
        try:
            name = qualified_name(type(error)).removeprefix("builtins.")
            return CallError(name, _cut(self._message(error), _MAX_TEXT))
        except KeyboardInterrupt:
            raise
        except BaseException as failure:
            return CallError(name, _failed(error, failure))

    def _message(self, error: BaseException) -> str:
        args = _error_args(error)
        parts = [*args]
        if is_subclass(type(error), OSError):
            parts += [_get_filename(error), _get_filename2(error)]
        scalars = all(
            part is None or type(part) in (str, int, float, bool, bytes) for part in parts
        )
        if scalars and _is_builtin_method(type(error), "__str__"):
            return str(error)
        if len(args) == 1 and type(args[0]) is str:
            return args[0]
        return ", ".join(self._text(arg, 1) for arg in islice(args, _MAX_ITEMS))

    def _text(self, value: Any, depth: int) -> str:
        write = _writer(type(value))
        return _opaque(type(value)) if write is None else write(self, value, depth)

    def _items(self, values: Iterable[Any], length: int, depth: int) -> str:
        if depth >= _MAX_DEPTH:
            return "..."
        texts = [self._text(value, depth + 1) for value in islice(values, _MAX_ITEMS)]
        if length > _MAX_ITEMS:
            texts.append(f"... {length - _MAX_ITEMS} more")
        return ", ".join(texts)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], length: int, depth: int) -> str:
        if depth >= _MAX_DEPTH:
            return "..."
        texts = [
            f"{self._text(key, depth + 1)}: {self._named(key, value, depth + 1)}"
            for key, value in islice(pairs, _MAX_ITEMS)
        ]
        if length > _MAX_ITEMS:
            texts.append(f"... {length - _MAX_ITEMS} more")
        return ", ".join(texts)

    def _named(self, name: Any, value: Any, depth: int) -> str:
        return REDACTED if self.hides(_spelling(name)) else self._text(value, depth)


def _spelling(key: Any) -> str:
    """Return how a dictionary key reads as a name; empty if it is none."""
    kind = type(key)
    if is_subclass(kind, enum.Enum):
        return str(object.__getattribute__(key, "__dict__").get("_name_", ""))
    if is_subclass(kind, str):
        return str.__str__(key)
    return bytes(key).decode("latin-1") if kind is bytes else ""


_ABSENT: Final = object()


def _stored(value: Any, name: str) -> Any:
    """Return what an instance holds under a name, in its dict or a slot, calling no property."""
    for base in mro(type(value)):
        entry = namespace(base).get(name)
        if type(entry) is types.MemberDescriptorType:
            try:
                return entry.__get__(value)
            except AttributeError:
                return _ABSENT
    try:
        return object.__getattribute__(value, "__dict__").get(name, _ABSENT)
    except AttributeError:
        return _ABSENT


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


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


def _is_genuine(kind: type, qualified: str) -> bool:
    module, _, name = qualified.rpartition(".")
    return getattr(sys.modules.get(module), name, None) is kind


def _is_trusted(kind: type) -> bool:
    qualified = qualified_name(kind)
    return qualified in _TRUSTED_REPR and _is_genuine(kind, qualified)


def _opaque(kind: type) -> Text:
    return Text(f"<{bare_name(qualified_name(kind))}>")


_error_args: Final[Callable[[BaseException], tuple[Any, ...]]] = BaseException.__dict__[
    "args"
].__get__

_get_filename: Final[Callable[[BaseException], Any]] = OSError.__dict__["filename"].__get__
_get_filename2: Final[Callable[[BaseException], Any]] = OSError.__dict__["filename2"].__get__

_Writer = Callable[[Summarizer, Any, int], str]

# By the class's identity: hashing a class may run its metaclass's `__hash__`.
_found: Final[dict[int, tuple[weakref.ref[type], _Writer | None]]] = {}
_type_names: Final[dict[int, tuple[weakref.ref[type], Text]]] = {}


def known_type(value: Any) -> Text | None:
    """Return the name of the value's class if it was asked for before; runs nothing of its own."""
    kind = type(value)
    known = _type_names.get(id(kind))
    return known[1] if known is not None and known[0]() is kind else None


def _writer(kind: type) -> _Writer | None:
    """Return what writes the values of a class as text, or None for a class of no known kind."""
    known = _found.get(id(kind))
    if known is not None and known[0]() is kind:
        return known[1]
    write = _find_writer(kind)
    _found[id(kind)] = weakref.ref(kind), write
    return write


def _find_writer(kind: type) -> _Writer | None:
    qualified = qualified_name(kind)
    if _is_trusted(kind):
        return _repr
    if qualified in ("datetime.datetime", "datetime.time") and _is_genuine(kind, qualified):
        return _moment
    if _is_array(kind):
        return _array
    if is_subclass(kind, enum.Enum):
        return _enum
    for base in mro(kind):
        for known, write in _WRITERS:
            if base is known:
                return write
    return _dataclass if "__dataclass_fields__" in namespace(kind) else None


def _is_array(kind: type) -> bool:
    attributes = [namespace(base) for base in mro(kind)]
    return all(any(name in own for own in attributes) for name in ("shape", "dtype"))


def _array(_: Summarizer, value: Any, _depth: int) -> str:
    """Write ``float32[32, 128]`` for what has a shape and a dtype (NumPy, torch, jax, ...)."""
    dtype = value.dtype
    name = getattr(dtype, "name", None)
    if not isinstance(name, str):
        name = str(dtype).rpartition(".")[2]
    numpy = sys.modules.get("numpy")
    if numpy is not None and is_subclass(type(value), numpy.generic):
        return f"{name}({_cut(str(value), 40)})"
    return f"{name}[{', '.join(str(size) for size in value.shape)}]"


def _dataclass(summarizer: Summarizer, value: Any, depth: int) -> str:
    fields = namespace(type(value))["__dataclass_fields__"]
    shown = []
    for name in islice((name for name, field in fields.items() if field.repr), _MAX_ITEMS):
        found = _stored(value, name)
        if found is not _ABSENT and depth < _MAX_DEPTH:
            shown.append(f"{name}={summarizer._named(name, found, depth + 1)}")
    return f"{bare_name(qualified_name(type(value)))}({', '.join(shown)})"


def _string(_: Summarizer, value: str, depth: int) -> str:
    limit = MAX_STRING if depth == 0 else MAX_STRING // 4
    start = str.__getitem__(value, slice(limit))
    length = str.__len__(value)
    return repr(start) if length <= limit else f"{start!r}... {length} characters"


def _bytes(_: Summarizer, value: bytes | bytearray, _depth: int) -> str:
    limit = 40
    start = bytes(memoryview(value)[:limit])
    return repr(start) if len(start) == len(value) else f"{start!r}... {len(value)} bytes"


def bounded(value: int) -> int | Text:
    """Return an integer that takes less than a line as it is; of others, how large they are."""
    return value if value.bit_length() <= _MAX_INT_BITS else Text(_int(value))


def _int(value: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= _MAX_INT_BITS else f"<int of {bits} bits>"


def _repr(_: Summarizer, value: Any, _depth: int) -> str:
    return repr(value)


def _sequence(left: str, right: str, base: Any) -> Callable[[Summarizer, Any, int], str]:
    def write(summarizer: Summarizer, value: Any, depth: int) -> str:
        # Through the builtin itself: a subclass may count or iterate otherwise.
        length = base.__len__(value)
        items = summarizer._items(base.__iter__(value), length, depth)
        return f"{_prefix(value, base)}{left}{items}{right}"

    return write


def _set(summarizer: Summarizer, value: set[Any] | frozenset[Any], depth: int) -> str:
    if depth >= _MAX_DEPTH:
        return "{...}"
    base: Any = set if is_subclass(type(value), set) else frozenset
    length = base.__len__(value)
    # Sorted, for the order of a set differs between two runs of one program.
    if length > _MAX_SORTED:
        return f"{_prefix(value, base)}{{{length} items}}"
    texts = sorted(summarizer._text(item, depth + 1) for item in base.__iter__(value))
    if length > _MAX_ITEMS:
        texts[_MAX_ITEMS:] = [f"... {length - _MAX_ITEMS} more"]
    return f"{_prefix(value, base)}{{{', '.join(texts)}}}"


def _tuple(summarizer: Summarizer, value: tuple[Any, ...], depth: int) -> str:
    length = tuple.__len__(value)
    names = namespace(type(value)).get("_fields")
    if type(names) is tuple and len(names) == length and depth < _MAX_DEPTH:
        pairs = islice(zip(names, tuple.__iter__(value), strict=True), _MAX_ITEMS)
        shown = [f"{_spelling(n)}={summarizer._named(n, item, depth + 1)}" for n, item in pairs]
        return f"{_prefix(value, tuple)}({', '.join(shown)})"
    items = summarizer._items(tuple.__iter__(value), length, depth)
    return f"{_prefix(value, tuple)}({items}{',' if length == 1 else ''})"


def _dict(summarizer: Summarizer, value: dict[Any, Any], depth: int) -> str:
    pairs = summarizer._pairs(dict.items(value), dict.__len__(value), depth)
    return f"{_prefix(value, dict)}{{{pairs}}}"


def _prefix(value: Any, base: type) -> str:
    return "" if type(value) is base else bare_name(qualified_name(type(value)))


def _class(_: Summarizer, value: type, _depth: int) -> str:
    return f"<class {qualified_name(value).removeprefix('builtins.')}>"


def _function(_: Summarizer, value: Any, _depth: int) -> str:
    module = getattr(value, "__module__", None)
    where = f"{module}." if isinstance(module, str) and module != "builtins" else ""
    return f"<function {where}{value.__qualname__}>"


def _method(_: Summarizer, value: types.MethodType, _depth: int) -> str:
    function = value.__func__
    return (
        f"<method {function.__qualname__}>" if type(function) is types.FunctionType else "<method>"
    )


def _moment(_: Summarizer, value: Any, _depth: int) -> str:
    zone = value.tzinfo
    # The zone may be of a class of the program's own.
    known = zone is None or _is_trusted(type(zone))
    return repr(value if known else value.replace(tzinfo=None))


def _module(_: Summarizer, value: types.ModuleType, _depth: int) -> str:
    name = object.__getattribute__(value, "__dict__").get("__name__", "?")
    return f"<module {name}>"


def _exception(summarizer: Summarizer, value: BaseException, depth: int) -> str:
    name = bare_name(qualified_name(type(value)))
    args = _error_args(value)
    return f"{name}({summarizer._items(args, len(args), depth)})"


def _enum(_: Summarizer, value: Any, _depth: int) -> str:
    name = object.__getattribute__(value, "__dict__").get("_name_")
    return f"{bare_name(qualified_name(type(value)))}.{name}"


# A class is written as the first of its MRO that stands here.
_WRITERS: Final[tuple[tuple[type, _Writer], ...]] = (
    (str, _string),
    (bytes, _bytes),
    (bytearray, _bytes),
    (list, _sequence("[", "]", list)),
    (tuple, _tuple),
    (dict, _dict),
    (set, _set),
    (frozenset, _set),
    (collections.deque, _sequence("[", "]", collections.deque)),
    (type, _class),
    (types.ModuleType, _module),
    (types.FunctionType, _function),
    (types.BuiltinFunctionType, _function),
    (types.MethodType, _method),
    (BaseException, _exception),
    (int, lambda _, value, _depth: _int(value)),
    (float, lambda _, value, _depth: float.__repr__(value)),
    (complex, lambda _, value, _depth: complex.__repr__(value)),
    (types.NoneType, _repr),
    (types.EllipsisType, _repr),
    (range, _repr),
    (re.Pattern, _repr),
)


@functools.cache
def summarizer(redact: tuple[str, ...]) -> Summarizer:
    """Return the one summarizer that hides these names."""
    return Summarizer(redact)

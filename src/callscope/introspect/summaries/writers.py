"""Writers of values of known kinds, which read only a value's structure."""

from __future__ import annotations

import collections
import enum
import re
import types
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from callscope.introspect.classes import bare_name, is_subclass, mro, namespace, qualified_name
from callscope.introspect.summaries.arrays import array_writer
from callscope.introspect.summaries.by_class import ByClass
from callscope.introspect.summaries.secrets import (
    BEYOND,
    held_by,
    scrubbed_start,
    spelling,
    text_of,
)
from callscope.introspect.summaries.texts import Nesting, opaque
from callscope.introspect.summaries.trusted import (
    ABSENT,
    holds_plain,
    is_genuine,
    is_trusted,
    stored,
)
from callscope.introspect.values import Text

MAX_STRING: Final = 200
"""Longest string kept unchanged, in characters; longer ones are cut."""
MAX_ITEMS: Final = 6
MAX_DEPTH: Final = 3
_MAX_BYTES: Final = 40
_MAX_SORTED: Final = 64
_MAX_INT_BITS: Final = 256

error_args: Final[Callable[[BaseException], tuple[Any, ...]]] = BaseException.__dict__[
    "args"
].__get__
"""Function that returns the `args` of an exception, bypassing attributes of its class."""

Writer = Callable[[Nesting, Any, int], str]

_UNKNOWN: Final = object()
_cache: Final[ByClass[Any]] = ByClass()


def writer_of(kind: type) -> Writer | None:
    """Return the writer for values of a class; None for a class of unknown kind."""
    entries: Writer | None = _cache.get(kind, _UNKNOWN)
    if entries is _UNKNOWN:
        entries = _cache[kind] = _find_writer(kind)
    return entries


def _find_writer(kind: type) -> Writer | None:
    qualified = qualified_name(kind)
    if is_trusted(kind):
        return _repr
    if qualified in ("datetime.datetime", "datetime.time") and is_genuine(kind, qualified):
        return _moment
    write = array_writer(kind)
    if write is not None:
        return write
    if is_subclass(kind, enum.Enum):
        return _enum
    for base in mro(kind):
        for entries, write in _WRITERS:
            if base is entries:
                return write
    return _dataclass if "__dataclass_fields__" in namespace(kind) else None


def _dataclass(summarizer: Nesting, value: Any, depth: int) -> str:
    fields = namespace(type(value))["__dataclass_fields__"]
    parts = []
    for name in islice(_repr_fields(fields), MAX_ITEMS):
        item = stored(value, name)
        if item is not ABSENT and depth < MAX_DEPTH:
            parts.append(f"{name}={summarizer._named(name, item, depth + 1)}")
    return f"{bare_name(qualified_name(type(value)))}({', '.join(parts)})"


def _repr_fields(fields: Any) -> Iterator[str]:
    # A class may store anything under the name that dataclasses use.
    for name, field in fields.items() if type(fields) is dict else ():
        genuine = type(name) is str and qualified_name(type(field)) == "dataclasses.Field"
        if genuine and field.repr is not False:
            yield name


def _string(_: Nesting, value: str, depth: int) -> str:
    limit = MAX_STRING if depth == 0 else MAX_STRING // 4
    start = scrubbed_start(value, limit)
    length = str.__len__(value)
    return repr(start) if length <= limit else f"{start!r}... {length} characters"


def _bytes(_: Nesting, value: bytes | bytearray, _depth: int) -> str:
    # Through the builtin itself: a subclass may override length or slicing.
    base: Any = bytes if is_subclass(type(value), bytes) else bytearray
    start = bytes(base.__getitem__(value, slice(_MAX_BYTES + BEYOND + 1)))
    length = base.__len__(value)
    visible = scrubbed_start(start.decode("latin-1"), _MAX_BYTES).encode("latin-1")
    return repr(visible) if length <= _MAX_BYTES else f"{visible!r}... {length} bytes"


def bounded(value: int) -> int | Text:
    """Return a short integer unchanged, and a text with the size of a longer one."""
    return value if value.bit_length() <= _MAX_INT_BITS else Text(_int(value))


def _int(value: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= _MAX_INT_BITS else f"<int of {bits} bits>"


def _repr(_: Nesting, value: Any, _depth: int) -> str:
    return repr(value) if holds_plain(value) else opaque(type(value))


def _sequence(left: str, right: str, base: Any) -> Callable[[Nesting, Any, int], str]:
    def write(summarizer: Nesting, value: Any, depth: int) -> str:
        # Through the builtin itself: a subclass may override length or iteration.
        length = base.__len__(value)
        items = summarizer._items(base.__iter__(value), length, depth)
        return f"{_prefix(value, base)}{left}{items}{right}"

    return write


def _set(summarizer: Nesting, value: set[Any] | frozenset[Any], depth: int) -> str:
    if depth >= MAX_DEPTH:
        return "{...}"
    base: Any = set if is_subclass(type(value), set) else frozenset
    length = base.__len__(value)
    # Sorted: the order of a set differs between two runs of one program.
    if length > _MAX_SORTED:
        return f"{_prefix(value, base)}{{{length} items}}"
    texts = sorted(summarizer._text(item, depth + 1) for item in base.__iter__(value))
    if length > MAX_ITEMS:
        texts[MAX_ITEMS:] = [f"... {length - MAX_ITEMS} more"]
    return f"{_prefix(value, base)}{{{', '.join(texts)}}}"


def _tuple(summarizer: Nesting, value: tuple[Any, ...], depth: int) -> str:
    length = tuple.__len__(value)
    names = namespace(type(value)).get("_fields")
    if type(names) is tuple and len(names) == length and depth < MAX_DEPTH:
        pairs = islice(zip(names, tuple.__iter__(value), strict=True), MAX_ITEMS)
        fields = [f"{spelling(n)}={summarizer._named(n, item, depth + 1)}" for n, item in pairs]
        return f"{_prefix(value, tuple)}({', '.join(fields)})"
    items = summarizer._items(tuple.__iter__(value), length, depth)
    return f"{_prefix(value, tuple)}({items}{',' if length == 1 else ''})"


def _dict(summarizer: Nesting, value: dict[Any, Any], depth: int) -> str:
    pairs = summarizer._pairs(dict.items(value), dict.__len__(value), depth)
    return f"{_prefix(value, dict)}{{{pairs}}}"


def _prefix(value: Any, base: type) -> str:
    return "" if type(value) is base else bare_name(qualified_name(type(value)))


def _class(_: Nesting, value: type, _depth: int) -> str:
    return f"<class {qualified_name(value).removeprefix('builtins.')}>"


def _function(_: Nesting, value: Any, _depth: int) -> str:
    module = text_of(getattr(value, "__module__", None))
    where = f"{module}." if module and module != "builtins" else ""
    return f"<function {where}{_name_of(value)}>"


def _name_of(function: Any) -> str | None:
    """Return the qualified name of a function; does not trust `__class__` of a bound object."""
    if type(function) is types.FunctionType:
        return text_of(function.__qualname__)
    bound = function.__self__
    if bound is None or is_subclass(type(bound), types.ModuleType):
        return text_of(function.__name__)
    cls = bound if is_subclass(type(bound), type) else type(bound)
    return f"{bare_name(qualified_name(cls))}.{function.__name__}"


def _method(_: Nesting, value: types.MethodType, _depth: int) -> str:
    function = value.__func__
    return f"<method {_name_of(function)}>" if type(function) is types.FunctionType else "<method>"


def _moment(_: Nesting, value: Any, _depth: int) -> str:
    zone = value.tzinfo
    # The zone's class may be the program's own.
    entries = zone is None or (is_trusted(type(zone)) and holds_plain(zone))
    return repr(value if entries else value.replace(tzinfo=None))


def _module(_: Nesting, value: types.ModuleType, _depth: int) -> str:
    return f"<module {text_of(held_by(value).get('__name__')) or '?'}>"


def _exception(summarizer: Nesting, value: BaseException, depth: int) -> str:
    name = bare_name(qualified_name(type(value)))
    args = error_args(value)
    return f"{name}({summarizer._items(args, len(args), depth)})"


def _enum(_: Nesting, value: Any, _depth: int) -> str:
    name = held_by(value).get("_name_")
    # A combined flag has no name in some versions of Python.
    member = name if name is None else text_of(name) or "?"
    return f"{bare_name(qualified_name(type(value)))}.{member}"


# The first class of the MRO that is listed here decides.
_WRITERS: Final[tuple[tuple[type, Writer], ...]] = (
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

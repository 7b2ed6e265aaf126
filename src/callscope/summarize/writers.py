"""How values of known kinds are written, read off their structure."""

from __future__ import annotations

import collections
import enum
import re
import sys
import types
import weakref
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from callscope.hierarchy import bare_name, is_subclass, mro, namespace, qualified_name
from callscope.summarize.secrets import spelling
from callscope.trace import Text

if TYPE_CHECKING:
    from callscope.summarize.summarizer import Summarizer

MAX_STRING: Final = 200
"""Longest string kept as it is, in characters; longer ones are cut."""
MAX_ITEMS: Final = 6
MAX_DEPTH: Final = 3
_MAX_SORTED: Final = 64
_MAX_INT_BITS: Final = 256

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

error_args: Final[Callable[[BaseException], tuple[Any, ...]]] = BaseException.__dict__[
    "args"
].__get__
"""Returns the `args` of an exception past any attribute of its class."""

Writer = Callable[["Summarizer", Any, int], str]

# By the class's identity: hashing a class may run its metaclass's `__hash__`.
_found: Final[dict[int, tuple[weakref.ref[type], Writer | None]]] = {}


def writer_of(kind: type) -> Writer | None:
    """Return what writes the values of a class as text, or None for a class of no known kind."""
    known = _found.get(id(kind))
    if known is not None and known[0]() is kind:
        return known[1]
    write = _find_writer(kind)
    _found[id(kind)] = weakref.ref(kind), write
    return write


def _find_writer(kind: type) -> Writer | None:
    qualified = qualified_name(kind)
    if _is_trusted(kind):
        return _repr
    if qualified in ("datetime.datetime", "datetime.time") and _is_genuine(kind, qualified):
        return _moment
    if is_array(kind):
        return array_text
    if is_subclass(kind, enum.Enum):
        return _enum
    for base in mro(kind):
        for known, write in _WRITERS:
            if base is known:
                return write
    return _dataclass if "__dataclass_fields__" in namespace(kind) else None


def is_array(kind: type) -> bool:
    """Tell whether values of a class have a shape and a dtype, as arrays have."""
    attributes = [namespace(base) for base in mro(kind)]
    return all(any(name in own for own in attributes) for name in ("shape", "dtype"))


def array_text(_: Summarizer, value: Any, _depth: int) -> str:
    """Write ``float32[32, 128]`` for what has a shape and a dtype (NumPy, torch, jax, ...)."""
    torch = sys.modules.get("torch")
    if torch is None or not is_subclass(type(value), torch.Tensor):
        return _array_text(value)
    # What is asked of a tensor is seen by its subclass, by modes, and by `torch.jit.trace`.
    tracing = torch._C._get_tracing_state()
    if tracing is not None:
        torch._C._set_tracing_state(None)
    try:
        with torch._C.DisableTorchFunction():
            return _array_text(value)
    finally:
        if tracing is not None:
            torch._C._set_tracing_state(tracing)


def _array_text(value: Any) -> str:
    dtype = value.dtype
    name = getattr(dtype, "name", None)
    if not isinstance(name, str):
        name = str(dtype).rpartition(".")[2]
    numpy = sys.modules.get("numpy")
    if numpy is not None and is_subclass(type(value), numpy.generic):
        return f"{name}({cut(str(value), 40)})"
    return f"{name}[{', '.join(str(size) for size in value.shape)}]"


def _dataclass(summarizer: Summarizer, value: Any, depth: int) -> str:
    fields = namespace(type(value))["__dataclass_fields__"]
    shown = []
    for name in islice((name for name, field in fields.items() if field.repr), MAX_ITEMS):
        found = _stored(value, name)
        if found is not _ABSENT and depth < MAX_DEPTH:
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
    if depth >= MAX_DEPTH:
        return "{...}"
    base: Any = set if is_subclass(type(value), set) else frozenset
    length = base.__len__(value)
    # Sorted, for the order of a set differs between two runs of one program.
    if length > _MAX_SORTED:
        return f"{_prefix(value, base)}{{{length} items}}"
    texts = sorted(summarizer._text(item, depth + 1) for item in base.__iter__(value))
    if length > MAX_ITEMS:
        texts[MAX_ITEMS:] = [f"... {length - MAX_ITEMS} more"]
    return f"{_prefix(value, base)}{{{', '.join(texts)}}}"


def _tuple(summarizer: Summarizer, value: tuple[Any, ...], depth: int) -> str:
    length = tuple.__len__(value)
    names = namespace(type(value)).get("_fields")
    if type(names) is tuple and len(names) == length and depth < MAX_DEPTH:
        pairs = islice(zip(names, tuple.__iter__(value), strict=True), MAX_ITEMS)
        shown = [f"{spelling(n)}={summarizer._named(n, item, depth + 1)}" for n, item in pairs]
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
    args = error_args(value)
    return f"{name}({summarizer._items(args, len(args), depth)})"


def _enum(_: Summarizer, value: Any, _depth: int) -> str:
    name = object.__getattribute__(value, "__dict__").get("_name_")
    return f"{bare_name(qualified_name(type(value)))}.{name}"


# A class is written as the first of its MRO that stands here.
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


def _is_genuine(kind: type, qualified: str) -> bool:
    module, _, name = qualified.rpartition(".")
    return getattr(sys.modules.get(module), name, None) is kind


def _is_trusted(kind: type) -> bool:
    qualified = qualified_name(kind)
    return qualified in _TRUSTED_REPR and _is_genuine(kind, qualified)


def opaque(kind: type) -> Text:
    """Return what stands for a value of no known kind: ``<Config>``."""
    return Text(f"<{bare_name(qualified_name(kind))}>")


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


def cut(text: str, length: int) -> str:
    """Return a text, cut to a length."""
    return text if len(text) <= length else f"{text[: length - 3]}..."

"""How values of known kinds are written, read off their structure."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import re
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from callscope.hierarchy import bare_name, is_immutable, is_subclass, mro, namespace, qualified_name
from callscope.summarize.secrets import held_by, spelling, text_of
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

# Libraries whose arrays say shape and dtype without computing anything.
_ARRAY_LIBRARIES: Final = frozenset(
    {
        *("cupy", "dask", "jax", "jaxlib", "keras", "mlx", "mxnet", "numpy", "paddle", "pandas"),
        *("scipy", "sparse", "tensorflow", "torch", "xarray"),
    }
)

error_args: Final[Callable[[BaseException], tuple[Any, ...]]] = BaseException.__dict__[
    "args"
].__get__
"""Returns the `args` of an exception past any attribute of its class."""

Writer = Callable[["Summarizer", Any, int], str]

_T = TypeVar("_T")


class ByClass(Generic[_T]):
    """What is known of classes, for as long as they live.

    By their identity: hashing a class may run its metaclass's `__hash__`.
    """

    def __init__(self) -> None:
        self.known: dict[int, tuple[weakref.ref[type], _T]] = {}

    def __setitem__(self, kind: type, value: _T) -> None:
        key, known = id(kind), self.known

        def forget(ref: weakref.ref[type]) -> None:
            if key in known and known[key][0] is ref:
                del known[key]

        known[key] = weakref.ref(kind, forget), value

    def get(self, kind: type, default: _T) -> _T:
        """Return what is known of a class, or the default."""
        known = self.known.get(id(kind))
        return known[1] if known is not None and known[0]() is kind else default


_UNKNOWN: Final = object()
_found: Final[ByClass[Any]] = ByClass()


def writer_of(kind: type) -> Writer | None:
    """Return what writes the values of a class as text, or None for a class of no known kind."""
    known: Writer | None = _found.get(kind, _UNKNOWN)
    if known is _UNKNOWN:
        known = _found[kind] = _find_writer(kind)
    return known


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
    """Tell whether values of a class have a shape and a dtype that may be asked for.

    Both have to come from a library that is known for them. Another class's may be properties
    that run any code of the program's.
    """
    return all(_is_of_library(kind, name) for name in ("shape", "dtype", "__getattribute__"))


def _is_of_library(kind: type, name: str) -> bool:
    """Tell whether what a class has under a name is C or comes with a known library."""
    for base in mro(kind):
        if name in namespace(base):
            package = qualified_name(base).partition(".")[0]
            return is_immutable(base) or package in _ARRAY_LIBRARIES
    return False


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
        # One with fields may hold objects, and a subclass may show itself otherwise.
        kind = type(value)
        plain = _is_of_library(kind, "__str__") and not is_subclass(kind, numpy.void)
        return f"{name}({cut(str(value), 40)})" if plain else opaque(type(value))
    return f"{name}[{', '.join(str(size) for size in value.shape)}]"


def _dataclass(summarizer: Summarizer, value: Any, depth: int) -> str:
    fields = namespace(type(value))["__dataclass_fields__"]
    shown = []
    for name in islice(_shown_fields(fields), MAX_ITEMS):
        found = _stored(value, name)
        if found is not _ABSENT and depth < MAX_DEPTH:
            shown.append(f"{name}={summarizer._named(name, found, depth + 1)}")
    return f"{bare_name(qualified_name(type(value)))}({', '.join(shown)})"


def _shown_fields(fields: Any) -> Iterator[str]:
    # A class may put anything under the name that dataclasses use.
    for name, field in fields.items() if type(fields) is dict else ():
        genuine = type(name) is str and qualified_name(type(field)) == "dataclasses.Field"
        if genuine and field.repr is not False:
            yield name


def _string(_: Summarizer, value: str, depth: int) -> str:
    limit = MAX_STRING if depth == 0 else MAX_STRING // 4
    start = str.__getitem__(value, slice(limit))
    length = str.__len__(value)
    return repr(start) if length <= limit else f"{start!r}... {length} characters"


def _bytes(_: Summarizer, value: bytes | bytearray, _depth: int) -> str:
    # Through the builtin itself: a subclass may count or slice otherwise.
    base: Any = bytes if is_subclass(type(value), bytes) else bytearray
    start = bytes(base.__getitem__(value, slice(40)))
    length = base.__len__(value)
    return repr(start) if len(start) == length else f"{start!r}... {length} bytes"


def bounded(value: int) -> int | Text:
    """Return an integer that takes less than a line as it is; of others, how large they are."""
    return value if value.bit_length() <= _MAX_INT_BITS else Text(_int(value))


def _int(value: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= _MAX_INT_BITS else f"<int of {bits} bits>"


def _repr(_: Summarizer, value: Any, _depth: int) -> str:
    return repr(value) if _holds_plain(value) else opaque(type(value))


_PLAIN: Final = (str, int, types.NoneType, dt.timedelta)


def _holds_plain(value: Any) -> bool:
    """Tell whether a value holds nothing that its `repr` could come to, and is the program's.

    A path may hold a string, or a UUID a number, of a class that shows itself otherwise.
    """
    if type(value) is dt.timezone:
        return all(map(_is_plain, value.__getinitargs__()))  # type: ignore[attr-defined]
    for base in mro(type(value)):
        for name, entry in namespace(base).items():
            if type(entry) is types.MemberDescriptorType:
                held = _stored(value, name)
                if not all(_is_plain(item) for item in (held if type(held) is list else [held])):
                    return False
    return True


def _is_plain(held: Any) -> bool:
    kind = type(held)
    return held is _ABSENT or any(kind is plain for plain in _PLAIN) or is_subclass(kind, enum.Enum)


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
    module = text_of(getattr(value, "__module__", None))
    where = f"{module}." if module and module != "builtins" else ""
    return f"<function {where}{_name_of(value)}>"


def _name_of(function: Any) -> str | None:
    """Return the qualified name of a function; the class of an object it is bound to may lie."""
    if type(function) is types.FunctionType:
        return text_of(function.__qualname__)
    bound = function.__self__
    if bound is None or is_subclass(type(bound), types.ModuleType):
        return text_of(function.__name__)
    owner = bound if is_subclass(type(bound), type) else type(bound)
    return f"{bare_name(qualified_name(owner))}.{function.__name__}"


def _method(_: Summarizer, value: types.MethodType, _depth: int) -> str:
    function = value.__func__
    return f"<method {_name_of(function)}>" if type(function) is types.FunctionType else "<method>"


def _moment(_: Summarizer, value: Any, _depth: int) -> str:
    zone = value.tzinfo
    # The zone may be of a class of the program's own.
    known = zone is None or (_is_trusted(type(zone)) and _holds_plain(zone))
    return repr(value if known else value.replace(tzinfo=None))


def _module(_: Summarizer, value: types.ModuleType, _depth: int) -> str:
    return f"<module {text_of(held_by(value).get('__name__')) or '?'}>"


def _exception(summarizer: Summarizer, value: BaseException, depth: int) -> str:
    name = bare_name(qualified_name(type(value)))
    args = error_args(value)
    return f"{name}({summarizer._items(args, len(args), depth)})"


def _enum(_: Summarizer, value: Any, _depth: int) -> str:
    name = held_by(value).get("_name_")
    # A flag of several has had none in some versions of Python.
    shown = name if name is None else text_of(name) or "?"
    return f"{bare_name(qualified_name(type(value)))}.{shown}"


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
    return held_by(value).get(name, _ABSENT)


def cut(text: str, length: int) -> str:
    """Return a text, cut to a length."""
    return text if len(text) <= length else f"{text[: length - 3]}..."

"""Text of arrays: their shape and dtype, which known libraries provide without computing."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any, Final

from callscope.introspect.classes import is_immutable, is_subclass, mro, namespace, qualified_name
from callscope.introspect.summaries.texts import Nesting, cut, opaque

# Libraries whose arrays provide shape and dtype without computing anything.
_ARRAY_LIBRARIES: Final = frozenset(
    {
        *("cupy", "dask", "jax", "jaxlib", "keras", "mlx", "mxnet", "numpy", "paddle", "pandas"),
        *("scipy", "sparse", "tensorflow", "torch", "xarray"),
    }
)

# Names within `torch._C`, which it does not document: without them, Python code reads tensors.
_TORCH_GUARDS: Final = ("_get_tracing_state", "_is_torch_function_mode_enabled")


def array_writer(kind: type) -> Callable[[Nesting, Any, int], str] | None:
    """Return the writer for arrays of a class, such as ``float32[32, 128]``.

    None for a class whose shape and dtype are not both from a known library: elsewhere they may be
    properties that run any code of the program.
    """
    if not all(_is_of_library(kind, name) for name in ("shape", "dtype", "__getattribute__")):
        return None
    if _is_of(kind, "torch", "Tensor"):
        return _tensor
    if not _is_of(kind, "numpy", "generic"):
        return _array
    # One with fields may hold objects, and a subclass may have its own `__str__`.
    is_plain = _is_of_library(kind, "__str__") and not _is_of(kind, "numpy", "void")
    return _scalar if is_plain else _opaque


def plain_array(kind: type) -> tuple[Any, Any, tuple[Callable[[], object], ...]] | None:
    """Return how to read the arrays of a class without running Python code.

    Returns:
        the descriptors of dtype and shape, and functions that return None or False while reading is
        not observed; None if Python code has to read them.
    """
    write = array_writer(kind)
    if write not in (_array, _tensor):
        return None
    dtype, shape = (_attribute(kind, name) for name in ("dtype", "shape"))
    if not type(dtype) is type(shape) is types.GetSetDescriptorType:
        return None
    if write is _array:
        return dtype, shape, ()
    torch = sys.modules["torch"]
    guards: list[Any] = [getattr(torch._C, name, None) for name in _TORCH_GUARDS]
    # Other subclasses may observe each access.
    if None in guards or not (kind is torch.Tensor or kind is torch.nn.Parameter):
        return None
    return dtype, shape, tuple(guards)


def _attribute(kind: type, name: str) -> Any:
    """Return a class attribute; bypasses descriptors."""
    return next((namespace(base)[name] for base in mro(kind) if name in namespace(base)), None)


def _is_of(kind: type, module: str, name: str) -> bool:
    """Return whether a class is a subclass of one of a module, if that is imported."""
    root = getattr(sys.modules.get(module), name, None)
    return root is not None and is_subclass(kind, root)


def _is_of_library(kind: type, name: str) -> bool:
    """Return whether a class attribute is defined in C or by a known library."""
    for base in mro(kind):
        if name in namespace(base):
            package = qualified_name(base).partition(".")[0]
            return is_immutable(base) or package in _ARRAY_LIBRARIES
    return False


def _tensor(_: Nesting, value: Any, depth: int) -> str:
    """Write a tensor unseen by subclasses, modes and `torch.jit.trace`, which observe accesses."""
    torch = sys.modules["torch"]
    tracing = torch._C._get_tracing_state()
    if tracing is not None:
        torch._C._set_tracing_state(None)
    try:
        with torch._C.DisableTorchFunction():
            return _array(_, value, depth)
    finally:
        if tracing is not None:
            torch._C._set_tracing_state(tracing)


def _array(_: Nesting, value: Any, _depth: int) -> str:
    return f"{_dtype_name(value.dtype)}[{', '.join(map(str, value.shape))}]"


def _scalar(_: Nesting, value: Any, _depth: int) -> str:
    return f"{_dtype_name(value.dtype)}({cut(str(value), 40)})"


def _opaque(_: Nesting, value: Any, _depth: int) -> str:
    return opaque(type(value))


def _dtype_name(dtype: Any) -> str:
    name = getattr(dtype, "name", None)
    return name if isinstance(name, str) else str(dtype).rpartition(".")[2]

"""Text of arrays: their shape and dtype, which known libraries provide without computing."""

from __future__ import annotations

import sys
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


def is_array(kind: type) -> bool:
    """Return whether values of a class have a shape and a dtype that are safe to read.

    Both must come from a known library. In other classes they may be properties that run any code
    of the program.
    """
    return all(_is_of_library(kind, name) for name in ("shape", "dtype", "__getattribute__"))


def _is_of_library(kind: type, name: str) -> bool:
    """Return whether a class attribute is defined in C or by a known library."""
    for base in mro(kind):
        if name in namespace(base):
            package = qualified_name(base).partition(".")[0]
            return is_immutable(base) or package in _ARRAY_LIBRARIES
    return False


def array_text(_: Nesting, value: Any, _depth: int) -> str:
    """Write ``float32[32, 128]`` for a value with shape and dtype (NumPy, torch, jax, ...)."""
    torch = sys.modules.get("torch")
    if torch is None or not is_subclass(type(value), torch.Tensor):
        return _array_text(value)
    # Subclasses, modes and `torch.jit.trace` observe each access to a tensor.
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
        # One with fields may hold objects, and a subclass may have its own `__str__`.
        kind = type(value)
        plain = _is_of_library(kind, "__str__") and not is_subclass(kind, numpy.void)
        return f"{name}({cut(str(value), 40)})" if plain else opaque(type(value))
    return f"{name}[{', '.join(str(size) for size in value.shape)}]"

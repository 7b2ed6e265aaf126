"""Wrapper of callables that are not Python functions; imported only if one is woven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    _FunctionWrapper = wrapt.FunctionWrapper[..., Any]
    _BoundFunctionWrapper = wrapt.BoundFunctionWrapper[..., Any]
else:  # which take no arguments in older versions of `wrapt`
    _FunctionWrapper, _BoundFunctionWrapper = wrapt.FunctionWrapper, wrapt.BoundFunctionWrapper


class _BoundProxy(_BoundFunctionWrapper):
    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)


class Proxy(_FunctionWrapper):
    """Wrapper of a callable; pickles as the callable itself."""

    __bound_function_wrapper__: Any = _BoundProxy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

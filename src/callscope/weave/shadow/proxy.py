"""The wrapper of what is called without being a Python function; imported where there is one."""

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
    """Stands in for a callable; pickles as what it stands for."""

    __bound_function_wrapper__: Any = _BoundProxy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

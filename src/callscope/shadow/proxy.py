"""The wrapper of what is called without being a Python function; imported where there is one."""

from __future__ import annotations

from typing import Any

import wrapt


class _BoundProxy(wrapt.BoundFunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)


class Proxy(wrapt.FunctionWrapper):  # type: ignore[misc,type-arg,unused-ignore]
    """Stands in for a callable; pickles as what it stands for."""

    __bound_function_wrapper__ = _BoundProxy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

"""Wrappers that only pass calls through: what callscope is held against."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import wrapt

from benchmarks.seed import Site

Method: TypeAlias = Callable[..., Any]


def by_functools(site: Site) -> Method:
    """Wrap in the usual way: `functools.wraps` over whatever arguments there are."""
    function = site.function

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def by_wrapt(site: Site) -> Method:
    """Wrap with a `wrapt.decorator`."""
    wrapped: Method = _pass_through(site.function)
    return wrapped


@wrapt.decorator
def _pass_through(wrapped: Method, _: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)


def by_same_signature(site: Site) -> Method:
    """Wrap in a function of the same parameters, written by hand.

    It is the least that any wrapper written in Python can cost.
    """
    return _SAME_SIGNATURE[site.name](site.function)


# Each site has code of its own, as it would if its author had written the wrapper: functions that
# share their code share what the interpreter has specialized it for.
def _my_layer_init(function: Method) -> Method:
    def init(self: object, k: int) -> Any:
        return function(self, k)

    return init


def _layer_init(function: Method) -> Method:
    def init(self: object, x: int) -> Any:
        return function(self, x)

    return init


def _layer_call(function: Method) -> Method:
    def call(self: object, y: int) -> Any:
        return function(self, y)

    return call


def _my_layer_call(function: Method) -> Method:
    def call(self: object, m: int) -> Any:
        return function(self, m)

    return call


_SAME_SIGNATURE: Final = {
    "MyLayer.__init__": _my_layer_init,
    "Layer.__init__": _layer_init,
    "Layer.__call__": _layer_call,
    "MyLayer.call": _my_layer_call,
}

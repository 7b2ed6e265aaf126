"""Options of a recording, and their checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from callscope.declare.options import (
    Options,
    check_options,
    check_predicate,
    check_share,
    must_be,
    one_of,
)
from callscope.errors import OptionError
from callscope.introspect.origin import fill
from callscope.introspect.sites import Site
from callscope.tape.decode.filter import Filter, OnFull, SiteOptions

if TYPE_CHECKING:
    from os import PathLike

    from callscope.declare.options import Share
    from callscope.recording.breakpoints import BreakOn
    from callscope.tape.context_hooks import ContextHook
    from callscope.trace import Call, Sink

DEFAULT_MAX_CALLS: Final = 1_000_000
"""Number of calls that a recording keeps in memory by default."""


class Config(NamedTuple):
    """Options of a recording, as `record` documents them."""

    targets: tuple[type | str, ...]
    patterns: tuple[str, ...]
    """Patterns of the names of declared hierarchies to record."""
    options: Options
    where: Callable[[Call], bool] | None
    max_calls: int | None
    """None for no limit; 0 only counts."""
    on_full: OnFull
    sample: Share | None
    max_per_second: Share | None
    break_on: BreakOn | None
    sinks: tuple[Sink, ...]
    to: str | PathLike[str] | None
    keep: bool
    bases: bool
    replaces_methods: bool
    """True if the methods replace those that the declarations name."""
    must_exist: bool = True
    """True if a target that does not exist is an error."""

    @property
    def has_live_sink(self) -> bool:
        """True if a sink wants each event as it happens."""
        return any(getattr(sink, "live", False) for sink in self.sinks)

    @property
    def context_hook(self) -> ContextHook | None:
        """Context hook of the sinks, the attribute `context_hook` of one of them."""
        hooks = (getattr(sink, "context_hook", None) for sink in self.sinks)
        return next((hook for hook in hooks if hook is not None), None)

    def call_filter(self, sites: Mapping[Site, SiteOptions]) -> Filter:
        """Return the filter of the calls of some sites."""
        sampling = None
        if self.sample is not None or self.max_per_second is not None:
            from callscope.tape.decode.sampling import Sampling

            sampling = Sampling(self.sample, self.max_per_second)
        return Filter(sites, self.where, self.max_calls, self.on_full, sampling)


def check_config(
    targets: Iterable[type | str],
    *,
    methods: Iterable[str] | None = None,
    bases: bool = True,
    capture: str | None = "values",
    redact: Iterable[str] = (),
    where: Callable[[Call], bool] | None = None,
    max_calls: int | Literal["default"] | None = "default",
    on_full: OnFull = "stop",
    sample: Share | None = None,
    max_per_second: Share | None = None,
    break_on: BreakOn | None = None,
    sinks: Iterable[Sink] = (),
    to: str | PathLike[str] | None = None,
    keep: bool = True,
) -> Config:
    """Return the checked options of a recording. Without targets, it records what is declared.

    Raises:
        OptionError: if an option has a value that cannot be used.
    """
    targets = tuple(targets)
    options = check_options(methods, capture, redact)
    if type(bases) is not bool:
        raise OptionError(must_be("bases", "True or False", bases))
    if where is not None:
        check_predicate("where", where)
    is_unlimited = to is not None or not keep
    limit = (None if is_unlimited else DEFAULT_MAX_CALLS) if max_calls == "default" else max_calls
    _check_limits(limit, on_full, to)
    checked = _check_sinks(sinks)
    if not keep and not checked and to is None:
        msg = "keep must be True without sinks and without a file, got False. Add sinks=[...]."
        raise OptionError(msg)
    return Config(
        targets,
        () if targets else ("*",),
        options,
        where,
        limit,
        on_full,
        check_share("sample", sample, 1),
        check_share("max_per_second", max_per_second, None),
        None if break_on is None else _check_break_on(break_on),
        checked,
        to,
        keep,
        bases,
        replaces_methods=methods is not None,
    )


def _check_limits(max_calls: object, on_full: object, to: object) -> None:
    if max_calls is not None and (type(max_calls) is not int or max_calls < 1):
        raise OptionError(must_be("max_calls", "a whole number from 1, or None", max_calls))
    if on_full not in get_args(OnFull):
        raise OptionError(must_be("on_full", one_of(get_args(OnFull)), on_full))
    if to is None:
        return
    if not isinstance(to, (str, os.PathLike)):
        raise OptionError(must_be("to", "the path of a file, such as 'trace.jsonl'", to))
    from callscope.read.formats import STREAMED, check_installed, is_streamed

    if not is_streamed(to):
        allowed = f"a file that ends in {one_of(STREAMED)}"
        raise OptionError(f"{must_be('to', allowed, to)} Other files are written by trace.save().")
    check_installed(to)
    fill(os.fspath(to))
    if on_full == "drop_oldest":
        msg = "on_full must be 'stop' with to=, got 'drop_oldest': a file only grows."
        raise OptionError(msg)


def _check_break_on(break_on: BreakOn) -> BreakOn:
    from callscope.recording.breakpoints import check_break_on

    return check_break_on(break_on)


def _check_sinks(sinks: Iterable[Sink]) -> tuple[Sink, ...]:
    try:
        listed = tuple(sinks)
    except TypeError:
        allowed = f"a list of sinks, as [{type(sinks).__name__}(...)]"
        raise OptionError(must_be("sinks", allowed, sinks)) from None
    for sink in listed:
        missing = [name for name in ("on_event", "flush", "close") if not hasattr(sink, name)]
        if missing or isinstance(sink, type):
            lacks = (
                "is a class and not an object"
                if isinstance(sink, type)
                else f"has no {missing[0]}()"
            )
            msg = f"sinks must be objects with on_event(event), flush() and close(), but {sink!r} {lacks}."
            raise OptionError(msg)
    if sum(getattr(sink, "context_hook", None) is not None for sink in listed) > 1:
        msg = "sinks that follow the program's context must be one per recording. Record twice instead."
        raise OptionError(msg)
    return listed

"""Inputs of a shadow's source: the signature of the function and the shadow spec."""

from __future__ import annotations

import types
from typing import Any, Final, Literal, NamedTuple

from callscope.introspect.sites import ClassRef, class_ref

_CO_VARARGS: Final = 0x04
_CO_VARKEYWORDS: Final = 0x08

ITERABLE_COROUTINE: Final = 0x100

Kind = Literal["function", "generator", "coroutine", "async generator", "callable"]
# inspect.CO_GENERATOR and the like; importing `inspect` would double the import time.
_KINDS: Final[dict[int, Kind]] = {0x20: "generator", 0x80: "coroutine", 0x200: "async generator"}
_SUSPENDS: Final = sum(_KINDS)


class ShadowSpec(NamedTuple):
    """Specification of a site's shadows."""

    captured: tuple[str, ...] = ("values",)
    """``"values"``, ``"types"``, both or none."""
    redact: tuple[str, ...] = ()
    live: bool = False
    """True if each record is passed to the readers at once."""
    compiles: bool = False
    """True if its callers may be compiled by torch."""
    notes: bool = False
    """True if a sink notes the context in which each call begins."""
    is_current: bool = False
    """True if the sink's span for a call is current while the call runs."""
    skips: bool = False
    """True if the sink may decide that a call is not recorded."""
    roots: frozenset[ClassRef] = frozenset()
    """Classes on whose objects calls are recorded; empty for all objects."""

    @property
    def text(self) -> ShadowSpec:
        """Spec reduced to what the source of a shadow depends on."""
        return self._replace(roots=_SOME) if self.roots else self

    def __or__(self, other: ShadowSpec) -> ShadowSpec:
        """Return the spec that serves two recordings at once."""
        return ShadowSpec(
            tuple(sorted({*self.captured, *other.captured}, reverse=True)),
            tuple(sorted({*self.redact, *other.redact})),
            self.live or other.live,
            self.compiles or other.compiles,
            self.notes or other.notes,
            self.is_current or other.is_current,
            self.skips and other.skips,
            self.roots | other.roots if self.roots and other.roots else frozenset(),
        )


_SOME: Final = frozenset((class_ref(object),))


class Signature(NamedTuple):
    """Properties of a function that its shadow's source depends on."""

    positional_only: tuple[str, ...]
    positional: tuple[str, ...]
    keyword_only: tuple[str, ...]
    var_positional: str | None
    var_keyword: str | None
    defaulted: tuple[str, ...]
    """Parameters with defaults."""
    freevars: tuple[str, ...]
    kind: Kind
    prefix: str
    """Prefix of every name of the shadow's own."""

    @classmethod
    def from_function(cls, function: types.FunctionType) -> Signature:
        """Read the signature from a function's code."""
        code = function.__code__
        names = code.co_varnames
        positional, end = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
        has_args = bool(code.co_flags & _CO_VARARGS)
        has_kwargs = bool(code.co_flags & _CO_VARKEYWORDS)
        freevars, prefix = code.co_freevars, "_cs_"
        all_names = " ".join(names + freevars)
        while prefix in all_names:
            prefix += "_"
        # By position: this is done for each method of a large library.
        return cls(
            names[: code.co_posonlyargcount],
            names[code.co_posonlyargcount : positional],
            names[positional:end],
            names[end] if has_args else None,
            names[end + has_args] if has_kwargs else None,
            tuple(default_values(function)),
            freevars,
            _kind(code),
            prefix,
        )

    @property
    def general(self) -> Signature:
        """The same with names that depend on their places alone; equal for functions alike."""
        if self.kind == "callable":
            return self
        names = {name: f"{self.prefix}p{i}" for i, name in enumerate(self.parameters)}

        def renamed(some: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(names[name] for name in some)

        return self._replace(
            positional_only=renamed(self.positional_only),
            positional=renamed(self.positional),
            keyword_only=renamed(self.keyword_only),
            var_positional=self.var_positional and names[self.var_positional],
            var_keyword=self.var_keyword and names[self.var_keyword],
            defaulted=renamed(self.defaulted),
            freevars=tuple(f"{self.prefix}f{i}" for i, _ in enumerate(self.freevars)),
        )

    @property
    def is_suspendable(self) -> bool:
        """True if a call may be suspended and resumed."""
        return self.kind not in ("function", "callable")

    @property
    def is_coroutine(self) -> bool:
        """True if it runs in an event loop."""
        return self.kind in ("coroutine", "async generator")

    @property
    def named(self) -> tuple[str, ...]:
        """Parameters without `*args` and `**kwargs`."""
        return (*self.positional_only, *self.positional, *self.keyword_only)

    @property
    def parameters(self) -> tuple[str, ...]:
        """All parameters."""
        return (*self.named, *filter(None, (self.var_positional, self.var_keyword)))


CALLABLE: Final = Signature(
    (), ("wrapped", "instance", "args", "kwargs"), (), None, None, (), (), "callable", "_cs_"
)
"""Signature of the function that `wrapt` calls in place of another callable."""


def default_values(function: types.FunctionType) -> dict[str, Any]:
    """Return the defaults of a function's parameters by name, as the interpreter finds them.

    A function may hold more defaults than parameters, and some for unknown keywords.
    """
    if function.__defaults__ is None and function.__kwdefaults__ is None:
        return {}
    code = function.__code__
    positional, end = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    # Subclasses of `tuple` and `dict` may override access.
    defaults = () if function.__defaults__ is None else (*tuple.__iter__(function.__defaults__),)
    last = min(len(defaults), positional)
    by_name = {} if function.__kwdefaults__ is None else {**function.__kwdefaults__}
    names = code.co_varnames[positional - last : positional]
    values = dict(zip(names, defaults[len(defaults) - last :], strict=True))
    return values | {n: by_name[n] for n in code.co_varnames[positional:end] if n in by_name}


def parameters_of(code: types.CodeType) -> tuple[str, ...]:
    """Return the names of all parameters, `*args` and `**kwargs` last."""
    starred = bool(code.co_flags & _CO_VARARGS) + bool(code.co_flags & _CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + starred]


def unstarred(function: types.FunctionType) -> types.FunctionType:
    """Return a function that takes `*args` and `**kwargs` as ordinary positional parameters."""
    code = function.__code__
    flags = code.co_flags & ~(_CO_VARARGS | _CO_VARKEYWORDS)
    count = len(parameters_of(code))
    plain = code.replace(
        co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0, co_flags=flags
    )
    return types.FunctionType(
        plain, function.__globals__, function.__name__, None, function.__closure__
    )


def _kind(code: types.CodeType) -> Kind:
    flags = code.co_flags
    if flags & _SUSPENDS:
        for flag, kind in _KINDS.items():
            if flags & flag:
                return kind
    return "function"

"""Static analysis of a class: its definitions, overrides and calls of `super()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callscope.declare.options import check_options
from callscope.declare.presets import DEFAULT_METHODS, PRESETS, TEMPLATE_METHODS
from callscope.declare.targets import import_class
from callscope.errors import TargetError, nearest_first
from callscope.introspect.classes import (
    is_subclass,
    mro,
    namespace,
    own_methods,
    qualified_name,
    selects,
)
from callscope.read.explain.chain import Chain, Chains, Definition, Lead
from callscope.read.explain.explanation import Explanation
from callscope.read.explain.route import Route, Routes, Step

__all__ = ["Chain", "Definition", "Explanation", "Lead", "Route", "Step", "explain"]


def explain(cls: type | str, methods: Iterable[str] | None = None) -> Explanation:
    """Explain, without running anything, which class of a hierarchy defines which method.

    For each method: the classes of the MRO that define it, which of them run and in what order,
    whether each calls ``super()`` or another class by name, always or only sometimes, and where the
    chain ends. This is read from the bytecode, so no source is needed. Calls that bytecode does not
    show, such as ``getattr(super(), name)()``, are not seen.

    Args:
        cls: the class, or its path (``"keras.layers:LSTM"``), whose module is then imported.
        methods: names of methods, or patterns, as for `traced`; by default ``__init__``,
            ``__call__``, ``call`` and ``forward``, and for classes of Keras, PyTorch,
            scikit-learn and Django views those of the preset.

    Raises:
        TargetError: if `cls` is neither a class nor the path of one.
        TargetModuleError, TargetNotFoundError: if a path leads to no class.
        OptionError: if `methods` are not names.
    """
    if is_subclass(type(cls), str):
        cls = import_class(str(cls))
    if not is_subclass(type(cls), type):
        msg = f"cls must be a class or the path of one, got {cls!r:.80}."
        raise TargetError(msg)
    assert isinstance(cls, type)
    patterns = _methods(cls) if methods is None else check_options(methods, None).methods
    names = [*_names(cls, patterns)]
    chains = Chains(cls)
    defined = tuple(filter(None, map(chains.get, names)))
    others = [name for base in mro(cls)[:-1] for name, _ in own_methods(base, ("*",))]
    order = mro(cls)
    return Explanation(
        name=qualified_name(cls),
        mro=tuple(map(qualified_name, order)),
        bases=tuple(
            tuple(map(qualified_name, type.__dict__["__bases__"].__get__(c))) for c in order
        ),
        metaclass=qualified_name(type(cls)),
        making=tuple(_making(cls, chains)),
        methods=defined,
        routes=tuple(_routes(cls, chains, names)),
        others=() if defined else tuple(nearest_first(others, patterns)),
    )


def _methods(cls: type) -> tuple[str, ...]:
    bases = {qualified_name(base) for base in mro(cls)}
    presets = [names for root, names in PRESETS.items() if root in bases]
    return tuple(
        dict.fromkeys((*DEFAULT_METHODS, *TEMPLATE_METHODS, *(n for f in presets for n in f)))
    )


def _names(cls: type, patterns: tuple[str, ...]) -> Iterator[str]:
    """Yield the names of methods that some class of the MRO defines, in the requested order."""
    names = dict.fromkeys(name for base in mro(cls) for name in namespace(base))
    order = {name: None for pattern in patterns for name in names if selects((pattern,), name)}
    yield from order


def _making(cls: type, chains: Chains) -> Iterator[Chain]:
    meta = type(cls)
    if meta is not type:
        call = Chains(meta).get("__call__")
        if call is not None:
            yield call
    new = chains.get("__new__")
    if new is not None:
        yield new


def _routes(cls: type, chains: Chains, names: list[str]) -> Iterator[Route]:
    routes = Routes(cls, chains)
    for start in ("__call__", "as_view"):
        if chains.get(start) is not None:
            yield from routes.find(start, names)

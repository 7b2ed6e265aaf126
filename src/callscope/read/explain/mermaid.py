"""An explanation as a Mermaid class diagram: https://mermaid.js.org/syntax/classDiagram.html."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from callscope.read.formats.mermaid import escaped
from callscope.trace.text import Names, one_line

if TYPE_CHECKING:
    from callscope.read.explain.chain import Chain

_OBJECT: Final = "builtins.object"
_PLAIN: Final = " _.,()"
"""Characters of a label that need no code; brackets delimit it."""


def diagram(mro: Sequence[str], bases: Sequence[Sequence[str]], methods: Sequence[Chain]) -> str:
    """Return a diagram of the classes with the given methods; notes name what never runs.

    Args:
        mro: names of the classes.
        bases: for each, the names of its direct bases.
        methods: chains of the methods to show.
    """
    return "\n".join(_lines(mro, bases, methods)) + "\n"


def _lines(
    mro: Sequence[str], bases_of: Sequence[Sequence[str]], methods: Sequence[Chain]
) -> Iterator[str]:
    show = Names(mro).show
    ids = {name: f"c{index}" for index, name in enumerate(mro) if name != _OBJECT}
    yield "classDiagram"
    yield "  direction BT"
    for name, number in ids.items():
        yield f'  class {number}["{escaped(show(name), _PLAIN)}"]'
        for chain in methods:
            for definition in chain.definitions:
                if definition.defining_class == name:
                    yield f"  {number} : +{_member(chain.method)}()"
    for name, bases in zip(mro, bases_of, strict=True):
        for base in bases:
            if base in ids and name in ids:
                yield f"  {ids[name]} --|> {ids[base]}"
    for name, number in ids.items():
        never = [f"{chain.method}()" for chain in methods if name in chain.hidden]
        if never:
            yield f'  note for {number} "never run: {escaped(one_line(", ".join(never)), _PLAIN)}"'


def _member(method: str) -> str:
    """Escape a method name: double underscores at both ends would make it bold."""
    return escaped(one_line(method), plain="")

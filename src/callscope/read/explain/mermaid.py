"""An explanation as a Mermaid class diagram: https://mermaid.js.org/syntax/classDiagram.html."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from callscope.trace.text import Names, one_line

if TYPE_CHECKING:
    from callscope.read.explain.chain import Chain

_OBJECT = "builtins.object"


def diagram(mro: Sequence[str], bases: Sequence[Sequence[str]], methods: Sequence[Chain]) -> str:
    """Return the classes with the methods in question, and what never runs as notes.

    Args:
        mro: names of the classes.
        bases: for each, the names of its direct bases.
        methods: chains of the methods in question.
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
        yield f'  class {number}["{_escaped(show(name))}"]'
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
            yield f'  note for {number} "never run: {_escaped(", ".join(never))}"'


def _member(method: str) -> str:
    """Return a name as it can stand in a class: two underlines at its ends would make it bold."""
    return _escaped(method).replace("_", "#95;")


def _escaped(text: str) -> str:
    """Return a text in which nothing is Mermaid's own."""
    return "".join(c if c.isalnum() or c in "_ .,()" else f"#{ord(c)};" for c in one_line(text))
